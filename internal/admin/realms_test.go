package admin_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestRealms_CreateUpdateDelete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	made := a.post("/admin/realms", map[string]any{"realm": "s", "enabled": true})
	if got := made.want(201).Header.Get("Location"); got != "http://localhost:8080/admin/realms/s" {
		t.Errorf("Location = %q", got)
	}
	a.post("/admin/realms", map[string]any{"realm": "s"}).is(409, `{"errorMessage":"Realm s already exists"}`)
	a.put("/admin/realms/s", map[string]any{"realm": "master"}).is(409, `{"errorMessage":"Realm with same name exists"}`)
	a.put("/admin/realms/s", map[string]any{"realm": "t", "displayName": "T"}).is(204, "")
	a.get("/admin/realms/s").is(404, `{"error":"Realm not found."}`)
	if got := a.get("/admin/realms/t").object()["displayName"]; got != "T" {
		t.Errorf("displayName = %v", got)
	}
	if got := a.get("/admin/realms").all("realm"); !slices.Equal(got, []string{"master", "r", "t"}) {
		t.Errorf("realms = %v", got)
	}
	a.del("/admin/realms/t", nil).is(204, "")
	a.del("/admin/realms/t", nil).is(404, `{"error":"Realm not found."}`)
	a.del("/admin/realms/master", nil).is(400, `{"errorMessage":"Can't remove master realm"}`)
}

func TestRealms_BadDocumentsSayWhatAndWhere(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for doc, want := range map[string]string{
		`"junk"`: `unable to read contents from stream`,
		`{"realm": "s", "users": [{"username": "u", "enabled": "junk"}]}`:     `users[0].enabled`,
		`{"realm": "s", "clients": [{"clientId": "c", "redirectUris": "x"}]}`: `clients[0].redirectUris`,
		`{"realm": "a/b"}`: `realm`,
		`{`:                `not JSON`,
		`{}`:               `realm`,
	} {
		r := httptest.NewRequest("POST", a.srv.BaseURL+"/admin/realms", strings.NewReader(doc))
		r.Header.Set("Authorization", "Bearer "+a.admin)
		r.Header.Set("Content-Type", "application/json")
		var got struct {
			ErrorMessage string
			Description  string `json:"error_description"`
		}
		body := a.send(r).want(400).Body
		if err := json.Unmarshal([]byte(body), &got); err != nil || !strings.Contains(strings.ToLower(got.ErrorMessage+got.Description), strings.ToLower(want)) {
			t.Errorf("POST %s = %s, want a message about %s", doc, body, want)
		}
	}
	a.get("/admin/realms/s").want(404)
}

func TestRealms_CreatorWithoutAllPowersGetsThatRealm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const master = "/admin/realms/master"
	id := a.post(master+"/users", map[string]any{
		"username": "maker", "enabled": true, "email": "m@x.org", "firstName": "A", "lastName": "B",
		"credentials": []any{map[string]any{"type": "password", "value": "p"}},
	}).made()
	token := func() string { return a.token("master", "admin-cli", "", "maker", "p", "") }
	a.post("/admin/realms", map[string]any{"realm": "own"}, token()).is(403, forbidden)
	a.get("/admin/realms", token()).is(403, forbidden)
	a.post(master+"/users/"+id+"/role-mappings/realm", []any{a.get(master + "/roles/create-realm").object()}).want(204)
	a.get("/admin/realms", token()).is(200, `[]`)
	a.post("/admin/realms", map[string]any{"realm": "own"}, token()).want(201)
	a.get("/admin/realms/own/users", token()).is(200, `[]`)
	a.get("/users", token()).is(403, forbidden)
	if got := a.get("/admin/realms", token()).all("realm"); !slices.Equal(got, []string{"own"}) {
		t.Errorf("realms = %v, want own alone", got)
	}
}

func TestRealms_MastersUserWithRolesOverOneRealm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const master = "/admin/realms/master"
	id := a.post(master+"/users", map[string]any{
		"username": "helper", "enabled": true, "email": "h@x.org", "firstName": "A", "lastName": "B",
		"credentials": []any{map[string]any{"type": "password", "value": "p"}},
	}).made()
	client := a.get(master + "/clients?clientId=r-realm").list()[0]["id"].(string)
	a.post(master+"/users/"+id+"/role-mappings/clients/"+client, []any{a.get(master + "/clients/" + client + "/roles/view-users").object()}).want(204)
	token := a.token("master", "admin-cli", "", "helper", "p", "")
	a.get("/users", token).want(200)
	a.get("/clients", token).is(403, forbidden)
	a.get(master+"/users", token).is(403, forbidden)
	a.get("/admin/realms", token).is(200, `[{"realm":"r"}]`)
}

func TestRealms_WhoMayNotSeeSettingsSeesWhatPagesNeed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, query := a.administrator("query", "query-clients")
	_, viewer := a.administrator("viewer", "view-users")
	a.get("", query).is(200, `{"realm":"r","bruteForceProtected":false,"organizationsEnabled":false,"supportedLocales":[]}`)
	a.get("", viewer).is(200, `{"realm":"r","registrationEmailAsUsername":false,"bruteForceProtected":false,"organizationsEnabled":false,"supportedLocales":[]}`)
}

const keyType = "org.keycloak.keys.KeyProvider"

func TestKeys_ANewComponentSignsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	active := func() string { return a.get("/keys").object()["active"].(map[string]any)["RS256"].(string) }
	kid := func(token string) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		var head struct{ Kid string }
		if err != nil || json.Unmarshal(raw, &head) != nil {
			t.Fatalf("header of %s", token)
		}
		return head.Kid
	}
	_, before := a.administrator("boss", "realm-admin")
	if kid(before) != active() {
		t.Errorf("signed with %s, active is %s", kid(before), active())
	}
	key := map[string]any{"name": "next", "providerId": "rsa-generated", "providerType": keyType, "config": map[string]any{"priority": []string{"200"}}}
	id := a.post("/components", key).made()
	after := a.person("boss")
	if kid(after) == kid(before) || kid(after) != active() {
		t.Errorf("signed with %s, active is %s, before %s", kid(after), active(), kid(before))
	}
	a.get("/users", before).want(200) // the old key still verifies
	a.get("/users", after).want(200)
	key["config"] = map[string]any{"priority": []string{"200"}, "active": []string{"false"}}
	a.put("/components/"+id, key).want(204)
	if kid(a.person("boss")) != kid(before) {
		t.Error("a passive key signs")
	}
	a.get("/users", after).want(200)
	a.del("/components/"+id, nil).want(204)
	a.get("/users", after).is(401, unauthorized)
	for _, doc := range []map[string]any{{}, {"name": "x"}, {"providerId": "rsa-generated"}, {"providerId": "rsa-generated", "providerType": "nope"}} {
		a.post("/components", doc).is(400, `{"error":"Invalid provider type or no such provider"}`)
	}
}

func TestComponents_KeysAreMadeAndNeverShown(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.post("/components", map[string]any{"name": "ec", "providerId": "ecdsa-generated", "providerType": keyType, "config": map[string]any{"priority": []string{"200"}}}).made()
	doc := a.get("/components/" + id).want(200).Body
	if strings.Contains(strings.ToLower(doc), "privatekey") {
		t.Errorf("component shows its key: %s", doc)
	}
	active := a.get("/keys").object()["active"].(map[string]any)
	if active["ES256"] == nil || active["RS256"] == nil || active["HS512"] == nil {
		t.Errorf("active keys = %v", active)
	}
	if got := a.get("/components?type=" + keyType + "&name=ec").all("id"); !slices.Equal(got, []string{id}) {
		t.Errorf("by type and name = %v", got)
	}
	a.get("/components?parent=nope").is(200, `[]`)
	if n := len(a.get("/components?parent=" + a.get("").object()["id"].(string) + "&type=" + keyType).list()); n != 5 {
		t.Errorf("%d key components, want 5", n)
	}
	a.put("/components/"+id, map[string]any{"name": "ec", "providerId": "ecdsa-generated", "providerType": keyType, "config": map[string]any{"enabled": []string{"false"}}}).is(204, "")
	if active := a.get("/keys").object()["active"].(map[string]any); active["ES256"] != nil {
		t.Errorf("a disabled key is active: %v", active)
	}
	a.del("/components/"+id, nil).is(204, "")
	for _, method := range []string{"GET", "DELETE"} {
		a.do(method, "/components/"+id, nil).is(404, `{"error":"Could not find component"}`)
	}
	for _, tt := range []struct {
		body map[string]any
		want string
	}{
		{map[string]any{"name": "k", "providerId": "nope", "providerType": keyType}, `{"error":"Invalid provider type or no such provider"}`},
		{map[string]any{"name": "k", "providerId": "nope", "providerType": "nope"}, `{"error":"Invalid provider type or no such provider"}`},
		{map[string]any{"name": "k", "providerId": "hmac-generated", "providerType": keyType, "config": map[string]any{"priority": []string{"x"}}}, `{"errorMessage":"'Priority' should be a number"}`},
		{map[string]any{"name": "k", "providerId": "rsa", "providerType": keyType, "config": map[string]any{}}, `{"errorMessage":"'Private RSA Key' is required"}`},
		{map[string]any{"name": "k", "providerId": "rsa-generated", "providerType": keyType, "config": map[string]any{"keySize": []string{"17"}}}, `{"errorMessage":"'Key size' should be 1024, 2048, 3072 or 4096"}`},
	} {
		a.post("/components", tt.body).is(400, tt.want)
	}
}
