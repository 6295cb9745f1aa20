package oidc

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
)

// addTokens puts into an authorization answer the tokens that response_type
// asks for (OpenID Connect Core §3.2.2.5, §3.3.2.5), for clients that switched
// the implicit flow on. There is never a refresh token among them.
func (q *request) addTokens(a *model.AuthorizationAnswer, req *model.AuthorizationRequest, u *model.User, sid string, notes map[string]string, scopes model.ScopeSet) error {
	roles := q.snap.UserRoles(u.Grants)
	is := &issue{
		user: u, roles: roles, scopes: scopes.Granted(q.snap.Config, roles), notes: notes, nonce: req.Nonce,
		context: contextOf(q.client, token.SessionOnline, token.GrantNone),
		session: &model.ClientSession{SessionID: sid, UserStarted: q.now, Started: q.now, LastRefresh: q.now},
	}
	is.openID = req.Wants("id_token") && is.scopes.OpenID
	if a.Code == "" { // beside a code it lives as long as any (measured)
		is.lifespan = q.snap.Realm.AccessTokenLifespanForImplicitFlow
	}
	if own := q.client.Seconds("access.token.lifespan"); own > 0 {
		is.lifespan = own
	}
	is.code, is.state, is.noAccessToken = a.Code, req.State, !req.Wants("token")
	answer, err := q.mint(is)
	if err != nil {
		return err
	}
	a.IDToken = answer.IDToken
	if req.Wants("token") {
		a.AccessToken, a.ExpiresIn = answer.AccessToken, answer.ExpiresIn
	}
	return nil
}
