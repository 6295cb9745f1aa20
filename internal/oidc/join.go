package oidc

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/ui"
)

// join lets a login go on with the session that another tab of this browser
// began meanwhile, so that a browser holds one. Where that is somebody else's,
// who it is comes back: one must log out before another logs in, unless the
// person chose to on the way (measured).
func (q *request) join(w http.ResponseWriter, p *session.Progress, l *session.Login) (other *model.User, err error) {
	if p.Tab == "" || p.SSO != "" || p.Anew {
		return nil, nil
	}
	sso, err := q.sso(w)
	switch {
	case err != nil || sso == nil:
		return nil, err
	case sso.User.ID != l.User.ID:
		return sso.User, nil
	}
	l.Session = sso.SessionID
	return nil, nil
}

// differentUser ends a login of u in a browser that holds the session of other.
func (q *request) differentUser(w http.ResponseWriter, p *session.Progress, u, other *model.User, err error) error {
	if err != nil {
		return err
	}
	if err := q.e.Sessions.Drop(q.ctx, p, nil); err != nil {
		return err
	}
	q.loginEvent(p, u)
	for _, name := range []string{"response_type", "response_mode"} {
		q.event.drop(name)
	}
	q.event.detail("previous_user", other.ID)
	q.event.detail("code_id", p.EventID())
	q.event.cause = "different_user_authenticated"
	q.note("error", q.event.cause)
	q.failed(q.event.cause, "")
	q.endProof(w, p)
	return q.page(http.StatusBadRequest, ui.Error{Message: ui.Msg(ui.MsgDifferentUser, other.Username), BackURL: q.client.HomeURL()})
}
