package oidc

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// grantClientCredentials is RFC 6749 §4.4. The session is transient unless the
// client has client_credentials.use_refresh_token (behaviour §3.4).
func grantClientCredentials(q *request) (*Answer, error) {
	c := q.client
	refused := func(text string) (*Answer, error) {
		return nil, web.OAuthError(http.StatusUnauthorized, "unauthorized_client", text)
	}
	switch {
	case c.PublicClient:
		return refused("Public client not allowed to retrieve service account")
	case !c.ServiceAccountsEnabled:
		return refused("Client not enabled to retrieve service account")
	}
	scopes, err := q.requestedScopes()
	if err != nil {
		return nil, err
	}
	u, err := q.e.Realms.User(q.ctx, q.snap, c.ServiceUserID)
	if errors.Is(err, realm.ErrUnknown) {
		return nil, web.OAuthError(http.StatusUnauthorized, "invalid_request", "The associated service account for the client does not exist")
	} else if err != nil {
		return nil, err
	}
	if !u.Enabled {
		return nil, web.OAuthError(http.StatusUnauthorized, "invalid_request", "User '"+u.Username+"' disabled")
	}
	q.event.detail("username", u.Username)
	q.event.detail("auth_method", "openid-connect")
	notes := map[string]string{"clientHost": q.ip, "clientAddress": q.ip, "client_id": c.ClientID}
	if c.Flag("client_credentials.use_refresh_token", false) {
		a, err := q.start(u, scopes, token.GrantClientCredentials, notes)
		if err != nil {
			return nil, q.wire(err, false)
		}
		return a, nil
	}
	roles := q.snap.UserRoles(u.Grants)
	q.event.e.UserID = u.ID
	a, err := q.mint(&issue{
		user: u, roles: roles, scopes: scopes.Granted(q.snap.Config, roles), notes: notes, openID: scopes.OpenID,
		context: contextOf(c, token.SessionTransient, token.GrantClientCredentials),
	})
	if err != nil {
		return nil, err
	}
	return a, q.store()
}
