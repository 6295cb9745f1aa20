package session_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

// begin stores a login of a browser for client a.
func (w *world) begin(t *testing.T) *session.Progress {
	t.Helper()
	browser, err := w.NewBrowser()
	if err != nil {
		t.Fatal(err)
	}
	p := &session.Progress{Browser: browser, Request: model.AuthorizationRequest{ClientID: "app1", MaxAge: -1}}
	if err := w.Begin(t.Context(), w.cfg.Realm.Num, p, start, 1800); err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) find(t *testing.T, p *session.Progress, browser string, now int64) (*session.Progress, error) {
	t.Helper()
	return w.Progress(t.Context(), w.cfg.Realm.Num, browser, p.Tab, now)
}

// finish completes a login of the user, with a code.
func (w *world) finish(t *testing.T, p *session.Progress, sso string) (sid, code string, err error) {
	t.Helper()
	l := &session.Login{
		Progress: p, User: w.user, Session: sso, IP: "203.0.113.9", Scope: "openid offline_access", Lifespan: 60,
		Notes: map[string]string{session.NoteAuthTime: "1795000000", "acr": "1"}, Code: &session.Code{Nonce: "n", RedirectURI: "https://app1.example/cb"},
	}
	sid, code, _, err = w.Finish(t.Context(), w.cfg, w.a, l, start, nil)
	return sid, code, err
}

func TestProgress_BelongsToItsBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p := w.begin(t)
	if got, err := w.find(t, p, p.Browser, start+1799); err != nil || got.Key != p.Key || got.Request.ClientID != "app1" {
		t.Errorf("%+v, %v", got, err)
	}
	other, _ := w.NewBrowser()
	for name, browser := range map[string]string{"another browser": other, "no cookie": ""} {
		if _, err := w.find(t, p, browser, start); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
	if _, err := w.find(t, p, p.Browser, start+1800); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("when its time is over: %v, want ErrNotFound", err)
	}
}

// Every step gives the page a new key, and names what it was read at.
func TestAdvance_OneSubmitOfAPageWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p := w.begin(t)
	a, _ := w.find(t, p, p.Browser, start)
	b, _ := w.find(t, p, p.Browser, start)
	a.UserID = w.user.ID
	if err := w.Advance(t.Context(), a, nil); err != nil || a.Key == p.Key {
		t.Fatalf("%v, key changed: %v", err, a.Key != p.Key)
	}
	if err := w.Advance(t.Context(), b, nil); !errors.Is(err, store.ErrStale) {
		t.Errorf("the other submit: %v, want ErrStale", err)
	}
	if got, err := w.find(t, p, p.Browser, start); err != nil || got.UserID != w.user.ID || got.Key != a.Key {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFinish_OnceForEveryLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	p := w.begin(t)
	var won, stale atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			mine, err := w.find(t, p, p.Browser, start)
			if err == nil {
				_, _, err = w.finish(t, mine, "")
			}
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, store.ErrStale), errors.Is(err, session.ErrFinished):
				stale.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || stale.Load() != 7 {
		t.Errorf("%d won, %d came late", won.Load(), stale.Load())
	}
	if n, err := w.Count(t.Context(), w.cfg, w.a, false); err != nil || n != 1 {
		t.Errorf("%d sessions, %v", n, err)
	}
}

func TestUseCode_OnceAndInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	sid, code, err := w.finish(t, w.begin(t), "")
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.UseCode(t.Context(), w.cfg.Realm.Num, code, "app", start+59)
	if err != nil || got.SessionID != sid || got.UserID != w.user.ID || got.Nonce != "n" || !got.First {
		t.Fatalf("%+v, %v", got, err)
	}
	key := store.SessionKey{Shard: model.ShardOf(w.user.ID), SessionID: sid, ClientNum: w.a.Num}
	if row, err := w.Store.SessionForRefresh(t.Context(), key); err != nil || !row.Session.Live() {
		t.Fatalf("after the first use: %+v, %v", row, err)
	}
	if _, err := w.UseCode(t.Context(), w.cfg.Realm.Num, code, "app", start+59); !errors.Is(err, session.ErrCodeUnknown) {
		t.Errorf("second use: %v, want ErrCodeUnknown", err)
	}
	row, err := w.Store.SessionForRefresh(t.Context(), key)
	if err != nil || row.Session.Ended == nil || row.Session.Ended.Reason != model.EndedByCodeReplay || row.Session.Ended.By != "app" || !row.UserSessionLive {
		t.Errorf("after the second use the client's part is over, the login is not: %+v, %v", row, err)
	}
	_, late, err := w.finish(t, w.begin(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.UseCode(t.Context(), w.cfg.Realm.Num, late, "app", start+60); !errors.Is(err, session.ErrCodeExpired) {
		t.Errorf("a second late: %v, want ErrCodeExpired", err)
	}
	if _, err := w.UseCode(t.Context(), w.cfg.Realm.Num+1, late, "app", start); !errors.Is(err, session.ErrCodeUnknown) {
		t.Errorf("in another realm: %v, want ErrCodeUnknown", err)
	}
}

// Offline access joins the login's id, and the login goes on unless the realm
// wants it to end.
func TestRedeem_OfflineBesideTheLogin(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]bool{"the login goes on": false, "the realm ends it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(r *model.Realm) {
				if ends {
					r.Attributes = map[string]string{"offlineAccess.endsBrowserSession": "true"}
				}
			})
			sid, handle, err := w.finish(t, w.begin(t), "")
			if err != nil {
				t.Fatal(err)
			}
			code, err := w.UseCode(t.Context(), w.cfg.Realm.Num, handle, "app", start)
			if err != nil {
				t.Fatal(err)
			}
			online := store.SessionKey{Shard: model.ShardOf(w.user.ID), SessionID: sid, ClientNum: w.a.Num}
			row, err := w.Store.SessionForRefresh(t.Context(), online)
			if err != nil {
				t.Fatal(err)
			}
			in := session.Redeemed{Code: code, Login: &row.Session, User: w.user, Offline: true, Scope: code.Scope,
				Prepare: func(*model.ClientSession) (session.Record, error) { return nil, nil }}
			if err := w.Redeem(t.Context(), w.cfg, w.a, in, start); err != nil {
				t.Fatal(err)
			}
			offline := online
			offline.Offline = true
			if row, err := w.Store.SessionForRefresh(t.Context(), offline); err != nil || !row.Session.Live() {
				t.Errorf("offline session: %+v, %v", row, err)
			}
			_, err = w.SSO(t.Context(), w.cfg, sid, w.user.ID, start)
			if goes := err == nil; goes == ends {
				t.Errorf("the login goes on: %v (%v)", goes, err)
			}
		})
	}
}

func TestSSO_LivesByItsLatestUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	sid, _, err := w.finish(t, w.begin(t), "")
	if err != nil {
		t.Fatal(err)
	}
	look := func() error { _, err := w.SSO(t.Context(), w.cfg, sid, w.user.ID, start); return err }
	w.advance(1800 * time.Second)
	if err := look(); err != nil {
		t.Errorf("at the idle limit: %v", err)
	}
	w.advance(20 * time.Second)
	if err := look(); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("past it: %v, want ErrSessionGone", err)
	}
	w.advance(-1800 * time.Second)
	if _, err := w.SSO(t.Context(), w.cfg, sid, "30000000-0000-4000-8000-000000000002", start); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("of another user: %v, want ErrSessionGone", err)
	}
	if err := w.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.EndUserSession(model.ShardOf(w.user.ID), sid, false, model.Ending{At: start, Reason: model.EndedByLogout})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("ended: %v, want ErrSessionGone", err)
	}
}
