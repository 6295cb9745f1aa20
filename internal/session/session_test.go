package session_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

// world is a store with realm demo, two clients and one user, and a clock.
type world struct {
	*session.Service
	mu   sync.Mutex
	at   time.Time
	cfg  *model.Config
	a, b *model.Client
	user *model.User
}

const start = 1_795_000_000

func newWorld(t *testing.T, change func(*model.Realm)) *world {
	t.Helper()
	return newWorldOn(t, storetest.Open(t), change)
}

func newWorldOn(t *testing.T, st *store.Store, change func(*model.Realm)) *world {
	t.Helper()
	w := &world{at: time.Unix(start, 0)}
	w.Service = &session.Service{Store: st, Rand: rand.Reader, Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.at }}
	role := &model.Role{ID: "10000000-0000-4000-8000-000000000001", Name: model.OfflineAccess}
	scope := &model.ClientScope{ID: "10000000-0000-4000-8000-000000000002", Name: model.OfflineAccess, Protocol: "openid-connect", ScopeMappings: []string{role.ID}}
	r := &model.Realm{
		ID: "10000000-0000-4000-8000-000000000003", Name: "demo", Enabled: true, DefaultRoleID: role.ID,
		SSOSessionIdleTimeout: 1800, SSOSessionMaxLifespan: 36000, OfflineSessionIdleTimeout: 2592000, OfflineSessionMaxLifespan: 5184000, AccessTokenLifespan: 300,
	}
	if change != nil {
		change(r)
	}
	client := func(n int) *model.Client {
		return &model.Client{ID: fmt.Sprintf("20000000-0000-4000-8000-00000000000%d", n), ClientID: fmt.Sprintf("app%d", n), Enabled: true, Protocol: "openid-connect", FullScopeAllowed: true, OptionalScopes: []string{scope.ID}}
	}
	w.a, w.b = client(1), client(2)
	w.user = &model.User{ID: "30000000-0000-4000-8000-000000000001", Username: "uma", Enabled: true, Grants: model.Grants{Roles: []string{role.ID}}}
	err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.CreateRealm(r, true); err != nil {
			return err
		}
		w.user.RealmNum = r.Num
		if _, err := tx.ApplyConfig(&store.ConfigChange{RealmID: r.ID, BaseVersion: 1, PutClients: []*model.Client{w.a, w.b}, PutScopes: []*model.ClientScope{scope}, PutRoles: []*model.Role{role}}); err != nil {
			return err
		}
		return tx.InsertUser(store.NewUser{User: w.user})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.reload(t)
	return w
}

// reload reads the configuration again, as a node does after a change.
func (w *world) reload(t *testing.T) {
	t.Helper()
	cfg, err := w.Store.LoadConfig(t.Context(), "10000000-0000-4000-8000-000000000003")
	if err != nil {
		t.Fatal(err)
	}
	w.cfg, w.a, w.b = cfg, cfg.Client("app1"), cfg.Client("app2")
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func (w *world) unix() int64 { return w.Now().Unix() }

// login starts a session of a client; sid "" is a new one.
func (w *world) login(t *testing.T, c *model.Client, sid string, offline bool) *model.ClientSession {
	t.Helper()
	if sid == "" {
		var err error
		if sid, err = w.NewID(w.user.ID); err != nil {
			t.Fatal(err)
		}
	}
	cs, err := w.Start(t.Context(), w.cfg, c, w.user, session.StartInput{SessionID: sid, Offline: offline, IP: "127.0.0.1", Scope: "openid"}, w.unix(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// use refreshes once with a token issued when the session started.
func (w *world) use(c *model.Client, cs *model.ClientSession, jti, newJTI string) error {
	_, err := w.Refresh(context.Background(), w.cfg, c, session.Use{
		RefreshUse: model.RefreshUse{JTI: jti, IssuedAt: cs.Started, Offline: cs.Offline},
		SessionID:  cs.SessionID, Subject: w.user.ID, NewJTI: newJTI, NewIssued: w.unix(),
	})
	return err
}

func TestEnd_OfClientKeepsTheOtherClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	a := w.login(t, w.a, "", true)
	b := w.login(t, w.b, a.SessionID, true)
	if _, err := w.EndClient(t.Context(), session.Key(w.a, a.SessionID, w.user.ID, true), model.EndedByRevoke, "app1", nil); err != nil {
		t.Fatal(err)
	}
	if err := w.use(w.a, a, "j", "k"); !errors.Is(err, model.ErrClientSessionGone) {
		t.Errorf("the revoked client = %v, want ErrClientSessionGone", err)
	}
	if err := w.use(w.b, b, "j", "k"); err != nil {
		t.Errorf("the other client = %v, want nil", err)
	}
	if _, err := w.EndClient(t.Context(), session.Key(w.b, b.SessionID, w.user.ID, true), model.EndedByRevoke, "app2", nil); err != nil {
		t.Fatal(err)
	}
	if err := w.use(w.b, b, "j", "k"); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("after the last client = %v, want ErrSessionGone", err)
	}
}

func TestEnd_OfflineTakesItsOnlineTwinAndNotTheOtherWayRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	online := w.login(t, w.a, "", false)
	offline := w.login(t, w.a, online.SessionID, true)
	if _, _, err := w.EndUserSession(t.Context(), w.cfg, session.End{Shard: model.ShardOf(w.user.ID), SessionID: online.SessionID, Offline: false, Reason: model.EndedByLogout, By: ""}); err != nil {
		t.Fatal(err)
	}
	if err := w.use(w.a, offline, "j", "k"); err != nil {
		t.Errorf("offline after the online logout = %v", err)
	}
	second := w.login(t, w.a, "", false)
	twin := w.login(t, w.a, second.SessionID, true)
	if _, _, err := w.EndUserSession(t.Context(), w.cfg, session.End{Shard: model.ShardOf(w.user.ID), SessionID: twin.SessionID, Offline: true, Reason: model.EndedByLogout, By: ""}); err != nil {
		t.Fatal(err)
	}
	if err := w.use(w.a, second, "j", "k"); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("online after the offline logout = %v, want ErrSessionGone", err)
	}
}

func TestEndAllOfRealm_EndsWhatWasAndNotWhatComes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	before := w.login(t, w.a, "", true)
	if err := w.EndAllOfRealm(t.Context(), w.cfg.Realm.Num, "admin", nil); err != nil {
		t.Fatal(err)
	}
	after := w.login(t, w.a, "", true) // in the same second
	if err := w.use(w.a, before, "j", "k"); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("a session from before = %v, want ErrSessionGone", err)
	}
	if err := w.use(w.a, after, "j", "k"); err != nil {
		t.Errorf("a session from after = %v, want nil", err)
	}
	w.wantLive(t, w.a, true, 1)
}

func TestEndAllOfUser_RefusesOfflineTokensAsStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	offline, online := w.login(t, w.a, "", true), w.login(t, w.b, "", false)
	n, err := w.EndAllOfUser(t.Context(), w.cfg.Realm.Num, w.user.ID, true, true, model.EndedByUserLogout, "admin", nil)
	if err != nil || n != 2 {
		t.Fatalf("EndAllOfUser = %d, %v; want 2", n, err)
	}
	if err := w.use(w.a, offline, "j", "k"); !errors.Is(err, model.ErrStale) {
		t.Errorf("offline = %v, want ErrStale", err)
	}
	if err := w.use(w.b, online, "j", "k"); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("online = %v, want ErrSessionGone", err)
	}
	w.wantLive(t, w.a, true, 0)
	w.wantLive(t, w.b, false, 0)
}

// wantLive checks that list, count and statistics agree.
func (w *world) wantLive(t *testing.T, c *model.Client, offline bool, want int) {
	t.Helper()
	list, err := w.OfClient(t.Context(), w.cfg, c, offline, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	count, err := w.Count(t.Context(), w.cfg, c, offline)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := w.Stats(t.Context(), w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	var inStats int64
	for _, s := range stats {
		if s.ClientNum == c.Num && offline {
			inStats = s.Offline
		} else if s.ClientNum == c.Num {
			inStats = s.Online
		}
	}
	if len(list) != want || count != int64(want) || inStats != int64(want) {
		t.Errorf("%s offline=%v: listed %d, counted %d, statistics %d; want %d", c.ClientID, offline, len(list), count, inStats, want)
	}
}

func TestExpired_IsNeitherListedNorCountedAndThenSwept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *model.Realm) { r.OfflineSessionIdleTimeout = 1000 })
	old := w.login(t, w.a, "", true)
	w.advance(900 * time.Second)
	fresh := w.login(t, w.a, "", true)
	w.advance(200 * time.Second)
	w.wantLive(t, w.a, true, 1)
	if err := w.use(w.a, old, "j", "k"); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("expired = %v, want ErrSessionGone", err)
	}
	w.advance(store.DieSlotSeconds * time.Second)
	if err := w.use(w.a, fresh, "j", "k"); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("the fresh one, later = %v, want ErrSessionGone", err)
	}
	w.sweep(t)
	us, cs, err := w.Store.FindUserSession(t.Context(), model.ShardOf(w.user.ID), old.SessionID, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(cs) != 1 || cs[0].Ended == nil || cs[0].Ended.Reason != model.EndedByIdle {
		t.Errorf("after the sweep: user session %+v, client sessions %+v; want ended by idle", us, cs)
	}
	w.wantLive(t, w.a, true, 0)
}

func (w *world) sweep(t *testing.T) {
	t.Helper()
	for range 10 {
		n, err := w.Sweep(t.Context(), func(int64) *model.Config { return w.cfg }, 50)
		if err != nil {
			t.Fatal(err)
		}
		if n < 50 {
			return
		}
	}
	t.Fatal("the sweeper finds no end")
}

func TestSweep_LeavesWhatIsUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *model.Realm) { r.OfflineSessionIdleTimeout = 3000 })
	var live []*model.ClientSession
	for range 60 {
		live = append(live, w.login(t, w.a, "", true))
	}
	for range 8 {
		w.advance(2000 * time.Second)
		for _, cs := range live {
			if err := w.use(w.a, cs, "j", "k"); err != nil {
				t.Fatal(err)
			}
		}
		w.sweep(t)
	}
	w.wantLive(t, w.a, true, 60)
}

func TestSweep_RemovesRowsLongAfterTheirEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cs := w.login(t, w.a, "", true)
	if _, _, err := w.EndUserSession(t.Context(), w.cfg, session.End{Shard: model.ShardOf(w.user.ID), SessionID: cs.SessionID, Offline: true, Reason: model.EndedByAdmin, By: "admin"}); err != nil {
		t.Fatal(err)
	}
	w.sweep(t)
	if _, _, err := w.Store.FindUserSession(t.Context(), model.ShardOf(w.user.ID), cs.SessionID, true); err != nil {
		t.Fatalf("right after the end: %v, want the row kept for the operator", err)
	}
	w.advance(120 * 24 * time.Hour)
	w.sweep(t)
	if _, rest, err := w.Store.FindUserSession(t.Context(), model.ShardOf(w.user.ID), cs.SessionID, true); !errors.Is(err, store.ErrNotFound) && len(rest) > 0 {
		t.Errorf("four months later: %d rows, %v; want none", len(rest), err)
	}
}

func TestRotate_ParallelUsesHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *model.Realm) { r.RevokeRefreshToken = true })
	cs := w.login(t, w.a, "", true)
	var wg sync.WaitGroup
	faults := make([]error, 64)
	for i := range faults {
		wg.Go(func() { faults[i] = w.use(w.a, cs, "first", fmt.Sprint("next", i)) })
	}
	wg.Wait()
	won := 0
	for _, err := range faults {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, model.ErrReused) && !errors.Is(err, model.ErrClientSessionGone):
			t.Errorf("a loser got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d winners, want 1", won)
	}
}

func TestTouch_WithoutRotationWritesAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cs := w.login(t, w.a, "", true)
	versions := func() int64 {
		_, rows, err := w.Store.FindUserSession(t.Context(), model.ShardOf(w.user.ID), cs.SessionID, true)
		if err != nil {
			t.Fatal(err)
		}
		return rows[0].Version
	}
	before := versions()
	for range 59 {
		w.advance(time.Second)
		if err := w.use(w.a, cs, "j", "k"); err != nil {
			t.Fatal(err)
		}
	}
	if got := versions() - before; got != 0 {
		t.Errorf("%d writes in 59 seconds, want 0", got)
	}
	w.advance(time.Second)
	if err := w.use(w.a, cs, "j", "k"); err != nil {
		t.Fatal(err)
	}
	if got := versions() - before; got != 1 {
		t.Errorf("%d writes in 60 seconds, want 1", got)
	}
}

func TestRefresh_SessionOfAnotherRealmIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cs := w.login(t, w.a, "", true)
	other := *w.cfg.Realm
	other.Num++
	cfg, err := model.NewConfig(&other, 1, w.cfg.Clients, w.cfg.Scopes, w.cfg.Roles, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Refresh(t.Context(), cfg, w.a, session.Use{RefreshUse: model.RefreshUse{JTI: "j", IssuedAt: start, Offline: true}, SessionID: cs.SessionID, Subject: w.user.ID, NewIssued: start})
	if !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("Refresh = %v, want ErrSessionGone", err)
	}
}

func TestRotate_AnAnswerThatCannotBeMadeCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *model.Realm) { r.RevokeRefreshToken = true })
	cs := w.login(t, w.a, "", true)
	broken := errors.New("no key")
	_, err := w.Refresh(t.Context(), w.cfg, w.a, session.Use{
		RefreshUse: model.RefreshUse{JTI: "first", IssuedAt: cs.Started, Offline: true},
		SessionID:  cs.SessionID, Subject: w.user.ID, NewJTI: "lost", NewIssued: w.unix(),
		Prepare: func(*model.SessionRow) (session.Record, error) { return nil, broken },
	})
	if !errors.Is(err, broken) {
		t.Fatalf("Refresh = %v, want the fault of Prepare", err)
	}
	if err := w.use(w.a, cs, "first", "second"); err != nil {
		t.Errorf("the token again = %v, want nil", err)
	}
}
