package oidc

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// realmDocument is GET /realms/{realm} (behaviour §1.2).
func (e *Endpoints) realmDocument(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	q.publicDocument(w, "no-cache")
	return web.WriteJSON(w, http.StatusOK, map[string]any{
		"realm":             q.snap.Realm.Name,
		"public_key":        q.snap.Keys.RealmPublicKey(),
		"token-service":     q.issuer + "/protocol/openid-connect",
		"account-service":   q.issuer + "/account",
		"tokens-not-before": q.snap.Realm.NotBefore,
	})
}

// certs is the JWK set (RFC 7517 §5): asymmetric keys only.
func (e *Endpoints) certs(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	if err := q.checkTLS(); err != nil {
		return err
	}
	q.newestKeys()
	q.publicDocument(w, "no-cache")
	return web.WriteRaw(w, http.StatusOK, "application/json", q.snap.Keys.JWKS())
}

// newestKeys is for verifiers that ask here for a key another node began to
// sign with: many ask again only after minutes. Without the database the keys
// known here must do, soon.
func (q *request) newestKeys() {
	ctx, cancel := context.WithTimeout(q.ctx, 500*time.Millisecond)
	defer cancel()
	if snap, err := q.e.Realms.Newer(ctx, q.snap); err == nil && snap != nil {
		q.snap = snap
	}
}

// publicDocument lets pages of any origin read what everyone may read.
func (q *request) publicDocument(w http.ResponseWriter, cache string) {
	w.Header().Set("Cache-Control", cache)
	web.AllowAnyOrigin(w, q.r)
}

// signing algorithms as the documents announce them.
var (
	hmacAlgs       = []string{"HS256", "HS384", "HS512"}
	asymmetricAlgs = []string{"PS384", "RS384", "EdDSA", "ES384", "ES256", "RS256", "ES512", "PS256", "PS512", "RS512"}
)

// discovery is OpenID Connect Discovery §3: only what works is announced. The
// list grows with the endpoints.
func (e *Endpoints) discovery(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	if err := q.checkTLS(); err != nil {
		return err
	}
	q.publicDocument(w, "no-cache, must-revalidate, no-transform, no-store")
	p := q.issuer + "/protocol/openid-connect"
	scopes := []string{"openid"}
	for _, s := range q.snap.Scopes {
		if s.Protocol == "openid-connect" {
			scopes = append(scopes, s.Name)
		}
	}
	authMethods := []string{"private_key_jwt", "client_secret_basic", "client_secret_post", "client_secret_jwt"}
	clientAlgs := slices.Concat(asymmetricAlgs, hmacAlgs)
	doc := map[string]any{
		"issuer":                 q.issuer,
		"token_endpoint":         p + "/token",
		"introspection_endpoint": p + "/token/introspect",
		"userinfo_endpoint":      p + "/userinfo",
		"jwks_uri":               p + "/certs",
		"revocation_endpoint":    p + "/revoke",
		"grant_types_supported":  announcedGrants(),
		"acr_values_supported":   model.ACRValues(q.snap.Realm),
		"subject_types_supported": []string{
			"public",
		},
		"id_token_signing_alg_values_supported":                    clientAlgs,
		"token_endpoint_auth_methods_supported":                    authMethods,
		"token_endpoint_auth_signing_alg_values_supported":         clientAlgs,
		"introspection_endpoint_auth_methods_supported":            authMethods,
		"introspection_endpoint_auth_signing_alg_values_supported": clientAlgs,
		"revocation_endpoint_auth_methods_supported":               authMethods,
		"revocation_endpoint_auth_signing_alg_values_supported":    clientAlgs,
		"device_authorization_endpoint":                            p + "/auth/device",
		"claims_supported":                                         []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "name", "given_name", "family_name", "preferred_username", "email", "acr", "azp", "nonce"},
		"claim_types_supported":                                    []string{"normal"},
		"scopes_supported":                                         scopes,

		"end_session_endpoint":                  p + "/logout",
		"check_session_iframe":                  p + "/login-status-iframe.html",
		"frontchannel_logout_supported":         true,
		"frontchannel_logout_session_supported": true,
		"backchannel_logout_supported":          true,
		"backchannel_logout_session_supported":  true,
	}
	maps.Copy(doc, authorizationMetadata(p))
	return web.WriteJSON(w, http.StatusOK, doc)
}

// authorizationMetadata is what works at the authorization endpoint and where
// its requests are pushed; p is the path of the protocol's endpoints. Of
// request_uri only that of a pushed request is taken; left out, the parameter
// would be announced all the same (OpenID Connect Discovery §3).
func authorizationMetadata(p string) map[string]any {
	return map[string]any{
		"authorization_endpoint":                         p + "/auth",
		"response_types_supported":                       model.ResponseTypes,
		"response_modes_supported":                       model.ResponseModes,
		"code_challenge_methods_supported":               model.CodeChallengeMethods,
		"prompt_values_supported":                        []string{"none", "login", "consent"},
		"authorization_response_iss_parameter_supported": true,
		"pushed_authorization_request_endpoint":          p + "/ext/par/request",
		"require_pushed_authorization_requests":          false,
		"request_parameter_supported":                    true,
		"request_uri_parameter_supported":                true,
		"require_request_uri_registration":               true,
		"claims_parameter_supported":                     true,
		"request_object_signing_alg_values_supported":    slices.Concat(asymmetricAlgs, hmacAlgs, []string{"none"}),
	}
}

// announcedGrants are those of the token endpoint, and implicit, which is none
// of it.
func announcedGrants() []string {
	return append(slices.Sorted(maps.Keys(grants)), "implicit")
}
