// Package store keeps everything Latchkey remembers and owns the only SQL:
// one Store, one SQL text, over SQLite now, PostgreSQL and Citus later. It
// leaves rules to package model and the order of things to the services above.
//
// Every statement is a constant registered with stmt and keeps the rules of
// design §4, which statement_test.go checks: rows of a user carry the shard
// sk, bound in every statement but those of allshards.go; no sequences,
// triggers, JSON operators or clocks of the database.
//
//	Store ── read ────▶ readers   a few connections, opened when needed
//	      └─ Write ───▶ writer    one goroutine and connection; waiting writes
//	                              are committed together
//	both  ── conn.on(query) ─▶ cursor   bind, run, read
//
// conn and cursor know the engine; another engine is another conn.
//
// A session lives while its row is not ended and the generations it started
// in are current: ending all sessions of a realm, a client or a user writes
// one row. A session's rows are then removed by jobs (sweep.go, purge.go) in
// small batches. Nothing here reads a clock: callers pass now.
package store
