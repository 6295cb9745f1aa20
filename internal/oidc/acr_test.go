package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

const acrClient = `{"clientId":"levels","secret":"0123456789abcdef0123456789abcdef","redirectUris":["http://localhost:9999/*"],"implicitFlowEnabled":true,
 "directAccessGrantsEnabled":true,"attributes":{"acr.loa.map":"{\"a\":\"0\",\"b\":\"1\",\"c\":2}"}}`

const levelsSecret = "0123456789abcdef0123456789abcdef"

// acrOf are the acr claims of a code's access and ID token, and of those of a
// refresh.
func (b *browser) acrOf(t *testing.T, p page) []string {
	t.Helper()
	u, _ := url.Parse(p.location)
	code := u.Query().Get("code")
	if fragment, err := url.ParseQuery(u.Fragment); err == nil && code == "" {
		code = fragment.Get("code")
	}
	a := b.d.post("/token", "grant_type", "authorization_code", "client_id", "levels", "client_secret", levelsSecret, "redirect_uri", callback, "code", code)
	again := b.d.post("/token", "grant_type", "refresh_token", "client_id", "levels", "client_secret", levelsSecret, "refresh_token", a.text("refresh_token"))
	var out []string
	for _, jwt := range []string{a.text("access_token"), a.text("id_token"), again.text("access_token"), again.text("id_token")} {
		_, claims := claimsOf(t, jwt)
		acr, _ := claims["acr"].(string)
		out = append(out, acr)
	}
	return out
}

func all(acr string) []string { return []string{acr, acr, acr, acr} }

// The tokens carry the acr that was asked for and reached, through refreshes.
func TestAuthorize_ACRInTokens(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t, acrClient)
	b := newBrowser(t, d)
	b.login("app", "openid")
	if got := b.acrOf(t, b.authorize("levels", "openid")); !slices.Equal(got, all("a")) {
		t.Errorf("acr of single sign-on = %v, want a", got)
	}
	p := b.press(b.authorize("levels", "openid", "acr_values", "c a"), "password", "password")
	if got := b.acrOf(t, p); !slices.Equal(got, all("a")) {
		t.Errorf("acr of acr_values = %v, want a", got)
	}
	p = b.press(b.authorize("levels", "openid", "response_type", "code id_token", "nonce", "n", "claims", `{"id_token":{"acr":{"essential":true,"values":["b"]}}}`), "password", "password")
	if got := b.acrOf(t, p); !slices.Equal(got, all("b")) {
		t.Errorf("acr of an essential claim = %v, want b", got)
	}
	direct := d.post("/token", "grant_type", "password", "client_id", "levels", "client_secret", levelsSecret, "username", "uma", "password", "password", "scope", "openid", "acr_values", "a")
	if _, claims := claimsOf(t, direct.text("id_token")); claims["acr"] != "b" {
		t.Errorf("acr of a direct login = %v, want b: it asks for none", claims["acr"])
	}
}

// A level that is asked for wants the password again, of the same person and
// for the same session; prompt=none is told so.
func TestAuthorize_ACRAsksForThePasswordAgain(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t, acrClient)
	b := newBrowser(t, d)
	_, before := claimsOf(t, b.login("app", "openid").id)
	d.advance(2 * time.Second)
	if p := b.authorize("app", "openid", "prompt", "none", "acr_values", "1"); !strings.Contains(p.location, "error=login_required") {
		t.Errorf("prompt=none with acr_values = %q, want login_required", p.location)
	}
	if p := b.authorize("app", "openid", "prompt", "none", "acr_values", "-1"); !strings.Contains(p.location, "code=") {
		t.Errorf("prompt=none with a level below any = %q, want a code", p.location)
	}
	p := b.authorize("app", "openid", "acr_values", "1")
	if !strings.Contains(p.body, `name="password"`) || strings.Contains(p.body, `name="username" value=""`) {
		t.Fatalf("acr_values = %d, want the password of uma", p.status)
	}
	u, _ := url.Parse(b.press(p, "username", "uma", "password", "password").location)
	a := d.post("/token", "grant_type", "authorization_code", "client_id", "app", "client_secret", "s", "redirect_uri", callback, "code", u.Query().Get("code"))
	_, after := claimsOf(t, a.text("id_token"))
	if after["acr"] != "1" || after["sid"] != before["sid"] || after["auth_time"].(float64) != before["auth_time"].(float64)+2 {
		t.Errorf("tokens after it: %v, want acr 1, the session of before and the new time", after)
	}
}

// An essential value that names no level is refused on a page, also in a
// request object; a pushed request is refused when it is used.
func TestAuthorize_EssentialACRUnknown(t *testing.T) {
	t.Parallel()
	const foo = `{"id_token":{"acr":{"essential":true,"values":["foo"]}}}`
	d := newLogoutDoor(t, acrClient)
	b := newBrowser(t, d)
	refused := func(name string, p page) {
		t.Helper()
		if p.status != http.StatusBadRequest || !strings.Contains(p.body, "Invalid parameter: claims") {
			t.Errorf("%s = %d %q, want the page of parameter claims", name, p.status, p.location)
		}
	}
	refused("parameter", b.authorize("levels", "openid", "claims", foo))
	refused("with prompt=none", b.authorize("levels", "openid", "claims", foo, "prompt", "none"))
	if e := d.events(t, "LOGIN_ERROR"); len(e) != 2 || e[0]["error"] != "invalid_request" || e[0]["details"].(map[string]any)["reason"] != "Invalid requested essential acr value" {
		t.Errorf("events: %v", e)
	}
	for name, claims := range map[string]any{"object": json.RawMessage(foo), "text in an object": foo} {
		object := signHS(t, map[string]any{"client_id": "levels", "response_type": "code", "redirect_uri": callback, "scope": "openid", "claims": claims}, levelsSecret)
		refused(name, b.authorize("levels", "openid", "request", object))
	}
	pushed := d.post("/ext/par/request", "client_id", "levels", "client_secret", levelsSecret, "response_type", "code", "redirect_uri", callback, "scope", "openid", "claims", foo)
	if pushed.status != http.StatusCreated {
		t.Fatalf("push = %d %v, want 201", pushed.status, pushed.body)
	}
	refused("pushed", b.get(at("/auth", "client_id", "levels", "request_uri", pushed.text("request_uri"))))
}

func TestDiscovery_ACRValuesOfTheRealm(t *testing.T) {
	t.Parallel()
	d := newDoor(t, strings.Replace(demoRealm, `"enabled":true,`, `"enabled":true,"attributes":{"acr.loa.map":"{\"gold\":1}"},`, 1))
	doc := d.send(httptest.NewRequest(http.MethodGet, base+"/realms/demo/.well-known/openid-configuration", nil)).body
	if got := doc["acr_values_supported"]; !equalJSON(t, got, []any{"gold", "0", "1"}) {
		t.Errorf("acr_values_supported = %v", got)
	}
	for _, name := range []string{"claims_parameter_supported", "request_uri_parameter_supported", "require_request_uri_registration"} {
		if doc[name] != true {
			t.Errorf("%s = %v, want true", name, doc[name])
		}
	}
}
