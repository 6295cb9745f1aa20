package oidc

import (
	"context"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/token"
)

// Example shows what a login of u by way of c would give, the claims of access
// and ID token as JSON and the answer of userinfo, made by what makes
// real tokens, unsigned, with a session id that is none: nothing is written.
// Words of scope that the client may not ask for are left out, as is offline
// access of a user without the role; the ID token comes whether asked for or
// not. audience restricts the access token as a token exchange does; nil: to
// nothing.
func (e *Endpoints) Example(ctx context.Context, snap *realm.Snapshot, issuer string, c *model.Client, u *model.User, scope string, audience []string) (access, id []byte, userinfo map[string]any, err error) {
	q := &request{e: e, ctx: ctx, snap: snap, issuer: issuer, client: c, now: e.Now().Unix(), event: &eventDraft{}, unsigned: true}
	sid, err := e.Sessions.NewID(u.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	roles := snap.UserRoles(u.Grants)
	scopes := snap.TokenScopes(c, scope, "", false).Granted(snap.Config, roles)
	offline := scopes.Has(model.OfflineAccess)
	a, err := q.mint(&issue{
		user: u, roles: roles, scopes: scopes, openID: true, noAccessToken: true,
		context: contextOf(c, sessionCode(offline), token.GrantNone), audience: audience,
		session: &model.ClientSession{SessionID: sid, Offline: offline, UserStarted: q.now, Started: q.now, LastRefresh: q.now},
	})
	if err != nil {
		return nil, nil, nil, err
	}
	info := mapped(&subjectView{
		cfg: snap.Config, client: c, user: u, scopes: scopes, roles: snap.EffectiveRoles(c, scopes, roles),
	}, inUserinfo)
	delete(info, "aud")
	info["sub"] = u.ID
	return []byte(a.AccessToken), []byte(a.IDToken), info, nil
}
