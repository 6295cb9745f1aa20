package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

// scanAll follows a scan to its end and fails on a session that comes twice.
func scanAll(t *testing.T, s *store.Store, in store.Scan) (found []model.ClientSession, steps int) {
	t.Helper()
	seen := map[string]bool{}
	for steps = 1; ; steps++ {
		out, err := s.Scan(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if in.Max > 0 && len(out.Found) > in.Max {
			t.Fatalf("%d sessions instead of %d", len(out.Found), in.Max)
		}
		for _, cs := range out.Found {
			key := fmt.Sprint(cs.SessionID, cs.ClientNum)
			if seen[key] {
				t.Fatalf("%s comes twice", key)
			}
			seen[key] = true
		}
		found = append(found, out.Found...)
		if out.Next == nil {
			return found, steps
		}
		if steps > 10_000 {
			t.Fatal("a scan comes to no end")
		}
		in.After = *out.Next
	}
}

func TestScan_FindsEverySessionOnceInBoundedSteps(t *testing.T) {
	t.Parallel()
	const n = 9500
	s := manySessions(t, n, far)
	all := store.Scan{Realm: 1, Clients: []int64{2, 3, 4}, Offline: true}
	for _, tt := range []struct {
		name    string
		in      func(in *store.Scan)
		want    int
		atLeast int // steps
	}{
		{"all", func(*store.Scan) {}, n, 4},
		{"in pages", func(in *store.Scan) { in.Max = 97 }, n, n / 97},
		{"none began so early", func(in *store.Scan) { in.StartedBefore = 1000 }, 0, 2},
		{"the first hundred", func(in *store.Scan) { in.StartedBefore = 1100 }, 100, 2},
		{"the first hundred by use", func(in *store.Scan) { in.UsedBefore = 1100 }, 100, 2},
		{"no such scope", func(in *store.Scan) { in.Scope = func(string) bool { return false } }, 0, 4},
		{"their scope", func(in *store.Scan) {
			in.Scope = func(text string) bool { return strings.Contains(text, "offline_access") }
		}, n, 4},
		{"half of them live", func(in *store.Scan) { in.Live = func(cs *model.ClientSession) bool { return cs.Started%2 == 0 } }, n / 2, 4},
		{"online", func(in *store.Scan) { in.Offline = false }, 0, 1},
		{"of another realm", func(in *store.Scan) { in.Realm = 2 }, 0, 1},
		{"of other clients", func(in *store.Scan) { in.Clients = []int64{4, 5} }, 0, 1},
		{"of a user", func(in *store.Scan) { in.UserID = named(7, "", "").ID }, 1, 1},
		{"of a user, with another client", func(in *store.Scan) { in.UserID, in.Clients = named(7, "", "").ID, []int64{4} }, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := all
			tt.in(&in)
			found, steps := scanAll(t, s, in)
			if len(found) != tt.want || steps < tt.atLeast {
				t.Errorf("%d sessions in %d steps, want %d in %d or more", len(found), steps, tt.want, tt.atLeast)
			}
		})
	}
	if n := count(t, s, 3, true); n != 9500 {
		t.Errorf("count %d", n)
	}
}

// Pages far on skip whole shards, and still hold every session once.
func TestSessionsOfClients_PagesOfMany(t *testing.T) {
	t.Parallel()
	const n = 5200
	s := manySessions(t, n, far)
	seen := map[string]bool{}
	for first := 0; ; first += 400 {
		page, lacking, err := s.SessionsOfClients(t.Context(), store.SessionPage{Realm: 1, Clients: []int64{3, 4}, Offline: true, First: first, Max: 400})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page {
			if seen[x[0].SessionID] {
				t.Fatalf("%s comes twice", x[0].SessionID)
			}
			seen[x[0].SessionID] = true
		}
		if first >= n {
			if lacking != first-n || len(page) != 0 {
				t.Errorf("behind the end: %d sessions, %d lacking", len(page), lacking)
			}
			break
		}
	}
	if len(seen) != n {
		t.Errorf("%d sessions of %d", len(seen), n)
	}
}

// A user may have more sessions than one step looks at, and several clients may
// share each.
func TestScan_OfAUserWithManySessions(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	const n = 1300
	write(t, s, func(tx *store.Tx) error {
		for range n {
			us, cs := newSession(t, alice(), 3, true, 1000)
			if err := tx.StartSession(us, cs, 100*day); err != nil {
				return err
			}
			other := *cs
			other.ClientNum = 4
			if err := tx.StartSession(us, &other, 100*day); err != nil {
				return err
			}
		}
		return nil
	})
	for _, size := range []int{0, 97, 5000} {
		found, steps := scanAll(t, s, store.Scan{Realm: 1, Clients: []int64{3, 4}, UserID: alice().ID, Offline: true, Max: size})
		if len(found) != 2*n || steps < 2 {
			t.Errorf("pages of %d: %d sessions in %d steps", size, len(found), steps)
		}
	}
	found, _ := scanAll(t, s, store.Scan{Realm: 1, Clients: []int64{4}, UserID: alice().ID, Offline: true, Max: 3})
	if len(found) != n || slices.ContainsFunc(found, func(cs model.ClientSession) bool { return cs.ClientNum != 4 }) {
		t.Errorf("with one client: %d", len(found))
	}
}

// What ended is neither found nor in the way: a live session among thousands
// that ended is found in one step.
func TestScan_EndedSessionsAreNotInTheWay(t *testing.T) {
	t.Parallel()
	s := manySessions(t, 6000, far)
	in := store.Scan{Realm: 1, Clients: []int64{3}, Offline: true}
	found, _ := scanAll(t, s, in)
	e := model.Ending{At: day, Reason: model.EndedByAdmin, By: "admin"}
	for from := 1; from < len(found); from += 500 {
		write(t, s, func(tx *store.Tx) error {
			for _, cs := range found[from:min(from+500, len(found))] {
				if ok, err := tx.EndClientSession(store.KeyOf(&cs), e); err != nil || !ok {
					return fmt.Errorf("end: %v, %w", ok, err)
				}
			}
			return nil
		})
	}
	left, steps := scanAll(t, s, in)
	if len(left) != 1 || steps != 1 || left[0].SessionID != found[0].SessionID {
		t.Errorf("%d left in %d steps", len(left), steps)
	}
	views, err := s.Views(t.Context(), found)
	if err != nil || len(views) != 1 || views[0].Username == "" || views[0].Scope == "" {
		t.Errorf("views: %d, %v", len(views), err)
	}
	parts, err := s.PartsOf(t.Context(), model.ShardOf(found[1].UserID), found[1].SessionID, true)
	if err != nil || len(parts) != 1 || parts[0].Ended == nil || *parts[0].Ended != e || parts[0].Superseded != nil {
		t.Errorf("an ended one: %+v, %v", parts, err)
	}
	if n := count(t, s, 3, true); n != 1 {
		t.Errorf("counted %d", n)
	}
}

// Endings are told when they are durable: alike ones of one write together.
func TestTell_EndingsOfAWrite(t *testing.T) {
	t.Parallel()
	s := manySessions(t, 30, far)
	found, _ := scanAll(t, s, store.Scan{Realm: 1, Clients: []int64{3}, Offline: true})
	var told []store.EndedSessions
	s.Tell(store.Notice{Ended: func(e store.EndedSessions) { told = append(told, e) }})
	end := func(fail error, some ...model.ClientSession) error {
		return s.Write(t.Context(), func(tx *store.Tx) error {
			for _, cs := range some {
				if _, err := tx.EndClientSession(store.KeyOf(&cs), model.Ending{At: day, Reason: "r", By: "b"}); err != nil {
					return err
				}
			}
			return fail
		})
	}
	if err := end(store.ErrStale, found...); err == nil || len(told) != 0 {
		t.Errorf("of a write that failed: %v, told %v", err, told)
	}
	if err := end(nil, found[:20]...); err != nil || len(told) != 1 || told[0].Count != 20 || told[0].Reason != "r" || told[0].By != "b" || told[0].SessionID != "" || !told[0].Offline {
		t.Errorf("twenty: %v, told %+v", err, told)
	}
	if err := end(nil, found[20]); err != nil || len(told) != 2 || told[1].SessionID != found[20].SessionID || told[1].UserID != found[20].UserID {
		t.Errorf("one: %v, told %+v", err, told)
	}
	if err := end(nil, found[20]); err != nil || len(told) != 2 {
		t.Errorf("one that ended before: %v, told %+v", err, told)
	}
	write(t, s, func(tx *store.Tx) error { return tx.EndClientSessions(1, 3, model.Ending{At: day, Reason: "all"}) })
	if len(told) != 3 || !told[2].All || told[2].ClientNum != 3 || told[2].Reason != "all" {
		t.Errorf("a whole client: %+v", told)
	}
}
