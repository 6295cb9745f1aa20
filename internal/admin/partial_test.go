package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// part is the document most tests of partial imports send.
func part(policy string) map[string]any {
	var doc map[string]any
	err := json.Unmarshal([]byte(`{
 "clients": [{"clientId": "impc", "secret": "s", "serviceAccountsEnabled": true, "directAccessGrantsEnabled": true}],
 "roles": {"realm": [{"name": "impr", "description": "d", "composites": {"realm": ["vet"], "client": {"app": ["reader"]}}}], "client": {"impc": [{"name": "imprc"}], "app": [{"name": "impar"}]}},
 "groups": [{"name": "impg", "realmRoles": ["impr"], "subGroups": [{"name": "below"}]}],
 "users": [{"username": "impu", "enabled": true, "email": "impu@x.org", "firstName": "A", "lastName": "B", "credentials": [{"type": "password", "value": "p"}],
  "realmRoles": ["impr", "offline_access"], "clientRoles": {"impc": ["imprc"]}, "groups": ["/impg/below"]}]
}`), &doc)
	if err != nil {
		panic(err) // constant
	}
	if policy != "" {
		doc["ifResourceExists"] = policy
	}
	return doc
}

func TestPartialImport_AddsSkipsOverwritesOrFailsWhole(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	first := a.post("/partialImport", part("FAIL")).object()
	if first["added"] != 6.0 || first["skipped"] != 0.0 || first["overwritten"] != 0.0 || len(first["results"].([]any)) != 6 {
		t.Fatalf("the first import: %v", first)
	}
	user, client := a.userID("impu"), a.clientID("impc")
	roles, _ := json.Marshal(a.get("/users/" + user + "/role-mappings/realm").all("name"))
	if string(roles) != `["impr","offline_access"]` {
		t.Errorf("the imported user has %s", roles)
	}
	if groups := a.get("/users/" + user + "/groups").all("path"); len(groups) != 1 || groups[0] != "/impg/below" {
		t.Errorf("the imported user is in %v", groups)
	}
	a.get("/clients/" + client + "/service-account-user").want(200)
	offline := a.login("r", "impc", "s", "impu", "p", "offline_access")

	a.post("/partialImport", part("")).is(409, `{"errorMessage":"Client id 'impc' already exists"}`)
	for member, text := range map[string]string{
		"users": "User with user name impu already exists.", "groups": "Group '/impg' already exists", "roles": "Realm role 'impr' already exists.",
	} {
		doc := map[string]any{"ifResourceExists": "FAIL", member: part("")[member], "clients": []any{map[string]any{"clientId": "half"}}}
		a.post("/partialImport", doc).is(409, `{"errorMessage":"`+text+`"}`)
		if got := a.get("/clients?clientId=half").list(); len(got) != 0 {
			t.Errorf("a failed import of %s left a client", member)
		}
	}
	if skip := a.post("/partialImport", part("SKIP")).object(); skip["skipped"] != 6.0 || skip["added"] != 0.0 {
		t.Errorf("SKIP: %v", skip)
	}
	a.form("r", refreshForm("impc", "s", offline)).want(200)

	over := part("OVERWRITE")
	over["clients"].([]any)[0].(map[string]any)["name"] = "Named"
	if got := a.post("/partialImport", over).object(); got["overwritten"] != 6.0 || got["added"] != 0.0 {
		t.Errorf("OVERWRITE: %v", got)
	}
	if got := a.get("/clients/" + client).object(); got["name"] != "Named" {
		t.Errorf("the overwritten client: %v", got)
	}
	if a.userID("impu") == user {
		t.Error("the overwritten user is the old one")
	}
	a.form("r", refreshForm("impc", "s", offline)).want(400)
	a.login("r", "impc", "s", "impu", "p", "")
}

func TestPartialImport_RefusesWhatIsNoPart(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.post("/partialImport", map[string]any{}).is(200, `{"overwritten":0,"added":0,"skipped":0,"results":[]}`)
	a.post("/partialImport", map[string]any{"ifResourceExists": "FAIL", "roles": map[string]any{"client": map[string]any{"nope": []any{map[string]any{"name": "q"}}}}}).
		is(412, `{"errorMessage":"Can not import client roles for nonexistent client named nope"}`)
	for _, bad := range []any{
		[]any{}, map[string]any{"ifResourceExists": "NOPE"}, map[string]any{"users": map[string]any{}}, map[string]any{"users": []any{1}},
		map[string]any{"users": []any{map[string]any{"email": "q@q.q"}}}, map[string]any{"clients": []any{map[string]any{"name": "x"}}}, map[string]any{"clients": 1},
		map[string]any{"users": []any{map[string]any{"username": "x", "realmRoles": []any{"nope"}}}}, map[string]any{"users": []any{map[string]any{"username": "x", "groups": []any{"/nope"}}}},
		map[string]any{"users": []any{map[string]any{"username": "twice"}, map[string]any{"username": "twice"}}}, map[string]any{"groups": []any{map[string]any{}}},
		map[string]any{"clients": []any{map[string]any{"clientId": "c"}, map[string]any{"clientId": "c"}}}, map[string]any{"roles": []any{}},
		map[string]any{"identityProviders": []any{map[string]any{"alias": "g"}}}, map[string]any{"groups": []any{map[string]any{"name": "g", "subGroups": 5}}},
	} {
		if got := a.post("/partialImport", bad); got.Status != 400 {
			t.Errorf("%v = %d %s", bad, got.Status, got.Body)
		}
	}
	built := a.post("/partialImport", map[string]any{"ifResourceExists": "OVERWRITE", "clients": []any{map[string]any{"clientId": "account", "enabled": false}}})
	built.is(200, `{"overwritten":0,"added":0,"skipped":0,"results":[]}`)
}

// TestPartialImport_GivesNoPowersTheCallerLacks: who manages the realm alone
// makes no administrator.
func TestPartialImport_GivesNoPowersTheCallerLacks(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, weak := a.administrator("weak", "manage-realm")
	admin := map[string]any{"realm-management": []any{"manage-users"}}
	for _, doc := range []map[string]any{
		{"users": []any{map[string]any{"username": "boss", "enabled": true, "clientRoles": admin}}},
		{"groups": []any{map[string]any{"name": "bosses", "clientRoles": admin}}},
		{"roles": map[string]any{"realm": []any{map[string]any{"name": "boss", "composites": map[string]any{"client": admin}}}}},
		{"ifResourceExists": "OVERWRITE", "roles": map[string]any{"client": map[string]any{"realm-management": []any{map[string]any{"name": "view-realm", "composites": map[string]any{"client": admin}}}}}},
	} {
		a.post("/partialImport", doc, weak).is(403, `{"error":"HTTP 403 Forbidden"}`)
	}
	a.post("/partialImport", map[string]any{"users": []any{map[string]any{"username": "plain", "enabled": true, "realmRoles": []any{"vet"}}}}, weak).want(200)
}

func TestPartialExport_HoldsWhatIsAskedAndNoSecrets(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	bare := a.post("/partial-export", nil).object()
	whole := a.post("/partial-export?exportClients=true&exportGroupsAndRoles=true", nil)
	for _, member := range []string{"clients", "roles", "groups"} {
		if bare[member] != nil || whole.object()[member] == nil {
			t.Errorf("member %s: %v without being asked for", member, bare[member])
		}
	}
	if whole.object()["users"] != nil || strings.Contains(whole.Body, "app-secret") || strings.Contains(whole.Body, "privateKey\":[\"MII") {
		t.Error("an export has users or secrets")
	}
}
