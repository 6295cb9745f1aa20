package oidc

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// A preparation is a token exchange that Keycloak does not have: a client gets
// an offline token for another client, one that cannot run a flow of its own,
// where its attribute standard.token.exchange.offline.audiences names that
// client. The token is the other client's in everything but how it came to be:
// its rules for roles, scopes and consent decide, and only its credentials use
// it (docs/decisions/0006).
type preparation struct {
	*exchange
	target *request // the same request, as the other client's
	user   *model.User
	notes  map[string]string
	behind *model.UserSession // of the subject token, which must live; nil: none
}

// prepares tells whether the request asks for a preparation. A client without
// the attribute gets Keycloak's answers.
func (x *exchange) prepares() bool {
	return x.client.ExchangesTokens() && len(x.client.OfflineAudiences()) > 0 &&
		x.form.Get("requested_token_type") == refreshTokenType && model.HasWord(x.form.Get("scope"), model.OfflineAccess) &&
		len(x.form.Values("audience")) > 0
}

func (x *exchange) prepare() (*Answer, error) {
	x.wanted = refreshTokenType
	x.event.detail("requested_token_type", x.wanted)
	if x.client.PublicClient {
		return nil, web.OAuthError(http.StatusBadRequest, "invalid_client", "Public client is not allowed to exchange token")
	}
	p := &preparation{exchange: x}
	for _, check := range []func() error{p.findTarget, p.findUser, p.checkUser} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	is, err := p.checkTarget()
	if err != nil {
		return nil, err
	}
	return p.start(is)
}

// refused is the refusal of what is forbidden; the reason is in the event.
func (x *exchange) refused(code, text, reason string) error {
	return x.refuseAs("not_allowed", reason, web.OAuthError(http.StatusForbidden, code, text))
}

// notAllowed is Keycloak's answer to a client that may not exchange what it
// asks for.
func (x *exchange) notAllowed(reason string) error {
	return x.refused("access_denied", "Client not allowed to exchange", reason)
}

// findTarget reads the client the token is for: one that the attribute names,
// so that others are not told apart from those that do not exist.
func (p *preparation) findTarget() error {
	ids := p.form.Values("audience")
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > 1 {
		return invalidExchange("An offline token is prepared for one audience at a time")
	}
	p.event.detail("audience", ids[0])
	if !slices.Contains(p.client.OfflineAudiences(), ids[0]) {
		return p.notAllowed("client may not prepare offline tokens for the audience")
	}
	c, err := p.audienceClient(ids[0])
	if err != nil {
		return err
	}
	const cannot = "Audience cannot use offline tokens: "
	switch {
	case c.PublicClient: // anybody who holds its token could use it
		return p.refused("unauthorized_client", cannot+"it is a public client", "audience is a public client")
	case c.BearerOnly, c.Protocol != "" && c.Protocol != "openid-connect":
		return p.refused("unauthorized_client", cannot+"it only receives tokens", "audience is bearer-only")
	case !c.UseRefreshTokens():
		return p.refused("unauthorized_client", cannot+"it uses no refresh tokens", "audience uses no refresh tokens")
	}
	target := *p.request
	target.client = c
	p.target = &target
	return nil
}

// findUser reads who the token is for: the subject of an access token, or, for
// clients that may impersonate, the user that requested_subject names.
func (p *preparation) findUser() error {
	if err := p.refuseParameters("requested_issuer", "subject_issuer"); err != nil {
		return err
	}
	if _, sent := p.form.Lookup("subject_token"); !sent {
		if name, sent := p.form.Lookup("requested_subject"); sent {
			return p.impersonate(name)
		}
	}
	if err := p.refuseParameters("requested_subject"); err != nil {
		return err
	}
	for _, check := range []func() error{p.requireSubject, p.readSubject, p.checkHolder} {
		if err := check(); err != nil {
			return err
		}
	}
	p.user = p.subject.user
	if cs := p.subject.session; cs != nil {
		p.behind = &model.UserSession{ID: cs.SessionID, Offline: cs.Offline, UserID: p.user.ID}
		p.notes = session.LoginNotes(cs.Notes)
	}
	return nil
}

// Session notes and event details of a user that another one acts for, named
// as Keycloak's.
const (
	noteImpersonatorID   = "IMPERSONATOR_ID"
	noteImpersonatorName = "IMPERSONATOR_USERNAME"
)

// impersonate reads the user by name or id. The client's service account needs
// the role impersonation of the client that administers the realm.
func (p *preparation) impersonate(name string) error {
	p.event.detail("requested_subject", name)
	acting, err := p.impersonator()
	if err != nil {
		return err
	}
	p.event.detail("impersonator", acting.Username)
	u, err := p.e.Store.UserByUsername(p.ctx, p.snap.Realm.Num, strings.ToLower(name))
	if errors.Is(err, store.ErrNotFound) {
		u, err = p.e.Store.UserByID(p.ctx, p.snap.Realm.Num, name)
	}
	if errors.Is(err, store.ErrNotFound) {
		return p.refuseAs("user_not_found", "requested_subject not found", invalidExchange("Requested subject not found"))
	} else if err != nil {
		return err
	}
	p.user = u
	p.event.e.UserID = u.ID
	p.event.detail("username", u.Username)
	p.notes = map[string]string{noteImpersonatorID: acting.ID, noteImpersonatorName: acting.Username}
	return nil
}

// impersonator is the client's service account, if it may impersonate.
func (p *preparation) impersonator() (*model.User, error) {
	denied := p.notAllowed
	if !p.client.ServiceAccountsEnabled {
		return nil, denied("client has no service account to impersonate with")
	}
	u, err := p.e.Realms.User(p.ctx, p.snap, p.client.ServiceUserID)
	if errors.Is(err, realm.ErrUnknown) {
		return nil, denied("client has no service account to impersonate with")
	} else if err != nil {
		return nil, err
	}
	owner := "realm-management"
	if p.snap.Realm.Name == realm.Master {
		owner = realm.Master + "-realm"
	}
	if c := p.snap.Client(owner); u.Enabled && c != nil {
		if r := p.snap.Role(c.ID, "impersonation"); r != nil && p.snap.UserRoles(u.Grants)[r.ID] {
			return u, nil
		}
	}
	return nil, denied("service account lacks the role impersonation")
}

// checkUser refuses users that offline access is not for.
func (p *preparation) checkUser() error {
	switch {
	case !p.user.Enabled:
		return p.refuseAs("user_disabled", "requested_subject disabled", web.OAuthError(http.StatusForbidden, "access_denied", "User disabled"))
	case p.user.ServiceClientID != "":
		return p.refused("access_denied", "Service accounts cannot be impersonated", "subject is a service account")
	}
	return nil
}

// checkTarget applies the rules of the client the token is for, as if the user
// had logged in there.
func (p *preparation) checkTarget() (*issue, error) {
	scopes, err := p.target.requestedScopes()
	if err != nil {
		return nil, err
	}
	if p.target.client.ConsentRequired {
		if err := p.requireConsent(p.target, p.user, scopes); err != nil {
			return nil, err
		}
	}
	is, err := p.target.newIssue(p.user, scopes, token.GrantExchange)
	if err != nil {
		return nil, p.wire(err, true)
	}
	return is, nil
}

// start opens the offline session, of the target alone and with an id of its
// own, and makes its token: the one thing the answer holds. There is no access
// token and no ID token in it, since they would be the target's.
func (p *preparation) start(is *issue) (*Answer, error) {
	sid, err := p.e.Sessions.NewID(p.user.ID)
	if err != nil {
		return nil, err
	}
	is.notes = p.sessionNotes()
	is.session = &model.ClientSession{SessionID: sid, Offline: true, UserStarted: p.now, Started: p.now, LastRefresh: p.now}
	m, _ := p.target.accessPayload(is)
	a := &Answer{
		TokenType: "N_A", IssuedTokenType: refreshTokenType, Scope: is.scopes.TokenScope(), SessionState: sid,
		NotBeforePolicy: model.LatestNotBefore(p.snap.Realm, p.target.client, p.user),
	}
	if err := p.target.mintRefresh(&m, a); err != nil {
		return nil, err
	}
	// RFC 8693 §2.2.1 hands out the issued token in access_token, Keycloak a
	// refresh token in refresh_token: here it is in both.
	a.AccessToken, a.ExpiresIn = a.RefreshToken, a.RefreshExpiresIn
	p.event.detail("scope", a.Scope)
	p.event.e.UserID, p.event.e.Session = p.user.ID, sid
	return a, p.write(is)
}

// sessionNotes are the notes of the prepared session. The device is that of
// who prepares it, not the subject's.
func (p *preparation) sessionNotes() map[string]string {
	notes := map[string]string{}
	maps.Copy(notes, p.notes)
	delete(notes, model.NoteUserAgent)
	notes[session.NotePreparedBy] = p.client.ClientID
	return p.withAgent(notes)
}

// write stores the session, if the subject's own still lives.
func (p *preparation) write(is *issue) error {
	in := sessionStart(is, p.ip)
	if is.reuseID != "" {
		in.Chain = model.Chain{ID: is.reuseID, Current: is.refreshJTI, Issued: p.now}
	}
	rec := session.While(p.behind, p.event.record())
	_, err := p.e.Sessions.Start(p.ctx, p.snap.Config, p.target.client, p.user, in, p.now, rec)
	if errors.Is(err, model.ErrSessionGone) {
		return p.refuseAs("invalid_token", "subject_token validation failure", invalidExchange("Invalid token"))
	}
	return err
}
