// Package compat holds Latchkey to the wire of a real Keycloak. It has tests
// only: they replay recordings of Keycloak 26.7.2 against the whole server, in
// process and on a fake clock, and compare every answer.
//
// A recording (testdata/transcripts) is one scenario: steps in order, each a
// request and the answer Keycloak gave, in which what must vary is written as
// a placeholder (<id1>, <sec>, <iat+300>). The replayer sends a step, turns
// the answer into the same placeholders and compares:
//
//	step ── substitute {{3.refresh_token}} ──▶ server
//	answer ── normalise ──▶ have  ==?  want ── expect | noted | trace
//
// Placeholders are written from an answer, never matched against one, so an
// id that should recur and does not, an extra member or a wrong lifespan all
// show as a plain difference.
//
// The same replayer runs over HTTP: with KEYCLOAK_BASE set against a real
// Keycloak, which proves the replayer, and with LATCHKEY_BASE set against any
// started Latchkey.
package compat
