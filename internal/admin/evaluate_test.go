package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// claims are those of a token, without what is different in each.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"exp", "iat", "jti", "sid", "auth_time", "at_hash"} {
		delete(c, name)
	}
	return c
}

// TestExamples_AreWhatALoginGives compares the examples with a login of the same
// user by way of the same client, for several scopes.
func TestExamples_AreWhatALoginGives(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app, anna := a.clientID("app"), a.userID("anna")
	a.post("/users/"+anna+"/role-mappings/clients/"+app, []any{a.role("reader", app)}).want(204)
	for _, scope := range []string{"openid", "openid phone", "openid offline_access", "openid address profile"} {
		made := a.login("r", "app", "app-secret", "anna", "p", scope)
		example := func(what string) map[string]any {
			return a.get("/clients/" + app + "/evaluate-scopes/generate-example-" + what + "?userId=" + anna + "&scope=" + strings.ReplaceAll(scope, " ", "%20")).object()
		}
		access, id := example("access-token"), example("id-token")
		for _, tt := range []struct{ got, want map[string]any }{
			{access, claims(t, made["access_token"].(string))}, {id, claims(t, made["id_token"].(string))},
		} {
			for _, name := range []string{"exp", "iat", "jti", "sid"} {
				if tt.got[name] == nil {
					t.Errorf("scope %q: the example has no %s", scope, name)
				}
				delete(tt.got, name)
			}
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("scope %q (-login +example):\n%s", scope, diff)
			}
		}
		info := a.get("/realms/r/protocol/openid-connect/userinfo", made["access_token"].(string)).object()
		if diff := cmp.Diff(info, example("userinfo")); diff != "" {
			t.Errorf("userinfo for %q (-login +example):\n%s", scope, diff)
		}
	}
}

func TestExamples_WriteNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app, anna := a.clientID("app"), a.userID("anna")
	a.put("/clients/"+app, map[string]any{"attributes": map[string]any{"access.token.signed.response.alg": "ES256"}}).want(204)
	before := a.get("/keys").object()
	path := "/clients/" + app + "/evaluate-scopes/generate-example-access-token?userId=" + anna + "&scope=openid%20offline_access"
	o := a.get(path).object()
	if jti, _ := o["jti"].(string); !strings.HasPrefix(jti, "ofrtna:") {
		t.Errorf("jti %q, want one of an offline session and no grant", jti)
	}
	if diff := cmp.Diff(before, a.get("/keys").object()); diff != "" {
		t.Errorf("keys changed:\n%s", diff)
	}
	a.get("/users/"+anna+"/sessions").is(200, `[]`)
	a.get("/users/"+anna+"/offline-sessions").is(200, `[]`)
}

// Keycloak 26.7.2.
func TestExamples_UserScopeAndAudience(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app, anna := a.clientID("app"), a.userID("anna")
	other := a.clientID("other")
	a.post("/users/"+anna+"/role-mappings/clients/"+app, []any{a.role("reader", app)}).want(204)
	base := "/clients/" + other + "/evaluate-scopes/generate-example-"
	for _, what := range []string{"access-token", "id-token", "userinfo"} {
		a.get(base+what).is(404, `{"error":"No userId provided"}`)
		a.get(base+what+"?userId="+unknown).is(404, `{"error":"No user found"}`)
		a.get("/clients/"+unknown+"/evaluate-scopes/generate-example-"+what+"?userId="+anna).is(404, `{"error":"Could not find client"}`)
		a.get(base + what + "?userId=" + anna + "&scope=nope").want(200)
	}
	token := func(query string) map[string]any { return a.get(base + "access-token?userId=" + anna + query).object() }
	if got := token("&scope=openid%20nope%20phone")["scope"]; got != "openid email phone profile" {
		t.Errorf("scope = %v", got)
	}
	if got := token("&audience=nope")["aud"]; !cmp.Equal(got, []any{"account", "app"}) {
		t.Errorf("aud = %v for an audience nobody is", got)
	}
	cut := token("&audience=app")
	if access, _ := cut["resource_access"].(map[string]any); cut["aud"] != "app" || len(access) != 1 || access["app"] == nil {
		t.Errorf("cut to app: %v", cut)
	}
	if got := token("&audience=app%20account")["aud"]; !cmp.Equal(got, []any{"account", "app"}) {
		t.Errorf("aud = %v", got)
	}
	a.get(base + "userinfo?userId=" + anna + "&audience=other").want(200)
	for _, what := range []string{"access-token", "id-token"} {
		a.get(base+what+"?userId="+anna+"&audience=app%20other").is(404, `{"error":"Requested audience not available: other"}`)
	}
}

func TestEvaluate_MappersAndRoles(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app, other := a.clientID("app"), a.clientID("other")
	a.put("/clients/"+other, map[string]any{"fullScopeAllowed": false}).want(204)
	base := "/clients/" + other + "/evaluate-scopes"
	mapper := a.post("/clients/"+other+"/protocol-mappers/models", map[string]any{"name": "own", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper"}).made()
	list := a.get(base + "/protocol-mappers").list()
	want := map[string]any{"mapperId": mapper, "mapperName": "own", "containerId": other, "containerName": "", "containerType": "client", "protocolMapper": "oidc-audience-mapper"}
	if !slices.ContainsFunc(list, func(o map[string]any) bool { return cmp.Equal(o, want) }) {
		t.Errorf("the client's own mapper is not in %v", list)
	}
	has := func(query, mapper string) bool {
		return slices.Contains(a.get(base+"/protocol-mappers"+query).all("mapperName"), mapper)
	}
	if !has("", "given name") || has("", "phone number") || !has("?scope=phone%20nope", "phone number") {
		t.Error("mappers must be those of the default scopes and of the ones asked for")
	}
	names := func(path string) string { return strings.Join(a.get(base+"/scope-mappings/"+path).all("name"), " ") }
	for path, want := range map[string]string{
		"r/granted":                          "",
		"r/granted?scope=offline_access":     "offline_access",
		"r/not-granted?scope=offline_access": "default-roles-r uma_authorization vet",
		app + "/granted":                     "",
		app + "/not-granted":                 "reader",
	} {
		if got := names(path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	a.get(base+"/scope-mappings/app/granted").is(404, `{"error":"Role Container not found"}`)
	var keys []string
	raw := a.get("/clients/" + app + "/evaluate-scopes/scope-mappings/" + app + "/granted").want(200).Body
	var roles []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &roles); err != nil || len(roles) != 1 {
		t.Fatalf("full scope: %s", raw)
	}
	for k := range roles[0] {
		keys = append(keys, k)
	}
	if slices.Sort(keys); strings.Join(keys, " ") != "clientRole composite containerId id name" {
		t.Errorf("members %v", keys)
	}
}
