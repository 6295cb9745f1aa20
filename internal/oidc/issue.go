package oidc

import (
	"fmt"
	"maps"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
)

// Answer is the token endpoint's answer (RFC 6749 §5.1, with Keycloak's
// members; behaviour §2.6).
type Answer struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in,omitempty"` // 0: of a token without end
	RefreshExpiresIn int64  `json:"refresh_expires_in"`
	RefreshToken     string `json:"refresh_token,omitempty"`
	TokenType        string `json:"token_type"`
	IDToken          string `json:"id_token,omitempty"`
	NotBeforePolicy  int64  `json:"not-before-policy"`
	SessionState     string `json:"session_state,omitempty"`
	Scope            string `json:"scope"`
	IssuedTokenType  string `json:"issued_token_type,omitempty"` // of token exchange
}

// issue is everything the tokens of one answer are minted from.
type issue struct {
	user    *model.User
	roles   map[string]bool      // the user's deep roles
	scopes  model.ScopeSet       // in effect for the access token
	session *model.ClientSession // nil: transient, no sid
	notes   map[string]string
	context token.Context // of the access token's jti
	nonce   string        // of the ID token
	openID  bool          // an ID token is wanted
	// audience are the clientIds a token exchange restricts the tokens to; nil:
	// every client they may be for.
	audience []string
	// whole is the scope the ID token and the answer show where the access
	// token was narrowed; nil: the same.
	whole *model.ScopeSet

	// Of an answer through the browser (Core §3.3.2.11).
	lifespan      int64   // of the access token, in seconds; 0: as everywhere
	code          string  // "": none beside the ID token
	state         *string // nil: none
	noAccessToken bool    // the ID token comes alone

	// Of the refresh token; none is issued when refreshJTI is empty.
	refreshJTI   string
	refreshScope string
	refreshNonce string // of tokens that came with one: here none does
	reuseID      string
	offline      bool
}

// at is when the tokens are issued: now, but not before their session began.
// This node's clock may be behind that of the node where it did, or have been
// set back; a token from before its session would be refused everywhere.
func (is *issue) at(now int64) int64 {
	if is.session == nil {
		return now
	}
	return max(now, is.session.UserStarted, is.session.Started)
}

// minting is the work on the tokens of one answer.
type minting struct {
	*issue
	v        *subjectView
	limits   model.Limits
	issuedAt int64
	exp      int64 // of access and ID token
	tokenID  string
	aud      []string // of the access token
	sub      string   // as the mappers wrote it; "" for none
}

// mint signs the tokens: access and ID asymmetric, refresh with the realm's
// secret. It does no I/O.
func (q *request) mint(is *issue) (*Answer, error) {
	a, _, err := q.mintFor(is)
	return a, err
}

// mintFor is mint that also returns the audience of the access token.
func (q *request) mintFor(is *issue) (*Answer, []string, error) {
	m, access := q.accessPayload(is)
	c := q.client
	a := &Answer{
		ExpiresIn: m.exp - m.issuedAt, TokenType: tokenType(c), Scope: is.scopes.TokenScope(),
		NotBeforePolicy: model.LatestNotBefore(q.snap.Realm, c, is.user),
	}
	var err error
	if a.AccessToken, err = q.sign(model.AccessTokenAlg(q.snap.Realm, c), access); err != nil {
		return nil, nil, err
	}
	q.event.detail("token_id", m.tokenID)
	q.event.detail("scope", a.Scope)
	if is.whole != nil {
		a.Scope = is.whole.TokenScope()
		m.v.scopes, m.v.roles = *is.whole, nil
	}
	if is.session != nil {
		a.SessionState = is.session.SessionID
	}
	if is.openID {
		if a.IDToken, err = q.mintID(m.v, is, m.exp, a.AccessToken); err != nil {
			return nil, nil, err
		}
	}
	if is.refreshJTI == "" {
		return a, m.aud, nil
	}
	return a, m.aud, q.mintRefresh(&m, a)
}

// accessPayload makes the claims of the access token.
func (q *request) accessPayload(is *issue) (minting, payload) {
	r, c := q.snap.Realm, q.client
	m := minting{issue: is, issuedAt: is.at(q.now), tokenID: is.context.JTI(token.NewJTI(q.e.Rand))}
	if is.session != nil {
		m.limits = model.SessionLimits(r, c, is.session)
	}
	m.v = &subjectView{
		cfg: q.snap.Config, client: c, user: is.user, scopes: is.scopes, notes: is.notes, lightweight: c.Lightweight(),
	}
	m.exp = model.AccessTokenExpiry(r, c, m.limits, m.issuedAt)
	if is.lifespan > 0 {
		m.exp = m.issuedAt + is.lifespan
	}
	var access payload
	if is.audience == nil {
		access, m.aud = q.mappedFast(m.v, inAccess, is.roles)
	} else {
		access, m.aud = q.mappedFor(m.v, is.roles, is.audience)
	}
	setAudience(access.claims, m.aud)
	access.claims["exp"], access.claims["iat"], access.claims["iss"], access.claims["jti"] = m.exp, m.issuedAt, q.issuer, m.tokenID
	access.claims["typ"], access.claims["azp"], access.claims["scope"] = tokenType(c), c.ClientID, is.scopes.TokenScope()
	if is.session != nil {
		access.claims["sid"] = is.session.SessionID
	}
	m.sub, _ = access.claims["sub"].(string)
	return m, access
}

// mintRefresh puts the refresh token into the answer.
func (q *request) mintRefresh(m *minting, a *Answer) (err error) {
	exp := model.RefreshTokenExpiry(q.snap.Realm, m.limits, m.offline, m.issuedAt)
	if exp > 0 {
		a.RefreshExpiresIn = exp - m.issuedAt
	}
	rc := token.RefreshClaims{
		Exp: exp, Iat: m.issuedAt, JTI: m.refreshJTI, Iss: q.issuer, Aud: []string{q.issuer}, Sub: m.sub,
		Typ: refreshType(m.offline), Azp: q.client.ClientID, Nonce: m.refreshNonce, Sid: m.session.SessionID,
		Scope: m.refreshScope, AudX: m.aud, ReuseID: m.reuseID, Prov: token.ProvDefault, ReqAud: m.audience,
	}
	if err := q.ensureKey(token.InternalAlg); err != nil {
		return err
	}
	if a.RefreshToken, err = q.snap.Keys.SignInternal(rc.AppendJSON(nil)); err != nil {
		return fmt.Errorf("sign refresh token: %w", err)
	}
	return nil
}

func (q *request) mintID(v *subjectView, is *issue, exp int64, accessToken string) (string, error) {
	alg := model.IDTokenAlg(q.snap.Realm, q.client)
	out, _ := q.mappedFast(v, inID, is.roles)
	id := out.claims
	id["exp"], id["iat"], id["jti"], id["iss"], id["typ"] = exp, is.at(q.now), token.NewJTI(q.e.Rand), q.issuer, token.TypID
	id["aud"], id["azp"], id["sub"] = q.client.ClientID, q.client.ClientID, is.user.ID
	if !is.noAccessToken {
		id["at_hash"] = token.HashHalf(alg, accessToken)
	}
	if is.code != "" {
		id["c_hash"] = token.HashHalf(alg, is.code)
	}
	if is.state != nil {
		id["s_hash"] = token.HashHalf(alg, *is.state)
	}
	if is.session != nil {
		id["sid"] = is.session.SessionID
	}
	if is.nonce != "" {
		id["nonce"] = is.nonce
	}
	return q.sign(alg, out)
}

// ensureKey makes a key for the algorithm when the realm has none.
func (q *request) ensureKey(alg string) error {
	if !q.snap.Keys.NeedsFallback(alg) {
		return nil
	}
	snap, err := q.e.Realms.EnsureKey(q.ctx, q.snap, alg)
	if err == nil {
		q.snap = snap
	}
	return err
}

// sign makes a JWS of the claims with the realm's key for the algorithm. Of an
// unsigned request the claims alone come back.
func (q *request) sign(alg string, p payload) (string, error) {
	encoded, err := p.encode()
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	if q.unsigned {
		return string(encoded), nil
	}
	if err := q.ensureKey(alg); err != nil {
		return "", err
	}
	signed, err := q.snap.Keys.Sign(alg, encoded)
	if err != nil {
		return "", fmt.Errorf("sign with %s: %w", alg, err)
	}
	return signed, nil
}

// setAudience writes aud as Keycloak does: absent, a string, or a list.
func setAudience(c claims, list []string) {
	switch len(list) {
	case 0:
		delete(c, "aud")
	case 1:
		c["aud"] = list[0]
	default:
		c["aud"] = list
	}
}

func refreshType(offline bool) string {
	if offline {
		return token.TypOffline
	}
	return token.TypRefresh
}

func tokenType(c *model.Client) string {
	if c.Flag("token.response.type.bearer.lower-case", false) {
		return "bearer"
	}
	return "Bearer"
}

// contextOf is the jti prefix of an access token (behaviour §2.3).
func contextOf(c *model.Client, session, grant string) token.Context {
	kind := token.KindRegular
	if c.Lightweight() {
		kind = token.KindLightweight
	}
	return token.Context{Session: session, Kind: kind, Grant: grant}
}

// sessionCode says in a jti whether the session is an offline one.
func sessionCode(offline bool) string {
	if offline {
		return token.SessionOffline
	}
	return token.SessionOnline
}

// newIssue decides what the tokens of a login hold: the scopes the user has
// roles for, offline access where it is allowed, and the ids of a refresh token
// where the client gets one. Session, notes and nonce are the caller's.
//
// Errors: errOfflineNotAllowed.
func (q *request) newIssue(u *model.User, scopes model.ScopeSet, grant string) (*issue, error) {
	roles := q.snap.UserRoles(u.Grants)
	asked := scopes.Has(model.OfflineAccess)
	scopes = scopes.Granted(q.snap.Config, roles)
	refreshes := q.client.UseRefreshTokens()
	if asked && refreshes && !q.snap.OfflineAllowed(q.snap.EffectiveRoles(q.client, scopes, roles)) {
		return nil, errOfflineNotAllowed
	}
	is := &issue{
		user: u, roles: roles, scopes: scopes, openID: scopes.OpenID, offline: asked && refreshes,
		context: contextOf(q.client, sessionCode(asked), grant),
	}
	if refreshes {
		q.addRefresh(is)
	}
	return is, nil
}

// markOffline adds to the notes of a login that begins the mark of a client
// that asks for offline access and gets no refresh tokens; see sessionOf.
func (q *request) markOffline(notes map[string]string, asked model.ScopeSet) map[string]string {
	if q.client.UseRefreshTokens() || !asked.Has(model.OfflineAccess) {
		return notes
	}
	marked := map[string]string{model.NoteOfflineWithoutRefresh: "true"}
	maps.Copy(marked, notes)
	return marked
}

// addRefresh lets the tokens have a refresh token, the first of its chain.
func (q *request) addRefresh(is *issue) {
	is.refreshJTI, is.refreshScope = token.NewJTI(q.e.Rand), is.scopes.FullScope()
	if q.snap.Realm.RevokeRefreshToken {
		is.reuseID = token.NewJTI(q.e.Rand)
	}
	q.event.detail("refresh_token_id", is.refreshJTI)
	q.event.detail("refresh_token_type", refreshType(is.offline))
}

// start opens the session of a fresh login and mints its tokens: what the
// password and client credentials grants share. The session is written after
// the tokens are made and before they are handed out, so none is handed out
// that a crash could lose.
func (q *request) start(u *model.User, scopes model.ScopeSet, grant string, notes map[string]string) (*Answer, error) {
	is, err := q.newIssue(u, scopes, grant)
	if err != nil {
		return nil, err
	}
	sid, err := q.e.Sessions.NewID(u.ID)
	if err != nil {
		return nil, err
	}
	is.notes = q.markOffline(notes, scopes)
	is.session = &model.ClientSession{SessionID: sid, Offline: is.offline, UserStarted: q.now, Started: q.now, LastRefresh: q.now}
	in := sessionStart(is, q.ip)
	if is.reuseID != "" {
		in.Chain = model.Chain{ID: is.reuseID, Current: is.refreshJTI, Issued: q.now}
	}
	a, err := q.mint(is)
	if err != nil {
		return nil, err
	}
	q.event.e.UserID, q.event.e.Session = u.ID, sid
	if _, err := q.e.Sessions.Start(q.ctx, q.snap.Config, q.client, u, in, q.now, q.event.record()); err != nil {
		return nil, err
	}
	return a, nil
}
