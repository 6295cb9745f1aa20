package admin_test

import (
	"slices"
	"strings"
	"testing"
)

func TestClients_List(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for query, want := range map[string]string{
		"?clientId=app":            "app",
		"?clientId=ap":             "",
		"?clientId=AP&search=true": "app",
		"?first=1&max=2":           "account-console admin-cli",
		"?max=0":                   "",
		"?clientId=":               "account account-console admin-cli app broker other realm-management security-admin-console",
		"?q=realm_client:true":     "broker realm-management",
		"?viewableOnly=true&max=1": "account",
		"?clientId=app&first=5":    "app",
	} {
		if got := strings.Join(a.get("/clients"+query).all("clientId"), " "); got != want {
			t.Errorf("GET /clients%s = %q, want %q", query, got, want)
		}
	}
}

func TestClients_CreateUpdateDelete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.post("/clients", map[string]any{"clientId": "made", "redirectUris": []string{"http://localhost/*"}}).made()
	o := a.get("/clients/" + id).object()
	if o["id"] != id || len(o["secret"].(string)) < 40 {
		t.Errorf("made %v", o)
	}
	a.post("/clients", map[string]any{"clientId": "made"}).is(409, `{"errorMessage":"Client made already exists"}`)
	a.put("/clients/"+id, map[string]any{"clientId": "made", "description": "d"}).is(204, "")
	a.put("/clients/"+id, map[string]any{"clientId": "app"}).is(409, `{"error":"conflict","error_description":"Duplicate resource error"}`)
	a.put("/clients/"+id, map[string]any{"redirectUris": []string{"http://x#frag"}}).want(400)
	a.post("/clients", map[string]any{"clientId": ""}).is(400, `{"error":"invalid_input","error_description":"Client ID cannot be blank"}`)
	a.post("/clients", map[string]any{"clientId": "x", "redirectUris": "no list"}).want(400)
	a.post("/clients", map[string]any{"clientId": "again", "id": id}).is(409, `{"error":"conflict","error_description":"Duplicate resource error"}`)
	a.post("/clients", map[string]any{"clientId": "x", "protocol": "nope"}).is(400, `{"error":"invalid_input","error_description":"Invalid protocol: nope"}`)
	a.put("/clients/"+id, map[string]any{"webOrigins": []string{}}).is(204, "")
	a.put("/clients/"+id, map[string]any{"redirectUris": []string{"http://new.org/*", "/rel"}}).is(204, "")
	if got := a.get("/clients/" + id).object()["webOrigins"]; !slices.Equal(got.([]any), []any{"http://new.org"}) {
		t.Errorf("web origins %v, want those of the redirect URIs", got)
	}
	a.del("/clients/"+id, nil).is(204, "")
	a.del("/clients/"+id, nil).is(404, `{"error":"Could not find client"}`)
	a.put("/clients/"+id, map[string]any{}).is(404, `{"error":"Could not find client"}`)
}

func TestClientSecret_OnlyForWhoMayChangeTheClient(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := a.clientID("app")
	_, viewer := a.administrator("viewer", "view-clients")
	for _, path := range []string{"/clients", "/clients/" + app, "/clients/" + app + "/client-secret"} {
		if body := a.get(path, viewer).want(200).Body; strings.Contains(body, "-secret\"") && strings.Contains(body, "app-secret") {
			t.Errorf("GET %s shows the secret to a viewer: %s", path, body)
		}
	}
	a.get("/clients/"+app+"/client-secret").is(200, `{"type":"secret","value":"app-secret"}`)
	secret := a.post("/clients/"+app+"/client-secret", nil).object()["value"].(string)
	if len(secret) != 86 {
		t.Errorf("new secret has %d characters, want 86", len(secret))
	}
	a.get("/clients/"+app+"/client-secret").is(200, `{"type":"secret","value":"`+secret+`"}`)
	a.token("r", "app", secret, "anna", "p", "")
	public := a.post("/clients", map[string]any{"clientId": "spa", "publicClient": true}).made()
	a.get("/clients/"+public+"/client-secret").is(200, `{"type":"secret"}`)
	a.get("/clients/"+public+"/service-account-user").is(400, `{"error":"Service account not enabled for the client 'spa'"}`)
}

func TestClientScopes_Assigned(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := a.clientID("app")
	scope := a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).made()
	optional, def := "/clients/"+app+"/optional-client-scopes", "/clients/"+app+"/default-client-scopes"
	has := func(path string) bool { return slices.Contains(a.get(path).all("id"), scope) }

	a.put(optional+"/"+scope, nil).is(204, "")
	a.put(def+"/"+scope, nil).is(204, "") // stays optional, in silence
	if !has(optional) || has(def) {
		t.Error("an optional scope must stay optional")
	}
	a.del(optional+"/"+scope, nil).is(204, "")
	a.del(optional+"/"+scope, nil).is(204, "")
	a.put(def+"/"+scope, nil).is(204, "")
	if has(optional) || !has(def) {
		t.Error("the scope must be a default one now")
	}
	a.put(optional+"/"+unknown, nil).is(404, `{"error":"Client scope not found"}`)
	if got := a.get(optional).all("name"); got[3] != "offline_access" {
		t.Errorf("optional scopes %v: the fourth is not offline_access", got)
	}
}

func TestScopeMappings(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app, other := a.clientID("app"), a.clientID("other")
	a.put("/clients/"+other, map[string]any{"fullScopeAllowed": false}).want(204)
	base := "/clients/" + other + "/scope-mappings"
	names := func(path string) string { return strings.Join(a.get(base+path).all("name"), " ") }
	a.get(base).is(200, `{}`)
	a.post(base+"/realm", []any{a.role("vet")}).is(204, "")
	a.post(base+"/clients/"+app, []any{a.role("reader", app)}).is(204, "")
	if names("/realm") != "vet" || names("/clients/"+app) != "reader" || names("/realm/composite") != "vet" {
		t.Errorf("mappings: %s", a.get(base).Body)
	}
	if got := names("/realm/available"); got != "default-roles-r offline_access uma_authorization" {
		t.Errorf("available = %q", got)
	}
	a.post(base+"/realm", []any{map[string]any{"id": "nope"}}).is(404, `{"error":"Role not found"}`)
	own := "/clients/" + app + "/scope-mappings/clients/" + app // its own roles are in scope anyway
	a.get(own+"/available").is(200, `[]`)
	a.put("/clients/"+app, map[string]any{"fullScopeAllowed": false}).want(204)
	if got := strings.Join(a.get(own+"/composite").all("name"), " "); got != "reader" {
		t.Errorf("own roles in scope: %q", got)
	}
	a.put("/clients/"+app, map[string]any{"fullScopeAllowed": true}).want(204)
	a.post(base+"/clients/"+unknown, []any{}).is(404, `{"error":"Could not find client"}`)
	a.del(base+"/realm", nil).is(204, "") // no body: all
	a.del(base+"/clients/"+app, []any{a.role("reader", app)}).is(204, "")
	a.get(base).is(200, `{}`)
	if got := strings.Join(a.get("/clients/"+app+"/scope-mappings/realm/composite").all("name"), " "); got != "default-roles-r offline_access uma_authorization vet" {
		t.Errorf("full scope allowed, effective = %q", got)
	}
}

func TestProtocolMappers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	mapper := func(name, claim string) map[string]any {
		return map[string]any{"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": map[string]any{"claim.name": claim}}
	}
	scope := a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).made()
	for _, base := range []string{"/clients/" + a.clientID("app"), "/client-scopes/" + scope} {
		base += "/protocol-mappers"
		a.get(base+"/models").is(200, `[]`)
		id := a.post(base+"/models", mapper("m", "x")).made()
		a.post(base+"/models", mapper("m", "x")).is(409, `{"errorMessage":"Protocol mapper exists with same name"}`)
		a.put(base+"/models/"+id, mapper("m", "y")).is(204, "")
		if got := a.get(base + "/models/" + id).object()["config"].(map[string]any)["claim.name"]; got != "y" {
			t.Errorf("claim.name = %v, want y", got)
		}
		a.post(base+"/add-models", []any{mapper("n", "x"), mapper("o", "x")}).is(204, "")
		a.post(base+"/add-models", []any{mapper("p", "x"), mapper("o", "x")}).is(409, `{"error":"conflict","error_description":"Protocol mapper name must be unique per protocol"}`)
		const noProvider = `{"error":"ProtocolMapper provider not found"}`
		nope := mapper("q", "x")
		nope["protocolMapper"] = "nope"
		a.post(base+"/models", nope).is(404, noProvider)
		a.post(base+"/models", map[string]any{"name": "q", "protocol": "openid-connect"}).is(404, noProvider)
		a.post(base+"/add-models", []any{nope}).is(404, noProvider)
		a.put(base+"/models/"+id, nope).is(404, noProvider)
		a.put(base+"/models/"+id, mapper("renamed", "z")).is(204, "")
		if o := a.get(base + "/models/" + id).object(); o["name"] != "m" || o["config"].(map[string]any)["claim.name"] != "z" {
			t.Errorf("mapper %v, want the name it had with the new claim", o)
		}
		if got := a.get(base + "/protocol/openid-connect").all("name"); !slices.Equal(got, []string{"m", "n", "o"}) {
			t.Errorf("mappers = %v", got)
		}
		a.get(base+"/protocol/saml").is(200, `[]`)
		a.del(base+"/models/"+id, nil).is(204, "")
		for _, method := range []string{"GET", "DELETE"} {
			a.do(method, base+"/models/"+id, nil).is(404, `{"error":"Model not found"}`)
		}
		a.put(base+"/models/"+id, mapper("m", "y")).is(404, `{"error":"Model not found"}`)
	}
}

func TestPushRevocation_ChangesNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tokens := a.offline("app", "anna")
	a.post("/push-revocation", nil).is(200, `{}`)
	a.post("/clients/"+a.clientID("app")+"/push-revocation", nil).is(200, `{}`)
	a.refresh("app", tokens).want(200)
}
