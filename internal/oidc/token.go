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
	"refresh_token":      {"REFRESH_TOKEN", countedRefresh},
	"password":           {"LOGIN", grantPassword},
	"client_credentials": {"CLIENT_LOGIN", grantClientCredentials},
	"authorization_code": {"CODE_TO_TOKEN", grantCode},
	grantTypeDevice:      {"OAUTH2_DEVICE_CODE_TO_TOKEN", grantDevice},
	grantTypeExchange:    {"TOKEN_EXCHANGE", grantExchange},
}

// token is the token endpoint (RFC 6749 §3.2). Checks run in Keycloak's
// order (behaviour §3.1).
func (e *Endpoints) token(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w)
	q, duplicated, err := e.openForm(r)
	if err != nil {
		return err
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
	if err := q.admitClient(w); err != nil {
		return err
	}
	if duplicated && (name != grantTypeExchange || q.form.Repeats("audience", "resource")) { // RFC 8693 §2.1: "Multiple"
		return web.ErrDuplicated
	}
	answer, err := g.run(q)
	if err != nil {
		return q.refuse(err)
	}
	return web.WriteJSON(w, http.StatusOK, answer)
}

// openForm opens a request whose parameters are a form, in a realm that is
// switched on; duplicated is parseForm's.
func (e *Endpoints) openForm(r *http.Request) (q *request, duplicated bool, err error) {
	if q, err = e.open(r); err != nil {
		return nil, false, err
	}
	if err := q.enabled(); err != nil {
		return nil, false, err
	}
	duplicated, err = q.parseForm()
	q.repeated = duplicated
	return q, duplicated, err
}

// enabled refuses what no request at the realm may do: plain HTTP where the
// realm requires TLS, anything where it is disabled.
func (q *request) enabled() error {
	if err := q.checkTLS(); err != nil {
		return err
	}
	if !q.snap.Realm.Enabled {
		return web.OAuthError(http.StatusForbidden, "access_denied", "Realm not enabled")
	}
	return nil
}

// checkTLS refuses plain HTTP as the realm's sslRequired says.
func (q *request) checkTLS() error {
	if !web.PlainHTTP(q.r, q.base, q.snap.Realm.SSLRequired) {
		return nil
	}
	return web.OAuthError(http.StatusForbidden, "invalid_request", "HTTPS required")
}

// parseForm reads the form once. duplicated tells of a repeated parameter: the
// first values are in q.form, so that the client can be authenticated before
// the fault is told.
func (q *request) parseForm() (duplicated bool, err error) {
	q.form, err = web.ParseForm(q.r)
	if errors.Is(err, web.ErrDuplicated) {
		return true, nil
	}
	return false, err
}

// admitClient authenticates the client, refuses one that is bearer-only, and
// answers CORS for it. What it refuses is stored as an event, but for the
// origin.
func (q *request) admitClient(w http.ResponseWriter) error {
	if err := q.authenticateClient(); err != nil {
		return q.refuse(err)
	}
	if err := q.refuseBearerOnly(); err != nil {
		return q.refuse(err)
	}
	return q.allowOrigin(w)
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
