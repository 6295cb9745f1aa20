package main

import "runtime/debug"

// gcPercent lets the collector run less often than by default: a server's live
// heap is a few MB and a refresh leaves some 35 KB of garbage, so by default it
// would run after every hundred of them. Measured in docs/performance.md.
const gcPercent = 400

// tuneMemory sets how often the collector runs; GOGC wins.
func tuneMemory(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
