package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

// manySessions gives a store with n users, each with one offline session of
// client 3; the i-th started at 1000+i. dies says when each may be over.
func manySessions(t testing.TB, n int, dies func(i int) int64) *store.Store {
	t.Helper()
	s := storetest.Open(t)
	for from := 0; from < n; from += 500 {
		write(t, s, func(tx *store.Tx) error {
			for i := from; i < min(from+500, n); i++ {
				u := named(i, fmt.Sprintf("u%05d", i), "")
				us, cs := newSession(t, u, 3, true, int64(1000+i))
				if err := errors.Join(tx.InsertUser(store.NewUser{User: u}), tx.StartSession(us, cs, dies(i))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return s
}

func far(int) int64 { return 100 * day }

// pages reads all pages and fails on a session that comes twice.
func pages(t testing.TB, s *store.Store, size int, live store.Live) int {
	t.Helper()
	seen := map[string]bool{}
	for first := 0; ; first += size {
		page, err := s.SessionsOfClient(t.Context(), 1, 3, true, first, size, live)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page {
			if seen[v.SessionID] {
				t.Fatalf("session of %s comes twice", v.Username)
			}
			seen[v.SessionID] = true
		}
		if len(page) < size {
			return len(seen)
		}
	}
}

func TestSessionsOfClient_PagesAndCounts(t *testing.T) {
	t.Parallel()
	const expired = 100
	alive := func(cs *model.ClientSession) bool { return cs.Started >= 1000+expired }
	for _, n := range []int{1200, 5200} { // below and above where every session is looked at
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s := manySessions(t, n, func(i int) int64 {
				if i < expired {
					return 10 * day // waits for the sweeper
				}
				return 100 * day
			})
			for _, size := range []int{97, 1000} {
				if got := pages(t, s, size, nil); got != n {
					t.Errorf("pages of %d hold %d sessions of %d", size, got, n)
				}
			}
			if last, err := s.SessionsOfClient(t.Context(), 1, 3, true, n-10, 100, nil); err != nil || len(last) != 10 {
				t.Errorf("last page: %d, %v", len(last), err)
			}
			if beyond, err := s.SessionsOfClient(t.Context(), 1, 3, true, n, 100, nil); err != nil || len(beyond) != 0 {
				t.Errorf("page beyond: %d, %v", len(beyond), err)
			}
			if all, err := s.SessionsOfClient(t.Context(), 1, 3, true, 0, -1, alive); err != nil || len(all) != n-expired {
				t.Errorf("all that live: %d, %v", len(all), err)
			}
			for _, tt := range []struct {
				realm, client int64
				offline       bool
				want          int64
			}{{1, 3, true, int64(n - expired)}, {1, 3, false, 0}, {1, 4, true, 0}, {2, 3, true, 0}} {
				if got, err := s.CountSessions(t.Context(), tt.realm, tt.client, tt.offline, 11*day, alive); err != nil || got != tt.want {
					t.Errorf("count %+v: %d, %v", tt, got, err)
				}
			}
			stats, err := s.SessionStats(t.Context(), 1, 11*day, func(client int64) store.Live { return alive })
			if diff := cmp.Diff([]store.ClientStats{{ClientNum: 3, Offline: int64(n - expired)}}, stats); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestReads_EndWithTheirContext(t *testing.T) {
	t.Parallel()
	s := manySessions(t, 300, far)
	for range 10 { // more than there are connections: each must come back usable
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		_, err := s.SessionsOfClient(ctx, 1, 3, true, 0, -1, func(*model.ClientSession) bool {
			n++
			cancel()
			return true
		})
		if !errors.Is(err, context.Canceled) || n > 250 {
			t.Errorf("after %d rows: %v", n, err)
		}
		cancel()
	}
	if got := pages(t, s, 100, nil); got != 300 {
		t.Errorf("afterwards pages hold %d", got)
	}
}

func TestSessionsOfUser_OldestFirst(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	for _, at := range []int64{3000, 1000, 2000} {
		start(t, s, alice(), at/1000, true, at)
	}
	start(t, s, alice(), 9, false, 1)
	all, err := s.SessionsOfUser(t.Context(), 1, alice().ID, true, nil)
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for i, v := range all {
		if v.Started != int64(i+1)*1000 || v.Username != "alice" || v.IP != "203.0.113.9" || v.UserSessionStarted != v.Started || v.Scope == "" {
			t.Errorf("%d: %+v", i, v)
		}
	}
	if other, err := s.SessionsOfUser(t.Context(), 2, alice().ID, true, nil); err != nil || len(other) != 0 {
		t.Errorf("in another realm: %v, %v", other, err)
	}
}

func TestNewestSessionsOfUser_TheLimitThatBeganLast(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	for _, at := range []int64{3000, 1000, 4000, 2000} {
		start(t, s, alice(), at/1000, true, at)
	}
	start(t, s, alice(), 9, false, 5000)
	began := func(limit int, live store.Live) (out []int64) {
		all, err := s.NewestSessionsOfUser(t.Context(), 1, alice().ID, true, limit, live)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			out = append(out, v.Started)
		}
		return out
	}
	if diff := cmp.Diff([]int64{3000, 4000}, began(2, nil)); diff != "" {
		t.Errorf("the two newest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{1000, 2000, 3000, 4000}, began(10, nil)); diff != "" {
		t.Errorf("up to ten (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{3000}, began(2, func(cs *model.ClientSession) bool { return cs.Started < 4000 })); diff != "" {
		t.Errorf("those of the two newest that live (-want +got):\n%s", diff)
	}
	if other, err := s.NewestSessionsOfUser(t.Context(), 2, alice().ID, true, 10, nil); err != nil || len(other) != 0 {
		t.Errorf("in another realm: %v, %v", other, err)
	}
}

func TestRebuildCounts_RepairsCounters(t *testing.T) {
	t.Parallel()
	s := manySessions(t, 300, far)
	cs := start(t, s, named(0, "", ""), 4, false, 1)
	write(t, s, func(tx *store.Tx) error {
		_, err := tx.EndClientSession(store.KeyOf(cs), model.Ending{At: 1})
		return err
	})
	if err := s.RebuildCounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if on, off := count(t, s, 4, false), count(t, s, 3, true); on != 0 || off != 300 {
		t.Errorf("rebuilt: %d online, %d offline", on, off)
	}
}

func TestSweep_EndsMovesAndDeletes(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	const now = 60 * day
	for range 3 {
		us, cs := newSession(t, alice(), 3, true, 1000)
		write(t, s, func(tx *store.Tx) error { return tx.StartSession(us, cs, 30*day) })
	}
	slot := int64(now / store.DieSlotSeconds)
	if due, err := s.DueSessions(t.Context(), 30*day/store.DieSlotSeconds, 10); err != nil || len(due) != 0 {
		t.Errorf("due in the slot they die in: %d, %v", len(due), err)
	}
	due, err := s.DueSessions(t.Context(), slot, 2)
	if err != nil || len(due) != 2 {
		t.Fatalf("due: %d, %v", len(due), err)
	}
	e := model.Ending{At: now, Reason: model.EndedByIdle}
	write(t, s, func(tx *store.Tx) error {
		ok1, err1 := tx.SweepEnd(store.KeyOf(&due[0]), due[0].Version+1, e)
		ok2, err2 := tx.SweepEnd(store.KeyOf(&due[0]), due[0].Version, e)
		ok3, err3 := tx.Reslot(store.KeyOf(&due[1]), due[1].Version+1, 100*day)
		ok4, err4 := tx.Reslot(store.KeyOf(&due[1]), due[1].Version, 100*day)
		if ok1 || !ok2 || ok3 || !ok4 {
			t.Errorf("swept %v %v, moved %v %v", ok1, ok2, ok3, ok4)
		}
		return errors.Join(err1, err2, err3, err4)
	})
	if due, err := s.DueSessions(t.Context(), slot, 10); err != nil || len(due) != 1 {
		t.Errorf("still due: %d, %v", len(due), err)
	}
	if ok, err := s.TouchClientSession(t.Context(), &due[1]); err != nil || !ok {
		t.Errorf("moving disturbs a refresh: %v, %v", ok, err)
	}
	remove := func(at int64) (n int) {
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.DeleteEnded(at/store.DieSlotSeconds, 10)
			return err
		})
		return n
	}
	if n := remove(now); n != 0 {
		t.Errorf("%d removed in the slot they ended in", n)
	}
	if n := remove(now + store.DieSlotSeconds); n != 1 {
		t.Errorf("%d removed", n)
	}
	if _, _, err := s.FindUserSession(t.Context(), model.ShardOf(alice().ID), due[0].SessionID, true); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("user session of the removed: %v", err)
	}
	mass := model.Ending{At: now, Reason: model.EndedByRealmLogout}
	write(t, s, func(tx *store.Tx) error { return tx.EndRealmSessions(1, mass) })
	superseded, err := s.DueSessions(t.Context(), slot, 10)
	if err != nil || len(superseded) != 1 || superseded[0].Live() {
		t.Fatalf("due after a mass ending: %v, %v", superseded, err)
	}
	k := store.KeyOf(&superseded[0])
	write(t, s, func(tx *store.Tx) error {
		ok, err := tx.SweepEnd(k, superseded[0].Version, e)
		if ok {
			t.Error("a superseded session ends again")
		}
		return err
	})
	if row := refresh(t, s, &superseded[0]); row.Session.Ended == nil || *row.Session.Ended != mass {
		t.Errorf("swept after a mass ending: %+v", row.Session.Ended)
	}
	if due, err := s.DueSessions(t.Context(), slot, 10); err != nil || len(due) != 0 {
		t.Errorf("still due: %v, %v", due, err)
	}
	if n := remove(now + store.DieSlotSeconds); n != 1 {
		t.Errorf("%d superseded removed", n)
	}
	if count(t, s, 3, true) != 0 {
		t.Error("superseded sessions are counted")
	}
}

// purgeAll runs PurgeLeftovers until nothing is left to do.
func purgeAll(t testing.TB, s *store.Store, now int64) {
	t.Helper()
	for range 10_000 {
		n, err := s.PurgeLeftovers(t.Context(), now, 50)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	t.Fatal("purge comes to no end")
}

func TestPurge_MassEndedSessions(t *testing.T) {
	t.Parallel()
	s := manySessions(t, 200, far)
	cs := start(t, s, named(0, "", ""), 4, true, 1)
	doomed := start(t, s, named(1, "", ""), 3, true, 1)
	write(t, s, func(tx *store.Tx) error { return tx.EndClientSessions(1, 3, model.Ending{At: day, Reason: "r"}) })
	before, err := s.SessionsOfUser(t.Context(), 1, "user-0", true, nil)
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	purgeAll(t, s, day) // too early: they are kept to be explained
	write(t, s, func(tx *store.Tx) error { return tx.EndClientSessions(1, 3, model.Ending{At: day, Reason: "r"}) })
	refresh(t, s, doomed)
	purgeAll(t, s, day+store.KeepEnded)
	if _, _, err := s.FindUserSession(t.Context(), model.ShardOf(doomed.UserID), doomed.SessionID, true); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("mass-ended session after the purge: %v", err)
	}
	if row := refresh(t, s, cs); !row.Session.Live() {
		t.Errorf("session of another client: %+v", row.Session)
	}
	if n, err := s.PurgeLeftovers(t.Context(), 1000*day, 50); err != nil || n != 0 {
		t.Errorf("left to do: %d, %v", n, err)
	}
	if got := count(t, s, 4, true); got != 1 {
		t.Errorf("%d sessions of the other client", got)
	}
}

func TestPurge_DeletedClient(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	ch := fullChange("realm-1")
	if _, err := apply(s, t, ch); err != nil {
		t.Fatal(err)
	}
	app := ch.PutClients[0].Num
	mustInsert(t, s, alice())
	cs := start(t, s, alice(), app, true, 1)
	write(t, s, func(tx *store.Tx) error { return tx.PutConsent(1, alice().ID, model.Consent{ClientID: "c1"}) })
	if _, err := apply(s, t, &store.ConfigChange{RealmID: "realm-1", BaseVersion: 2, DeleteClients: []string{"c1"}}); err != nil {
		t.Fatal(err)
	}
	if row := refresh(t, s, cs); row.Session.Live() || count(t, s, app, true) != 0 {
		t.Errorf("session of a deleted client lives: %+v", row.Session)
	}
	purgeAll(t, s, 0)
	if _, err := s.SessionForRefresh(t.Context(), store.KeyOf(cs)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the purge: %v", err)
	}
	if got, err := s.Consents(t.Context(), 1, alice().ID); err != nil || len(got) != 0 {
		t.Errorf("consents %v, %v", got, err)
	}
	if _, err := s.UserByID(t.Context(), 1, alice().ID); err != nil {
		t.Errorf("user: %v", err)
	}
}

func TestPurge_DeletedRealm(t *testing.T) {
	t.Parallel()
	s := manySessions(t, 100, far)
	r := newRealm(t, s, "realm-1", "demo")
	other := alice()
	other.RealmNum = 2
	mustInsert(t, s, other)
	otherSession := start(t, s, other, 9, true, 1)
	write(t, s, func(tx *store.Tx) error {
		_, err := tx.ClaimOnce(r.Num, "jti", "x", 5)
		return errors.Join(err, tx.InsertEvent(&model.Event{ID: "e1", RealmNum: r.Num, Type: "LOGIN", TimeMS: 1}),
			tx.InsertAdminEvent(&model.AdminEvent{ID: "a1", RealmNum: r.Num, TimeMS: 1}), tx.DeleteRealm("realm-1"))
	})
	if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.DeleteRealm("realm-1") }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	purgeAll(t, s, 0)
	if n, err := s.CountUsers(t.Context(), 1, store.UserFilter{ServiceAccounts: true}); err != nil || n != 0 {
		t.Errorf("%d users left, %v", n, err)
	}
	if n := count(t, s, 3, true); n != 0 {
		t.Errorf("%d sessions left", n)
	}
	if all, err := s.Events(t.Context(), 1, store.EventFilter{}); err != nil || len(all) != 0 {
		t.Errorf("events left: %v, %v", all, err)
	}
	refresh(t, s, otherSession)
	if _, err := s.UserByUsername(t.Context(), 2, "alice"); err != nil {
		t.Errorf("user of another realm: %v", err)
	}
	mustInsert(t, s, named(0, "u00000", "")) // id and name are free again
}

func TestLease_OneHolderAtATime(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	for _, tt := range []struct {
		holder     string
		now, until int64
		want       bool
	}{
		{"a", 100, 160, true}, {"b", 100, 160, false}, {"a", 120, 180, true}, {"b", 179, 300, false}, {"b", 180, 300, true}, {"a", 181, 300, false},
	} {
		if got, err := s.Lease(t.Context(), "sweeper", tt.holder, tt.now, tt.until); err != nil || got != tt.want {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}
