package admin_test

import "testing"

const forbidden = `{"error":"HTTP 403 Forbidden"}`

// Keycloak 26.7.2, one administrator with manage-users: of the management
// roles it may give manage-users, view-users and query-… only.
func TestGive_NobodyGivesPowersHeLacks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, users := a.administrator("people", "manage-users")
	_, mixed := a.administrator("mixed", "manage-users", "view-clients", "view-realm")
	_, boss := a.administrator("boss", "realm-admin")
	management, anna := a.clientID("realm-management"), a.userID("anna")
	may := map[string]bool{"manage-users": true, "view-users": true, "query-clients": true, "query-groups": true, "query-organizations": true, "query-realms": true, "query-users": true}
	path := "/users/" + anna + "/role-mappings/clients/" + management
	for _, name := range managementRoles {
		role := []any{a.role(name, management)}
		also := may[name] || name == "view-clients" || name == "view-realm" || name == "view-authorization"
		for _, who := range []struct {
			token string
			may   bool
		}{{users, may[name]}, {mixed, also}, {boss, true}} {
			want := 403
			if who.may {
				want = 204
			}
			a.post(path, role, who.token).want(want)
			a.del(path, role, who.token).want(want)
		}
	}
}

func TestGive_NotByWayOfCompositesOrGroups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, people := a.administrator("people", "manage-users")
	_, maker := a.administrator("maker", "manage-realm", "manage-clients")
	management, anna := a.clientID("realm-management"), a.userID("anna")
	power := []any{a.role("realm-admin", management)}

	a.post("/roles/vet/composites", power, maker).is(403, forbidden)
	a.post("/roles", map[string]any{"name": "sly", "composite": true, "composites": map[string]any{"client": map[string]any{"realm-management": []string{"realm-admin"}}}}, maker).is(403, forbidden)
	a.post("/roles/vet/composites", power).want(204)
	a.post("/users/"+anna+"/role-mappings/realm", []any{a.role("vet")}, people).is(403, forbidden)

	crew := a.groupID("crew")
	a.post("/groups/"+crew+"/role-mappings/clients/"+management, power, people).is(403, forbidden)
	a.post("/groups/"+crew+"/role-mappings/clients/"+management, power).want(204)
	night := a.groupID("crew/night")
	a.put("/users/"+anna+"/groups/"+night, nil, people).is(403, forbidden)
	a.post("/users", map[string]any{"username": "sly", "groups": []string{"/crew/night"}}, people).is(403, forbidden)
	a.put("/default-groups/"+crew, nil, maker).is(403, forbidden)
	own := a.post("/groups", map[string]any{"name": "own"}, people).made()
	a.post("/groups/"+crew+"/children", map[string]any{"id": own, "name": "own"}, people).is(403, forbidden)
	for _, r := range a.get("/users/"+anna+"/role-mappings/realm/available", people).all("name") {
		if r == "vet" {
			t.Error("a role that may not be given is offered")
		}
	}
}

func TestAdministrationClient_IsNobodysToChange(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, realm := range []string{"/admin/realms/r", "/admin/realms/master"} {
		name := "realm-management"
		if realm == "/admin/realms/master" {
			name = "r-realm"
		}
		id := a.get(realm + "/clients?clientId=" + name).list()[0]["id"].(string)
		one := realm + "/clients/" + id
		a.del(one, nil).is(403, forbidden)
		a.put(one, map[string]any{"clientId": "other-name"}).is(403, forbidden)
		a.post(one+"/roles", map[string]any{"name": "more"}).is(403, forbidden)
		a.put(one+"/roles/view-users", map[string]any{"name": "view-users"}).is(403, forbidden)
		a.del(one+"/roles/view-users", nil).is(403, forbidden)
		role := a.get(one + "/roles/view-users").object()
		a.del(realm+"/roles-by-id/"+role["id"].(string), nil).is(403, forbidden)
		a.post(one+"/roles/view-users/composites", []any{role}).is(403, forbidden)
		a.post(one+"/client-secret", nil).is(403, forbidden)
	}
	for _, name := range []string{"account", "admin-cli", "broker", "security-admin-console"} {
		a.del("/clients/"+a.clientID(name), nil).is(400, `{"error":"invalid_request","error_description":"Could not delete client"}`)
	}
}
