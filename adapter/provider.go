package adapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says where the server is and who the application is.
type Config struct {
	// Issuer is the realm's URL, such as "https://id.example.org/realms/shop".
	Issuer string
	// ClientID and ClientSecret are the application's. Without a secret it is a
	// public client.
	ClientID     string
	ClientSecret string
	// HTTPClient makes all requests; nil = one with a timeout of 10 s. Unless it
	// has a CheckRedirect, redirects are not followed: a secret or a token must
	// not go where it was not meant to.
	HTTPClient *http.Client
	// Clock tells the time; nil = time.Now.
	Clock func() time.Time
}

// Limits of what is fetched and how often.
const (
	maxDocument    = 1 << 20 // bytes of an answer that is read
	fetchTimeout   = 10 * time.Second
	metadataMaxAge = time.Hour
	keysMaxAge     = time.Hour
	keysMinAge     = 10 * time.Second // between two fetches for unknown key ids
)

// Provider is an issuer: its discovery document and its keys. Both are fetched
// when first needed and cached; what was fetched once serves on while the server
// is away. It may be used by many goroutines.
type Provider struct {
	cfg Config

	mu       sync.Mutex // of metadata and fetched
	metadata *Metadata
	fetched  time.Time
	fetching gate

	keys  keyCache
	heads heads
}

// Metadata is what is used of a discovery document.
// OpenID Connect Discovery 1.0 §3, RFC 8414.
type Metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	UserinfoEndpoint      string   `json:"userinfo_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported"`
	IssInResponse         bool     `json:"authorization_response_iss_parameter_supported"`
}

// NewProvider checks the configuration; it asks the server nothing, so that an
// application starts while the server is away.
//
// Errors: what is wrong with cfg.
func NewProvider(cfg Config) (*Provider, error) {
	u, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, fmt.Errorf("issuer %q is not an http or https URL", cfg.Issuer)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return nil, fmt.Errorf("issuer %q has a query, fragment or user", cfg.Issuer)
	case cfg.ClientID == "":
		return nil, errors.New("client id is missing")
	}
	cfg.Issuer = strings.TrimSuffix(cfg.Issuer, "/")
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	client := http.Client{Timeout: fetchTimeout}
	if cfg.HTTPClient != nil {
		client = *cfg.HTTPClient
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	cfg.HTTPClient = &client
	return &Provider{cfg: cfg, fetching: newGate(), keys: keyCache{fetching: newGate()}}, nil
}

// Issuer is the issuer, without a slash at its end.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// ClientID is the application's.
func (p *Provider) ClientID() string { return p.cfg.ClientID }

// Metadata gives the discovery document, an hour old at most while the server
// answers.
//
// Errors: *TemporaryError; *ProtocolError, also when the document is another
// issuer's (RFC 8414 §3.3).
func (p *Provider) Metadata(ctx context.Context) (*Metadata, error) {
	m, fresh := p.knownMetadata()
	switch {
	case fresh:
		return m, nil
	case m != nil && !p.fetching.try(): // somebody else asks: what is known will do
		return m, nil
	case m == nil:
		if err := p.fetching.enter(ctx); err != nil {
			return nil, &TemporaryError{Op: "discovery", Err: err, unsent: true}
		}
	}
	defer p.fetching.leave()
	if m, fresh = p.knownMetadata(); fresh {
		return m, nil
	}
	// Who asks may go away; those who wait must not lose by that.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	found, err := p.discover(ctx)
	now := p.cfg.Clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.metadata, p.fetched = found, now
	case p.metadata != nil:
		// An old document is better than none; it is asked for again in a minute.
		p.fetched = now.Add(time.Minute - metadataMaxAge)
	default:
		return nil, err
	}
	return p.metadata, nil
}

// knownMetadata is the document fetched last, nil if none was.
func (p *Provider) knownMetadata() (m *Metadata, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.metadata, p.metadata != nil && p.cfg.Clock().Sub(p.fetched) < metadataMaxAge
}

// gate lets one goroutine through at a time; unlike a mutex it can be waited
// for under a context.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) try() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }

func (p *Provider) discover(ctx context.Context) (*Metadata, error) {
	const op = "discovery"
	m := &Metadata{}
	if err := p.getJSON(ctx, op, p.cfg.Issuer+"/.well-known/openid-configuration", m); err != nil {
		return nil, err
	}
	if m.Issuer != p.cfg.Issuer {
		return nil, &ProtocolError{Op: op, Status: http.StatusOK, Description: fmt.Sprintf("the document is of issuer %q, not of %q", m.Issuer, p.cfg.Issuer)}
	}
	if m.TokenEndpoint == "" || m.JWKSURI == "" || m.AuthorizationEndpoint == "" {
		return nil, &ProtocolError{Op: op, Status: http.StatusOK, Description: "the document lacks authorization_endpoint, token_endpoint or jwks_uri"}
	}
	return m, nil
}
