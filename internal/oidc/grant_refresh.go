package oidc

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// countedRefresh is grantRefresh whose result is counted.
func countedRefresh(q *request) (*Answer, error) {
	answer, err := grantRefresh(q)
	if q.e.OnRefresh != nil {
		q.e.OnRefresh(q.snap.Realm.Name, q.refreshResult(err))
	}
	return answer, err
}

// grantRefresh is RFC 6749 §6 and OpenID Connect Core §12, for online and
// offline tokens: the path everything is built for.
func grantRefresh(q *request) (*Answer, error) {
	raw := q.form.Get("refresh_token")
	if raw == "" {
		q.event = &eventDraft{} // leaves none (measured)
		return nil, web.OAuthError(http.StatusBadRequest, "invalid_request", "No refresh token")
	}
	requested, narrow := q.form.Lookup("scope")
	if narrow {
		if err := q.checkScope(requested); err != nil {
			return nil, err
		}
	}
	rt, err := q.refreshToken(raw)
	if err != nil {
		return nil, q.wire(err, rt != nil && rt.Typ == token.TypOffline)
	}
	offline := rt.Typ == token.TypOffline
	q.event.e.Session = rt.Sid
	q.event.detail("refresh_token_sub", rt.Sub)
	q.event.detail("refresh_token_id", rt.JTI)
	q.event.detail("refresh_token_type", rt.Typ)

	newJTI := token.NewJTI(q.e.Rand)
	var answer *Answer
	_, err = q.e.Sessions.Refresh(q.ctx, q.snap.Config, q.client, session.Use{
		RefreshUse: model.RefreshUse{JTI: rt.JTI, ChainID: rt.ReuseID, IssuedAt: rt.Iat, Offline: offline},
		SessionID:  rt.Sid, Subject: rt.Sub, NewJTI: newJTI, NewIssued: q.now,
		Prepare: func(row *model.SessionRow) (session.Record, error) {
			var err error
			if answer, err = q.refreshed(row, rt, newJTI, requested, narrow); err == nil && q.event.collects() {
				q.event.detail("age_of_refresh_token", strconv.FormatInt(q.now-rt.Iat, 10))
				q.event.detail("access_token_expiration_time", strconv.FormatInt(answer.ExpiresIn, 10))
			}
			return q.event.record(), err
		},
	})
	if err != nil {
		return nil, q.wire(err, offline)
	}
	return answer, nil
}

// refreshed makes the answer to an allowed refresh from what its one read
// yielded. Roles, scopes and claims are those of today.
func (q *request) refreshed(row *model.SessionRow, rt *token.RefreshClaims, newJTI, requested string, narrow bool) (*Answer, error) {
	u, offline := &row.User, rt.Typ == token.TypOffline
	q.event.e.UserID = u.ID
	scopes := q.snap.TokenScopes(q.client, rt.Scope, requested, narrow)
	roles := q.snap.UserRoles(u.Grants)
	if q.client.ConsentRequired {
		if err := q.checkConsent(u, scopes); err != nil {
			return nil, err
		}
	}
	is := &issue{
		user: u, roles: roles, scopes: scopes.Granted(q.snap.Config, roles), session: &row.Session, notes: row.Session.Notes,
		context: contextOf(q.client, sessionCode(offline), token.GrantRefresh), nonce: rt.Nonce, offline: offline,
		openID: model.HasWord(rt.Scope, "openid"), audience: rt.ReqAud,
	}
	if rt.ReqAud != nil { // Keycloak forgets it; what was restricted stays so
		is.context.Grant = token.GrantExchange
	}
	if narrow && offline {
		// Keycloak narrows only the access token of an offline session: the ID
		// token and the answer show the whole scope (password-offline, 14).
		whole := q.snap.TokenScopes(q.client, rt.Scope, "", false).Granted(q.snap.Config, roles)
		is.whole = &whole
	}
	if q.client.UseRefreshTokens() {
		is.refreshJTI, is.refreshScope, is.reuseID, is.refreshNonce = newJTI, rt.Scope, rt.ReuseID, rt.Nonce
		q.event.detail("updated_refresh_token_id", newJTI)
	}
	return q.mint(is)
}

// refreshToken reads a refresh token up to its session: signature, type,
// issuer, realm not-before, expiry, client (behaviour §3.5, rows 4 to 9). The
// claims come back beside an error when the signature was good.
func (q *request) refreshToken(raw string) (*token.RefreshClaims, error) {
	rt, err := q.parseRefresh(raw)
	switch {
	case err != nil && !errors.Is(err, token.ErrInvalid):
		return nil, err
	case err != nil:
		return nil, errInvalidRefresh
	case rt.Confirmation != nil: // bound to a key or certificate nobody checks here
		return rt, errInvalidRefresh
	case rt.Typ == "":
		return rt, model.ErrSessionGone
	case rt.Typ != token.TypRefresh && rt.Typ != token.TypOffline:
		return rt, errInvalidRefresh
	case rt.Iss != q.issuer:
		return rt, errOtherIssuer
	case rt.Iat < q.snap.Realm.NotBefore:
		return rt, model.ErrStale
	case rt.Exp != 0 && q.now > rt.Exp, rt.Nbf != 0 && rt.Nbf > q.now+notBeforeSkew:
		return rt, errTokenExpired
	case rt.Azp != q.client.ClientID:
		return rt, errOtherClient
	}
	return rt, nil
}

// notBeforeSkew is the clock difference allowed for nbf (behaviour §0, 26.6.0).
const notBeforeSkew = 10

// checkScope refuses a scope parameter with a word the client does not have.
func (q *request) checkScope(requested string) error {
	_, err := q.resolveScope(requested)
	return err
}

// resolveScope resolves a scope parameter that was sent. Words stand one space
// apart: an empty word is no scope, but spaces at the end are (measured).
func (q *request) resolveScope(requested string) (model.ScopeSet, error) {
	trimmed := strings.TrimRight(requested, " ")
	if requested != "" && (trimmed == "" || !strings.HasPrefix(trimmed, " ") && !strings.Contains(trimmed, "  ")) {
		if set, ok := q.snap.RequestScopes(q.client, trimmed); ok {
			return set, nil
		}
	}
	return model.ScopeSet{}, web.OAuthError(http.StatusBadRequest, "invalid_scope", "Invalid scopes: "+requested)
}

// checkConsent refuses when a scope in effect was not consented to.
func (q *request) checkConsent(u *model.User, scopes model.ScopeSet) error {
	consents, err := q.e.Store.Consents(q.ctx, q.snap.Realm.Num, u.ID)
	if err != nil {
		return err
	}
	granted := map[string]bool{}
	for _, c := range consents {
		if c.ClientID == q.client.ID {
			for _, id := range c.ScopeIDs {
				granted[id] = true
			}
		}
	}
	for _, s := range scopes.Scopes {
		if s.Attributes["display.on.consent.screen"] == "true" && !granted[s.ID] {
			return errConsentMissing
		}
	}
	return nil
}
