package admin_test

import (
	"slices"
	"strings"
	"testing"
)

func TestRoles_OfRealmAndClient(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, base := range []string{"/roles", "/clients/" + a.clientID("app") + "/roles"} {
		if got := a.post(base, map[string]any{"name": "smith", "attributes": map[string]any{"k": []string{"v"}}}).made(); got != "smith" {
			t.Errorf("Location ends in %q, want the name", got)
		}
		a.post(base, map[string]any{"name": "smith"}).is(409, `{"errorMessage":"Role with name smith already exists"}`)
		a.post(base, map[string]any{}).is(400, `{"error":"role has no name"}`)
		o := a.get(base + "/smith").object()
		if o["composite"] != false || o["attributes"] == nil {
			t.Errorf("made %v", o)
		}
		for _, l := range a.get(base + "?search=SMI").list() {
			if l["name"] != "smith" || l["attributes"] != nil {
				t.Errorf("brief list shows %v", l)
			}
		}
		if got := a.get(base + "?first=0&max=1").list(); len(got) != 1 {
			t.Errorf("page of one has %d roles", len(got))
		}
		a.put(base+"/smith", map[string]any{"name": "smith2", "description": "d"}).is(204, "")
		a.get(base+"/smith").is(404, `{"error":"Could not find role"}`)
		id := a.get(base + "/smith2").object()["id"].(string)
		a.put("/roles-by-id/"+id, map[string]any{"name": "a/b"}).is(204, "")
		if got := a.get(base + "/a%2Fb").object()["id"]; got != id {
			t.Errorf("a role with a slash in its name: %v, want %s", got, id)
		}
		a.del("/roles-by-id/"+id, nil).is(204, "")
		a.get("/roles-by-id/"+id).is(404, `{"error":"Could not find role with id"}`)
	}
	a.put("/roles/vet", map[string]any{"name": "offline_access"}).is(409, `{"error":"conflict","error_description":"Duplicate resource error"}`)
	a.del("/roles/default-roles-r", nil).is(400, `{"errorMessage":"default-roles-r is default role of the realm and cannot be removed."}`)
	a.get("/clients/"+unknown+"/roles").is(404, `{"error":"Could not find client"}`)
}

func TestRoles_Composites(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := a.clientID("app")
	reader, offline := a.role("reader", app), a.role("offline_access")
	vet := a.role("vet")["id"].(string)
	names := func(path string) string { return strings.Join(a.get(path).all("name"), " ") }

	a.post("/roles/vet/composites", []any{reader, offline}).is(204, "")
	for path, want := range map[string]string{
		"/roles/vet/composites":                              "offline_access reader",
		"/roles/vet/composites/realm":                        "offline_access",
		"/roles/vet/composites/clients/" + app:               "reader",
		"/roles-by-id/" + vet + "/composites":                "offline_access reader",
		"/roles-by-id/" + vet + "/composites/realm":          "offline_access",
		"/roles-by-id/" + vet + "/composites/clients/" + app: "reader",
	} {
		if got := names(path); got != want {
			t.Errorf("GET %s = %q, want %q", path, got, want)
		}
	}
	if a.role("vet")["composite"] != true {
		t.Error("vet must be composite now")
	}
	a.post("/roles/vet/composites", []any{a.role("vet")}).is(204, "") // itself: nothing
	a.post("/roles/vet/composites", []any{map[string]any{"id": "nope"}}).is(404, `{"error":"Could not find composite role"}`)
	a.post("/roles/vet/composites", map[string]any{}).is(400, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`)
	a.post("/roles/nope/composites", []any{}).is(404, `{"error":"Could not find role"}`)
	a.get("/roles/vet/composites/clients/"+unknown).is(404, `{"error":"Could not find client"}`)
	a.del("/roles-by-id/"+vet+"/composites", []any{reader}).is(204, "")
	if got := names("/roles/vet/composites"); got != "offline_access" {
		t.Errorf("after removal: %q", got)
	}
	made := a.post("/clients/"+app+"/roles", map[string]any{
		"name": "both", "composite": true, "composites": map[string]any{"realm": []string{"vet"}, "client": map[string]any{"app": []string{"reader"}, "nope": []string{"x"}}},
	}).made()
	if got := names("/clients/" + app + "/roles/" + made + "/composites"); got != "reader vet" {
		t.Errorf("composites in the body: %q", got)
	}
	a.post("/roles", map[string]any{"name": "plain", "composites": map[string]any{"realm": []string{"vet"}}}).want(201)
	if got := names("/roles/plain/composites"); got != "" {
		t.Errorf("composites of a role that is not to be composite: %q", got)
	}
	a.post("/roles", map[string]any{"name": "x", "composite": true, "composites": map[string]any{"realm": []string{"nope"}}}).is(404, `{"errorMessage":"Realm Role with name nope does not exist"}`)
	a.post("/roles", map[string]any{"name": "x", "composite": true, "composites": map[string]any{"client": map[string]any{"app": []string{"nope"}}}}).is(404, `{"errorMessage":"Client Role with name nope does not exist"}`)
}

func TestRoles_ListSearchesDescriptions(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.post("/roles", map[string]any{"name": "cook", "description": "Makes SOUP"}).want(201)
	for query, want := range map[string]string{"?search=soup": "cook", "?search=COO": "cook", "?search=vet&max=0": "vet", "?search=nope": "", "?first=1&max=1": "default-roles-r"} {
		if got := strings.Join(a.get("/roles"+query).all("name"), " "); got != want {
			t.Errorf("GET /roles%s = %q, want %q", query, got, want)
		}
	}
}

func TestRoles_CompositesNeedRightsOverBothRoles(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, clients := a.administrator("clients", "manage-clients")
	_, realm := a.administrator("realm-only", "manage-realm")
	_, both := a.administrator("both", "manage-clients", "manage-realm")
	app := a.clientID("app")
	reader, vet := []any{a.role("reader", app)}, []any{a.role("vet")}
	for _, tt := range []struct {
		path                   string
		body                   any
		clients, realm, either int
	}{
		{"/roles/offline_access/composites", vet, 403, 204, 204},
		{"/roles/offline_access/composites", reader, 403, 403, 204},
		{"/clients/" + app + "/roles/reader/composites", reader, 204, 403, 204},
		{"/clients/" + app + "/roles/reader/composites", vet, 403, 403, 204},
	} {
		a.post(tt.path, tt.body, clients).want(tt.clients)
		a.post(tt.path, tt.body, realm).want(tt.realm)
		a.post(tt.path, tt.body, both).want(tt.either)
	}
}

func TestRoles_UsersAndGroups(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	crew := a.groupID("crew")
	a.post("/users/"+a.userID("bob")+"/role-mappings/realm", []any{a.role("vet")}).want(204)
	a.post("/groups/"+crew+"/role-mappings/realm", []any{a.role("vet")}).want(204)
	if got := a.get("/roles/vet/users").all("username"); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("users = %v", got)
	}
	a.get("/roles/vet/groups").is(200, `[{"id":"`+crew+`","name":"crew","path":"/crew","subGroups":[]}]`)
	a.get("/roles/vet/users?max=0").is(200, `[]`)
	a.get("/roles/nope/users").is(404, `{"error":"Could not find role"}`)
}
