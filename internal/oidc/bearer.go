package oidc

import (
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Bearer finds the realm of a request's path and who sends it, by its access
// token: nobody (nil) without one, and when it is not valid now, for any reason
// that makes introspection say so. Whom the token is for is the caller's to
// check.
//
// Errors: 404 for an unknown realm; those of the store.
func (e *Endpoints) Bearer(r *http.Request) (*realm.Snapshot, *session.Bearer, error) {
	q, err := e.open(r)
	if err != nil {
		return nil, nil, err
	}
	raw := web.Bearer(r)
	if raw == "" || !q.snap.Realm.Enabled {
		return q.snap, nil, nil
	}
	t, err := q.active(raw)
	if errors.Is(err, errInactive) || err == nil && !strings.EqualFold(t.claims.Typ, token.TypBearer) {
		return q.snap, nil, nil
	} else if err != nil {
		return nil, nil, err
	}
	v := q.view(t, t.claims.Scope)
	return q.snap, &session.Bearer{
		Claims: t.claims, Client: t.client, User: t.user, Session: t.session, Roles: v.roles, Lightweight: t.lightweight,
	}, nil
}
