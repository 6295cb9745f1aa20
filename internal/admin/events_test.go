package admin_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestAdminEvents_EveryWriteLeavesOne(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna, app, crew := a.userID("anna"), a.clientID("app"), a.groupID("crew")
	vet := []any{a.role("vet")}
	scope := a.post("/client-scopes", map[string]any{"name": "pets", "protocol": "openid-connect"}).made()
	a.offline("app", "anna")
	mapper := map[string]any{"name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": map[string]any{"claim.name": "x"}}
	for _, tt := range []struct {
		method, path string
		body         any
		event        string // operation, type, path
		rep          string // part of the representation
	}{
		{"PUT", "", map[string]any{"displayName": "x"}, "UPDATE REALM ", `{"displayName":"x"}`},
		{"PUT", "/users/" + anna, map[string]any{"firstName": "Z"}, "UPDATE USER users/" + anna, `{"firstName":"Z"}`},
		{"PUT", "/users/" + anna + "/reset-password", map[string]any{"value": "p"}, "ACTION USER users/" + anna + "/reset-password", ""},
		{"POST", "/users/" + anna + "/role-mappings/realm", vet, "CREATE REALM_ROLE_MAPPING users/" + anna + "/role-mappings/realm", `"name":"vet"`},
		{"DELETE", "/users/" + anna + "/role-mappings/realm", vet, "DELETE REALM_ROLE_MAPPING users/" + anna + "/role-mappings/realm", `"name":"vet"`},
		{"PUT", "/users/" + anna + "/groups/" + crew, nil, "CREATE GROUP_MEMBERSHIP users/" + anna + "/groups/" + crew, `"path":"/crew"`},
		{"DELETE", "/users/" + anna + "/consents/app", nil, "ACTION USER users/" + anna + "/consents/app", ""},
		{"POST", "/users/" + anna + "/logout", nil, "ACTION USER users/" + anna + "/logout", ""},
		{"PUT", "/clients/" + app, map[string]any{"clientId": "app", "secret": "app-secret"}, "UPDATE CLIENT clients/" + app, `"secret":"**********"`},
		{"POST", "/clients/" + app + "/client-secret", nil, "ACTION CLIENT clients/" + app + "/client-secret", `{"type":"secret","value":"**********"}`},
		{"POST", "/clients/" + app + "/push-revocation", nil, "ACTION CLIENT clients/" + app + "/push-revocation", ""},
		{"PUT", "/clients/" + app + "/optional-client-scopes/" + scope, nil, "CREATE CLIENT_SCOPE_CLIENT_MAPPING clients/" + app + "/optional-client-scopes/" + scope, ""},
		{"POST", "/clients/" + app + "/scope-mappings/realm", vet, "CREATE REALM_SCOPE_MAPPING clients/" + app + "/scope-mappings/realm", `"name":"vet"`},
		{"POST", "/clients/" + app + "/protocol-mappers/add-models", []any{mapper}, "CREATE PROTOCOL_MAPPER clients/" + app + "/protocol-mappers/add-models", `"name":"m"`},
		{"POST", "/clients/" + app + "/roles", map[string]any{"name": "cr"}, "CREATE CLIENT_ROLE clients/" + app + "/roles/cr", `"name":"cr"`},
		{"PUT", "/client-scopes/" + scope, map[string]any{"name": "pets"}, "UPDATE CLIENT_SCOPE client-scopes/" + scope, `"name":"pets"`},
		{"PUT", "/default-optional-client-scopes/" + scope, nil, "CREATE CLIENT_SCOPE default-optional-client-scopes/" + scope, ""},
		{"DELETE", "/client-scopes/" + scope, nil, "DELETE CLIENT_SCOPE client-scopes/" + scope, ""},
		{"POST", "/roles", map[string]any{"name": "new"}, "CREATE REALM_ROLE roles/new", `"name":"new"`},
		{"POST", "/roles/new/composites", vet, "CREATE REALM_ROLE roles/new/composites", `"name":"vet"`},
		{"DELETE", "/roles/new", nil, "DELETE REALM_ROLE roles/new", `"name":"new"`},
		{"PUT", "/groups/" + crew, map[string]any{"name": "crew"}, "UPDATE GROUP groups/" + crew, `"name":"crew"`},
		{"PUT", "/default-groups/" + crew, nil, "CREATE GROUP default-groups/" + crew, ""},
		{"PUT", "/events/config", map[string]any{"eventsEnabled": true}, "UPDATE REALM events/config", `{"eventsEnabled":true}`},
		{"POST", "/push-revocation", nil, "ACTION REALM push-revocation", `{}`},
		{"DELETE", "/users/" + anna, nil, "DELETE USER users/" + anna, `"username":"anna"`},
		{"DELETE", "/clients/" + app, nil, "DELETE CLIENT clients/" + app, `"clientId":"app"`},
		{"POST", "/logout-all", nil, "ACTION REALM logout-all", `{}`},
	} {
		a.srv.Clock.Advance(time.Millisecond) // events are listed by their time
		if got := a.do(tt.method, tt.path, tt.body); got.Status >= 300 {
			t.Fatalf("%s %s = %d %s", tt.method, tt.path, got.Status, got.Body)
		}
		e := a.get("/admin-events?max=1").list()[0]
		path, _ := e["resourcePath"].(string)
		if got := e["operationType"].(string) + " " + e["resourceType"].(string) + " " + path; got != tt.event {
			t.Errorf("%s %s left %q, want %q", tt.method, tt.path, got, tt.event)
		}
		rep, _ := e["representation"].(string)
		if !strings.Contains(rep, tt.rep) || tt.rep == "" && rep != "" {
			t.Errorf("%s %s: representation %q, want %q in it", tt.method, tt.path, rep, tt.rep)
		}
	}
}

func TestAdminEvents_MadeObjectsAndSessions(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	event := func() string {
		a.srv.Clock.Advance(time.Millisecond)
		e := a.get("/admin-events?max=1").list()[0]
		return e["operationType"].(string) + " " + e["resourceType"].(string) + " " + e["resourcePath"].(string)
	}
	user := a.post("/users", map[string]any{"username": "carl", "credentials": []any{map[string]any{"type": "password", "value": "hidden"}}}).made()
	if got, want := event(), "CREATE USER users/"+user; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	client := a.post("/clients", map[string]any{"clientId": "made", "secret": "hidden"}).made()
	if got, want := event(), "CREATE CLIENT clients/"+client; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	group := a.post("/groups", map[string]any{"name": "made"}).made()
	if got, want := event(), "CREATE GROUP groups/"+group; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	key := a.post("/components", map[string]any{"name": "k", "providerId": "hmac-generated", "providerType": keyType, "config": map[string]any{"secret": []string{"hidden"}, "kid": []string{"k"}}})
	if key.Status == 201 {
		if got, want := event(), "CREATE COMPONENT components/"+key.made(); got != want {
			t.Errorf("event %q, want %q", got, want)
		}
	}
	tokens := a.offline("app", "anna")
	a.del("/sessions/"+sid(tokens)+"?isOffline=true", nil).want(204)
	if got, want := event(), "DELETE USER_SESSION sessions/"+sid(tokens); got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	if body := a.get("/admin-events").Body; strings.Contains(body, "hidden") {
		t.Errorf("an event shows a secret: %s", body)
	}
}

func TestAdminEvents_FiltersAndConfig(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna := a.userID("anna")
	a.put("/users/"+anna, map[string]any{"firstName": "Z"}).want(204)
	a.post("/users/"+anna+"/logout", nil).want(204)
	for query, want := range map[string]int{
		"": 2, "?operationTypes=ACTION": 1, "?resourceTypes=USER": 2, "?resourceTypes=CLIENT": 0, "?resourcePath=users/*": 2,
		"?resourcePath=users/" + anna + "/logout": 1, "?max=1": 1, "?max=0": 0, "?first=5": 0, "?authUser=nope": 0,
		"?dateFrom=2026-11-21&dateTo=2026-11-21": 2, "?dateFrom=2026-11-22": 0, "?dateTo=1000": 0, "?direction=asc": 2, "?operationTypes=NOPE": 0,
	} {
		if got := a.get("/admin-events" + query).list(); len(got) != want {
			t.Errorf("GET /admin-events%s has %d events, want %d", query, len(got), want)
		}
	}
	a.get("/admin-events?dateFrom=junk").is(400, `{"error":"Invalid value for 'dateFrom', expected format is yyyy-MM-dd or an Epoch timestamp"}`)
	a.get("/events?direction=up").is(400, `{"error":"Invalid value for sortDirection, expected value is asc or desc"}`)
	e := a.get("/admin-events?max=1").list()[0]
	if auth := e["authDetails"].(map[string]any); auth["userId"] == "" || auth["ipAddress"] == "" || auth["realmId"] == e["realmId"] {
		t.Errorf("authDetails = %v", auth)
	}
	a.put("/events/config", map[string]any{"adminEventsDetailsEnabled": false}).is(204, "")
	a.srv.Clock.Advance(time.Millisecond)
	a.put("/users/"+anna, map[string]any{"firstName": "Y"}).want(204)
	if e := a.get("/admin-events?max=1").list()[0]; e["representation"] != nil {
		t.Errorf("an event has a representation without details: %v", e)
	}
	a.del("/admin-events", nil).is(204, "")
	a.get("/admin-events").is(200, `[]`)
	a.put("/events/config", map[string]any{"adminEventsEnabled": false}).is(204, "")
	a.put("/users/"+anna, map[string]any{"firstName": "X"}).want(204)
	a.get("/admin-events").is(200, `[]`)
}

func TestEvents_AreListedAndCleared(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.put("/events/config", map[string]any{"eventsEnabled": true, "eventsExpiration": 100, "enabledEventTypes": []string{"LOGIN"}}).is(204, "")
	var config struct {
		EventsEnabled     bool
		EventsExpiration  int
		EnabledEventTypes []string
	}
	if err := json.Unmarshal([]byte(a.get("/events/config").Body), &config); err != nil || !config.EventsEnabled || config.EventsExpiration != 100 || len(config.EnabledEventTypes) != 1 {
		t.Errorf("config = %+v, %v", config, err)
	}
	a.offline("app", "anna")
	a.login("r", "other", "other-secret", "bob", "p", "")
	for query, want := range map[string]int{
		"": 2, "?type=LOGIN": 2, "?type=LOGOUT": 0, "?client=app": 1, "?user=" + a.userID("bob"): 1, "?ipAddress=9.9.9.9": 0, "?max=1": 1,
	} {
		if got := a.get("/events" + query).list(); len(got) != want {
			t.Errorf("GET /events%s has %d events, want %d", query, len(got), want)
		}
	}
	a.del("/events", nil).is(204, "")
	a.get("/events").is(200, `[]`)
}

// Creating and deleting a realm are events of realm master, as in a Keycloak
// 26.7.2: the realm's own events begin and end with it.
func TestAdminEvents_RealmsAreMadeAndDeletedInMaster(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.put("/admin/realms/master", map[string]any{"adminEventsEnabled": true, "adminEventsDetailsEnabled": true}).want(204)
	newest := func() string {
		e := a.get("/admin/realms/master/admin-events?max=1").list()[0]
		rep, _ := e["representation"].(string)
		return e["operationType"].(string) + " " + e["resourceType"].(string) + " " + e["resourcePath"].(string) + " " + rep
	}
	a.srv.Clock.Advance(time.Millisecond)
	a.post("/admin/realms", map[string]any{"realm": "made", "adminEventsEnabled": true}).want(201)
	if got := newest(); !strings.HasPrefix(got, `CREATE REALM made {"id":"`) || !strings.Contains(got, `"realm":"made"`) {
		t.Errorf("event of a new realm = %s", got)
	}
	if own := a.get("/admin/realms/made/admin-events").list(); len(own) != 0 {
		t.Errorf("the new realm's own events = %v, want none", own)
	}
	a.srv.Clock.Advance(time.Millisecond)
	a.post("/admin/realms", map[string]any{"realm": "made"}).want(409)
	a.del("/admin/realms/made", nil).want(204)
	if got := newest(); got != "DELETE REALM made " {
		t.Errorf("event of a deleted realm = %q", got)
	}
	if n := len(a.get("/admin/realms/master/admin-events?resourceTypes=REALM&operationTypes=CREATE").list()); n != 1 {
		t.Errorf("%d events of making a realm, want 1: a refused one leaves none", n)
	}
}
