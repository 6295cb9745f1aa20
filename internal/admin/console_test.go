package admin_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// consoleAPI is a server where the administrator's token is the Admin
// Console's, and anna has a session and an offline session with app.
func consoleAPI(t *testing.T) *api {
	t.Helper()
	a := newAPI(t)
	console := a.get("/admin/realms/master/clients?clientId=security-admin-console").list()[0]["id"].(string)
	a.put("/admin/realms/master/clients/"+console, map[string]any{"directAccessGrantsEnabled": true}).want(204)
	a.admin = a.token("master", "security-admin-console", "", "admin", "admin", "")
	a.login("r", "app", "app-secret", "anna", "p", "openid")
	a.login("r", "app", "app-secret", "anna", "p", "openid offline_access")
	return a
}

// TestConsole_EveryRequestIsAnsweredAsByKeycloak replays what the Admin Console
// asks on its pages.
func TestConsole_EveryRequestIsAnsweredAsByKeycloak(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("testdata/console-requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	a := consoleAPI(t)
	anna, app := a.userID("anna"), a.clientID("app")
	query := map[string]string{
		"first": "0", "max": "11", "search": "", "type": "ALL", "q": "", "briefRepresentation": "true", "exact": "false", "global": "true",
		"clientId": app, "currentRealm": "r", "isOffline": "true", "userProfileMetadata": "true",
	}
	lines := slices.Collect(strings.Lines(string(doc)))
	slices.SortStableFunc(lines, func(x, y string) int { return endsSessions(x) - endsSessions(y) })
	for _, line := range lines {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		path, names, _ := strings.Cut(f[1], "?")
		owner := anna
		if strings.Contains(path, "/clients/") {
			owner = app
		}
		path = strings.NewReplacer("{realm}", "r", "{id}", owner, "{session}", a.offlineSession(anna)).Replace(path)
		var body any
		if f[0] == "PUT" {
			body = map[string]any{"displayName": "The Realm"}
		}
		for i, name := range strings.Split(names, "&") {
			if name != "" {
				path += string("?&"[min(i, 1)]) + name + "=" + query[strings.TrimSuffix(name, "=")]
			}
		}
		if got := a.do(f[0], path, body); strconv.Itoa(got.Status) != f[2] {
			t.Errorf("%s = %d %s, on Keycloak %s", got.what, got.Status, got.Body, f[2])
		}
	}
	if got := a.get("").object()["displayName"]; got != "The Realm" {
		t.Errorf("the realm that the console saved is called %v", got)
	}
}

// endsSessions orders requests: those that take sessions away come last, the
// one that takes them all at the very end.
func endsSessions(line string) int {
	switch {
	case strings.Contains(line, "/logout"), strings.HasPrefix(line, "DELETE") && strings.Contains(line, "/consents/"):
		return 2
	case strings.HasPrefix(line, "DELETE"):
		return 1
	}
	return 0
}

// offlineSession is the id of an offline session of a user, made anew if there
// is none.
func (a *api) offlineSession(user string) string {
	a.t.Helper()
	if all := a.get("/users/" + user + "/offline-sessions").list(); len(all) > 0 {
		return all[0]["id"].(string)
	}
	a.login("r", "app", "app-secret", "anna", "p", "openid offline_access")
	return a.get("/users/" + user + "/offline-sessions").list()[0]["id"].(string)
}

func TestServerInfo_TellsAdministratorsAloneAndOnlyMasterOfTheMachine(t *testing.T) {
	t.Parallel()
	a := consoleAPI(t)
	whole := a.get("/admin/serverinfo").object()
	for _, member := range []string{"systemInfo", "cpuInfo", "memoryInfo", "profileInfo", "features", "cryptoInfo", "themes", "providers", "protocolMapperTypes", "builtinProtocolMappers", "clientInstallations", "componentTypes", "passwordPolicies", "enums"} {
		if whole[member] == nil {
			t.Errorf("master's administrator gets no %s", member)
		}
	}
	for _, kind := range []string{"cekmanagement", "contentencryption", "clientSignature", "signature", "hash", "login-protocol", "client-registration-policy"} {
		if o, ok := whole["providers"].(map[string]any)[kind].(map[string]any); !ok || o["providers"] == nil {
			t.Errorf("the console's pages need providers of %s", kind)
		}
	}
	_, admin := a.administrator("boss", "realm-admin")
	_, viewer := a.administrator("viewer", "view-users")
	if got := a.get("/admin/serverinfo", admin).object(); got["memoryInfo"] != nil || len(got["systemInfo"].(map[string]any)) != 1 {
		t.Errorf("a realm's administrator gets %v", got["systemInfo"])
	}
	if got := a.get("/admin/serverinfo", viewer).object(); got["systemInfo"] != nil || got["providers"] == nil {
		t.Error("who may view users gets the system's information, or no providers")
	}
	a.get("/admin/serverinfo", a.person("anna")).is(403, `{"error":"HTTP 403 Forbidden"}`)
	a.get("/admin/serverinfo", "").is(401, `{"error":"HTTP 401 Unauthorized"}`)
	a.do("OPTIONS", "/admin/serverinfo", nil, "").want(200)
}

func TestWhoAmI_IsForTheConsoleAndTellsRolesOfOneRealm(t *testing.T) {
	t.Parallel()
	a := consoleAPI(t)
	got := a.get("/admin/master/console/whoami?currentRealm=r").object()
	access := got["realm_access"].(map[string]any)
	if got["realm"] != "master" || got["displayName"] != "admin" || got["createRealm"] != true || got["temporary"] != true || len(access) != 1 {
		t.Errorf("whoami of the administrator: %v", got)
	}
	for _, role := range []string{"admin", "manage-users", "view-realm"} {
		if !slices.Contains(access["r"].([]any), any(role)) {
			t.Errorf("whoami names no role %s: %v", role, access)
		}
	}
	a.get("/admin/master/console/whoami?currentRealm=nope").is(404, `{"error":"Realm not found"}`)
	a.get("/admin/r/console/whoami").is(401, `{"error":"HTTP 401 Unauthorized"}`)
	a.get("/admin/master/console/whoami", a.token("master", "admin-cli", "", "admin", "admin", "")).is(403, `{"error":"Token issued for an application that is not the admin console: admin-cli"}`)

	a.put("/clients/"+a.clientID("security-admin-console"), map[string]any{"directAccessGrantsEnabled": true}).want(204)
	a.administrator("viewer", "view-users")
	own := a.get("/admin/r/console/whoami?currentRealm=master", a.token("r", "security-admin-console", "", "viewer", "p", "")).object()
	if roles, _ := json.Marshal(own["realm_access"]); string(roles) != `{"r":["query-groups","query-users","view-users"]}` || own["createRealm"] != false {
		t.Errorf("whoami of who may view users: %v", own)
	}
	a.get("/admin/r/console/whoami", a.token("r", "security-admin-console", "", "anna", "p", "")).is(403, `{"error":"No realm access"}`)
}

// TestUISessions_PagesAreWholeAndDisjoint: every session stands on one page, a
// shared one once, online before offline.
func TestUISessions_PagesAreWholeAndDisjoint(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 5 {
		for _, user := range []string{"anna", "bob"} {
			a.login("r", "app", "app-secret", user, "p", "openid")
			a.login("r", "other", "other-secret", user, "p", "openid offline_access")
		}
	}
	var ids, kinds []string
	for first := 0; ; first += 3 {
		page := a.get("/ui-ext/sessions?type=ALL&max=3&first=" + strconv.Itoa(first)).list()
		for _, s := range page {
			ids, kinds = append(ids, s["id"].(string)), append(kinds, s["type"].(string))
		}
		if len(page) < 3 {
			break
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) || len(ids) != 20 || !slices.IsSortedFunc(kinds, func(x, y string) int { return strings.Compare(y, x) }) {
		t.Errorf("pages hold %d sessions, %v", len(ids), kinds)
	}
	for query, want := range map[string]int{
		"type=REGULAR&max=100": 10, "type=OFFLINE&max=100": 10, "search=ann&max=100": 10, "search=ANN": 0, "search=other&max=100": 10,
		"search=127.0&max=100": 20, "max=0": 0, "first=100": 0, "": 10,
	} {
		if got := a.get("/ui-ext/sessions?" + query).list(); len(got) != want {
			t.Errorf("sessions with %q: %d, want %d", query, len(got), want)
		}
	}
	app := a.get("/ui-ext/sessions/client?max=100&clientId=" + a.clientID("app")).list()
	if len(app) != 10 || app[0]["clients"].(map[string]any)[a.clientID("app")] != "app" {
		t.Errorf("sessions of app: %v", app)
	}
	a.get("/ui-ext/sessions?type=junk").want(404)
	a.get("/ui-ext/sessions/client?clientId=nope").want(404)
	a.get("/ui-ext/sessions/client").want(400)
	a.post("/logout-all", nil).want(200)
	if got := a.get("/ui-ext/sessions").list(); len(got) != 0 {
		t.Errorf("after logout-all: %v", got)
	}
}

func TestLocalization_TextsAreKeptAndShownOnPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	text := func(method, locale, key, value string) *answer {
		return a.do(method, "/localization/"+locale+"/"+key, nil)
	}
	a.put("/localization/de/greet", map[string]any{}).want(415)
	a.post("/localization/de", map[string]any{"greet": "Hallo", "n": 1, "gone": "x"}).want(204)
	a.post("/localization/de", map[string]any{"gone": nil}).want(204)
	a.get("/localization/de").is(200, `{"greet":"Hallo","n":"1"}`)
	a.get("/localization/de/greet").is(200, `Hallo`)
	a.get("/localization/fr").is(200, `{}`)
	a.put("", map[string]any{"internationalizationEnabled": true, "supportedLocales": []string{"de", "en"}, "defaultLocale": "de"}).want(204)
	a.get("/localization/fr?useRealmDefaultLocaleFallback=true").is(200, `{"greet":"Hallo","n":"1"}`)
	a.get("/localization").is(200, `["de"]`)
	for _, bad := range []any{[]any{}, map[string]any{"o": map[string]any{}}} {
		a.post("/localization/de", bad).is(400, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`)
	}
	a.post("/localization/de", map[string]any{"loginAccountTitle": "Willkommen im Hafen"}).want(204)
	page := a.get("/realms/r/protocol/openid-connect/auth?client_id=app&response_type=code&redirect_uri=http://localhost/x", "")
	if !strings.Contains(page.Body, "Willkommen im Hafen") {
		t.Error("the login page does not show the realm's own text")
	}
	text("DELETE", "de", "nope", "").is(404, `{"error":"Localization text not found"}`)
	text("DELETE", "de", "greet", "").want(204)
	text("GET", "de", "greet", "").is(404, `{"error":"Localization text not found"}`)
	a.del("/localization/de", nil).want(204)
	a.del("/localization/de", nil).is(404, `{"error":"No localization texts for locale de found."}`)
}
