package admin_test

import (
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

const unauthorized = `{"error":"HTTP 401 Unauthorized"}`

func TestToken_DiesWithWhatItStandsFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(a *api, id string)
	}{
		{"time passes", func(a *api, _ string) { a.srv.Clock.Advance(2 * time.Hour) }},
		{"user is disabled", func(a *api, id string) { a.put("/users/"+id, map[string]any{"enabled": false}).want(204) }},
		{"user is logged out", func(a *api, id string) { a.post("/users/"+id+"/logout", nil).want(204) }},
		{"user is deleted", func(a *api, id string) { a.del("/users/"+id, nil).want(204) }},
		{"everyone is logged out", func(a *api, _ string) { a.post("/logout-all", nil).want(200) }},
		{"realm is disabled", func(a *api, _ string) { a.put("", map[string]any{"enabled": false}).want(204) }},
		{"client is disabled", func(a *api, _ string) {
			a.put("/clients/"+a.clientID("admin-cli"), map[string]any{"enabled": false}).want(204)
		}},
		{"client's not-before passes", func(a *api, _ string) {
			nb := a.srv.Clock.Now().Unix() + 1
			a.put("/clients/"+a.clientID("admin-cli"), map[string]any{"notBefore": nb}).want(204)
		}},
		{"realm's not-before passes", func(a *api, _ string) {
			a.put("", map[string]any{"notBefore": a.srv.Clock.Now().Unix() + 1}).want(204)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			id, token := a.administrator("boss", "realm-admin")
			a.get("/users", token).want(200)
			tt.do(a, id)
			a.get("/users", token).is(401, unauthorized)
		})
	}
}

func TestToken_RoleTakenBackIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id, token := a.administrator("viewer", "view-users")
	a.get("/users", token).want(200)
	management := a.clientID("realm-management")
	a.del("/users/"+id+"/role-mappings/clients/"+management, []any{a.role("view-users", management)}).want(204)
	a.get("/users", token).is(403, `{"error":"HTTP 403 Forbidden"}`)
}

func TestToken_OfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, _ = a.administrator("boss", "realm-admin")
	tokens := a.login("r", "app", "app-secret", "boss", "p", "openid offline_access")
	for _, kind := range []string{"refresh_token", "id_token"} {
		a.get("/users", tokens[kind].(string)).is(401, unauthorized)
	}
	a.get("/users", tokens["access_token"].(string)).want(200)
}

func TestToken_CutToTheClientsScope(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, _ = a.administrator("boss", "realm-admin")
	app := a.clientID("app")
	a.put("/clients/"+app, map[string]any{"fullScopeAllowed": false}).want(204)
	token := a.token("r", "app", "app-secret", "boss", "p", "")
	a.get("/users", token).want(403)
	management := a.clientID("realm-management")
	a.post("/clients/"+app+"/scope-mappings/clients/"+management, []any{a.role("view-users", management)}).want(204)
	a.get("/users", token).want(200)
	a.get("/clients", token).want(403)
}

func TestToken_OfAServiceAccountWithoutSession(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	token := a.form("r", url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"app-secret"}}).object()["access_token"].(string)
	a.get("/users", token).want(403)
	user := a.get("/clients/" + a.clientID("app") + "/service-account-user").object()["id"].(string)
	management := a.clientID("realm-management")
	a.post("/users/"+user+"/role-mappings/clients/"+management, []any{a.role("view-users", management)}).want(204)
	a.get("/users", token).want(200)
}

func TestToken_LightweightOfAServiceAccount(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := a.clientID("app")
	a.put("/clients/"+app, map[string]any{"attributes": map[string]any{"client.use.lightweight.access.token.enabled": "true"}}).want(204)
	user := a.get("/clients/" + app + "/service-account-user").object()["id"].(string)
	management := a.clientID("realm-management")
	a.post("/users/"+user+"/role-mappings/clients/"+management, []any{a.role("view-users", management)}).want(204)
	token := a.form("r", url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"app-secret"}}).object()["access_token"].(string)
	a.get("/users", token).want(200)
}

func TestToken_OfOneRealmDoesNothingInAnother(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, token := a.administrator("boss", "realm-admin")
	a.post("/admin/realms", map[string]any{"realm": "s"}).want(201)
	for _, path := range []string{"/admin/realms/s", "/admin/realms/s/users", "/admin/realms/master", "/admin/realms/master/clients"} {
		a.get(path, token).is(403, `{"error":"HTTP 403 Forbidden"}`)
	}
	if got := a.get("/admin/realms", token).all("realm"); len(got) != 1 || got[0] != "r" {
		t.Errorf("realms listed: %v, want r alone", got)
	}
}

func TestOrigin_OnlyThoseOfTheTokensClient(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.put("/clients/"+a.clientID("app"), map[string]any{"webOrigins": []string{"http://console.example"}}).want(204)
	_, _ = a.administrator("boss", "realm-admin")
	token := a.token("r", "app", "app-secret", "boss", "p", "")
	for origin, want := range map[string]int{"http://console.example": 200, a.srv.BaseURL: 200, "http://evil.example": 403} {
		r := httptest.NewRequest("GET", a.srv.BaseURL+"/admin/realms/r/users", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Origin", origin)
		a.send(r).want(want)
	}
	r := httptest.NewRequest("OPTIONS", a.srv.BaseURL+"/admin/realms/r/users", nil)
	r.Header.Set("Origin", "http://console.example")
	r.Header.Set("Access-Control-Request-Method", "GET")
	if got := a.send(r).want(200).Header.Get("Access-Control-Allow-Methods"); got != "DELETE, POST, GET, PUT" {
		t.Errorf("preflight allows %q", got)
	}
}
