package account_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/account"
)

// paths fills in the wildcards of a route.
var paths = strings.NewReplacer("{id}", "nope", "{client}", "nope", "{alias}", "nope")

const unauthorized = `{"error":"HTTP 401 Unauthorized"}`

// measured is which roles of client account opened which route of Keycloak
// 26.7.2, one role at a time. "" stands for any of them.
var measured = map[string]string{
	"GET ":                                  "manage-account view-profile",
	"POST ":                                 "manage-account",
	"GET /sessions":                         "manage-account view-profile",
	"GET /sessions/devices":                 "manage-account view-profile",
	"DELETE /sessions":                      "manage-account",
	"DELETE /sessions/{id}":                 "manage-account",
	"GET /applications":                     "manage-account view-applications",
	"GET /applications/{client}/consent":    "manage-account manage-consent view-consent",
	"POST /applications/{client}/consent":   "manage-account manage-consent",
	"PUT /applications/{client}/consent":    "manage-account manage-consent",
	"DELETE /applications/{client}/consent": "manage-account manage-consent",
	"GET /credentials":                      "manage-account view-profile",
	"PUT /credentials/{id}/label":           "manage-account",
	"DELETE /credentials/{id}":              "manage-account",
	"GET /groups":                           "manage-account view-groups",
	"GET /linked-accounts":                  "manage-account view-profile",
	"GET /linked-accounts/{alias}":          "manage-account",
	"DELETE /linked-accounts/{alias}":       "manage-account",
	"GET /supportedLocales":                 "",

	"DELETE /applications/{client}/offline-sessions": "manage-account", // not Keycloak's
}

// TestRoles_EachRouteNeedsThoseMeasured: with one role alone a route answers
// 403 unless it is one of those it needs, and never without a token.
func TestRoles_EachRouteNeedsThoseMeasured(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	names := []string{"manage-account", "manage-account-links", "view-profile", "view-applications", "view-consent", "manage-consent", "view-groups", "delete-account"}
	tokens := map[string]string{}
	for _, name := range names {
		tokens[name] = p.person("only-"+name, name)
	}
	none := p.person("none")
	for _, rt := range account.RouteTable() {
		need, known := measured[rt.Method+" "+rt.Path]
		if !known && !strings.HasPrefix(rt.Path, "/resources") { // 403 for everybody
			t.Errorf("%s %s was not measured", rt.Method, rt.Path)
		}
		path := paths.Replace(rt.Path)
		p.do(rt.Method, path, "", none).is(401, unauthorized) // a token for nobody's account
		p.do(rt.Method, path, "", "").is(401, unauthorized)
		if !known || rt.Method == "DELETE" && rt.Path == "/sessions" {
			continue // ends the sessions of the tokens of this test
		}
		for _, name := range names {
			body := ""
			if rt.Method == "POST" || rt.Method == "PUT" {
				body = "{}"
			}
			got := p.do(rt.Method, path, body, tokens[name])
			if open := need == "" || slices.Contains(strings.Fields(need), name); open == (got.Status == 403) || got.Status == 401 {
				t.Errorf("%s with %s = %d %s, want open = %v", got.what, name, got.Status, got.Body, open)
			}
		}
	}
	for _, name := range names[1:] {
		p.do("DELETE", "/sessions", "", tokens[name]).is(403, `{"error":"HTTP 403 Forbidden"}`)
	}
}

// TestTokens_Refused: what is no access token for account, or is one no more,
// opens nothing.
func TestTokens_Refused(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	g := p.login("r", "app", "anna", "p", "openid")
	gone := p.login("r", "app", "anna", "p", "")
	end := url.Values{"client_id": {"app"}, "refresh_token": {gone.Refresh}}
	p.do("POST", "/realms/r/protocol/openid-connect/logout", end.Encode(), "", "Content-Type", "application/x-www-form-urlencoded").want(204)
	revoked := p.as("anna")
	p.do("POST", "/realms/r/protocol/openid-connect/revoke", url.Values{"client_id": {"app"}, "token": {revoked}}.Encode(), "", "Content-Type", "application/x-www-form-urlencoded").want(200)
	job := read[grant](p.form("r", url.Values{"grant_type": {"client_credentials"}, "client_id": {"job"}, "client_secret": {"s"}}, ""))
	parts := strings.Split(g.Access, ".")
	for name, token := range map[string]string{
		"a refresh token": g.Refresh, "garbage": "x", "unsigned": parts[0] + "." + parts[1] + ".", "another realm's": p.admin,
		"of an ended session": gone.Access, "revoked": revoked, "a service account's": job.Access, "of a client without the roles in its scope": p.token("r", "narrow", "anna", "p", ""),
	} {
		if got := p.get("", token); got.Status != 401 || got.Body != unauthorized {
			t.Errorf("a token that is %s = %d %s, want 401", name, got.Status, got.Body)
		}
	}
	p.get("", g.Access).want(200)
	p.srv.Clock.Advance(2 * time.Hour)
	p.get("", g.Access).is(401, unauthorized)
}

// TestTokens_AsThingsAreNow: disabled people and clients, not-before and taken
// roles count at once, whatever the token says.
func TestTokens_AsThingsAreNow(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna, bob := p.as("anna"), p.as("bob")
	user := "/admin/realms/r/users/" + p.userID("bob")
	p.do("PUT", user, `{"enabled":false}`, p.admin).want(204)
	p.get("", bob).is(401, unauthorized)
	p.do("PUT", user, `{"enabled":true}`, p.admin).want(204)
	p.get("", bob).want(200)
	roles := p.get(user+"/role-mappings/realm", p.admin).want(200).Body
	p.do("DELETE", user+"/role-mappings/realm", roles, p.admin).want(204)
	p.get("", bob).is(403, `{"error":"HTTP 403 Forbidden"}`)
	app := "/admin/realms/r/clients/" + p.clientID("app")
	p.do("PUT", app, `{"clientId":"app","enabled":false}`, p.admin).want(204)
	p.get("", anna).is(401, unauthorized)
	p.do("PUT", app, `{"clientId":"app","enabled":true}`, p.admin).want(204)
	p.do("PUT", "/admin/realms/r/clients/"+p.clientID("account"), `{"clientId":"account","enabled":false}`, p.admin).want(204)
	p.get("", anna).is(404, `{"error":"account management not enabled"}`)
	p.get("/realms/none/account", anna).is(404, `{"error":"Realm does not exist"}`)
}

// TestTokens_CanDoNoMoreThanTheySay: a token from before a role was given does
// not have it; a lightweight one says nothing and stands for what is now.
func TestTokens_CanDoNoMoreThanTheySay(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	token := p.person("carl", "view-profile")
	light := p.token("r", "light", "carl", "p", "")
	p.get("/groups", token).want(403)
	own := p.clientID("account")
	role := p.get("/admin/realms/r/clients/"+own+"/roles/view-groups", p.admin).want(200).Body
	p.do("POST", "/admin/realms/r/users/"+p.userID("carl")+"/role-mappings/clients/"+own, "["+role+"]", p.admin).want(204)
	p.get("/groups", token).want(403)
	p.get("/groups", p.as("carl")).want(200)
	var claims object
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(light, ".")[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims["aud"] != nil || claims["resource_access"] != nil {
		t.Fatalf("lightweight token has %v %v", claims, err)
	}
	p.get("/groups", light).want(200)
}

// TestOfflineAccess_OpensTheAccount: an access token of an offline session is
// as good as one of a login, and dies with it.
func TestOfflineAccess_OpensTheAccount(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	g := p.login("r", "portal", "anna", "p", "offline_access")
	p.get("", g.Access).want(200)
	p.do("DELETE", "/sessions/"+g.Sid, "", g.Access).want(204)
	p.get("", g.Access).is(401, unauthorized)
}

// TestCORS_TheClientsOriginsMayCall: pages of the token's client read the
// answer; others are refused, and asking first is free.
func TestCORS_TheClientsOriginsMayCall(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	a := p.do("GET", "/sessions", "", anna, "Origin", "http://app.example").want(200)
	if got := a.Header.Get("Access-Control-Allow-Origin"); got != "http://app.example" {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
	for _, origin := range []string{"http://evil.example", "null"} {
		a := p.do("GET", "/sessions", "", anna, "Origin", origin)
		a.is(403, `{"error":"Invalid origin"}`)
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("Access-Control-Allow-Origin %q for %s", got, origin)
		}
	}
	p.do("GET", "/sessions", "", anna, "Origin", p.srv.BaseURL).want(200)
	for _, rt := range account.RouteTable() {
		a := p.do("OPTIONS", paths.Replace(rt.Path), "", "", "Origin", "http://evil.example").want(200)
		if got := a.Header.Get("Access-Control-Allow-Methods"); got != "HEAD, DELETE, POST, GET, OPTIONS, PUT" {
			t.Errorf("%s: methods %q", a.what, got)
		}
	}
}

// TestBrowsers_AreToldThereIsNoConsole: who asks for a page gets one; who asks
// for JSON, or for nothing in particular, gets JSON.
func TestBrowsers_AreToldThereIsNoConsole(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	for _, tt := range []struct {
		accept string
		status int
		kind   string
	}{
		{"text/html,application/xhtml+xml,*/*;q=0.8", 404, "text/html;charset=utf-8"},
		{"application/json", 200, "application/json;charset=UTF-8"},
		{"text/html,application/json", 200, "application/json;charset=UTF-8"},
		{"*/*", 200, "application/json;charset=UTF-8"},
		{"", 200, "application/json;charset=UTF-8"},
	} {
		for _, path := range []string{"", "/", "/sessions/devices"} {
			a := p.do("GET", path, "", anna, "Accept", tt.accept)
			if got := a.Header.Get("Content-Type"); a.Status != tt.status || got != tt.kind {
				t.Errorf("%s for %q = %d %s, want %d %s", a.what, tt.accept, a.Status, got, tt.status, tt.kind)
			}
		}
	}
	if got := p.get("", anna).Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("Cache-Control %q", got)
	}
}
