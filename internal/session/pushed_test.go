package session_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

func (w *world) push(t *testing.T) string {
	t.Helper()
	handle, err := w.Push(t.Context(), w.cfg.Realm, map[string]string{"client_id": "app1", "state": "s"}, start, 60)
	if err != nil {
		t.Fatal(err)
	}
	return handle
}

func TestPushed_InItsTimeAndRealm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	handle := w.push(t)
	for range 2 { // a page that is loaded again
		got, err := w.Pushed(t.Context(), w.cfg.Realm.Num, handle, start+59)
		if diff := cmp.Diff(map[string]string{"client_id": "app1", "state": "s"}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	for _, tt := range []struct {
		name, handle string
		realm, now   int64
	}{
		{"expired", handle, w.cfg.Realm.Num, start + 60},
		{"another realm", handle, w.cfg.Realm.Num + 1, start},
		{"unknown", handle[1:], w.cfg.Realm.Num, start},
		{"empty", "", w.cfg.Realm.Num, start},
	} {
		if _, err := w.Pushed(t.Context(), tt.realm, tt.handle, tt.now); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", tt.name, err)
		}
	}
}

// Of logins that began with one pushed request, the first to complete is the
// only one, also when it completes after the request's own time.
func TestFinish_UsesUpThePushedRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	handle := w.push(t)
	var wins, used atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		p := w.begin(t)
		wg.Go(func() {
			l := &session.Login{Progress: p, User: w.user, Scope: "openid", Lifespan: 60, Code: &session.Code{}, Pushed: handle}
			switch _, _, _, err := w.Finish(t.Context(), w.cfg, w.a, l, start+100, nil); {
			case err == nil:
				wins.Add(1)
			case errors.Is(err, session.ErrPushedUsed):
				used.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 || used.Load() != 3 {
		t.Errorf("%d won, %d found it used", wins.Load(), used.Load())
	}
	if _, err := w.Pushed(t.Context(), w.cfg.Realm.Num, handle, start); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("used: %v, want ErrNotFound", err)
	}
}
