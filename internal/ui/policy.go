package ui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/web"
)

// setSecurity sets the security headers of a page: the defaults of every
// answer, over them what the realm sets, and the page's own policy.
func setSecurity(h http.Header, realm map[string]string, p policy) {
	web.SecurityHeaders(h)
	for member, header := range map[string]string{
		"referrerPolicy":                  "Referrer-Policy",
		"strictTransportSecurity":         "Strict-Transport-Security",
		"xContentTypeOptions":             "X-Content-Type-Options",
		"xFrameOptions":                   "X-Frame-Options",
		"xRobotsTag":                      "X-Robots-Tag",
		"contentSecurityPolicyReportOnly": "Content-Security-Policy-Report-Only",
	} {
		value, set := realm[member]
		switch {
		case !set || strings.ContainsFunc(value, notPrintable):
		case value == "":
			h.Del(header)
		default:
			h.Set(header, value)
		}
	}
	value, set := realm["contentSecurityPolicy"]
	h.Set("Content-Security-Policy", p.header(value, set))
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// policy is what a page needs of its Content-Security-Policy beyond style and
// pictures of the server's own. It is sent twice, and browsers obey both: the
// header is the realm's, word for word Keycloak's, and says who may frame the
// page; the page itself (meta) carries the strict one.
type policy struct {
	script     bool     // the server's own script
	images     []string // sources
	frames     []string // sources
	formAction []string // sources; nil = 'none'
}

// policy is the page's, as its struct and the options say.
func (v *view) policy() policy {
	var p policy
	switch page := v.Page.(type) {
	case interface{ policy() policy }:
		p = page.policy()
	case formed:
		p.formAction = append([]string{"'self'"}, formAction(v.opt.Redirects...)...)
	}
	if logo := v.Logo(); logo != "" {
		p.images = append(p.images, source(logo))
	}
	return p
}

func (p FormPost) policy() policy {
	return policy{script: true, formAction: formAction(p.Action)}
}

func (p FrontchannelLogout) policy() policy {
	own := policy{script: followable(p.ContinueURL)}
	for _, f := range p.Frames() {
		own.frames = append(own.frames, source(f.URL))
	}
	return own
}

// formAction lists the sources a form needs to end at addresses.
//
// Chromium and WebKit apply form-action to every redirect that follows a POST,
// Firefox does not, and the standard leaves it open (w3c/webappsec-csp#8). Here
// a POST ends at the client's redirect URI, from where applications go on to
// other hosts of theirs, which nobody here knows. So the scheme of the address
// is allowed, not its host: a pinned host breaks applications whose callback
// and start page differ. It still keeps an https login from ending in plain
// http or in a scheme nobody registered.
func formAction(addresses ...string) []string {
	var out []string
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Scheme == "" || !followable(address) {
			continue
		}
		if s := u.Scheme + ":"; !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// keycloakPolicy is the realm's policy where it sets none.
const keycloakPolicy = "frame-src 'self'; frame-ancestors 'self'; object-src 'none';"

// header is the realm's policy; a page with frames of others says which, in
// place of the realm's frame-src.
func (p policy) header(realm string, set bool) string {
	if !set || strings.ContainsFunc(realm, notPrintable) || strings.Contains(realm, ",") || !strings.Contains(realm, "frame-ancestors") {
		realm = keycloakPolicy
	}
	if len(p.frames) == 0 {
		return realm
	}
	var out []string
	for directive := range strings.SplitSeq(realm, ";") {
		if words := strings.Fields(directive); len(words) > 0 && !strings.EqualFold(words[0], "frame-src") {
			out = append(out, strings.Join(words, " "))
		}
	}
	return strings.Join(append(out, "frame-src "+sources("'self'", p.frames)), "; ")
}

// meta is what the page may load and where its form may lead.
func (p policy) meta() string {
	var b strings.Builder
	b.WriteString("default-src 'none'; style-src 'self'; img-src " + sources("'self'", p.images))
	if p.script {
		b.WriteString("; script-src 'self'")
	}
	if len(p.frames) > 0 {
		b.WriteString("; frame-src " + sources("", p.frames))
	}
	if p.formAction == nil {
		p.formAction = []string{"'none'"}
	}
	b.WriteString("; form-action " + sources("", p.formAction) + "; base-uri 'none'; object-src 'none'")
	return b.String()
}

func sources(first string, more []string) string {
	var out []string
	for _, s := range append([]string{first}, more...) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

// source is the source expression that allows exactly one http or https
// address; a query cannot be part of it. What would end the expression is
// percent-encoded, as CSP Level 3 §2.3.1 asks.
func source(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, ";,'\" ") {
		return ""
	}
	path := strings.NewReplacer(";", "%3B", ",", "%2C", "'", "%27").Replace(u.EscapedPath())
	return u.Scheme + "://" + u.Host + path
}
