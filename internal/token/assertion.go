package token

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	assertionSkew   = 15 // seconds for iat and nbf, as Keycloak since 26.6
	assertionMaxAge = 60 // seconds an assertion may be old, or live without iat
	assertionTrials = 20 // keys of a client that are tried for one assertion
)

// AssertionError is why a client assertion was refused: error and
// error_description of the answer, in Keycloak's words. They name no key and
// no secret.
type AssertionError struct {
	Code        string // invalid_client, unauthorized_client
	Description string
}

func (e *AssertionError) Error() string { return e.Code + ": " + e.Description }

func refuseAssertion(description string) error {
	return &AssertionError{Code: "invalid_client", Description: description}
}

// AssertionKeys is what a client may sign its assertions with. Exactly one of
// JWKS, Certificate and Secret is set.
type AssertionKeys struct {
	JWKS        string // attribute jwks.string: a JWK set of public keys
	Certificate string // attribute jwt.credential.certificate: PEM or one-line base64, of a certificate or a public key
	Secret      string // the client's secret, for client_secret_jwt
	Alg         string // attribute token.endpoint.auth.signing.alg; "" for every one that fits
}

// AssertionClaims are the claims of a verified assertion. Times are Unix
// seconds, 0 for an absent claim.
type AssertionClaims struct {
	Iss, Sub, JTI string
	Aud           []string
	Exp, Nbf, Iat int64
}

// asymmetricAlgs and symmetricAlgs never mix: a public key is no secret.
var (
	asymmetricAlgs = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
	symmetricAlgs = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
)

// AssertionSubject reads iss and sub of an assertion without verifying it: a
// request may leave out client_id (RFC 7521 §4.2), and then they say whose keys
// to verify with. Errors: *AssertionError.
func AssertionSubject(assertion string) (iss, sub string, err error) {
	jws, err := parseAssertion(assertion, slices.Concat(asymmetricAlgs, symmetricAlgs))
	if err != nil {
		return "", "", err
	}
	c, err := assertionClaims(jws.UnsafePayloadWithoutVerification())
	if err != nil {
		return "", "", err
	}
	return c.Iss, c.Sub, nil
}

// VerifyAssertion checks a client assertion (private_key_jwt,
// client_secret_jwt) at now: signature, algorithm, exp, nbf, iat and age, and
// that it has a jti. Without kid every fitting key is tried.
// The caller checks iss, sub, aud and that jti was not used before.
// RFC 7523 §3; OpenID Connect Core §9.
//
// Errors: *AssertionError.
func VerifyAssertion(assertion string, keys AssertionKeys, now time.Time) (*AssertionClaims, error) {
	algs := asymmetricAlgs
	if keys.Secret != "" {
		algs = symmetricAlgs
	}
	if keys.Alg != "" {
		if !slices.Contains(algs, jose.SignatureAlgorithm(keys.Alg)) {
			return nil, refuseAssertion("Invalid signature algorithm")
		}
		algs = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(keys.Alg)}
	}
	jws, err := parseAssertion(assertion, algs)
	if err != nil {
		return nil, err
	}
	candidates, err := keys.candidates(jws.Signatures[0].Protected)
	if err != nil {
		return nil, err
	}
	payload, ok := tryKeys(jws, candidates)
	switch {
	case !ok && keys.Secret != "":
		return nil, &AssertionError{Code: "unauthorized_client", Description: "Client authentication with client secret signed JWT failed: Signature on JWT token by client secret  failed validation"}
	case !ok:
		return nil, refuseAssertion("Client authentication with signed JWT failed: Signature on JWT token failed validation")
	}
	c, err := assertionClaims(payload)
	if err != nil {
		return nil, err
	}
	if err := c.check(now.Unix()); err != nil {
		return nil, err
	}
	return c, nil
}

func parseAssertion(assertion string, algs []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	if len(assertion) > maxTokenLength {
		return nil, errAssertionShape
	}
	jws, err := jose.ParseSignedCompact(assertion, algs)
	var alg *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &alg):
		return nil, refuseAssertion("Invalid signature algorithm")
	case err != nil || len(jws.Signatures) != 1:
		return nil, errAssertionShape
	}
	return jws, nil
}

var errAssertionShape = refuseAssertion("Client authentication with signed JWT failed: Parsing error")

// candidates are the keys a header may mean.
func (k AssertionKeys) candidates(h jose.Header) ([]any, error) {
	switch {
	case k.Secret != "":
		// go-jose wants a secret as long as the hash (RFC 7518 §3.2), Keycloak
		// does not. Zeros up to the block size, 64 bytes or more, leave an HMAC
		// as it is (RFC 2104 §2).
		secret := make([]byte, max(len(k.Secret), 64))
		copy(secret, k.Secret)
		return []any{secret}, nil
	case k.JWKS != "":
		return jwksCandidates(k.JWKS, h)
	}
	public, err := publicKey(k.Certificate)
	if err != nil {
		return nil, refuseAssertion("Unable to load public key")
	}
	return []any{public}, nil
}

// jwksCandidates picks keys by kid, use, alg. Keys that cannot be read are
// passed over: a set may hold kinds that are unknown here.
func jwksCandidates(text string, h jose.Header) ([]any, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return nil, refuseAssertion("Unable to load public key")
	}
	var out []any
	for _, raw := range set.Keys {
		var j jose.JSONWebKey
		if json.Unmarshal(raw, &j) != nil || !j.Valid() {
			continue
		}
		public := j.Public() // not valid for a symmetric key
		switch {
		case public.Key == nil, h.KeyID != "" && j.KeyID != h.KeyID, j.Use != "" && j.Use != "sig", j.Algorithm != "" && j.Algorithm != h.Algorithm:
			continue
		}
		if out = append(out, public.Key); len(out) == assertionTrials {
			break
		}
	}
	if out == nil {
		return nil, refuseAssertion("Unable to load public key")
	}
	return out, nil
}

// publicKey reads a certificate or a SubjectPublicKeyInfo.
func publicKey(text string) (any, error) {
	der, err := decodeDER(text)
	if err != nil {
		return nil, err
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		return cert.PublicKey, nil
	}
	return x509.ParsePKIXPublicKey(der)
}

func tryKeys(jws *jose.JSONWebSignature, candidates []any) (payload []byte, ok bool) {
	for _, k := range candidates {
		if payload, err := jws.Verify(k); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func assertionClaims(payload []byte) (*AssertionClaims, error) {
	c := &AssertionClaims{}
	shared := claims{iss: &c.Iss, sub: &c.Sub, jti: &c.JTI, aud: &c.Aud, exp: &c.Exp, nbf: &c.Nbf, iat: &c.Iat}
	if err := eachMember(payload, shared.read); err != nil {
		return nil, errAssertionShape
	}
	return c, nil
}

// check applies Keycloak's rules of time, in its order.
func (c *AssertionClaims) check(now int64) error {
	switch {
	case c.JTI == "":
		return refuseAssertion("Token jti claim is required")
	case c.Exp == 0:
		return refuseAssertion("Token exp claim is required")
	case c.Exp < now || c.Nbf > now+assertionSkew:
		return refuseAssertion("Token is not active")
	case c.Iat == 0 && c.Exp > now+assertionMaxAge:
		return refuseAssertion("Token expiration is too far in the future and iat claim not present in token")
	case c.Iat > now+assertionSkew:
		return refuseAssertion("Token was issued in the future")
	case c.Iat != 0 && c.Iat < now-assertionMaxAge:
		return refuseAssertion("Token was issued too far in the past to be used now")
	}
	return nil
}
