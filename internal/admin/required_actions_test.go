package admin_test

import (
	"slices"
	"strings"
	"testing"
)

// TestRequiredActions_AreKeptAndObeyed: what an administrator says of an action
// holds for new users and for logins.
func TestRequiredActions_AreKeptAndObeyed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const path = "/authentication/required-actions/UPDATE_PASSWORD"
	action := a.get(path).object()
	action["defaultAction"] = true
	a.put(path, action).want(204)
	made := a.post("/users", map[string]any{"username": "fresh", "enabled": true, "email": "f@x.org", "firstName": "A", "lastName": "B",
		"credentials": []any{map[string]any{"type": "password", "value": "p"}}}).made()
	if got := a.get("/users/" + made).object()["requiredActions"]; len(got.([]any)) != 1 {
		t.Errorf("a new user has the actions %v, want UPDATE_PASSWORD", got)
	}

	a.post(path+"/raise-priority", nil).want(204)
	order := a.get("/authentication/required-actions").all("alias")
	if i := slices.Index(order, "UPDATE_PASSWORD"); i < 0 || order[i+1] != "CONFIGURE_TOTP" {
		t.Errorf("after raising UPDATE_PASSWORD: %v", order)
	}
	a.post(path+"/lower-priority", nil).want(204)
	a.put(path+"/config", map[string]any{"config": map[string]string{"max_auth_age": "60"}}).want(204)
	a.get(path+"/config").is(200, `{"config":{"max_auth_age":"60"}}`)
	a.del(path+"/config", nil).want(204)

	a.del(path, nil).want(204)
	a.get(path).is(404, `{"error":"Failed to find required action"}`)
	a.get("/authentication/unregistered-required-actions").is(200, `[{"name":"Update Password","providerId":"UPDATE_PASSWORD"}]`)
	a.post("/authentication/register-required-action", map[string]any{"providerId": "nope"}).
		is(400, `{"error":"Required Action Provider with given providerId not found"}`)
	a.post("/authentication/register-required-action", map[string]any{"providerId": "UPDATE_PASSWORD", "name": "Renew"}).want(204)
	if got := a.get(path).object(); got["name"] != "Renew" || got["enabled"] != true {
		t.Errorf("registered again: %v", got)
	}
	for _, bad := range []any{[]any{}, map[string]any{"enabled": "x"}, map[string]any{"priority": "x"}} {
		if got := a.put(path, bad); got.Status != 400 {
			t.Errorf("%v = %d %s", bad, got.Status, got.Body)
		}
	}
}

// TestFlows_AreShownNotChanged: every flow that can be listed can be read in
// its parts, and nothing of it can be written.
func TestFlows_AreShownNotChanged(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	flows := a.get("/authentication/flows").list()
	if len(flows) != 7 || flows[0]["alias"] != "browser" {
		t.Fatalf("flows: %v", flows)
	}
	for _, f := range flows {
		id, alias := f["id"].(string), f["alias"].(string)
		a.get("/authentication/flows/" + id).want(200)
		for _, e := range a.get("/authentication/flows/" + strings.ReplaceAll(alias, " ", "%20") + "/executions").list() {
			if got := a.get("/authentication/executions/" + e["id"].(string)).object(); got["id"] != e["id"] {
				t.Errorf("execution %v of %s: %v", e["displayName"], alias, got)
			}
			if c, ok := e["authenticationConfig"].(string); ok {
				a.get("/authentication/config/" + c).want(200)
			}
		}
	}
	if again := a.get("/authentication/flows").list(); again[0]["id"] != flows[0]["id"] {
		t.Error("a flow's id changes")
	}
	a.put("/authentication/flows/browser/executions", map[string]any{"requirement": "DISABLED"}).
		is(400, `{"errorMessage":"Authentication flows cannot be changed on this server"}`)
}
