package web

import (
	"net/http"
	"strings"
)

// Cache-Control values as Keycloak sends them.
const (
	CacheNoStore   = "no-store"                                          // token, userinfo errors; with Pragma: no-cache
	CacheNoCache   = "no-cache"                                          // realm document, keys, introspection, userinfo, admin REST
	CacheDiscovery = "no-cache, must-revalidate, no-transform, no-store" // .well-known documents
	CachePage      = "no-store, must-revalidate, max-age=0"              // login pages
)

// Content types.
const (
	TypeJSON     = "application/json"
	TypeJSONUTF8 = "application/json;charset=UTF-8" // admin REST and the realm document
	TypeForm     = "application/x-www-form-urlencoded"
)

// The security headers of every answer. Each slice is shared by all requests:
// Header.Set and Header.Add replace slices and never write into these.
var (
	referrerPolicy     = []string{"no-referrer"}
	strictTransport    = []string{"max-age=31536000; includeSubDomains"}
	contentTypeOptions = []string{"nosniff"}
	frameOptions       = []string{"SAMEORIGIN"}
	robotsTag          = []string{"none"}
)

// SecurityHeaders sets what every answer carries; Chain does so at its start.
func SecurityHeaders(h http.Header) {
	h["Referrer-Policy"] = referrerPolicy
	h["Strict-Transport-Security"] = strictTransport
	h["X-Content-Type-Options"] = contentTypeOptions
	h["X-Frame-Options"] = frameOptions
	h["X-Robots-Tag"] = robotsTag
}

// NoStore forbids every cache to keep the answer, as RFC 6749 §5.1 asks for
// token answers.
func NoStore(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", CacheNoStore)
	h.Set("Pragma", "no-cache")
}

// WantsHTML tells whether a request comes from a person's browser: its Accept
// names text/html, whatever its place or weight, as Keycloak decides it.
func WantsHTML(r *http.Request) bool {
	for _, v := range r.Header["Accept"] {
		if strings.Contains(v, "text/html") {
			return true
		}
	}
	return false
}
