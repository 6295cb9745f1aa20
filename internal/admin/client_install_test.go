package admin_test

import (
	"slices"
	"strings"
	"testing"
)

const featureOff = `{"error":"Feature not enabled","error_description":"For more on this error consult the server log."}`

// Keycloak 26.7.2, client by client.
func TestInstallation_KeycloakJSON(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const head = `{"realm":"r","auth-server-url":"http://localhost:8080/","ssl-required":"none","resource":`
	for _, tt := range []struct {
		client map[string]any
		want   string
	}{
		{map[string]any{"secret": "s"}, head + `"x","credentials":{"secret":"s"},"confidential-port":0}`},
		{map[string]any{"publicClient": true}, head + `"x","public-client":true,"confidential-port":0}`},
		{map[string]any{"bearerOnly": true}, strings.Replace(head, `"auth`, `"bearer-only":true,"auth`, 1) + `"x","confidential-port":0}`},
		{map[string]any{"secret": "s", "clientAuthenticatorType": "client-secret-jwt"}, head + `"x","credentials":{"secret-jwt":{"secret":"s"}},"confidential-port":0}`},
	} {
		tt.client["clientId"] = "x"
		id := a.post("/clients", tt.client).made()
		a.get("/clients/"+id+"/installation/providers/keycloak-oidc-keycloak-json").is(200, tt.want)
		a.get("/clients/"+id+"/installation/providers/keycloak-saml").is(404, `{"error":"Unknown Provider"}`)
		a.del("/clients/"+id, nil).want(204)
	}
	app := "/clients/" + a.clientID("app") + "/installation/providers/keycloak-oidc-keycloak-json"
	const withRoles = head + `"app","verify-token-audience":true,"credentials":{"secret":"SECRET"},"use-resource-role-mappings":true,"confidential-port":0}`
	a.get(app).is(200, strings.Replace(withRoles, "SECRET", "app-secret", 1))
	_, viewer := a.administrator("viewer", "view-clients")
	a.get(app, viewer).is(200, strings.Replace(withRoles, "SECRET", "**********", 1))
}

func TestNodes_AreKeptAndShown(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := "/clients/" + a.clientID("app")
	a.post(app+"/nodes", map[string]any{"node": "10.0.0.1"}).is(204, "")
	a.post(app+"/nodes", map[string]any{"node": "host"}).is(204, "")
	if nodes, _ := a.get(app).object()["registeredNodes"].(map[string]any); len(nodes) != 2 || nodes["host"] != float64(a.srv.Clock.Now().Unix()) {
		t.Errorf("nodes %v", nodes)
	}
	a.get(app+"/test-nodes-available").is(200, `{}`)
	a.del(app+"/nodes/host", nil).is(204, "")
	a.del(app+"/nodes/host", nil).is(404, `{"error":"Client does not have node "}`)
	a.del(app+"/nodes/10.0.0.1", nil).is(204, "")
	if o := a.get(app).object(); o["registeredNodes"] != nil {
		t.Errorf("nodes %v are left", o["registeredNodes"])
	}
	for _, body := range []any{map[string]any{}, map[string]any{"node": ""}, map[string]any{"node": nil}} {
		a.post(app+"/nodes", body).is(400, `{"error":"Node not found in params"}`)
	}
	a.post(app+"/nodes", map[string]any{"node": "a/b"}).is(400, `{"error":"Node is no host"}`)
	var told []string
	for _, e := range a.get("/admin-events?resourceTypes=CLUSTER_NODE").list() {
		told = append(told, e["operationType"].(string))
	}
	if slices.Sort(told); strings.Join(told, " ") != "ACTION CREATE CREATE DELETE DELETE" {
		t.Errorf("events %v", told)
	}
}

func TestRotatedSecret_IsNone(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := "/clients/" + a.clientID("app")
	a.get(app+"/client-secret/rotated").is(404, `{"error":"Client does not have a rotated secret"}`)
	a.del(app+"/client-secret/rotated", nil).is(204, "")
	a.get(app+"/client-secret").is(200, `{"type":"secret","value":"app-secret"}`)
	a.get("/clients/"+unknown+"/client-secret/rotated").is(404, `{"error":"Could not find client"}`)
}

func TestSwitchedOff_AnswersAsKeycloakWithout(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	app := a.clientID("app")
	for _, path := range []string{
		"/clients/" + app, "/clients/" + app + "/roles/reader", "/roles/vet", "/roles-by-id/" + a.role("vet")["id"].(string), "/groups/" + a.groupID("crew"),
	} {
		a.get(path+"/management/permissions").is(501, featureOff)
		a.put(path+"/management/permissions", map[string]any{"enabled": true}).is(501, featureOff)
		a.text("PUT", path+"/management/permissions", "{", "application/json").is(400, `{"error":"invalid_request","error_description":"Cannot parse the JSON"}`)
	}
	a.get("/users-management-permissions").is(501, featureOff)
	a.get("/clients/"+unknown+"/management/permissions").is(404, `{"error":"Could not find client"}`)
	a.get("/groups/"+unknown+"/management/permissions").is(404, `{"error":"Could not find group by id"}`)
	a.post("/clients/"+app+"/registration-access-token", nil).is(501, featureOff)
}
