package ui

import (
	"html"
	"net/http/httptest"
	"strings"
	"testing"
)

const defaultMeta = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; object-src 'none'"

func headers(t *testing.T, page Page, opt Options) map[string]string {
	t.Helper()
	u, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := u.Render(w, 200, page, opt); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{"meta": metaIn(w.Body.String())}
	for name, values := range w.Header() {
		out[name] = strings.Join(values, "|")
	}
	return out
}

// metaIn is the policy a page carries itself.
func metaIn(page string) string {
	_, rest, _ := strings.Cut(page, `<meta http-equiv="Content-Security-Policy" content="`)
	text, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(text)
}

// TestRender_Headers: Keycloak's headers, and the page's own policy, stricter.
func TestRender_Headers(t *testing.T) {
	t.Parallel()
	got := headers(t, LoggedOut{}, Options{Lang: "de"})
	for name, want := range map[string]string{
		"Content-Type":              "text/html;charset=utf-8",
		"Content-Language":          "de",
		"Cache-Control":             "no-store, must-revalidate, max-age=0",
		"Content-Security-Policy":   keycloakPolicy,
		"meta":                      defaultMeta,
		"Referrer-Policy":           "no-referrer",
		"Strict-Transport-Security": "max-age=31536000; includeSubDomains",
		"X-Content-Type-Options":    "nosniff",
		"X-Frame-Options":           "SAMEORIGIN",
		"X-Robots-Tag":              "none",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

// TestRender_RealmsOwnHeaders: a value replaces, an empty one leaves out, a
// missing member and a value that is no header text keep the default.
func TestRender_RealmsOwnHeaders(t *testing.T) {
	t.Parallel()
	got := headers(t, LoggedOut{}, Options{Realm: Realm{SecurityHeaders: map[string]string{
		"contentSecurityPolicy":           "frame-src 'self'; frame-ancestors https://portal.example; object-src 'none'; report-uri /csp; script-src *; upgrade-insecure-requests",
		"contentSecurityPolicyReportOnly": "default-src 'self'",
		"xFrameOptions":                   "",
		"xRobotsTag":                      "noindex",
		"referrerPolicy":                  "origin\r\nSet-Cookie: a=b",
	}}})
	for name, want := range map[string]string{
		"Content-Security-Policy":             "frame-src 'self'; frame-ancestors https://portal.example; object-src 'none'; report-uri /csp; script-src *; upgrade-insecure-requests",
		"meta":                                defaultMeta,
		"Content-Security-Policy-Report-Only": "default-src 'self'",
		"X-Frame-Options":                     "",
		"X-Robots-Tag":                        "noindex",
		"Referrer-Policy":                     "no-referrer",
		"X-Content-Type-Options":              "nosniff",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

// TestPolicy_FramedByNobodyUnlessTheRealmSays: an empty or strange policy of
// the realm opens nothing.
func TestPolicy_FramedByNobodyUnlessTheRealmSays(t *testing.T) {
	t.Parallel()
	for _, realm := range []string{"", ";;", "default-src *", "frame-ancestors *\r\nX: y", "frame-ancestors *, script-src *", "script-src 'unsafe-inline'; form-action *"} {
		if got := (policy{}).header(realm, true); got != keycloakPolicy {
			t.Errorf("policy with the realm's %q = %q, want %q", realm, got, keycloakPolicy)
		}
	}
}

// TestPolicy_ScriptsOnlyWhereAPageNeedsOne.
func TestPolicy_ScriptsOnlyWhereAPageNeedsOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		page Page
		want bool
	}{
		{FormPost{}, true},
		{FrontchannelLogout{ContinueURL: "https://app.example/"}, true},
		{FrontchannelLogout{}, false},
		{FrontchannelLogout{ContinueURL: "javascript:x"}, false},
		{Login{}, false},
		{Consent{}, false},
		{Error{}, false},
	} {
		if got := strings.Contains(headers(t, tt.page, Options{})["meta"], "script-src 'self'"); got != tt.want {
			t.Errorf("%+v may run the script = %v, want %v", tt.page, got, tt.want)
		}
	}
}

// TestPolicy_FormAction: the server itself, and schemes the redirect may end in.
func TestPolicy_FormAction(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		page      Page
		redirects []string
		want      string
	}{
		{"no form", Error{}, []string{"https://app.example/cb"}, "form-action 'none';"},
		{"nowhere else", DeviceCode{}, nil, "form-action 'self';"},
		{"https", Login{}, []string{"https://app.example/cb", "https://b.example"}, "form-action 'self' https:;"},
		{"a development machine", Login{}, []string{"http://localhost:9999/cb"}, "form-action 'self' http:;"},
		{"an application's own scheme", Login{}, []string{"com.example.app:/cb"}, "form-action 'self' com.example.app:;"},
		{"what runs", Login{}, []string{"javascript:alert(1)", "data:,x", "", "/x", "*"}, "form-action 'self';"},
		{"form_post", FormPost{Action: "http://localhost:9999/cb"}, nil, "form-action http:;"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := headers(t, tt.page, Options{Redirects: tt.redirects})["meta"]; !strings.Contains(got, tt.want) {
				t.Errorf("policy %q, want %q in it", got, tt.want)
			}
		})
	}
}

// TestPolicy_FramesExactlyTheClients: each once, nothing that runs.
func TestPolicy_FramesExactlyTheClients(t *testing.T) {
	t.Parallel()
	page := FrontchannelLogout{Clients: []LogoutFrame{
		{URL: "https://a.example/out?sid=1"}, {URL: "https://a.example/out?sid=2"}, {URL: "http://b.example:8080/x;y"},
		{URL: "data:text/html,x"}, {URL: "/local"}, {URL: "https://evil.example;script-src/"}, {URL: ""},
	}}
	got := headers(t, page, Options{})
	if want := "; frame-src https://a.example/out http://b.example:8080/x%3By; form-action"; !strings.Contains(got["meta"], want) {
		t.Errorf("policy %q, want %q in it", got["meta"], want)
	}
	if want := "frame-ancestors 'self'; object-src 'none'; frame-src 'self' https://a.example/out http://b.example:8080/x%3By"; got["Content-Security-Policy"] != want {
		t.Errorf("header %q, want %q", got["Content-Security-Policy"], want)
	}
}

// TestPolicy_OfAPointerIsThatOfThePage: a page may be passed either way.
func TestPolicy_OfAPointerIsThatOfThePage(t *testing.T) {
	t.Parallel()
	post, out, login := FormPost{Action: "https://a.example/cb"}, FrontchannelLogout{ContinueURL: "https://a.example/"}, Login{}
	samePolicy(t, login, &login)
	samePolicy(t, post, &post)
	samePolicy(t, out, &out)
}

func samePolicy(t *testing.T, value, pointer Page) {
	t.Helper()
	if got, want := headers(t, pointer, Options{})["meta"], headers(t, value, Options{})["meta"]; got != want {
		t.Errorf("policy of %T = %q, want %q", pointer, got, want)
	}
}

// FuzzSource: no address ends its expression or the directive.
func FuzzSource(f *testing.F) {
	for _, s := range []string{"https://a.example/x;y", "https://a.example/,", "http://a'b/", "https://[::1]:1/%3b", "https://a.example/ x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !webAddress(s, "https", "http") {
			return
		}
		if got := source(s); strings.ContainsAny(got, ";,'\" \t\r\n") {
			t.Errorf("source(%q) = %q", s, got)
		}
	})
}
