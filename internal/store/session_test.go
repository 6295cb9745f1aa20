package store_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

const day = 24 * 3600

// newSession is a session of a user with a client, started at now.
func newSession(t testing.TB, u *model.User, client int64, offline bool, now int64) (*model.UserSession, *model.ClientSession) {
	t.Helper()
	sid, err := model.NewSessionID(model.ShardOf(u.ID), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &model.UserSession{ID: sid, Offline: offline, RealmNum: u.RealmNum, UserID: u.ID, Started: now, IP: "203.0.113.9", RememberMe: true},
		&model.ClientSession{SessionID: sid, ClientNum: client, Offline: offline, RealmNum: u.RealmNum, UserID: u.ID, UserStarted: now, Started: now,
			LastRefresh: now, RememberMe: true, Scope: "openid offline_access", Notes: map[string]string{"AUTH_TIME": fmt.Sprint(now), "k": "v"},
			Chain: model.Chain{ID: "chain", Current: "0f8fad5b-d9cb-469f-a165-70867728950e", Issued: now}}
}

func start(t testing.TB, s *store.Store, u *model.User, client int64, offline bool, now int64) *model.ClientSession {
	t.Helper()
	us, cs := newSession(t, u, client, offline, now)
	write(t, s, func(tx *store.Tx) error { return tx.StartSession(us, cs, now+30*day) })
	return cs
}

func count(t testing.TB, s *store.Store, client int64, offline bool) int64 {
	t.Helper()
	n, err := s.CountSessions(t.Context(), 1, client, offline, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := s.SessionStats(t.Context(), 1, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := int64(0)
	for _, x := range stats {
		if x.ClientNum == client && offline {
			found = x.Offline
		} else if x.ClientNum == client {
			found = x.Online
		}
	}
	if found != n {
		t.Errorf("client %d has %d sessions, its stats say %d", client, n, found)
	}
	return n
}

func refresh(t testing.TB, s *store.Store, cs *model.ClientSession) *model.SessionRow {
	t.Helper()
	row, err := s.SessionForRefresh(t.Context(), store.KeyOf(cs))
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestSession_RoundTrip(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	cs := start(t, s, alice(), 3, true, 1000)
	want := &model.SessionRow{Session: *cs, UserSessionLive: true, User: *alice()}
	if diff := cmp.Diff(want, refresh(t, s, cs), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	cs.LastRefresh = 2000
	cs.Chain = model.Chain{ID: "c", Used: "u", Uses: 2, Current: "n", Issued: 2000}
	cs.MoreChains = []model.Chain{{ID: "d", Used: "x", Uses: 1, Current: "y", Issued: 5}}
	if ok, err := s.TouchClientSession(t.Context(), cs); err != nil || !ok {
		t.Fatalf("touch: %v, %v", ok, err)
	}
	if ok, err := s.TouchClientSession(t.Context(), cs); err != nil || ok {
		t.Errorf("touch at an old version: %v, %v", ok, err)
	}
	cs.Version++
	if diff := cmp.Diff(*cs, refresh(t, s, cs).Session, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	for name, k := range map[string]store.SessionKey{
		"other client":  {Shard: model.ShardOf(cs.UserID), SessionID: cs.SessionID, ClientNum: 4, Offline: true},
		"online twin":   {Shard: model.ShardOf(cs.UserID), SessionID: cs.SessionID, ClientNum: 3},
		"other shard":   {Shard: 1, SessionID: cs.SessionID, ClientNum: 3, Offline: true},
		"other session": {Shard: model.ShardOf(cs.UserID), SessionID: "x", ClientNum: 3, Offline: true},
	} {
		if _, err := s.SessionForRefresh(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSession_ImportedIDs(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	for _, sid := range []string{"6b1c8f0a-97d4-4b1f-8a39-3d6f1f7a3c11", "abcdefghijklmnopqrstuvwx", "whatever it was"} {
		us, cs := newSession(t, alice(), 3, true, 1000)
		us.ID, cs.SessionID = sid, sid
		write(t, s, func(tx *store.Tx) error { return tx.StartSession(us, cs, 0) })
		if got := refresh(t, s, cs).Session.SessionID; got != sid {
			t.Errorf("%q comes back as %q", sid, got)
		}
	}
	views, err := s.SessionsOfUser(t.Context(), 1, alice().ID, true, nil)
	if err != nil || len(views) != 3 {
		t.Errorf("listed %v, %v", views, err)
	}
}

func TestSession_Access(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	cs := start(t, s, alice(), 3, true, 1000)
	jti := "ofrtro:0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, want := range []bool{false, true} {
		row, revoked, err := s.SessionForAccess(t.Context(), store.KeyOf(cs), jti)
		if err != nil || revoked != want || row.User.Username != "alice" || row.Session.Scope != cs.Scope {
			t.Errorf("session: %v, %v, want %v", revoked, err, want)
		}
		u, revoked, err := s.UserForAccess(t.Context(), 1, alice().ID, jti)
		if err != nil || revoked != want {
			t.Errorf("user: %v, %v, want %v", revoked, err, want)
		}
		if diff := cmp.Diff(alice(), u); diff != "" {
			t.Error(diff)
		}
		write(t, s, func(tx *store.Tx) error { return tx.RevokeToken(jti, 5000) })
	}
	if _, _, err := s.UserForAccess(t.Context(), 2, alice().ID, jti); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("user of another realm: %v", err)
	}
}

func TestSession_EndingsAndCounts(t *testing.T) {
	t.Parallel()
	e := model.Ending{At: 2000, Reason: model.EndedByLogout, By: "bob"}
	for _, tt := range []struct {
		name       string
		end        func(tx *store.Tx, cs *model.ClientSession) (bool, error)
		ended      bool // the row itself, else superseded
		userLive   bool
		twinLives  bool // the other client's share of the same session
		onlineLive bool // an online session of the same user and client
	}{
		{"one client", func(tx *store.Tx, cs *model.ClientSession) (bool, error) {
			return tx.EndClientSession(store.KeyOf(cs), e)
		}, true, true, true, true},
		{"swept", func(tx *store.Tx, cs *model.ClientSession) (bool, error) { return tx.SweepEnd(store.KeyOf(cs), 1, e) }, true, true, true, true},
		{"user session", func(tx *store.Tx, cs *model.ClientSession) (bool, error) {
			return tx.EndUserSession(model.ShardOf(cs.UserID), cs.SessionID, true, e)
		}, true, false, false, true},
		{"user's offline sessions", func(tx *store.Tx, cs *model.ClientSession) (bool, error) {
			n, err := tx.EndUserSessions(1, cs.UserID, false, true, e)
			return n == 1, err
		}, true, false, false, true},
		{"all of the user", func(tx *store.Tx, cs *model.ClientSession) (bool, error) {
			n, err := tx.EndUserSessions(1, cs.UserID, true, true, e)
			return n == 2, err
		}, false, false, false, false},
		{"all of the client", func(tx *store.Tx, cs *model.ClientSession) (bool, error) { return true, tx.EndClientSessions(1, 3, e) }, false, true, true, false},
		{"all of the realm", func(tx *store.Tx, cs *model.ClientSession) (bool, error) { return true, tx.EndRealmSessions(1, e) }, false, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t)
			mustInsert(t, s, alice())
			us, cs := newSession(t, alice(), 3, true, 1000)
			twin := *cs
			twin.ClientNum = 4
			write(t, s, func(tx *store.Tx) error {
				return errors.Join(tx.StartSession(us, cs, 9000), tx.StartSession(us, &twin, 9000))
			})
			online := start(t, s, alice(), 3, false, 1000)
			var was bool
			write(t, s, func(tx *store.Tx) (err error) {
				was, err = tt.end(tx, cs)
				return err
			})
			if !was {
				t.Error("was not live")
			}
			row := refresh(t, s, cs)
			if tt.ended {
				if diff := cmp.Diff(&e, row.Session.Ended); diff != "" {
					t.Error(diff)
				}
				if ok, err := s.TouchClientSession(t.Context(), &row.Session); err != nil || ok {
					t.Errorf("touch of an ended session: %v, %v", ok, err)
				}
				write(t, s, func(tx *store.Tx) (err error) {
					if was, err = tx.EndClientSession(store.KeyOf(cs), e); was {
						t.Error("ends twice")
					}
					return err
				})
			} else if diff := cmp.Diff(&e, row.Session.Superseded); diff != "" || row.Session.Ended != nil {
				t.Error(diff)
			}
			if row.UserSessionLive != tt.userLive {
				t.Errorf("user session lives: %v", row.UserSessionLive)
			}
			found, all, err := s.FindUserSession(t.Context(), model.ShardOf(cs.UserID), cs.SessionID, true)
			if err != nil || len(all) != 2 || (found.Ended == nil) != tt.userLive || found.IP != us.IP || !found.RememberMe {
				t.Errorf("found %+v, %v, %v", found, all, err)
			}
			for _, x := range []struct {
				cs      *model.ClientSession
				offline bool
				want    bool
			}{{cs, true, false}, {&twin, true, tt.twinLives}, {online, false, tt.onlineLive}} {
				if got := refresh(t, s, x.cs).Session.Live(); got != x.want {
					t.Errorf("client %d offline %v lives: %v", x.cs.ClientNum, x.offline, got)
				}
				if got := count(t, s, x.cs.ClientNum, x.offline) == 1; got != x.want {
					t.Errorf("client %d offline %v counted: %v", x.cs.ClientNum, x.offline, got)
				}
				listed, err := s.SessionsOfUserClient(t.Context(), 1, alice().ID, x.cs.ClientNum, x.offline, nil)
				if err != nil || (len(listed) == 1) != x.want {
					t.Errorf("client %d offline %v listed: %v, %v", x.cs.ClientNum, x.offline, listed, err)
				}
			}
			// A new login after the ending lives, whatever ended the old one.
			again := start(t, s, alice(), 3, true, 3000)
			if row := refresh(t, s, again); !row.Session.Live() || !row.UserSessionLive || count(t, s, 3, true) != 1 {
				t.Errorf("session started afterwards: %+v", row.Session)
			}
		})
	}
}

func TestStartSession_SameKeyAgain(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice(), named(2, "bob", ""))
	us, cs := newSession(t, alice(), 3, true, 1000)
	sk := model.ShardOf(us.UserID)
	begin := func() error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.StartSession(us, cs, 9000) })
	}
	if err := begin(); err != nil || cs.Version != 1 {
		t.Fatal(err)
	}
	us.Started, cs.Started, cs.Scope = 1500, 1500, "openid"
	if err := begin(); err != nil || cs.Version != 2 {
		t.Fatalf("again: version %d, %v", cs.Version, err)
	}
	row := refresh(t, s, cs)
	if row.Session.Scope != "openid" || row.Session.Started != 1500 || row.Session.UserStarted != 1000 || count(t, s, 3, true) != 1 {
		t.Errorf("replaced: %+v", row.Session)
	}
	for _, end := range []func(tx *store.Tx) error{
		func(tx *store.Tx) error {
			_, err := tx.EndUserSession(sk, us.ID, true, model.Ending{At: 1600, Reason: "r"})
			return err
		},
		func(tx *store.Tx) error {
			_, err := tx.EndUserSessions(1, us.UserID, true, true, model.Ending{At: 1600, Reason: "r"})
			return err
		},
		func(tx *store.Tx) error { return tx.EndRealmSessions(1, model.Ending{At: 1600, Reason: "r"}) },
	} {
		other := *cs
		other.ClientNum = 4
		write(t, s, func(tx *store.Tx) error { return errors.Join(tx.StartSession(us, &other, 9000), end(tx)) })
		us.Started = 1700
		if err := begin(); err != nil {
			t.Fatal(err)
		}
		row := refresh(t, s, cs)
		if !row.Session.Live() || !row.UserSessionLive || row.Session.UserStarted != 1700 || count(t, s, 3, true) != 1 {
			t.Errorf("started again after its end: %+v", row)
		}
		if refresh(t, s, &other).Session.Live() || count(t, s, 4, true) != 0 {
			t.Error("the other client's share lives again")
		}
	}
	us.UserID = "user-2"
	if model.ShardOf(us.UserID) != sk {
		us.UserID = "nobody"
	}
	if err := begin(); err == nil {
		t.Error("somebody else's session id is taken")
	}
	us.UserID, us.RealmNum = alice().ID, 2
	if err := begin(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("user of another realm: %v", err)
	}
}

func TestTx_LiveClientSessions(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	us, cs := newSession(t, alice(), 3, true, 1000)
	twin := *cs
	twin.ClientNum = 4
	write(t, s, func(tx *store.Tx) error {
		if err := errors.Join(tx.StartSession(us, cs, 0), tx.StartSession(us, &twin, 0)); err != nil {
			return err
		}
		for want := 2; want > 0; want-- {
			n, err := tx.LiveClientSessions(model.ShardOf(us.UserID), us.ID, true)
			if err != nil || n != want {
				t.Errorf("%d live, want %d, %v", n, want, err)
			}
			k := store.KeyOf(cs)
			k.ClientNum = int64(want + 2)
			if _, err := tx.EndClientSession(k, model.Ending{At: 1}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestScope_OfUndoneWriteIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	us, cs := newSession(t, alice(), 3, true, 1000)
	errLater := errors.New("later")
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.StartSession(us, cs, 0); err != nil {
			return err
		}
		if _, _, err := tx.FindUserSession(model.ShardOf(us.UserID), us.ID, true); err != nil {
			return err
		}
		return errLater
	})
	if !errors.Is(err, errLater) {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.StartSession(us, cs, 0) })
	if got := refresh(t, s, cs).Session.Scope; got != cs.Scope {
		t.Errorf("scope %q", got)
	}
}

func TestClaimOnce_FirstOnly(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	claim := func(realm int64, kind, value string) (first bool) {
		write(t, s, func(tx *store.Tx) (err error) {
			first, err = tx.ClaimOnce(realm, kind, value, 1000)
			return err
		})
		return first
	}
	if !claim(1, "jti", "a") || claim(1, "jti", "a") || !claim(2, "jti", "a") || !claim(1, "code", "a") || !claim(1, "jti", "b") {
		t.Error("claims are not single-use by realm, kind and value")
	}
	write(t, s, func(tx *store.Tx) error {
		n, err := tx.DeleteExpired(1000+store.DieSlotSeconds, 100)
		if n != 4 {
			t.Errorf("%d expired", n)
		}
		return err
	})
	if !claim(1, "jti", "a") {
		t.Error("an expired claim stays")
	}
}

// A second login of the same browser leaves the tokens of the first as good as
// they were.
func TestAttachSession_KeepsWhatLives(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	const now = 1000 * day
	us, first := newSession(t, alice(), 3, true, now)
	write(t, s, func(tx *store.Tx) error { return tx.AttachSession(us, first, now+30*day) })
	again := *first
	again.Started, again.LastRefresh, again.Scope, again.Chain = now+60, now+60, "openid", model.Chain{ID: "other"}
	again.Notes = map[string]string{"acr": "0"}
	write(t, s, func(tx *store.Tx) error { return tx.AttachSession(us, &again, now+30*day) })
	row := refresh(t, s, first)
	want := *first
	want.LastRefresh, want.Notes, want.Version = now+60, map[string]string{"acr": "0"}, 2
	if diff := cmp.Diff(want, row.Session, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if n := count(t, s, 3, true); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	write(t, s, func(tx *store.Tx) error {
		_, err := tx.EndClientSession(store.KeyOf(first), model.Ending{At: now + 70, Reason: model.EndedByRevoke})
		return err
	})
	again.Started = now + 60
	write(t, s, func(tx *store.Tx) error { return tx.AttachSession(us, &again, now+30*day) })
	if row := refresh(t, s, first); !row.Session.Live() || row.Session.Started != now+60 || row.Session.Scope != "openid" {
		t.Errorf("after an ending it starts anew: %+v", row.Session)
	}
}

// A login that joins a session while its tokens are refreshed waits for none.
func TestAttachSession_BesideRefreshes(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice())
	const now = 1000 * day
	us, first := newSession(t, alice(), 3, true, now)
	write(t, s, func(tx *store.Tx) error { return tx.AttachSession(us, first, now+30*day) })
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				row, err := s.SessionForRefresh(t.Context(), store.KeyOf(first))
				if err == nil {
					_, err = s.TouchClientSession(t.Context(), &row.Session)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 5 {
				err := s.Write(t.Context(), func(tx *store.Tx) error {
					again := *first
					return tx.AttachSession(us, &again, now+30*day)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
