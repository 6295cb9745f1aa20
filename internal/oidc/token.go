package oidc

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/web"
)

// grant is one grant type: it runs after the phases all grants share.
type grant struct {
	event string // of Keycloak's event types
	run   func(q *request) (*Answer, error)
}

var grants = map[string]grant{
	"refresh_token":      {"REFRESH_TOKEN", grantRefresh},
	"password":           {"LOGIN", grantPassword},
	"client_credentials": {"CLIENT_LOGIN", grantClientCredentials},
	"authorization_code": {"CODE_TO_TOKEN", grantCode},
}

// token is the token endpoint (RFC 6749 §3.2). Checks run in Keycloak's
// order (behaviour §3.1).
func (e *Endpoints) token(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	q, err := e.open(r)
	if err != nil {
		return err
	}
	if err := q.enabled(); err != nil {
		return err
	}
	duplicated := q.parseForm()
	if duplicated != nil && !errors.Is(duplicated, web.ErrDuplicated) {
		return duplicated
	}
	name := q.form.Get("grant_type")
	g, known := grants[name]
	switch {
	case name == "":
		return web.OAuthError(http.StatusBadRequest, "invalid_request", "Missing form parameter: grant_type")
	case !known:
		return web.OAuthError(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type")
	}
	q.note("grant", name)
	q.begin(g.event)
	q.event.detail("grant_type", name)
	if err := q.authenticateClient(); err != nil {
		return q.refuse(err)
	}
	if err := q.refuseBearerOnly(); err != nil {
		return q.refuse(err)
	}
	if err := q.allowOrigin(w); err != nil {
		return err
	}
	if duplicated != nil {
		return errDuplicated()
	}
	answer, err := g.run(q)
	if err != nil {
		return q.refuse(err)
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

func errDuplicated() error {
	return web.OAuthError(http.StatusBadRequest, "invalid_request", "duplicated parameter")
}

// enabled refuses a realm that is switched off.
func (q *request) enabled() error {
	if !q.snap.Realm.Enabled {
		return web.OAuthError(http.StatusForbidden, "access_denied", "Realm not enabled")
	}
	return nil
}

// parseForm reads the form once. web.ErrDuplicated still leaves the first
// values in q.form, so that the client can be authenticated before the fault
// is told.
func (q *request) parseForm() error {
	form, err := web.ParseForm(q.r)
	q.form = form
	return err
}

// refuse stores the error event and passes the answer on.
func (q *request) refuse(err error) error {
	var we *web.Error
	if errors.As(err, &we) {
		q.failed(we.Code, we.Description)
		q.note("error", we.Code)
		q.note("reason", we.Description)
	}
	return err
}

// note adds a field to the request's log line.
func (q *request) note(key, value string) { web.Log(q.ctx).Set(key, value) }

// grantCode answers what can be said before codes exist: none is valid.
func grantCode(q *request) (*Answer, error) {
	if q.form.Get("code") == "" {
		return nil, web.OAuthError(http.StatusBadRequest, "invalid_request", "Missing parameter: code")
	}
	return nil, web.OAuthError(http.StatusBadRequest, "invalid_grant", "Code not valid")
}
