package oidc

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

func invalidGrant(text string) error {
	return web.OAuthError(http.StatusBadRequest, "invalid_grant", text)
}

// grantPassword is RFC 6749 §4.3. With offline_access only the offline session
// is made. An unknown user and a wrong password take the same time and get the
// same answer; that an account is disabled is told only to who knows its
// password.
func grantPassword(q *request) (*Answer, error) {
	switch {
	case !q.client.DirectAccessGrantsEnabled:
		return nil, web.OAuthError(http.StatusBadRequest, "unauthorized_client", "Client not allowed for direct access grants")
	case q.client.ConsentRequired:
		return nil, web.OAuthError(http.StatusBadRequest, "invalid_client", "Client requires user consent")
	}
	scopes, err := q.requestedScopes()
	if err != nil {
		return nil, err
	}
	q.event.detail("auth_method", "openid-connect")
	username := q.form.Get("username")
	if username == "" {
		return nil, web.OAuthError(http.StatusUnauthorized, "invalid_request", "Missing parameter: username")
	}
	q.event.detail("username", model.EventText(username))
	u, err := q.verifyPassword(username, q.form.Get("password"))
	if err != nil {
		return nil, q.wire(err, false)
	}
	q.event.e.UserID = u.ID
	q.event.detail("username", u.Username)
	switch {
	case !u.Enabled:
		return nil, invalidGrant("Account disabled")
	case !q.fullySetUp(u):
		return nil, invalidGrant("Account is not fully set up")
	}
	a, err := q.start(u, scopes, token.GrantPassword, q.withAgent(nil))
	if err != nil {
		return nil, q.wire(err, false)
	}
	return a, nil
}

// requestedScopes resolves the scope parameter; an unknown word is refused
// with the whole parameter (behaviour §0a).
func (q *request) requestedScopes() (model.ScopeSet, error) {
	requested, sent := q.form.Lookup("scope")
	if !sent {
		set, _ := q.snap.RequestScopes(q.client, "")
		return set, nil
	}
	return q.resolveScope(requested)
}

// fullySetUp tells whether nothing is left that only a browser can do: required
// actions, those the realm has switched off too, and outside master what the
// default user profile asks for where the realm verifies profiles (measured).
func (q *request) fullySetUp(u *model.User) bool {
	verifies := q.snap.Realm.ActionEnabled(session.ActionVerifyProfile)
	for _, a := range u.RequiredActions {
		if a != session.ActionVerifyProfile || !verifies {
			return false
		}
	}
	return !verifies || q.snap.Realm.Name == realm.Master || len(session.MissingProfile(u)) == 0
}

// verifyPassword finds the user and checks the password.
func (q *request) verifyPassword(login, password string) (*model.User, error) {
	v, err := q.e.Realms.VerifyPassword(q.ctx, q.snap, realm.Attempt{Login: login, Password: password, IP: q.ip, ClientID: q.client.ClientID})
	if err != nil {
		return nil, err
	}
	if v.OK {
		return v.User, nil
	}
	q.event.cause = v.Cause
	if v.User != nil {
		q.event.e.UserID = v.User.ID
		if !v.User.Enabled {
			q.event.cause = realm.CausePermanently // the event alone tells; measured
		}
	}
	return nil, invalidGrant("Invalid user credentials")
}

func sessionStart(is *issue, ip string) session.StartInput {
	return session.StartInput{
		SessionID: is.session.SessionID, Offline: is.offline, IP: ip,
		Scope: is.scopes.FullScope(), Notes: is.notes,
	}
}
