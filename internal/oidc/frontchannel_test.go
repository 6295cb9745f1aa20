package oidc_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// equalJSON compares what came as JSON with Go values.
func equalJSON(t *testing.T, got, want any) bool {
	t.Helper()
	norm := func(v any) (out any) {
		raw, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(raw, &out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	return reflect.DeepEqual(norm(got), norm(want))
}

var frameSource = regexp.MustCompile(`<iframe [^>]*src="([^"]*)"`)

func TestFrontchannel_PageLoadsEveryClientAndLeadsOn(t *testing.T) {
	t.Parallel()
	l := listen(t, http.StatusOK)
	framed := func(id, attributes string) string {
		return `{"clientId":"` + id + `","secret":"s","redirectUris":["http://localhost:9999/*"],"frontchannelLogout":true,
		 "attributes":{"backchannel.logout.url":"` + l.url + "/" + id + `","frontchannel.logout.url":"http://localhost:9999/` + id + `"` + attributes + `}}`
	}
	d := newLogoutDoor(t, framed("named", ""), framed("bare", `,"frontchannel.logout.session.required":"false"`), l.client("back"))
	b := newBrowser(t, d)
	tokens := b.login("named", "openid")
	b.login("bare", "openid")
	b.login("back", "openid")
	b.login("app", "openid")
	p := b.get(at("/logout", "id_token_hint", tokens.id, "post_logout_redirect_uri", bye, "state", "s1"))
	var got []string
	for _, m := range frameSource.FindAllStringSubmatch(p.body, -1) {
		got = append(got, html.UnescapeString(m[1]))
	}
	slices.Sort(got)
	_, claims := claimsOf(t, tokens.id)
	want := []string{
		"http://localhost:9999/bare",
		"http://localhost:9999/named?sid=" + url.QueryEscape(claims["sid"].(string)) + "&iss=" + url.QueryEscape(base+"/realms/demo"),
	}
	if p.status != http.StatusOK || !slices.Equal(got, want) {
		t.Errorf("logout = %d with frames %v, want %v", p.status, got, want)
	}
	if !strings.Contains(p.body, bye+"?state=s1") {
		t.Error("the page does not lead on")
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-src 'self' http://localhost:9999/") {
		t.Errorf("Content-Security-Policy = %q, want it to allow the frames", csp)
	}
	if d.refreshes(t, tokens) {
		t.Error("the session goes on")
	}
	if told, _ := l.told(t, 1); !slices.Equal(told, []string{"back"}) {
		t.Errorf("told by the server: %v, want back alone", told)
	}
	again := b.login("named", "openid")
	if p := newBrowser(t, d).get(at("/logout", "id_token_hint", again.id, "post_logout_redirect_uri", bye)); p.location != bye {
		t.Errorf("without the browser's login = %d %q, want no frames", p.status, p.location)
	}
}

func TestSessionIframe_CookieIsTheDigestOfTheSession(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	_, claims := claimsOf(t, b.login("app", "openid").access)
	sum := sha512.Sum384([]byte(claims["sid"].(string)))
	if want := base64.RawURLEncoding.EncodeToString(sum[:]); b.cookies["KEYCLOAK_SESSION"] != want {
		t.Errorf("KEYCLOAK_SESSION = %q, want %q", b.cookies["KEYCLOAK_SESSION"], want)
	}
}

func TestSessionIframe_MayBeFramedByApplications(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	script := regexp.MustCompile(`<script src="([^"]*)"`)
	for _, path := range []string{"/login-status-iframe.html", "/3p-cookies/step1.html", "/3p-cookies/step2.html"} {
		p := b.get(at(path))
		csp := p.header.Get("Content-Security-Policy")
		if p.status != http.StatusOK || p.header.Get("X-Frame-Options") != "" || strings.Contains(csp, "frame-ancestors") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s = %d, X-Frame-Options %q, policy %q; want a document others may frame", path, p.status, p.header.Get("X-Frame-Options"), csp)
		}
		m := script.FindStringSubmatch(p.body)
		if m == nil {
			t.Fatalf("%s has no script", path)
		}
		if s := b.get(base + m[1]); s.status != http.StatusOK || !strings.Contains(s.body, "postMessage") {
			t.Errorf("%s: script %s = %d", path, m[1], s.status)
		}
	}
	if p := b.get(base + "/realms/nope/protocol/openid-connect/login-status-iframe.html"); p.status != http.StatusNotFound {
		t.Errorf("of an unknown realm = %d, want 404", p.status)
	}
}

// TestSessionIframe_Init: the answers of Keycloak 26.7.2.
func TestSessionIframe_Init(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t,
		`{"clientId":"spa","publicClient":true,"redirectUris":["http://localhost:9999/*"],"webOrigins":["+"]}`,
		`{"clientId":"off","enabled":false,"publicClient":true,"redirectUris":["http://localhost:9999/*"],"webOrigins":["+"]}`)
	for _, tt := range []struct {
		client, origin string
		want           int
	}{
		{"spa", "http://localhost:9999", http.StatusNoContent},
		{"spa", base, http.StatusNoContent},
		{"spa", "http://evil.example", http.StatusForbidden},
		{"spa", "", http.StatusForbidden},
		{"off", "http://localhost:9999", http.StatusForbidden},
		{"nope", "http://localhost:9999", http.StatusForbidden},
		{"", "http://localhost:9999", http.StatusForbidden},
	} {
		if p := newBrowser(t, d).get(at("/login-status-iframe.html/init", "client_id", tt.client, "origin", tt.origin)); p.status != tt.want {
			t.Errorf("init of %q at %q = %d, want %d", tt.client, tt.origin, p.status, tt.want)
		}
	}
}

func TestAdminLogout_LeavesNoBrowserLogin(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	_, claims := claimsOf(t, tokens.id)
	if status, _ := d.admin(t, http.MethodPost, "/users/"+claims["sub"].(string)+"/logout"); status != http.StatusNoContent {
		t.Fatalf("admin logout = %d", status)
	}
	if p := b.authorize("app", "openid", "prompt", "none"); !strings.Contains(p.location, "error=login_required") {
		t.Errorf("prompt=none = %q, want login_required", p.location)
	}
	d.advance(2 * time.Second) // a login of the same second is before the not-before
	if fresh := b.login("app", "openid"); !d.refreshes(t, fresh) {
		t.Error("a new login does not work")
	}
}

func TestRevokedConsent_EndsThatClientsOfflineSession(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	app, other := b.login("app", "openid offline_access"), b.login("other", "openid offline_access")
	_, claims := claimsOf(t, app.id)
	if status, _ := d.admin(t, http.MethodDelete, "/users/"+claims["sub"].(string)+"/consents/app"); status != http.StatusNoContent {
		t.Fatalf("revoke consent = %d", status)
	}
	if d.refreshes(t, app) {
		t.Error("the client's offline session goes on")
	}
	if !d.refreshes(t, other) {
		t.Error("another client's offline session ended")
	}
}
