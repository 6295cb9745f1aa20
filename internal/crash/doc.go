// Package crash has tests only: the real binary, under load, is killed with
// SIGKILL at random moments and started again on the same database; PostgreSQL
// is killed or stopped where it stands, a shard goes, one of two nodes dies, the
// disk fills up. Whatever was acknowledged must have survived
// (docs/architecture.md, Store), and every answer comes in bounded time.
//
//	start ─► load (logins, refreshes, logouts) ─► kill -9 ─► start ─► every chain is asked for
//
// What was under way at the kill may have happened or not; it must not be
// anything in between.
package crash
