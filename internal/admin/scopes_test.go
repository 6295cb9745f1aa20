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
