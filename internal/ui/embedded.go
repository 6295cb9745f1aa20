package ui

import (
	"io"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/web"
)

// Embedded is a document without anything to see, which applications load in a
// hidden frame and talk to by messages (OpenID Connect Session Management 1.0
// §3.2, and keycloak-js's look whether the browser gives frames their cookies).
// Its script is the static file of that name.
type Embedded string

// Embedded documents.
const (
	SessionIframe    Embedded = "session-iframe.js"
	CookieProbeSet   Embedded = "cookie-probe-set.js"
	CookieProbeCheck Embedded = "cookie-probe-check.js"
)

// Embed answers with an embedded document. Any page may frame it: what it tells
// is whether something has changed, and its own script decides to whom.
func (u *UI) Embed(w http.ResponseWriter, doc Embedded) error {
	h := w.Header()
	h.Del("X-Frame-Options")
	h.Set("Cache-Control", web.CacheDiscovery)
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'")
	h.Set("Content-Type", "text/html;charset=utf-8")
	_, err := io.WriteString(w, "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>-</title>"+
		"<script src=\""+u.base+string(doc)+"\" defer></script></head>\n<body></body>\n</html>\n")
	return err
}
