package session_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

// join lets client b join a's session as Subject read it.
func (w *world) join(t *testing.T, us *model.UserSession, parts []model.ClientSession, by, from *model.Client) error {
	t.Helper()
	return w.Join(t.Context(), w.cfg, by, session.Joined{
		Session: us, Parts: parts, From: from.Num, Scope: "openid",
		Prepare: func(*model.ClientSession) (session.Record, error) { return nil, nil },
	}, w.unix())
}

func (w *world) subject(t *testing.T, sid string) (*model.UserSession, []model.ClientSession) {
	t.Helper()
	us, parts, err := w.Subject(t.Context(), w.cfg, w.a, sid, w.user.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	return us, parts
}

func (w *world) endPart(t *testing.T, c *model.Client, sid string) {
	t.Helper()
	if _, err := w.EndClient(t.Context(), session.Key(c, sid, w.user.ID, false), model.EndedByRevoke, c.ClientID, nil); err != nil {
		t.Fatal(err)
	}
}

func TestJoin_EndsWithThePartItCameOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cs := w.login(t, w.a, "", false)
	us, parts := w.subject(t, cs.SessionID)
	if err := w.join(t, us, parts, w.b, w.a); err != nil {
		t.Fatal(err)
	}
	w.wantLive(t, w.b, false, 1)
	also, err := w.ExchangedFrom(t.Context(), session.Key(w.a, cs.SessionID, w.user.ID, false))
	if err != nil || !slices.Equal(also, []int64{w.b.Num}) {
		t.Errorf("ExchangedFrom = %v, %v; want client b", also, err)
	}
	w.endPart(t, w.a, cs.SessionID)
	w.wantLive(t, w.b, false, 0)
	if _, _, err := w.Subject(t.Context(), w.cfg, w.a, cs.SessionID, w.user.ID, false); !errors.Is(err, model.ErrSessionGone) {
		t.Errorf("Subject = %v, want ErrSessionGone: no part is left", err)
	}
}

// A token without a part behind it ties the new part to all that are there.
func TestJoin_WithATokenOfItsOwnIsTiedToTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cs := w.login(t, w.a, "", false)
	us, parts := w.subject(t, cs.SessionID)
	if err := w.join(t, us, parts, w.b, w.b); err != nil {
		t.Fatal(err)
	}
	w.endPart(t, w.a, cs.SessionID)
	w.wantLive(t, w.b, false, 0)
}

func TestJoin_OwnLoginGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cs := w.login(t, w.a, "", false)
	w.login(t, w.b, cs.SessionID, false)
	us, parts := w.subject(t, cs.SessionID)
	if err := w.join(t, us, parts, w.b, w.a); err != nil {
		t.Fatal(err)
	}
	w.wantLive(t, w.b, false, 1)
	w.endPart(t, w.a, cs.SessionID)
	w.wantLive(t, w.b, false, 1)
}

// What has ended since it was read does not come back, and nothing is written.
func TestJoin_SessionEndedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, w *world, sid string) error{
		"the session": func(t *testing.T, w *world, sid string) error {
			_, _, err := w.EndUserSession(t.Context(), w.cfg, session.End{Shard: model.ShardOf(w.user.ID), SessionID: sid, Reason: model.EndedByLogout})
			return err
		},
		"all sessions of the user": func(t *testing.T, w *world, _ string) error {
			_, err := w.EndAllOfUser(t.Context(), w.cfg.Realm.Num, w.user.ID, true, true, model.EndedByUserLogout, "", nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			cs := w.login(t, w.a, "", false)
			us, parts := w.subject(t, cs.SessionID)
			if err := end(t, w, cs.SessionID); err != nil {
				t.Fatal(err)
			}
			if err := w.join(t, us, parts, w.b, w.a); !errors.Is(err, model.ErrSessionGone) {
				t.Errorf("Join = %v, want ErrSessionGone", err)
			}
			w.wantLive(t, w.b, false, 0)
			recorded := false
			rec := session.While(us, func(*store.Tx) error { recorded = true; return nil })
			sid, err := w.NewID(w.user.ID)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Start(t.Context(), w.cfg, w.b, w.user, session.StartInput{SessionID: sid, Offline: true}, w.unix(), rec)
			if !errors.Is(err, model.ErrSessionGone) || recorded {
				t.Errorf("Start = %v, recorded %t; want ErrSessionGone and nothing", err, recorded)
			}
			w.wantLive(t, w.b, true, 0)
		})
	}
}
