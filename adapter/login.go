package adapter

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// LoginConfig is how an application logs people in.
type LoginConfig struct {
	// RedirectURL is the application's callback, exactly as it is registered.
	RedirectURL string
	// Scope is asked for at every login, beside "openid".
	Scope []string
	// PassScope are further scopes that a request to the application's own login
	// URL may ask for with ?scope=…, as Keycloak's adapters pass them on;
	// nil = offline_access alone.
	PassScope []string
	// MaxAge is how old the login at the server may be; 0 = any.
	MaxAge time.Duration
}

// Login is the authorization code flow with PKCE (RFC 6749 §4.1, RFC 7636,
// OpenID Connect Core §3.1). It keeps nothing: Begin returns what the
// application must keep for that browser until the answer comes, in its session
// or in a sealed cookie.
type Login struct {
	provider *Provider
	cfg      LoginConfig
}

// Pending is a login that began. It holds secrets of one browser: keep it where
// only that browser's next request finds it, and use it once.
type Pending struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // PKCE
	Began    time.Time `json:"began"`
}

// Identity is who logged in, from the ID token.
type Identity struct {
	Subject   string
	Username  string
	Email     string
	Name      string
	SessionID string    // sid: names the login in back-channel logout
	AuthTime  time.Time // zero if the server did not say
	IDToken   string    // for LogoutURL; not for the browser
}

// LoginError is an answer of the server that the login failed (RFC 6749
// §4.1.2.1), such as "access_denied" when the person refused.
type LoginError struct{ Code, Description string }

func (e *LoginError) Error() string {
	if e.Description == "" {
		return "login: " + e.Code
	}
	return "login: " + e.Code + ": " + e.Description
}

// ErrForged is an answer that belongs to no login of this browser, or comes
// from another server: it must be dropped without using its code.
var ErrForged = errors.New("login: the answer does not belong to this login")

// pendingFor is how long a person may take to log in.
const pendingFor = time.Hour

// NewLogin checks the configuration. Errors: no RedirectURL.
func NewLogin(p *Provider, cfg LoginConfig) (*Login, error) {
	if u, err := url.Parse(cfg.RedirectURL); err != nil || !u.IsAbs() {
		return nil, fmt.Errorf("redirect URL %q is not absolute", cfg.RedirectURL)
	}
	if cfg.PassScope == nil {
		cfg.PassScope = []string{"offline_access"}
	}
	return &Login{provider: p, cfg: cfg}, nil
}

// Begin gives the address to send the browser to, and what to keep for it. ask
// is the query of the request to the application's login URL: of its scope what
// PassScope allows is passed on, and of prompt, login_hint, ui_locales and
// kc_action the value; nil asks for nothing more.
//
// Errors: *TemporaryError, *ProtocolError.
func (l *Login) Begin(ctx context.Context, ask url.Values) (string, *Pending, error) {
	m, err := l.provider.Metadata(ctx)
	if err != nil {
		return "", nil, err
	}
	b := &Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), Began: l.provider.cfg.Clock().UTC()}
	challenge := sha256.Sum256([]byte(b.Verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {l.provider.cfg.ClientID}, "redirect_uri": {l.cfg.RedirectURL},
		"scope": {strings.Join(l.scope(ask.Get("scope")), " ")}, "state": {b.State}, "nonce": {b.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	for _, name := range []string{"prompt", "login_hint", "ui_locales", "kc_action"} {
		if value := ask.Get(name); value != "" {
			q.Set(name, value)
		}
	}
	if l.cfg.MaxAge > 0 {
		q.Set("max_age", fmt.Sprint(int64(l.cfg.MaxAge/time.Second)))
	}
	return withQuery(m.AuthorizationEndpoint, q), b, nil
}

// scope is openid, what is always asked for, and what may be passed on.
func (l *Login) scope(asked string) []string {
	all := []string{"openid"}
	add := func(s string) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, s := range l.cfg.Scope {
		add(s)
	}
	for _, s := range strings.Fields(asked) {
		if slices.Contains(l.cfg.PassScope, s) {
			add(s)
		}
	}
	return all
}

// withQuery adds a query to an endpoint that may have one (RFC 6749 §3.1).
func withQuery(endpoint string, q url.Values) string {
	if strings.Contains(endpoint, "?") {
		return endpoint + "&" + q.Encode()
	}
	return endpoint + "?" + q.Encode()
}

// Finish takes the query of the request to RedirectURL: it checks that the
// answer is this browser's and this server's (RFC 9207), exchanges the code and
// checks the ID token.
//
// Errors: ErrForged, *LoginError, *TokenError (of the ID token),
// *TemporaryError, *ProtocolError.
func (l *Login) Finish(ctx context.Context, b *Pending, query url.Values) (*Identity, *Grant, error) {
	m, err := l.provider.Metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := l.belongs(m, b, query); err != nil {
		return nil, nil, err
	}
	if code := query.Get("error"); code != "" {
		return nil, nil, &LoginError{clip(code), clip(query.Get("error_description"))}
	}
	a, err := l.provider.token(ctx, "code", url.Values{
		"grant_type": {"authorization_code"}, "code": {query.Get("code")},
		"redirect_uri": {l.cfg.RedirectURL}, "code_verifier": {b.Verifier},
	})
	if err != nil {
		return nil, nil, err
	}
	id, err := l.identity(ctx, a.IDToken, b.Nonce)
	if err != nil {
		return nil, nil, err
	}
	return id, l.provider.grant(a), nil
}

// belongs refuses answers to another login, from another server, late ones and
// those with a parameter twice.
func (l *Login) belongs(m *Metadata, b *Pending, query url.Values) error {
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(query[name]) > 1 {
			return ErrForged
		}
	}
	iss, named := query.Get("iss"), query.Has("iss")
	switch {
	case b == nil || b.State == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(b.State)) != 1:
		return ErrForged
	case named && iss != l.provider.cfg.Issuer, !named && m.IssInResponse:
		return ErrForged
	case query.Get("code") == "" && query.Get("error") == "":
		return ErrForged
	case l.provider.cfg.Clock().Sub(b.Began) > pendingFor:
		return &LoginError{Code: "expired", Description: "the login took too long"}
	}
	return nil
}

// idTokenLength is the longest ID token that is looked at, in bytes.
const idTokenLength = 16 << 10

// identity checks an ID token. OpenID Connect Core §3.1.3.7.
func (l *Login) identity(ctx context.Context, raw, nonce string) (*Identity, error) {
	p, _, err := l.provider.signed(ctx, raw, asymmetric, idTokenLength)
	if err != nil {
		return nil, err
	}
	now, client := l.provider.cfg.Clock(), l.provider.cfg.ClientID
	const leeway = 10 * time.Second
	switch {
	case p.Type != "ID" && p.Type != "":
		return nil, refused(ReasonType)
	case !slices.Contains(p.Audience, client), p.AuthorizedParty != "" && p.AuthorizedParty != client:
		return nil, refused(ReasonAudience)
	case p.Nonce != nonce:
		return nil, ErrForged
	case p.Subject == "":
		return nil, refused(ReasonSubject)
	case p.Expires == nil || p.IssuedAt == nil:
		return nil, refused(ReasonClaims)
	case !now.Before(p.Expires.time().Add(leeway)):
		return nil, refused(ReasonExpired)
	case p.IssuedAt.time().After(now.Add(leeway)):
		return nil, refused(ReasonNotYet)
	}
	id := &Identity{Subject: p.Subject, Username: p.Username, Email: p.Email, Name: p.Name, SessionID: p.SessionID, IDToken: raw}
	if p.AuthTime != nil {
		id.AuthTime = p.AuthTime.time()
	}
	if age := l.cfg.MaxAge; age > 0 && (p.AuthTime == nil || now.Sub(id.AuthTime) > age+leeway) {
		return nil, refused(ReasonExpired)
	}
	return id, nil
}

// LogoutURL is where to send a browser to end the login at the server
// (OpenID Connect RP-Initiated Logout 1.0). An offline token lives on. after is
// a registered post_logout_redirect_uri or "", state comes back with it.
//
// Errors: *TemporaryError, *ProtocolError.
func (l *Login) LogoutURL(ctx context.Context, idToken, after, state string) (string, error) {
	m, err := l.provider.Metadata(ctx)
	if err != nil {
		return "", err
	}
	if m.EndSessionEndpoint == "" {
		return "", &ProtocolError{Op: "logout", Status: http.StatusOK, Description: "the server has no end_session_endpoint"}
	}
	q := url.Values{"client_id": {l.provider.cfg.ClientID}}
	for name, value := range map[string]string{"id_token_hint": idToken, "post_logout_redirect_uri": after, "state": state} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return withQuery(m.EndSessionEndpoint, q), nil
}
