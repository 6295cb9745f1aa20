package admin_test

import (
	"slices"
	"testing"
)

func TestClientScopes_CreateUpdateDelete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).made()
	a.get("/client-scopes/"+id).is(200, `{"id":"`+id+`","name":"pets","protocol":"openid-connect","attributes":{}}`)
	a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).is(409, `{"errorMessage":"Client Scope pets already exists"}`)
	a.post("/client-scopes", map[string]any{"name": "a b", "protocol": "openid-connect"}).is(400, `{"errorMessage":"Unexpected name \"a b\" for ClientScope"}`)
	a.post("/client-scopes", map[string]any{"name": "x"}).is(400, `{"errorMessage":"Unexpected protocol"}`)
	a.put("/client-scopes/"+id, map[string]any{"name": "email"}).is(409, `{"errorMessage":"Client Scope email already exists"}`)
	a.put("/client-scopes/"+id, map[string]any{"name": "pets2", "protocol": "openid-connect", "description": "d"}).is(204, "")
	a.put("/client-scopes/"+unknown, map[string]any{"name": "x"}).is(404, `{"error":"Could not find client scope"}`)

	app := a.clientID("app")
	a.put("/clients/"+app+"/optional-client-scopes/"+id, nil).want(204)
	a.put("/default-optional-client-scopes/"+id, nil).want(204)
	a.del("/client-scopes/"+id, nil).is(204, "")
	a.del("/client-scopes/"+id, nil).is(404, `{"error":"Could not find client scope"}`)
	for _, path := range []string{"/clients/" + app + "/optional-client-scopes", "/default-optional-client-scopes"} {
		if slices.Contains(a.get(path).all("id"), id) {
			t.Errorf("GET %s lists a scope that is gone", path)
		}
	}
}

// TestClientScopes_KeepTheIDTheyAreGiven: tools that keep a realm as code name
// things by ids of their own; mappers have them too.
func TestClientScopes_KeepTheIDTheyAreGiven(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	mapper := func(id, name string) map[string]any {
		return map[string]any{"id": id, "name": name, "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper"}
	}
	scope := map[string]any{"id": "scope-id", "name": "pets", "protocol": "openid-connect", "protocolMappers": []any{mapper("first-id", "first")}}
	if id := a.post("/client-scopes", scope).made(); id != "scope-id" {
		t.Errorf("scope made with id %q", id)
	}
	a.post("/client-scopes", map[string]any{"id": "scope-id", "name": "other", "protocol": "openid-connect"}).is(409, `{"errorMessage":"Client Scope other already exists"}`)
	for _, at := range []string{"/client-scopes/scope-id", "/clients/" + a.clientID("app")} {
		models := at + "/protocol-mappers/models"
		if id := a.post(models, mapper("second-id", "second")).made(); id != "second-id" {
			t.Errorf("mapper made with id %q", id)
		}
		a.post(models, mapper("second-id", "third")).is(409, `{"errorMessage":"Protocol mapper exists with same name"}`)
		a.get(models + "/second-id").want(200)
	}
	a.get("/client-scopes/scope-id/protocol-mappers/models/first-id").want(200)
}

func TestClientScopes_DefaultsOfTheRealm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).made()
	twice := `{"error":"conflict","error_description":"Duplicate resource error"}`
	a.put("/default-default-client-scopes/"+id, nil).is(204, "")
	a.put("/default-default-client-scopes/"+id, nil).is(409, twice)
	a.put("/default-optional-client-scopes/"+id, nil).is(409, twice)
	made := a.post("/clients", map[string]any{"clientId": "made"}).made()
	if !slices.Contains(a.get("/clients/"+made+"/default-client-scopes").all("name"), "pets") {
		t.Error("a new client lacks a default scope of the realm")
	}
	a.del("/default-default-client-scopes/"+id, nil).is(204, "")
	a.del("/default-default-client-scopes/"+id, nil).is(204, "")
	a.put("/default-optional-client-scopes/"+id, nil).is(204, "")
	a.put("/default-optional-client-scopes/"+unknown, nil).is(404, `{"error":"Client scope not found"}`)
	if !slices.Contains(a.get("/default-optional-client-scopes").all("name"), "pets") {
		t.Error("the scope is not optional")
	}
}

func TestClientScopes_RoleMappings(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).made()
	base := "/client-scopes/" + id + "/scope-mappings"
	a.get(base).is(200, `{}`)
	a.post(base+"/realm", []any{a.role("vet")}).is(204, "")
	if got := a.get(base + "/realm").all("name"); !slices.Equal(got, []string{"vet"}) {
		t.Errorf("mappings = %v", got)
	}
	a.del(base+"/realm", []any{a.role("vet")}).is(204, "")
	a.get(base).is(200, `{}`)
}
