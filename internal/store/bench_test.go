package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

const benchScope = "openid acr basic email offline_access profile roles web-origins"

// startTest starts an offline session of user n, as a password login leaves
// it, and returns it.
func startTest(tx *Tx, n int) (*model.ClientSession, error) {
	userID := testUUID(n)
	sid, err := model.NewSessionID(model.ShardOf(userID), rand.Reader)
	if err != nil {
		return nil, err
	}
	uuid := func() string {
		id, _ := model.NewUUID(rand.Reader)
		return id
	}
	now := int64(1_790_000_000 + n)
	us := &model.UserSession{ID: sid, Offline: true, RealmNum: 1, UserID: userID, Started: now, IP: fmt.Sprintf("203.0.113.%d", n%256)}
	cs := &model.ClientSession{SessionID: sid, ClientNum: 3, Offline: true, RealmNum: 1, UserID: userID, UserStarted: now, Started: now,
		LastRefresh: now, Scope: benchScope, Notes: map[string]string{"AUTH_TIME": fmt.Sprint(now), "acr": "1"},
		Chain: model.Chain{ID: uuid(), Used: uuid(), Uses: 1, Current: uuid(), Issued: now}}
	return cs, tx.StartSession(us, cs, now+30*day)
}

func fillUsers(b testing.TB, s *Store, n int) {
	b.Helper()
	for from := 0; from < n; from += 500 {
		mustWrite(b, s, func(tx *Tx) error {
			for i := from; i < min(from+500, n); i++ {
				if err := tx.InsertUser(NewUser{User: testUser(i)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func fillSessions(b testing.TB, s *Store, n int) []*model.ClientSession {
	b.Helper()
	all := make([]*model.ClientSession, 0, n)
	for from := 0; from < n; from += 500 {
		mustWrite(b, s, func(tx *Tx) error {
			for i := from; i < min(from+500, n); i++ {
				cs, err := startTest(tx, i)
				if err != nil {
					return err
				}
				all = append(all, cs)
			}
			return nil
		})
	}
	return all
}

// sessionBytes is what n sessions add to the database file, each: tables,
// indexes and counters.
func sessionBytes(t testing.TB, n int) float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "size.db")
	after := func(fill func(s *Store)) int64 {
		s, err := OpenAndMigrate(t.Context(), "sqlite:"+path, Options{InstanceKey: make([]byte, InstanceKeyBytes)})
		if err != nil {
			t.Fatal(err)
		}
		fill(s)
		if err := s.Close(); err != nil { // moves the write-ahead log into the file
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	users := after(func(s *Store) { fillUsers(t, s, n) })
	sessions := after(func(s *Store) { fillSessions(t, s, n) })
	if dir := os.Getenv("LATCHKEY_BENCH_KEEP"); dir != "" {
		os.Rename(path, dir)
	}
	return float64(sessions-users) / float64(n)
}

// benchSessions is how many sessions the large benchmarks write.
func benchSessions() int {
	n := 100_000
	if v := os.Getenv("LATCHKEY_BENCH_SESSIONS"); v != "" {
		fmt.Sscan(v, &n)
	}
	return n
}

func BenchmarkSessionBytes(b *testing.B) {
	n := benchSessions()
	for b.Loop() {
		b.ReportMetric(sessionBytes(b, n), "bytes/session")
	}
}

// The lists and counts an administrator sees: gate 50 ms at a million.
func BenchmarkLists(b *testing.B) {
	s, n := openTest(b), benchSessions()
	order := make([]int, n) // by shard, as a bulk load is fastest
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Compare(model.ShardOf(testUUID(x)), model.ShardOf(testUUID(y))) })
	for from := 0; from < n; from += 500 {
		mustWrite(b, s, func(tx *Tx) error {
			for _, i := range order[from:min(from+500, n)] {
				if err := tx.InsertUser(NewUser{User: testUser(i)}); err != nil {
					return err
				}
				if _, err := startTest(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	ctx := context.Background()
	for name, run := range map[string]func() error{
		"first page":  func() error { _, err := s.SessionsOfClient(ctx, 1, 3, true, 0, 100, nil); return err },
		"middle page": func() error { _, err := s.SessionsOfClient(ctx, 1, 3, true, n/2, 100, nil); return err },
		"count":       func() error { _, err := s.CountSessions(ctx, 1, 3, true, 1_790_000_000, nil); return err },
		"stats":       func() error { _, err := s.SessionStats(ctx, 1, 1_790_000_000, nil); return err },
		"of user":     func() error { _, err := s.SessionsOfUser(ctx, 1, testUUID(n/2), true, nil); return err },
		"due":         func() error { _, err := s.DueSessions(ctx, 1_790_000_000/DieSlotSeconds, 100); return err },
		"users page":  func() error { _, err := s.Users(ctx, 1, UserFilter{First: 500, Max: 100}); return err },
		"role page":   func() error { _, err := s.UsersWithRole(ctx, 1, testUUID(1_000_001), 500, 100); return err },
		"user by name": func() error {
			_, err := s.UserByUsername(ctx, 1, testUser(n/3).Username)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
				b.Log(strings.TrimSpace(line))
			}
		}
	}
}

func BenchmarkSessionForRefresh(b *testing.B) {
	s := openTest(b)
	fillUsers(b, s, 5000)
	all := fillSessions(b, s, 5000)
	for _, workers := range []int{1, 8} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			defer reportCPU(b)()
			var next atomic.Int64
			inParallel(b, workers, func() bool {
				_, err := s.SessionForRefresh(context.Background(), KeyOf(all[next.Add(1)%int64(len(all))]))
				return err == nil
			})
		})
	}
}

// inParallel runs fn b.N times, by some workers at once; false fails.
func inParallel(b *testing.B, workers int, fn func() bool) {
	b.Helper()
	b.SetParallelism(max(1, workers/runtime.GOMAXPROCS(0)))
	if workers == 1 {
		for range b.N {
			if !fn() {
				b.Fatal("failed")
			}
		}
		return
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !fn() {
				b.Error("failed")
				return
			}
		}
	})
}

func BenchmarkTouchClientSession(b *testing.B) {
	s := openTest(b)
	fillUsers(b, s, 1000)
	all := fillSessions(b, s, 1000)
	for _, workers := range []int{1, 8} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.ReportAllocs()
			defer reportCPU(b)()
			defer reportWAL(b, s)()
			idle := make(chan *model.ClientSession, len(all)) // each is touched by one worker at a time
			for _, cs := range all {
				idle <- cs
			}
			inParallel(b, workers, func() bool {
				cs := <-idle
				ok, err := s.TouchClientSession(context.Background(), cs)
				cs.Version++
				idle <- cs
				return ok && err == nil
			})
		})
	}
}

// reportWAL reports what PostgreSQL logs of an operation.
func reportWAL(b *testing.B, s *Store) func() {
	if _, ok := s.db.(*pgDB); !ok {
		return func() {}
	}
	bytes := func() int64 { return askPostgres(b, s, "select (pg_current_wal_lsn() - '0/0')::bigint") }
	before := bytes()
	return func() { b.ReportMetric(float64(bytes()-before)/float64(b.N), "wal-bytes/op") }
}
