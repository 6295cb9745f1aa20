package web

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// Bearer is the token of an Authorization header, "" without one. The scheme
// may be in any case, and one space follows it (RFC 6750 §2.1; Keycloak takes
// neither tabs nor two spaces).
func Bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || strings.ContainsAny(token, " \t") {
		return ""
	}
	return token
}

// BasicClient is a client's id and secret from an Authorization header, each
// form-decoded (RFC 6749 §2.3.1: "encoded using the
// application/x-www-form-urlencoded encoding algorithm"). ok is false when
// there are none to speak of: another scheme, no base64, no colon, no id; a
// body's credentials may count then. Text that is encoded wrongly gives ok and
// an empty id, which is no client's.
func BasicClient(r *http.Request) (id, secret string, ok bool) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Trim(rest, " "), "="))
	if err != nil {
		return "", "", false
	}
	id, secret, colon := strings.Cut(string(raw), ":")
	if !colon || id == "" {
		return "", "", false
	}
	id, okID := formText(id)
	secret, okSecret := formText(secret)
	if !okID || !okSecret {
		return "", "", true
	}
	return id, secret, true
}
