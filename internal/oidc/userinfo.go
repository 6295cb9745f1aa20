package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// userinfo is OpenID Connect Core §5.3. Errors have no body, their reason is
// in WWW-Authenticate (behaviour §3.9).
func (e *Endpoints) userinfo(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	raw := web.Bearer(r)
	if raw == "" && r.Method == http.MethodPost {
		if duplicated, err := q.parseForm(); duplicated || err != nil {
			return q.challenge(w, http.StatusBadRequest, "invalid_request", "Token not provided")
		}
		raw = q.form.Get("access_token")
	}
	if raw == "" {
		return q.challenge(w, http.StatusUnauthorized, "", "")
	}
	if !q.snap.Realm.Enabled {
		return q.challenge(w, http.StatusUnauthorized, "invalid_token", "Token verification failed")
	}
	t, err := q.active(raw)
	if err != nil && !errors.Is(err, errInactive) {
		return err
	}
	if err != nil || !strings.EqualFold(t.claims.Typ, token.TypBearer) || t.claims.Sub == "" {
		return q.challenge(w, http.StatusUnauthorized, "invalid_token", "Token verification failed")
	}
	if !model.HasWord(t.claims.Scope, "openid") {
		return q.challenge(w, http.StatusForbidden, "insufficient_scope", "Missing openid scope")
	}
	if err := web.CheckOrigin(w, r, q.base, t.client.AllowsOrigin); err != nil {
		return err
	}
	body := mapped(q.view(t, t.claims.Scope), inUserinfo)
	delete(body, "aud")
	body["sub"] = t.user.ID
	w.Header().Set("Cache-Control", "no-cache")
	return web.WriteJSON(w, http.StatusOK, map[string]any(body))
}

// challenge is an error of the userinfo endpoint (RFC 6750 §3).
func (q *request) challenge(w http.ResponseWriter, status int, code, text string) error {
	value := fmt.Sprintf("Bearer realm=%q", q.snap.Realm.Name)
	if code != "" {
		value += fmt.Sprintf(", error=%q, error_description=%q", code, text)
	}
	w.Header().Set("WWW-Authenticate", value)
	web.NoStore(w)
	return web.WriteRaw(w, status, "text/plain;charset=utf-8", nil)
}
