package oidc

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

const grantTypeExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// Types of tokens (RFC 8693 §3).
const (
	accessTokenType  = "urn:ietf:params:oauth:token-type:access_token"
	refreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token"
	idTokenType      = "urn:ietf:params:oauth:token-type:id_token"
)

// exchange is one token exchange, filled in check by check.
type exchange struct {
	*request
	subject  *activeToken
	wanted   string // type of token
	audience []string
	scopes   model.ScopeSet
	openID   bool                  // the scope parameter asks for an ID token
	login    *model.UserSession    // the subject's, nil for a transient one
	parts    []model.ClientSession // the clients' live parts in it
}

// grantExchange is RFC 8693, as Keycloak's standard token exchange (version 2):
// a client exchanges a user's access token for tokens of its own in the same
// session. Checks run in Keycloak's order (measured). What prepares offline
// tokens for other clients is in grant_prepare.go.
func grantExchange(q *request) (*Answer, error) {
	x := &exchange{request: q}
	q.event.detail("auth_method", "token_exchange")
	if err := x.checkLengths(); err != nil {
		return nil, err
	}
	if x.prepares() {
		return x.prepare()
	}
	if err := x.checkParameters(); err != nil {
		return nil, err
	}
	if err := x.readSubject(); err != nil {
		return nil, err
	}
	for _, check := range []func() error{x.checkType, x.findAudience, x.checkHolder, x.findScopes, x.findLogin, x.checkRules} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if x.wanted == refreshTokenType {
		return x.join()
	}
	return x.answer()
}

// invalidExchange is a refusal of a request that is wrong.
func invalidExchange(text string) error {
	return web.OAuthError(http.StatusBadRequest, "invalid_request", text)
}

// refuseAs is a refusal whose event says something else than the answer.
func (x *exchange) refuseAs(cause, reason string, err error) error {
	x.event.cause = cause
	x.event.detail("reason", reason)
	return err
}

// checkLengths refuses parameters that were left out for their length. Keycloak
// does so for the subject token alone; an audience or a scope that is forgotten
// would give more than was asked for.
func (x *exchange) checkLengths() error {
	for _, name := range []string{"subject_token", "audience", "scope", "requested_subject", "requested_token_type", "subject_token_type"} {
		if x.form.TooLong(name) {
			return invalidExchange("The size of OIDC parameter '" + name + "' is longer than allowed.")
		}
	}
	return nil
}

// checkParameters is what can be told before any token is looked at.
func (x *exchange) checkParameters() error {
	if err := x.refuseParameters("requested_subject", "requested_issuer", "subject_issuer"); err != nil {
		return err
	}
	if !x.client.ExchangesTokens() {
		return invalidExchange("Standard token exchange is not enabled for the requested client")
	}
	return x.requireSubject()
}

// refuseParameters refuses those of Keycloak's older token exchange.
func (x *exchange) refuseParameters(names ...string) error {
	for _, name := range names {
		if _, sent := x.form.Lookup(name); sent {
			return invalidExchange("Parameter '" + name + "' is not supported for standard token exchange")
		}
	}
	return nil
}

// requireSubject refuses a request without an access token as its subject. An
// actor_token is ignored, as in Keycloak.
func (x *exchange) requireSubject() error {
	for _, name := range []string{"subject_token", "subject_token_type"} {
		if _, sent := x.form.Lookup(name); !sent {
			return invalidExchange("Parameter '" + name + "' required for standard token exchange")
		}
	}
	if x.form.Get("subject_token_type") != accessTokenType {
		return invalidExchange("Parameter 'subject_token' supports access tokens only")
	}
	return nil
}

// readSubject checks the subject token like any use of an access token.
func (x *exchange) readSubject() error {
	t, err := x.active(x.form.Get("subject_token"))
	if err != nil && !errors.Is(err, errInactive) {
		return err
	}
	if err != nil || !strings.EqualFold(t.claims.Typ, token.TypBearer) {
		return x.refuseAs("invalid_token", "subject_token validation failure", invalidExchange("Invalid token"))
	}
	x.subject = t
	x.event.e.UserID, x.event.e.Session = t.user.ID, t.claims.Sid
	x.event.detail("username", t.user.Username)
	x.event.detail("subject_token_client_id", t.client.ClientID)
	return nil
}

// checkType reads requested_token_type; without it an access token is meant.
func (x *exchange) checkType() error {
	wanted, sent := x.form.Lookup("requested_token_type")
	if !sent {
		wanted = accessTokenType
	}
	x.wanted = wanted
	x.event.detail("requested_token_type", wanted)
	switch {
	case wanted == accessTokenType, wanted == idTokenType, wanted == refreshTokenType && x.client.ExchangesForRefresh():
		return nil
	}
	return invalidExchange("requested_token_type unsupported")
}

// findAudience reads the clients the tokens are to be restricted to.
func (x *exchange) findAudience() error {
	for _, id := range x.form.Values("audience") {
		if _, err := x.audienceClient(id); err != nil {
			return err
		}
		if !slices.Contains(x.audience, id) {
			x.audience = append(x.audience, id)
		}
	}
	slices.Sort(x.audience)
	return nil
}

// audienceClient finds a client that an exchange names.
func (x *exchange) audienceClient(id string) (*model.Client, error) {
	c, err := x.clientNamed(id)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		x.event.detail("audience", id)
		return nil, x.refuseAs("client_not_found", "audience not found", web.OAuthError(http.StatusBadRequest, "invalid_client", "Audience not found"))
	case !c.Enabled:
		x.event.detail("audience", id)
		return nil, x.refuseAs("client_disabled", "audience client disabled", web.OAuthError(http.StatusBadRequest, "invalid_client", "Client disabled"))
	}
	return c, nil
}

// checkHolder refuses who may not bring the subject token: it must be the
// client's own, or be meant for it.
func (x *exchange) checkHolder() error {
	if x.client.PublicClient {
		return web.OAuthError(http.StatusBadRequest, "invalid_client", "Public client is not allowed to exchange token")
	}
	if x.subject.client.ClientID != x.client.ClientID && !slices.Contains(x.subject.claims.Aud, x.client.ClientID) {
		return x.refuseAs("not_allowed", "client is not within the token audience",
			web.OAuthError(http.StatusForbidden, "access_denied", "Client is not within the token audience"))
	}
	return nil
}

// findScopes resolves the scope parameter; without one findLogin may add openid.
func (x *exchange) findScopes() (err error) {
	x.scopes, err = x.requestedScopes()
	x.openID = x.scopes.OpenID
	return err
}

// findLogin reads the session that the new tokens belong to. Without a scope
// parameter openid is inherited from the client's own part in it.
func (x *exchange) findLogin() (err error) {
	t := x.subject
	if t.session == nil {
		return nil
	}
	x.login, x.parts, err = x.e.Sessions.Subject(x.ctx, x.snap.Config, t.client, t.session.SessionID, t.user.ID, t.session.Offline)
	if errors.Is(err, model.ErrSessionGone) {
		return x.refuseAs("invalid_token", "subject_token validation failure", invalidExchange("Invalid token"))
	} else if err != nil {
		return err
	}
	if _, sent := x.form.Lookup("scope"); !sent {
		own := x.ownPart()
		x.scopes.OpenID = own != nil && model.HasWord(own.Scope, "openid")
	}
	return nil
}

// ownPart is the client's part in the subject's session that its tokens belong
// to; nil in an offline session, whose parts have tokens of their own.
func (x *exchange) ownPart() *model.ClientSession {
	if x.login == nil || x.login.Offline {
		return nil
	}
	return session.Part(x.parts, x.client.Num)
}

// checkRules are the rules that need all of the above.
func (x *exchange) checkRules() error {
	if x.wanted == refreshTokenType {
		if x.login == nil || x.login.Offline {
			return invalidExchange("Refresh token not valid as requested_token_type because creating a new session is needed")
		}
		if x.scopes.Has(model.OfflineAccess) {
			return invalidExchange("Scope offline_access not allowed for token exchange")
		}
	}
	if x.client.ConsentRequired {
		if err := x.requireConsent(x.request, x.subject.user, x.scopes); err != nil {
			return err
		}
	}
	return x.checkAudience()
}

// requireConsent refuses where the user has not consented to the scopes at the
// client of q.
func (x *exchange) requireConsent(q *request, u *model.User, scopes model.ScopeSet) error {
	err := q.checkConsent(u, scopes)
	if errors.Is(err, errConsentMissing) {
		text := "Missing consents for Token Exchange in client " + q.client.ClientID
		return x.refuseAs("consent_denied", text, web.OAuthError(http.StatusBadRequest, "invalid_scope", text))
	}
	return err
}

// checkAudience refuses an audience that an access token of these scopes would
// not have.
func (x *exchange) checkAudience() error {
	if x.audience == nil {
		return nil
	}
	m, _ := x.accessPayload(x.issue())
	missing := slices.DeleteFunc(slices.Clone(x.audience), func(id string) bool { return slices.Contains(m.aud, id) })
	if len(missing) > 0 {
		return invalidExchange("Requested audience not available: " + strings.Join(missing, ", "))
	}
	return nil
}

// issue is what the tokens hold: of the session's kinds, the id of an access
// token tells whether its client has a part in the session.
func (x *exchange) issue() *issue {
	u := x.subject.user
	roles := x.snap.UserRoles(u.Grants)
	is := &issue{
		user: u, roles: roles, scopes: x.scopes.Granted(x.snap.Config, roles), audience: x.audience, openID: x.openID,
		context: contextOf(x.client, token.SessionTransient, token.GrantExchange),
	}
	if x.login == nil {
		return is
	}
	switch own := x.ownPart(); {
	case x.login.Offline:
		is.context.Session = token.SessionOfflineTransient
		is.session = session.Whole(x.login, x.parts)
	case own == nil:
		is.context.Session = token.SessionOnlineTransient
		is.session = session.Whole(x.login, x.parts)
	default:
		is.context.Session = token.SessionOnline
		is.session = own
	}
	is.notes = is.session.Notes
	return is
}

// answer hands out an access token or an ID token; nothing but the event is
// written.
func (x *exchange) answer() (*Answer, error) {
	is := x.issue()
	is.openID = x.openID || x.wanted == idTokenType
	is.noAccessToken = x.wanted == idTokenType
	a, err := x.minted(is)
	if err != nil {
		return nil, err
	}
	if x.wanted == idTokenType { // RFC 8693 §2.2.1: the issued token, whatever it is
		a.AccessToken, a.IDToken, a.TokenType = a.IDToken, "", "N_A"
	}
	return a, x.store()
}

// join hands out a refresh token too: the client gets a part in the session.
func (x *exchange) join() (a *Answer, err error) {
	is := x.issue()
	is.context.Session = token.SessionOnline
	x.addRefresh(is)
	in := session.Joined{Session: x.login, Parts: x.parts, From: x.subject.client.Num, Scope: is.scopes.FullScope()}
	in.Prepare = func(cs *model.ClientSession) (session.Record, error) {
		is.session, is.notes = cs, cs.Notes
		a, err = x.minted(is)
		return x.event.record(), err
	}
	err = x.e.Sessions.Join(x.ctx, x.snap.Config, x.client, in, x.now)
	if errors.Is(err, model.ErrSessionGone) {
		return nil, x.refuseAs("invalid_token", "subject_token validation failure", invalidExchange("Invalid token"))
	} else if err != nil {
		return nil, err
	}
	return a, nil
}

// minted is mint with what an exchange tells beside the tokens.
func (x *exchange) minted(is *issue) (*Answer, error) {
	a, audience, err := x.mintFor(is)
	if err != nil {
		return nil, err
	}
	x.event.detail("audience", strings.Join(audience, " "))
	a.IssuedTokenType = x.wanted
	return a, nil
}
