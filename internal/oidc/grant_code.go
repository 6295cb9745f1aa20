package oidc

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// grantCode is RFC 6749 §4.1.3 with PKCE (RFC 7636 §4.5). Whoever brings a code
// uses it up, also with a fault (behaviour §3.3).
func grantCode(q *request) (*Answer, error) {
	handle := q.form.Get("code")
	if handle == "" {
		return nil, web.OAuthError(http.StatusBadRequest, "invalid_request", "Missing parameter: code")
	}
	code, err := q.e.Sessions.UseCode(q.ctx, q.snap.Realm.Num, handle, q.client.ClientID, q.now)
	if code != nil {
		q.event.e.Session = code.SessionID
		q.event.detail("code_id", code.SessionID)
	}
	switch {
	case errors.Is(err, session.ErrCodeUnknown):
		return nil, invalidGrant("Code not valid")
	case errors.Is(err, session.ErrCodeExpired):
		return nil, invalidGrant("Code is expired")
	case err != nil:
		return nil, q.wire(err, false)
	}
	q.event.e.UserID = code.UserID
	if err := q.checkCode(code); err != nil {
		return nil, err
	}
	row, err := q.loginOf(code)
	if err != nil {
		return nil, err
	}
	return q.redeem(code, row, token.GrantCode)
}

// checkCode compares the request with what the code was issued for.
func (q *request) checkCode(code *session.Code) error {
	switch {
	case code.RedirectURI != "" && code.RedirectURI != q.form.Get("redirect_uri"):
		q.event.cause = "invalid_redirect_uri"
		q.event.detail("reason", "Parameter 'redirect_uri' did not match originally saved redirect URI used in initial OIDC request. Saved redirectUri: "+
			code.RedirectURI+", redirectUri parameter: "+q.form.Get("redirect_uri"))
		return invalidGrant("Incorrect redirect_uri")
	case code.ClientNum != q.client.Num:
		return invalidGrant("Auth error: Found different client_id in clientSession")
	case !q.client.StandardFlowEnabled:
		return invalidGrant("Client not allowed to exchange code")
	}
	verifier, sent := q.form.Lookup("code_verifier")
	if err := model.VerifyPKCE(code.Challenge, code.Method, verifier, sent); err != nil {
		q.pkceReason(err)
		return invalidGrant(err.Error())
	}
	return nil
}

// pkceReason is what the event tells of a wrong verifier.
func (q *request) pkceReason(err error) {
	if errors.Is(err, model.ErrPKCEMismatch) {
		q.event.detail("reason", "Code mismatch")
	}
}

// loginOf reads the online session a code belongs to, and its user.
func (q *request) loginOf(code *session.Code) (*model.SessionRow, error) {
	key := store.SessionKey{Shard: model.ShardOf(code.UserID), SessionID: code.SessionID, ClientNum: q.client.Num}
	row, err := q.e.Store.SessionForRefresh(q.ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, invalidGrant("User session not found")
	case err != nil:
		return nil, q.wire(err, false)
	case !row.UserSessionLive, !row.Session.Live() && !replayed(&row.Session):
		return nil, invalidGrant("Session not active")
	case !row.User.Enabled:
		return nil, invalidGrant("User disabled")
	}
	if _, over := model.SessionLimits(q.snap.Realm, q.client, &row.Session).Expired(&row.Session, q.now); over {
		return nil, invalidGrant("Session not active")
	}
	return row, nil
}

// replayed tells that a second use of a code ended the session. It may have
// overtaken the first, which is served all the same: of uses at once one wins,
// and what it gets of the online session is dead, as had it come after.
func replayed(cs *model.ClientSession) bool {
	return cs.Ended != nil && cs.Ended.Reason == model.EndedByCodeReplay
}

// redeem mints the tokens of a code or a device code. With offline_access they
// belong to an offline session of the same id, which lives on when the login
// ends.
func (q *request) redeem(code *session.Code, row *model.SessionRow, grant string) (*Answer, error) {
	is, err := q.codeIssue(code, row, grant)
	if err != nil {
		return nil, q.wire(err, false)
	}
	in := session.Redeemed{
		Code: code, Login: &row.Session, User: &row.User, Offline: is.offline, Scope: is.scopes.FullScope(), IP: q.ip,
		Device: grant == token.GrantDevice,
	}
	a, err := q.redeemed(in, is)
	if err != nil {
		return nil, q.wire(err, false)
	}
	return a, nil
}

// codeIssue decides what the tokens of a code hold.
func (q *request) codeIssue(code *session.Code, row *model.SessionRow, grant string) (*issue, error) {
	scopes := q.snap.TokenScopes(q.client, code.Scope, "", false)
	if q.client.ConsentRequired {
		if err := q.checkConsent(&row.User, scopes); err != nil {
			return nil, err
		}
	}
	is, err := q.newIssue(&row.User, scopes, grant)
	if err != nil {
		return nil, err
	}
	is.notes, is.nonce, is.session = code.Notes, code.Nonce, &row.Session
	return is, nil
}

// redeemed writes what the redemption changes once its tokens are made.
func (q *request) redeemed(in session.Redeemed, is *issue) (a *Answer, err error) {
	in.Prepare = func(cs *model.ClientSession) (session.Record, error) {
		is.session = cs
		a, err = q.mint(is)
		return q.event.record(), err
	}
	if err := q.e.Sessions.Redeem(q.ctx, q.snap.Config, q.client, in, q.now); err != nil {
		return nil, err
	}
	return a, nil
}
