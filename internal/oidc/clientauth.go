package oidc

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func invalidClient() error {
	return web.OAuthError(http.StatusUnauthorized, "invalid_client", "Invalid client or Invalid client credentials")
}

func wrongSecret() error {
	return web.OAuthError(http.StatusUnauthorized, "unauthorized_client", "Invalid client or Invalid client credentials")
}

// authenticateClient finds and authenticates the client: basic, post,
// private_key_jwt, client_secret_jwt, or none for public clients (behaviour
// §3.1; RFC 6749 §2.3, RFC 7523 §3).
func (q *request) authenticateClient() error {
	id, secret, basic := web.BasicClient(q.r)
	posted, sent := q.form.Lookup("client_id")
	assertion := q.form.Get("client_assertion")
	switch {
	case basic && (!sent || posted == id):
		if s, ok := q.form.Lookup("client_secret"); ok {
			secret = s // the form goes first (measured), also for another client
		}
	case assertion != "" && q.form.Get("client_assertion_type") == jwtBearer:
		_, sub, err := token.AssertionSubject(assertion)
		if err != nil {
			return invalidClient()
		}
		id = sub
	default:
		id, secret = posted, q.form.Get("client_secret")
	}
	if q.event.e != nil {
		q.event.e.ClientID = id
	}
	c, err := q.clientNamed(id)
	switch {
	case err != nil:
		return err
	case c == nil:
		q.event.cause = "client_not_found"
		return invalidClient()
	case !c.Enabled:
		q.event.cause = "client_disabled"
		return invalidClient()
	}
	if c.Protocol != "" && c.Protocol != "openid-connect" {
		return web.OAuthError(http.StatusBadRequest, "invalid_client", "Wrong client protocol.")
	}
	q.client = c
	q.note("client_id", c.ClientID)
	if c.PublicClient {
		q.event.detail("client_auth_method", firstOf(c.ClientAuthenticatorType, "client-secret"))
		return nil
	}
	switch c.ClientAuthenticatorType {
	case "client-jwt", "client-secret-jwt":
		if err := q.checkAssertion(c, assertion, posted); err != nil {
			q.event.cause = "invalid_client_credentials"
			return err
		}
		q.event.detail("client_auth_method", firstOf(c.ClientAuthenticatorType, "client-secret"))
		return nil
	default:
		fits, err := q.secretFits(secret)
		if err != nil {
			return err
		}
		if !fits {
			q.event.cause = "invalid_client_credentials"
			return wrongSecret()
		}
		q.event.detail("client_auth_method", firstOf(c.ClientAuthenticatorType, "client-secret"))
		return nil
	}
}

// secretFits compares a client's secret, and once more with one that another
// node may just have stored.
func (q *request) secretFits(secret string) (bool, error) {
	is := func() bool { return subtle.ConstantTimeCompare([]byte(secret), []byte(q.client.Secret)) == 1 }
	if secret == "" || is() {
		return secret != "", nil
	}
	newer, err := q.renew()
	return newer && is(), err
}

// refuseBearerOnly refuses clients that only receive tokens.
func (q *request) refuseBearerOnly() error {
	if q.client.BearerOnly {
		return web.OAuthError(http.StatusBadRequest, "invalid_client", "Bearer-only not allowed")
	}
	return nil
}

// checkAssertion verifies a client assertion in Keycloak's words (measured):
// signature, issuer and subject are the client, one audience which is this
// realm, and a jti that was not used before.
func (q *request) checkAssertion(c *model.Client, assertion, posted string) error {
	bad := func(text string) error { return web.OAuthError(http.StatusBadRequest, "invalid_client", text) }
	switch {
	case q.form.Get("client_assertion_type") == "":
		return bad("Parameter client_assertion_type is missing")
	case assertion == "":
		return bad("client_assertion parameter missing")
	case posted != "" && posted != c.ClientID:
		return bad("client_id parameter does not match authenticated client")
	}
	keys := token.AssertionKeys{Alg: c.Attributes["token.endpoint.auth.signing.alg"]}
	if c.ClientAuthenticatorType == "client-secret-jwt" {
		keys.Secret = c.Secret
	} else {
		keys.JWKS, keys.Certificate = publicKeys(c)
	}
	a, err := token.VerifyAssertion(assertion, keys, q.e.Now())
	var refused *token.AssertionError
	if errors.As(err, &refused) {
		return web.OAuthError(http.StatusBadRequest, refused.Code, refused.Description)
	} else if err != nil {
		return err
	}
	switch {
	case a.Iss != c.ClientID || a.Sub != c.ClientID:
		return invalidClient()
	case len(a.Aud) > 1:
		return bad("Multiple audiences not allowed")
	case len(a.Aud) == 0 || !q.isAudience(a.Aud[0]):
		return bad("Invalid token audience")
	}
	first := false
	err = q.e.Store.Write(q.ctx, func(tx *store.Tx) error {
		var err error
		first, err = tx.ClaimOnce(q.snap.Realm.Num, "assertion", c.ID+" "+a.JTI, a.Exp+assertionSkew)
		return err
	})
	if err != nil {
		return err
	}
	if !first {
		return bad("Token reuse detected")
	}
	return nil
}

// publicKeys are a client's own keys: a JWK set, else a certificate.
func publicKeys(c *model.Client) (jwks, certificate string) {
	if jwks = c.Attributes["jwks.string"]; jwks != "" {
		return jwks, ""
	}
	return "", c.Attributes["jwt.credential.certificate"]
}

// isAudience tells whether an assertion was meant for this realm: its issuer
// or one of the endpoints that authenticate clients.
func (q *request) isAudience(aud string) bool {
	rest, ok := strings.CutPrefix(aud, q.issuer)
	if !ok {
		return false
	}
	switch strings.TrimPrefix(rest, "/protocol/openid-connect") {
	case "", "/token", "/token/introspect", "/revoke", "/ext/par/request":
		return true
	}
	return false
}

// assertionSkew keeps the memory of a used jti as long as a clock that runs
// late could accept it.
const assertionSkew = 60

// allowOrigin answers a browser page of another origin: allowed when the
// client lists it, refused before anything happens when it does not.
func (q *request) allowOrigin(w http.ResponseWriter) error {
	return web.CheckOrigin(w, q.r, q.base, q.client.AllowsOrigin)
}
