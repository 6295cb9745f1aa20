package model

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
)

// Errors of VerifyPKCE: their texts are error_description of invalid_grant.
var (
	ErrPKCEMissing  = errors.New("PKCE code verifier not specified")
	ErrPKCENotAsked = errors.New("PKCE code verifier specified but challenge not present in authorization")
	ErrPKCESyntax   = errors.New("PKCE verification failed: Invalid code verifier")
	ErrPKCEMismatch = errors.New("PKCE verification failed: Code mismatch")
)

// VerifyPKCE compares a code verifier with the challenge of the authorization
// request; sent tells whether the token request had one, empty counts as sent.
// method is S256, or plain for everything else.
//
// What the client demands today (pkce.code.challenge.method) is no matter: it
// was checked when the code was asked for. RFC 7636 §4.6.
func VerifyPKCE(challenge, method, verifier string, sent bool) error {
	switch {
	case challenge == "" && sent:
		return ErrPKCENotAsked
	case challenge == "":
		return nil
	case !sent:
		return ErrPKCEMissing
	case !validPKCE(verifier):
		return ErrPKCESyntax
	}
	if method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(verifier), []byte(challenge)) != 1 {
		return ErrPKCEMismatch
	}
	return nil
}

// validPKCE is the syntax of challenges and verifiers: 43 to 128 unreserved
// characters (RFC 7636 §4.1, §4.2).
func validPKCE(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// CodeChallengeMethods are the methods of PKCE.
var CodeChallengeMethods = []string{"plain", "S256"}

// checkPKCE: a client that demands a method gets no other, and must name it.
// Answers without a code have nothing to prove.
func (a *AuthorizationRequest) checkPKCE(_ *Config, c *Client, p AuthorizationParams) *AuthorizationError {
	if !a.Wants("code") && a.ResponseType != "none" {
		a.CodeChallenge, a.CodeChallengeMethod = "", ""
		return nil
	}
	_, challenged := p.Lookup("code_challenge")
	method, named := p.Lookup("code_challenge_method")
	demanded := c.Attributes["pkce.code.challenge.method"]
	switch {
	case demanded != "" && !named:
		return invalidAuthorization("Missing parameter: code_challenge_method")
	case demanded != "" && method != demanded:
		return invalidAuthorization("Invalid parameter: code challenge method is not matching the configured one")
	case !challenged && named:
		return invalidAuthorization("Missing parameter: code_challenge")
	case !challenged:
		return nil
	case named && method != "S256" && method != "plain":
		return invalidAuthorization("Invalid parameter: code_challenge_method")
	case !validPKCE(a.CodeChallenge):
		return invalidAuthorization("Invalid parameter: code_challenge")
	case !named:
		a.CodeChallengeMethod = "plain" // RFC 7636 §4.3
	}
	return nil
}
