package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

func TestWrite_WaitingWritesCommitTogether(t *testing.T) {
	t.Parallel()
	s := openLiteTest(t)
	before := s.Stats()
	var wg sync.WaitGroup
	release := holdWriter(t, s, &wg)
	const n = 50
	errFail := errors.New("fails")
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			errs[i] = s.Write(t.Context(), func(tx *Tx) error {
				if err := tx.InsertUser(NewUser{User: testUser(i)}); err != nil {
					return err
				}
				if i == 7 {
					return errFail
				}
				return nil
			})
		})
	}
	waitUntil(func() bool { return s.Stats().WriterQueue == n })
	release()
	wg.Wait()
	for i, err := range errs {
		if i == 7 && !errors.Is(err, errFail) || i != 7 && err != nil {
			t.Errorf("write %d: %v", i, err)
		}
		_, err := s.UserByID(t.Context(), 1, testUUID(i))
		if got := errors.Is(err, ErrNotFound); got != (i == 7) {
			t.Errorf("user %d: %v", i, err)
		}
		if name, err := s.UserByUsername(t.Context(), 1, testUser(i).Username); (err == nil) != (i != 7) {
			t.Errorf("name of user %d: %v, %v", i, name, err)
		}
	}
	after := s.Stats()
	if got := after.Commits - before.Commits; got != 1 {
		t.Errorf("%d commits for %d writes", got, after.Writes-before.Writes)
	}
}

// holdWriter keeps the writer busy, in a goroutine of wg, until release is called.
func holdWriter(t *testing.T, s *Store, wg *sync.WaitGroup) (release func()) {
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once // the write runs again when its group falls apart
	wg.Go(func() {
		s.Write(t.Context(), func(*Tx) error {
			once.Do(func() { close(held) })
			<-hold
			return nil
		})
	})
	<-held
	return func() { close(hold) }
}

// waitUntil yields until another goroutine got somewhere.
func waitUntil(reached func() bool) {
	for !reached() {
		runtime.Gosched()
	}
}

func TestWrite_DroppedWhileQueued(t *testing.T) {
	t.Parallel()
	s := openLiteTest(t)
	var wg sync.WaitGroup
	release := holdWriter(t, s, &wg)
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error)
	go func() {
		outcome <- s.Write(ctx, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(1)}) })
	}()
	waitUntil(func() bool { return s.Stats().WriterQueue == 1 })
	cancel()
	if err := <-outcome; !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("dropped write: %v", err)
	}
	release()
	wg.Wait()
	mustWrite(t, s, func(*Tx) error { return nil })
	if _, err := s.UserByID(t.Context(), 1, testUUID(1)); !errors.Is(err, ErrNotFound) {
		t.Errorf("dropped write was applied: %v", err)
	}
}

func TestWrite_StartedReportsItsOutcome(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Write(ctx, func(tx *Tx) error {
		cancel()
		return tx.InsertUser(NewUser{User: testUser(1)})
	})
	if err != nil {
		t.Errorf("started write: %v", err)
	}
	if _, err := s.UserByID(t.Context(), 1, testUUID(1)); err != nil {
		t.Error(err)
	}
}

func TestWrite_FullQueueIsBusy(t *testing.T) {
	t.Parallel()
	s := openLiteTest(t)
	var wg sync.WaitGroup
	release := holdWriter(t, s, &wg)
	for range writeQueue {
		wg.Go(func() { s.Write(t.Context(), func(*Tx) error { return nil }) })
	}
	waitUntil(func() bool { return s.Stats().WriterQueue == writeQueue })
	if err := s.Write(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrBusy) {
		t.Errorf("write to a full queue: %v", err)
	}
	release()
	wg.Wait()
}

func TestWrite_PanicGoesToItsCaller(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	func() {
		defer func() {
			if recover() != "boom" {
				t.Error("panic did not arrive")
			}
		}()
		s.Write(t.Context(), func(tx *Tx) error {
			tx.InsertUser(NewUser{User: testUser(1)})
			panic("boom")
		})
	}()
	if _, err := s.UserByID(t.Context(), 1, testUUID(1)); !errors.Is(err, ErrNotFound) {
		t.Errorf("after a panic: %v", err)
	}
	mustWrite(t, s, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(2)}) })
}

func TestWrite_WaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	s := openLiteTest(t)
	other, err := openSQLite(s.db.(*liteDB).path, true, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.command("begin immediate"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Write(ctx, func(*Tx) error { return nil }); !errors.Is(err, ErrBusy) {
			t.Errorf("deadline passed while another process wrote: %v", err)
		}
	})
	waitUntil(func() bool { return s.Stats().WriterQueue == 0 })
	cancel()
	wg.Wait()
	wg.Go(func() {
		if err := s.Write(t.Context(), func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(1)}) }); err != nil {
			t.Errorf("after the other process: %v", err)
		}
	})
	if err := other.command("commit"); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestWrite_FullDiskRefusesWritesAndReadsGoOn(t *testing.T) {
	t.Parallel()
	s := openLiteTest(t)
	mustWrite(t, s, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(1)}) })
	pages := int64(0)
	mustWrite(t, s, func(tx *Tx) error {
		st, _, err := tx.c.link.(*liteLink).c.PrepareTransient("pragma page_count")
		if err != nil {
			return err
		}
		defer st.Finalize()
		_, err = st.Step()
		pages = st.ColumnInt64(0)
		return err
	})
	// SQLite refuses to grow past max_page_count as it does on a full disk.
	mustWrite(t, s, func(tx *Tx) error { return tx.c.link.script(fmt.Sprintf("pragma max_page_count = %d", pages)) })
	var full error
	for i := 2; i < 2000 && full == nil; i++ {
		full = s.Write(t.Context(), func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(i)}) })
	}
	if !errors.Is(full, ErrReadOnly) {
		t.Fatalf("full disk: %v", full)
	}
	if _, err := s.UserByID(t.Context(), 1, testUUID(1)); err != nil {
		t.Errorf("read while full: %v", err)
	}
	var wg sync.WaitGroup
	release := holdWriter(t, s, &wg)
	var touchErr, insertErr error
	wg.Go(func() { _, touchErr = s.TouchClientSession(t.Context(), &model.ClientSession{UserID: "nobody"}) })
	waitUntil(func() bool { return s.Stats().WriterQueue == 1 })
	wg.Go(func() {
		insertErr = s.Write(t.Context(), func(tx *Tx) error {
			for i := 2000; i < 4000; i++ {
				if err := tx.InsertUser(NewUser{User: testUser(i)}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	waitUntil(func() bool { return s.Stats().WriterQueue == 2 })
	release()
	wg.Wait()
	if touchErr != nil || !errors.Is(insertErr, ErrReadOnly) {
		t.Errorf("in one group: touch %v, insert %v", touchErr, insertErr)
	}
}

func TestTouch_ExactlyOneWinsPerVersion(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fillUsers(t, s, 1)
	cs := fillSessions(t, s, 1)[0]
	for version := range 3 {
		var mu sync.Mutex
		won := 0
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				mine := *cs
				mine.Version = int64(version + 1)
				mine.Chain.Uses = i
				ok, err := s.TouchClientSession(t.Context(), &mine)
				if err != nil {
					t.Error(err)
				}
				if ok {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("version %d: %d touches won", version+1, won)
		}
	}
}

func TestClose_RefusesWhatComesAfter(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if _, err := s.RealmVersions(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("close: %v", err)
	}
}

func TestOpen_Schema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "new.db")
	o := Options{InstanceKey: make([]byte, InstanceKeyBytes)}
	if _, err := Open(t.Context(), "sqlite:"+path, o); !errors.Is(err, ErrSchemaOld) {
		t.Errorf("empty database: %v", err)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	var names []string
	n, err := Migrate(t.Context(), "sqlite:"+path, o, func(step, news string) { names = append(names, step+" "+news) })
	if err != nil || n != len(migrations) || len(names) != n {
		t.Errorf("migrate: %d, %v, %v", n, names, err)
	}
	if n, err := Migrate(t.Context(), "sqlite:"+path, o, nil); err != nil || n != 0 {
		t.Errorf("migrate again: %d, %v", n, err)
	}
	s, err := Open(t.Context(), "sqlite:"+path, o)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, func(tx *Tx) error {
		_, err := tx.c.on(qSchemaAdd).int(int64(len(migrations) + 1)).text("from the future").exec()
		return err
	})
	again, err := Open(t.Context(), "sqlite:"+path, o)
	if err != nil {
		t.Fatalf("newer database that serves this program: %v", err)
	}
	again.Close()
	mustWrite(t, s, func(tx *Tx) error {
		_, err := tx.c.on(qSchemaOldestSet).text(strconv.Itoa(len(migrations) + 1)).exec()
		return err
	})
	s.Close()
	if _, err := Open(t.Context(), "sqlite:"+path, o); !errors.Is(err, ErrSchemaNew) {
		t.Errorf("newer database: %v", err)
	}
	if _, err := Migrate(t.Context(), "sqlite:"+path, o, nil); !errors.Is(err, ErrSchemaNew) {
		t.Errorf("migrate a newer database: %v", err)
	}
	for _, bad := range []string{"", "mysql://x", "sqlite:"} {
		if _, err := Open(t.Context(), bad, o); err == nil {
			t.Errorf("%q opens", bad)
		}
	}
	if _, err := Open(t.Context(), "sqlite:"+path, Options{}); err == nil {
		t.Error("opens without an instance key")
	}
}

func TestMigrate_OneFileIsAllOrNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m.db")
	if err := createFile(path); err != nil {
		t.Fatal(err)
	}
	c, err := openSQLite(path, true, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	good := migration{name: "0001_good", script: "create table a (x integer);\ncreate table b (x integer);"}
	bad := migration{name: "0002_bad", script: "create table c (x integer); create table a (x integer);"}
	if _, err := liteMigrator(c).step(t.Context(), []migration{good, bad}); err != nil {
		t.Fatal(err)
	}
	if _, err := liteMigrator(c).step(t.Context(), []migration{good, bad}); err == nil {
		t.Fatal("bad migration ran")
	}
	if v, err := schemaVersion(c); err != nil || v != 1 {
		t.Errorf("version %d, %v", v, err)
	}
	if err := c.link.script("select x from c"); err == nil {
		t.Error("half of the bad migration is there")
	}
}

// TestStats_WaitsForAConnection: who waits is counted and timed, on SQLite.
func TestStats_WaitsForAConnection(t *testing.T) {
	t.Parallel()
	now, mu := time.Unix(0, 0), sync.Mutex{}
	o := testOptions
	o.ReadConns = 1
	o.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(3 * time.Second)
		return now
	}
	s, err := OpenAndMigrate(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	err = s.read(t.Context(), func(*conn) error {
		wg.Go(func() {
			if _, err := s.RealmVersions(t.Context()); err != nil {
				t.Error(err)
			}
		})
		waitUntil(func() bool { return s.Stats().Waiting == 1 })
		if got := s.Stats(); got.InUse != 1 || got.ReadConnsMax != 1 {
			t.Errorf("%d of %d connections in use, want 1 of 1", got.InUse, got.ReadConnsMax)
		}
		return nil
	})
	wg.Wait()
	if got := s.Stats(); err != nil || got.Waits != 1 || got.Waited != 3*time.Second || got.Waiting != 0 || got.InUse != 0 {
		t.Errorf("%v; %d waits of %v in all, %d wait, %d in use", err, got.Waits, got.Waited, got.Waiting, got.InUse)
	}
}
