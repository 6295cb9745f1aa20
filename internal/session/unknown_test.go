package session_test

import (
	"errors"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

// A database that breaks after it took the rotation, and before it said so,
// must not make the refresh take its own rotation for a replay.
func TestRefresh_LostAnswerOfRotationIsReadAgain(t *testing.T) {
	t.Parallel()
	proxy, dsn := pgtest.NewProxy(t, pgtest.Schema(t, pgtest.DSN(t)))
	arm, lost := false, false
	st := storetest.OpenWith(t, dsn, store.Options{OnStatement: func(kind string) {
		if kind == "update" && arm && !lost {
			lost = true
			proxy.CutNextReply()
		}
	}})
	w := newWorldOn(t, st, func(r *model.Realm) { r.RevokeRefreshToken = true })
	cs := w.login(t, w.a, "", true)
	for _, next := range []string{"b", "c"} { // from here on every statement is prepared
		if err := w.use(w.a, cs, map[string]string{"b": "a", "c": "b"}[next], next); err != nil {
			t.Fatal(err)
		}
	}
	arm = true
	if err := w.use(w.a, cs, "c", "d"); err != nil || !lost {
		t.Errorf("refresh whose answer was lost (%v) = %v, want nil", lost, err)
	}
	if err := w.use(w.a, cs, "d", "e"); err != nil {
		t.Errorf("its token = %v, want nil", err)
	}
	if err := w.use(w.a, cs, "d", "f"); !errors.Is(err, model.ErrReused) {
		t.Errorf("a replay = %v, want ErrReused", err)
	}
}
