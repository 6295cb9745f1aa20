package store

import (
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// What a session takes on PostgreSQL with default settings, tables and
// indexes, and what a rotation writes to its log: new, after rounds in which
// every session was rotated once, in no order, after a vacuum, and when every
// page is the first of its kind since a checkpoint. The figures
// of docs/operations.md are LATCHKEY_BENCH_SESSIONS=200000 of it.
func BenchmarkSessionBytes_Postgres(b *testing.B) {
	n := benchSessions()
	for b.Loop() {
		server := pgtest.New(b)
		s := openAt(b, server.DSN("postgres"))
		fillUsers(b, s, n)
		all := fillSessions(b, s, n)
		perSession := func(metric string) {
			bytes := askPostgres(b, s, `select (pg_total_relation_size('client_session') + pg_total_relation_size('user_session') + pg_total_relation_size('session_count'))::bigint`)
			b.ReportMetric(float64(bytes)/float64(n), metric)
		}
		perSession("B/new")
		b.ReportMetric(float64(askPostgres(b, s, `select pg_total_relation_size('client_session')`))/float64(n), "B/new-client")
		b.ReportMetric(float64(askPostgres(b, s, `select pg_indexes_size('client_session') + pg_indexes_size('user_session')`))/float64(n), "B/new-indexes")
		b.ReportMetric(float64(askPostgres(b, s, `select pg_total_relation_size('users')`))/float64(n), "B/user")
		const wal = `select (pg_current_wal_lsn() - '0/0')::bigint`
		for _, round := range []string{"1", "2", "3", "4"} {
			from := askPostgres(b, s, wal)
			rotateAll(b, s, all)
			b.ReportMetric(float64(askPostgres(b, s, wal)-from)/float64(n), "WAL/round-"+round)
			perSession("B/round-" + round)
		}
		if _, err := s.db.(*pgDB).pool.Exec(b.Context(), "vacuum client_session"); err != nil {
			b.Fatal(err)
		}
		perSession("B/vacuumed")
		rotateAll(b, s, all)
		perSession("B/round-after-vacuum")
		// Of sessions far from each other every page is new since the checkpoint.
		for i, compression := range []string{"off", "lz4"} {
			if err := server.Set(b.Context(), "wal_compression", compression); err != nil {
				b.Fatal(err)
			}
			if err := pgtest.Exec(b.Context(), server.DSN("postgres"), "checkpoint"); err != nil {
				b.Fatal(err)
			}
			s.db.(*pgDB).pool.Reset()
			var some []*model.ClientSession
			for j := i; j < n; j += 100 {
				some = append(some, all[j])
			}
			from := askPostgres(b, s, wal)
			rotateAll(b, s, some)
			b.ReportMetric(float64(askPostgres(b, s, wal)-from)/float64(len(some)), "WAL/cold-compression-"+compression)
		}
		s.db.(*pgDB).pool.Reset() // a connection reports its counts when it ends
		b.ReportMetric(float64(askPostgres(b, s, `select 100 * n_tup_hot_upd / n_tup_upd from pg_stat_user_tables where relid = 'client_session'::regclass`)), "%HOT")
	}
}

// rotateAll touches every session once, eight at a time, far from each other.
func rotateAll(b *testing.B, s *Store, all []*model.ClientSession) {
	b.Helper()
	const workers, stride = 8, 7919
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(all); i += workers {
				cs := all[i*stride%len(all)]
				ok, err := s.TouchClientSession(b.Context(), cs)
				if err != nil || !ok {
					b.Error(ok, err)
					return
				}
				cs.Version++
				cs.LastRefresh += 600
			}
		})
	}
	wg.Wait()
}
