package web

import (
	"net/http"
	"slices"
	"strings"
)

// Methods Keycloak names in preflight answers. Introspection, /auth and pushed
// requests answer no preflight.
const (
	MethodsToken     = "POST, OPTIONS"      // token, revoke, auth/device
	MethodsUserinfo  = "GET, HEAD, OPTIONS" // userinfo, logout, the realm document
	MethodsDocuments = "GET"                // certs, .well-known
	MethodsAdmin     = "DELETE, POST, GET, PUT"
	MethodsAccount   = "HEAD, DELETE, POST, GET, OPTIONS, PUT"
)

const preflightHeaders = "Origin, Access-Control-Request-Method, X-Requested-With, Accept, Access-Control-Request-Headers, DPoP, Content-Type, Authorization"

// Preflight answers OPTIONS: a browser asks whether a page of another origin
// may call with these methods. Every origin may ask; the answer to the call
// itself decides. Without an Origin it is a plain 200.
func Preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	delete(h, "X-Frame-Options")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Headers", preflightHeaders)
		h.Set("Access-Control-Max-Age", "3600")
		vary(h)
	}
	w.WriteHeader(http.StatusOK)
}

// PreflightHandler is Preflight as a Handler.
func PreflightHandler(methods string) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		Preflight(w, r, methods)
		return nil
	}
}

// AllowOrigin lets a page of that origin read the answer. expose names headers
// it may read beside Access-Control-Allow-Methods, which Keycloak always names.
// It does nothing for origin "".
func AllowOrigin(w http.ResponseWriter, origin string, expose ...string) {
	if origin == "" {
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join(append([]string{"Access-Control-Allow-Methods"}, expose...), ", "))
	h.Set("Access-Control-Allow-Credentials", "true")
	vary(h)
}

// AllowAnyOrigin lets a page of any origin read a public document (discovery,
// keys, the realm document).
func AllowAnyOrigin(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		vary(h)
	}
}

// CheckOrigin applies a client's web origins to a call: without an Origin, or
// from the server's own (base is its base URL), nothing is needed; an allowed
// one gets AllowOrigin; any other is refused with 403. allowed usually is
// model.Client.AllowsOrigin.
func CheckOrigin(w http.ResponseWriter, r *http.Request, base string, allowed func(origin string) bool) error {
	origin := r.Header.Get("Origin")
	switch {
	case origin == "" || origin == originOf(base):
		return nil
	case allowed(origin):
		AllowOrigin(w, origin)
		return nil
	}
	return InvalidOrigin()
}

// InvalidOrigin is what Keycloak answers to a page of an origin the client
// does not list.
func InvalidOrigin() *Error { return AdminError(http.StatusForbidden, "Invalid origin") }

// originOf cuts the path off a base URL.
func originOf(base string) string {
	_, rest, ok := strings.Cut(base, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return base[:len(base)-len(rest)+i]
	}
	return base
}

// SameOrigin tells whether origin is that of the server at base.
func SameOrigin(origin, base string) bool { return origin != "" && origin == originOf(base) }

// vary keeps a shared cache from giving one origin's answer to another.
func vary(h http.Header) {
	if !slices.Contains(h["Vary"], "Origin") {
		h.Add("Vary", "Origin")
	}
}
