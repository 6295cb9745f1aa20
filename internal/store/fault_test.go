package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// openProxied opens a store on PostgreSQL, with a proxy in between. nil where
// the suite runs on another engine.
func openProxied(t *testing.T) (*Store, *pgtest.Proxy) {
	t.Helper()
	if !onPostgres() {
		return nil, nil
	}
	dsn := pgtest.Schema(t, os.Getenv(dsnEnv))
	mustMigrate(t, dsn)
	p, through := pgtest.NewProxy(t, dsn)
	s, err := Open(t.Context(), through, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, p
}

func TestTouch_LostReplyIsUnknown(t *testing.T) {
	t.Parallel()
	s, p := openProxied(t)
	if s == nil {
		return
	}
	fillUsers(t, s, 1)
	cs := fillSessions(t, s, 1)[0]
	for range 2 { // the first prepares the statement
		if ok, err := s.TouchClientSession(t.Context(), cs); !ok || err != nil {
			t.Fatal(ok, err)
		}
		cs.Version++
	}
	p.CutNextReply()
	if _, err := s.TouchClientSession(t.Context(), cs); !errors.Is(err, ErrUnknown) || errors.Is(err, ErrBusy) {
		t.Errorf("touch without an answer: %v, want ErrUnknown", err)
	}
	row, err := s.SessionForRefresh(t.Context(), KeyOf(cs))
	if err != nil || row.Session.Version != cs.Version+1 {
		t.Errorf("read after it: version %d, %v; want %d", row.Session.Version, err, cs.Version+1)
	}
}

func TestWrite_LostBeforeCommitRunsAgain(t *testing.T) {
	t.Parallel()
	s, p := openProxied(t)
	if s == nil {
		return
	}
	runs := 0
	err := s.Write(t.Context(), func(tx *Tx) error {
		if runs++; runs == 1 {
			p.CutNextReply()
		}
		return tx.InsertUser(NewUser{User: testUser(1)})
	})
	if err != nil || runs != 2 {
		t.Errorf("write: %v after %d runs, want 2", err, runs)
	}
}

func TestWrite_LostCommitIsUnknown(t *testing.T) {
	t.Parallel()
	s, p := openProxied(t)
	if s == nil {
		return
	}
	runs := 0
	err := s.Write(t.Context(), func(tx *Tx) error {
		runs++
		err := tx.InsertUser(NewUser{User: testUser(1)})
		p.CutNextReply()
		return err
	})
	if !errors.Is(err, ErrUnknown) || runs != 1 {
		t.Errorf("write: %v after %d runs, want ErrUnknown after 1", err, runs)
	}
	if _, err := s.UserByID(t.Context(), 1, testUUID(1)); err != nil {
		t.Errorf("it was applied: %v", err)
	}
}

func TestPostgres_HungFailsInTimeAndRecovers(t *testing.T) {
	t.Parallel()
	s, p := openProxied(t)
	if s == nil {
		return
	}
	fillUsers(t, s, 1)
	cs := fillSessions(t, s, 1)[0]
	limits := &s.db.(*pgDB).limits
	*limits = patience{read: 300 * time.Millisecond, write: 300 * time.Millisecond, long: 300 * time.Millisecond}
	p.Hang()
	var wg sync.WaitGroup
	for range 50 { // more than there are connections
		wg.Go(func() {
			_, err := s.SessionForRefresh(t.Context(), KeyOf(cs))
			if !errors.Is(err, ErrBusy) {
				t.Errorf("read: %v, want ErrBusy", err)
			}
		})
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := s.Write(ctx, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(2)}) })
			if !errors.Is(err, ErrBusy) || errors.Is(err, ErrUnknown) {
				t.Errorf("write: %v, want ErrBusy", err)
			}
		})
	}
	wg.Wait()
	*limits = usualPatience
	p.Resume()
	if _, err := s.SessionForRefresh(t.Context(), KeyOf(cs)); err != nil {
		t.Errorf("read after it: %v", err)
	}
	mustWrite(t, s, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(2)}) })
}

func TestPostgres_IdleConnectionsDieUnnoticed(t *testing.T) {
	t.Parallel()
	s, p := openProxied(t)
	if s == nil {
		return
	}
	fillUsers(t, s, 1)
	for i := range 3 {
		p.Drop()
		if _, err := s.UserByID(t.Context(), 1, testUUID(0)); err != nil {
			t.Errorf("read: %v", err)
		}
		p.Drop()
		mustWrite(t, s, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(i + 1)}) })
	}
}

func TestMigrate_ManyNodesAtOnce(t *testing.T) {
	t.Parallel()
	if !onPostgres() {
		return
	}
	dsn := pgtest.Schema(t, os.Getenv(dsnEnv))
	var wg sync.WaitGroup
	applied := make([]int, 6)
	for i := range applied {
		wg.Go(func() {
			var err error
			if applied[i], err = Migrate(t.Context(), dsn, testOptions, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range applied {
		sum += n
	}
	if sum != len(migrations) {
		t.Errorf("%v migrations were applied, want %d in all", applied, len(migrations))
	}
}

// rotations are what refreshes do to sessions, one worker a session, and what
// was acknowledged of it.
type rotations struct {
	s     *Store
	all   []*model.ClientSession
	acked []int64 // the newest version that was acknowledged
	wg    sync.WaitGroup
	stop  func()
}

func startRotations(t *testing.T, s *Store, all []*model.ClientSession) *rotations {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &rotations{s: s, all: all, acked: make([]int64, len(all)), stop: stop}
	for i := range all {
		r.wg.Go(func() {
			mine := *all[i]
			for r.acked[i] = mine.Version; ctx.Err() == nil; {
				r.one(t, i, &mine)
			}
		})
	}
	t.Cleanup(r.end)
	return r
}

// one rotates a session once; one whose outcome is not known is read again.
func (r *rotations) one(t *testing.T, i int, mine *model.ClientSession) {
	ok, err := r.s.TouchClientSession(t.Context(), mine)
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrBusy), err == nil && !ok:
		row, err := r.s.SessionForRefresh(t.Context(), KeyOf(mine))
		if err != nil && !errors.Is(err, ErrBusy) {
			t.Errorf("read: %v", err)
		}
		if err == nil {
			if row.Session.Version < r.acked[i] {
				t.Errorf("session %d is at version %d, %d was acknowledged", i, row.Session.Version, r.acked[i])
			}
			mine.Version = row.Session.Version
		}
	case err != nil:
		t.Errorf("touch: %v", err)
	default:
		mine.Version++
		r.acked[i] = mine.Version
	}
}

// more waits for n commits more.
func (r *rotations) more(t *testing.T, n int64) {
	t.Helper()
	for from := r.s.Stats().Commits; r.s.Stats().Commits < from+n; time.Sleep(time.Millisecond) {
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
}

// served waits for the first read that succeeds.
func (r *rotations) served(t *testing.T) {
	t.Helper()
	const bound = 2 * time.Minute
	soon, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for begun := time.Now(); soon.Err() == nil; {
		if _, err := r.s.UserByID(soon, 1, testUUID(0)); err == nil {
			t.Logf("served again after %v", time.Since(begun))
			return
		}
	}
	t.Errorf("not served again within %v", bound)
}

func (r *rotations) end() {
	r.stop()
	r.wg.Wait()
}

// check ends the load: nothing that was acknowledged is missing.
func (r *rotations) check(t *testing.T) {
	t.Helper()
	r.end()
	for i, cs := range r.all {
		row, err := r.s.SessionForRefresh(t.Context(), KeyOf(cs))
		if err != nil || row.Session.Version < r.acked[i] {
			t.Errorf("session %d: %v; version %d, acknowledged %d", i, err, row.Session.Version, r.acked[i])
		}
	}
}

// A server killed under load loses nothing it acknowledged, and is served
// again as soon as it is back, by the store that was open all the time.
func TestPostgres_KilledUnderLoad(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	server := pgtest.New(t)
	s := openAt(t, server.DSN("postgres"))
	const n = 8
	fillUsers(t, s, n)
	r := startRotations(t, s, fillSessions(t, s, n))
	r.more(t, 200)
	server.Kill()
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	r.served(t)
	r.more(t, 200)
	r.check(t)
}

// The users of a shard that is down wait; all others are served.
func TestShards_OneDown(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	c, dsn := newShards(t)
	s := openAt(t, dsn)
	const n = 30
	fillUsers(t, s, n)
	all := fillSessions(t, s, n)
	c.Shard(3).Kill()
	served, down := 0, 0
	for _, cs := range all {
		if _, err := s.SessionForRefresh(t.Context(), KeyOf(cs)); errors.Is(err, ErrBusy) {
			down++
			continue
		} else if err != nil {
			t.Error(err)
			continue
		}
		if ok, err := s.TouchClientSession(t.Context(), cs); err != nil || !ok {
			t.Error(ok, err)
		}
		served++
	}
	if served < n/3 || down == 0 || served+down != n {
		t.Errorf("%d served, %d not, of %d", served, down, n)
	}
	if err := c.Shard(3).Run(); err != nil {
		t.Fatal(err)
	}
	for _, cs := range all {
		if _, err := s.SessionForRefresh(t.Context(), KeyOf(cs)); err != nil {
			t.Error(fmt.Errorf("after it is back: %w", err))
		}
	}
}

// TestStats_WaitsForAConnectionToPostgres: the pool's own figures.
func TestStats_WaitsForAConnectionToPostgres(t *testing.T) {
	t.Parallel()
	s, _ := openProxied(t)
	if s == nil {
		return
	}
	most := s.Stats().ReadConnsMax
	release := make(chan struct{})
	var wg sync.WaitGroup
	for range most + 1 {
		wg.Go(func() {
			err := s.read(t.Context(), func(*conn) error {
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	waitUntil(func() bool { return s.Stats().InUse == most && s.Stats().Waiting == 1 })
	close(release)
	wg.Wait()
	if got := s.Stats(); got.Waits == 0 || got.Waited <= 0 || got.InUse != 0 || got.Waiting != 0 {
		t.Errorf("%d waits of %v in all, %d in use, %d wait", got.Waits, got.Waited, got.InUse, got.Waiting)
	}
}
