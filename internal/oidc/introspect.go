package oidc

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// introspect is RFC 7662, with Keycloak's rules (behaviour §0a and §6.1): the
// caller must be in the token's audience; a refresh or offline token is active
// for its own client and only with token_type_hint=refresh_token.
func (e *Endpoints) introspect(w http.ResponseWriter, r *http.Request) error {
	q, duplicated, err := e.openForm(r)
	if err != nil {
		return err
	}
	if err := q.authenticateClient(); err != nil {
		if refused := (*web.Error)(nil); q.client != nil && errors.As(err, &refused) {
			return web.OAuthError(http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
		}
		return err
	}
	if q.client.PublicClient {
		return web.OAuthError(http.StatusForbidden, "invalid_request", "Client not allowed.")
	}
	if duplicated {
		return web.ErrDuplicated
	}
	raw, hint := q.form.Get("token"), q.form.Get("token_type_hint")
	switch {
	case raw == "":
		return web.OAuthError(http.StatusBadRequest, "invalid_request", "Token not provided.")
	case hint != "" && hint != "access_token" && hint != "refresh_token" && hint != hintRPT:
		return web.OAuthError(http.StatusBadRequest, "invalid_request", "Unsupported token type.")
	}
	w.Header().Set("Cache-Control", "no-cache")
	t, err := q.active(raw)
	if errors.Is(err, errInactive) {
		return inactive(w)
	} else if err != nil {
		return err
	}
	body := q.introspection(t, hint)
	if body == nil {
		return inactive(w)
	}
	return web.WriteJSON(w, http.StatusOK, body)
}

func inactive(w http.ResponseWriter) error {
	return web.WriteRaw(w, http.StatusOK, "application/json", []byte(`{"active":false}`))
}

// introspection is the answer for an active token, nil when this caller may
// not see it.
func (q *request) introspection(t *activeToken, hint string) map[string]any {
	refresh := t.claims.Typ == token.TypOffline || t.claims.Typ == token.TypRefresh
	if refresh != (hint == "refresh_token") || refresh && (t.client != q.client || q.usedUp(t)) {
		return nil
	}
	out := mapped(q.view(t, t.claims.Scope), inIntrospection)
	resolved, _ := out["aud"].([]string)
	audience := slices.Clone(resolved)
	for _, a := range t.claims.Aud {
		if !slices.Contains(audience, a) {
			audience = append(audience, a)
		}
	}
	// A lightweight token carries no audience: the mappers' counts for it.
	visible := t.claims.Aud
	if t.lightweight {
		visible = audience
	}
	if !refresh && !slices.Contains(visible, q.client.ClientID) {
		return nil
	}
	for name, raw := range t.claims.All {
		if t.claims.Typ != token.TypID && !refreshOnly[name] || t.claims.Typ == token.TypID && idKept[name] {
			out[name] = raw
		}
	}
	setAudience(out, audience)
	out["active"] = true
	if hint == hintRPT {
		maps.DeleteFunc(out, func(name string, _ any) bool { return !rptShown[name] })
		return out
	}
	out["client_id"] = t.client.ClientID
	out["username"] = t.user.Username
	out["token_type"] = t.claims.Typ
	if t.claims.Scope == "" {
		delete(out, "scope")
	}
	return out
}

// hintRPT asks for an access token as User-Managed Access does, which a client
// library sends with every introspection. Of what such an answer shows there are
// no permissions here (measured).
const hintRPT = "requesting_party_token"

var rptShown = map[string]bool{"active": true, "exp": true, "iat": true, "nbf": true, "jti": true, "aud": true, "typ": true, "acr": true}

// refreshOnly are claims of refresh tokens that are nobody's business; aud is
// written apart.
var refreshOnly = map[string]bool{"aud": true, "aud_x": true, "prov": true, "req-aud": true, "reuse_id": true}

// idKept are the claims of an ID token that its introspection shows as they
// are; the others are the access token's (measured).
var idKept = map[string]bool{
	"exp": true, "iat": true, "nbf": true, "auth_time": true, "jti": true, "iss": true, "sub": true, "typ": true,
	"azp": true, "sid": true, "nonce": true, "acr": true,
}

// usedUp tells whether rotation would refuse the refresh token now.
func (q *request) usedUp(t *activeToken) bool {
	if !q.snap.Realm.RevokeRefreshToken || t.session == nil {
		return false
	}
	var chain string
	if raw, ok := t.claims.All["reuse_id"]; ok && json.Unmarshal(raw, &chain) != nil {
		return true
	}
	use := model.RefreshUse{JTI: t.claims.JTI, ChainID: chain, IssuedAt: t.claims.Iat, Offline: t.offline}
	_, _, err := model.UseChain(t.session, use, q.snap.Realm.RefreshTokenMaxReuse, "probe", q.now)
	return err != nil
}
