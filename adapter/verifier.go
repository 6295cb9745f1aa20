package adapter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Reason is why a token was refused.
type Reason string

// Reasons of a TokenError.
const (
	ReasonMissing   Reason = "no token"
	ReasonTooLong   Reason = "token is too long"
	ReasonMalformed Reason = "not a signed JWT"
	ReasonAlgorithm Reason = "algorithm is not accepted"
	ReasonHeader    Reason = "critical header is not known"
	ReasonKey       Reason = "signed with a key the issuer does not have"
	ReasonSignature Reason = "signature does not fit"
	ReasonClaims    Reason = "claims cannot be read"
	ReasonIssuer    Reason = "other issuer"
	ReasonType      Reason = "not an access token"
	ReasonAudience  Reason = "not meant for this audience"
	ReasonParty     Reason = "issued to a client that is not accepted"
	ReasonSubject   Reason = "no subject"
	ReasonExpired   Reason = "expired"
	ReasonNotYet    Reason = "not valid yet"
	ReasonRevoked   Reason = "issued before the not-before time"
	ReasonInactive  Reason = "the server says it is not active"
)

// TokenError is a token that was refused. It never holds the token.
type TokenError struct {
	Reason Reason
	Err    error // what the parser or library said, may be nil
}

func (e *TokenError) Error() string {
	if e.Err != nil {
		return string(e.Reason) + ": " + e.Err.Error()
	}
	return string(e.Reason)
}

func (e *TokenError) Unwrap() error { return e.Err }

func refused(r Reason) error { return &TokenError{Reason: r} }

// Rules are what a Verifier demands of a token.
type Rules struct {
	// Audience must be in the token's aud; "" = the provider's client id. A
	// Keycloak puts a client into aud by an audience mapper, or because the user
	// has a role of that client.
	Audience string
	// AnyAudience switches the check of aud off, for services that accept every
	// token of the realm. Without it a token for another service opens this one.
	AnyAudience bool
	// AuthorizedParties are the clients whose tokens are accepted; empty = all.
	AuthorizedParties []string
	// Leeway is how far the clocks may differ; 0 = 10 s, negative = none.
	Leeway time.Duration
	// Algorithms are those accepted; empty = RS, PS and ES 256 to 512, EdDSA.
	Algorithms []string
	// MaxLength is the longest token that is looked at, in bytes; 0 = 16 KiB.
	MaxLength int
	// NotBefore, if set, refuses tokens issued before a time that
	// administrators push or set.
	NotBefore *NotBefore
}

// Verifier checks access tokens with the issuer's keys. It may be used by many
// goroutines.
type Verifier struct {
	provider   *Provider
	rules      Rules
	algorithms []jose.SignatureAlgorithm
}

// asymmetric are the algorithms a resource server can check. HS256 to HS512 are
// none: whoever can check them can sign.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// NewVerifier checks the rules.
//
// Errors: an algorithm that is not known or not asymmetric.
func NewVerifier(p *Provider, rules Rules) (*Verifier, error) {
	v := &Verifier{provider: p, rules: rules, algorithms: asymmetric}
	if len(rules.Algorithms) > 0 {
		v.algorithms = nil
		for _, name := range rules.Algorithms {
			a := jose.SignatureAlgorithm(name)
			if !slices.Contains(asymmetric, a) {
				return nil, fmt.Errorf("algorithm %q is not one of %v", name, asymmetric)
			}
			v.algorithms = append(v.algorithms, a)
		}
	}
	if v.rules.Audience == "" {
		v.rules.Audience = p.cfg.ClientID
	}
	if v.rules.Leeway == 0 {
		v.rules.Leeway = 10 * time.Second
	}
	v.rules.Leeway = max(v.rules.Leeway, 0)
	if v.rules.MaxLength <= 0 {
		v.rules.MaxLength = 16 << 10
	}
	return v, nil
}

// Verify checks an access token: form, signature, issuer, type, audience,
// client, times. It asks the server for keys only.
//
// Errors: *TokenError says what is wrong with the token; *TemporaryError and
// *ProtocolError that the keys could not be had. RFC 7519 §7.2, RFC 8725,
// RFC 9068 §4 where Keycloak's tokens are of its form.
func (v *Verifier) Verify(ctx context.Context, raw string) (*Token, error) {
	p, claims, err := v.provider.signed(ctx, raw, v.algorithms, v.rules.MaxLength)
	if err != nil {
		return nil, err
	}
	if err := v.check(p); err != nil {
		return nil, err
	}
	return p.token(raw, claims), nil
}

// signed checks form and signature of a JWT of the issuer and reads its claims.
func (p *Provider) signed(ctx context.Context, raw string, algorithms []jose.SignatureAlgorithm, most int) (*payload, []byte, error) {
	switch {
	case raw == "":
		return nil, nil, refused(ReasonMissing)
	case len(raw) > most:
		return nil, nil, refused(ReasonTooLong)
	}
	claims, err := p.open(ctx, raw, algorithms)
	if err != nil {
		return nil, nil, err
	}
	body, err := readPayload(claims)
	if err != nil {
		return nil, nil, &TokenError{Reason: ReasonClaims, Err: err}
	}
	if body.Issuer != p.cfg.Issuer {
		return nil, nil, refused(ReasonIssuer)
	}
	return body, claims, nil
}

// parseReason tells a JWT of a refused algorithm from what is no JWT.
func parseReason(err error) Reason {
	if _, ok := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); ok {
		return ReasonAlgorithm
	}
	return ReasonMalformed
}

// ordinary refuses critical headers, none of which is known here (RFC 7515
// §4.1.11), payloads that are not base64url (RFC 7797) and JWTs that hold
// another one (RFC 7519 §5.2). Keys that come with the token are not looked at.
func ordinary(head jose.Header) error {
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := head.ExtraHeaders[name]; ok {
			return refused(ReasonHeader)
		}
	}
	if cty, _ := head.ExtraHeaders[jose.HeaderContentType].(string); strings.EqualFold(cty, "JWT") {
		return refused(ReasonMalformed)
	}
	return nil
}

// check judges the claims of an access token.
func (v *Verifier) check(p *payload) error {
	now, leeway := v.provider.cfg.Clock(), v.rules.Leeway
	switch {
	case p.Type != "Bearer":
		return refused(ReasonType)
	case p.Subject == "":
		return refused(ReasonSubject)
	case !v.rules.AnyAudience && !slices.Contains(p.Audience, v.rules.Audience):
		return refused(ReasonAudience)
	case len(v.rules.AuthorizedParties) > 0 && !slices.Contains(v.rules.AuthorizedParties, p.AuthorizedParty):
		return refused(ReasonParty)
	case p.Expires == nil || p.IssuedAt == nil:
		return refused(ReasonClaims)
	case !now.Before(p.Expires.time().Add(leeway)):
		return refused(ReasonExpired)
	case p.IssuedAt.time().After(now.Add(leeway)):
		return refused(ReasonNotYet)
	case p.NotBefore != nil && p.NotBefore.time().After(now.Add(leeway)):
		return refused(ReasonNotYet)
	case v.rules.NotBefore != nil && p.IssuedAt.time().Before(v.rules.NotBefore.Time()):
		return refused(ReasonRevoked)
	}
	return nil
}
