package admin_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/admin"
)

// managementRoles are all roles of client realm-management.
var managementRoles = strings.Fields(`create-client impersonation manage-authorization manage-clients manage-events
 manage-identity-providers manage-organizations manage-realm manage-users query-clients query-groups query-organizations
 query-realms query-users realm-admin view-authorization view-clients view-events view-identity-providers
 view-organizations view-realm view-users`)

// holding is what a single role brings with it.
func holding(role string) []string {
	switch role {
	case "realm-admin":
		return managementRoles
	case "view-users":
		return []string{role, "query-users", "query-groups"}
	case "view-clients":
		return []string{role, "query-clients"}
	}
	return []string{role}
}

// expected are the roles of which each alone lets a user pass, by "METHOD /path":
// what was measured on Keycloak, and this project's own decisions beside it.
func expected(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, name := range []string{"testdata/measured-roles.txt", "testdata/own-roles.txt"} {
		doc, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(doc)) {
			where, roles, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			if all[where] != nil {
				t.Errorf("%s stands twice", where)
			}
			all[where] = strings.Fields(roles)
		}
	}
	return all
}

// ofAllRealms are the routes without a realm: other tests are about them.
func ofAllRealms(rt admin.Route) bool { return rt.Path == "" }

func TestRoutes_NeedTheRolesKeycloakNeeds(t *testing.T) {
	t.Parallel()
	want := expected(t)
	for _, rt := range admin.RouteTable() {
		where := rt.Method + " " + rt.Path
		roles, ok := want[where]
		delete(want, where)
		if !ok && !ofAllRealms(rt) {
			t.Errorf("%s: nobody has said who may use it. Measure it on Keycloak, role by role, and write the line into testdata/measured-roles.txt", where)
			continue
		}
		for _, role := range managementRoles {
			if got, want := rt.Met(holding(role)...), slices.Contains(roles, role); got != want && !ofAllRealms(rt) {
				t.Errorf("%s with %s alone passes: %v, expected: %v", where, role, got, want)
			}
		}
	}
	for where := range want {
		t.Errorf("no route %s", where)
	}
}

// unknown is an id nothing has.
const unknown = "2aa554bb-9e67-4712-9c3a-243eb181bf42"

var wildcard = regexp.MustCompile(`\{[a-z.]+\}`)

// fill puts something nothing has into the wildcards of a path.
func fill(path, realm string) string {
	path = strings.ReplaceAll(path, "{realm}", realm)
	return "/admin/realms" + wildcard.ReplaceAllString(path, unknown)
}

// destructive routes need no further id to do their work; they come last.
func destructive(rt admin.Route) bool {
	return rt.Method == "DELETE" && rt.Path == "/{realm}" || strings.HasSuffix(rt.Path, "/logout-all")
}

// rolesRealm is a realm with one administrator for each role, named as it, and
// a user without any.
func rolesRealm(name string) json.RawMessage {
	users := []string{`{"username": "none-at-all", "enabled": true, "email": "none@x.org", "firstName": "A", "lastName": "B", "credentials": [{"type": "password", "value": "p"}]}`}
	for _, r := range managementRoles {
		users = append(users, fmt.Sprintf(`{"username": %q, "enabled": true, "email": "%s@x.org", "firstName": "A", "lastName": "B",
 "clientRoles": {"realm-management": [%q]}, "credentials": [{"type": "password", "value": "p"}]}`, r, r, r))
	}
	return json.RawMessage(fmt.Sprintf(`{"realm": %q, "enabled": true, "sslRequired": "none", "accessTokenLifespan": 3600,
 "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)", "users": [%s]}`, name, strings.Join(users, ",")))
}

// TestMatrix walks every route with no token, junk, a user's token, another
// realm's administrator, every administration role alone, and the administrator
// of master. What must happen stands in testdata, not in the route table.
func TestMatrix(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.post("/admin/realms", rolesRealm("matrix")).want(201)
	_, foreign := a.administrator("foreign", "realm-admin")
	tokens := map[string]string{}
	for _, r := range append([]string{"none-at-all"}, managementRoles...) {
		tokens[r] = a.token("matrix", "admin-cli", "", r, "p", "")
	}
	want := expected(t)
	table := admin.RouteTable()
	slices.SortStableFunc(table, func(x, y admin.Route) int {
		switch {
		case destructive(x) == destructive(y):
			return 0
		case destructive(x):
			return 1
		}
		return -1
	})
	for _, rt := range table {
		path := fill(rt.Path, "matrix")
		what := rt.Method + " " + rt.Path
		send := func(token string) *answer {
			var body any
			if rt.Method == "POST" || rt.Method == "PUT" {
				body = map[string]any{}
			}
			return a.do(rt.Method, path, body, token)
		}
		for _, token := range []string{"", "junk", "a.b.c"} {
			send(token).is(401, `{"error":"HTTP 401 Unauthorized"}`)
		}
		if strings.Contains(rt.Path, "{realm}") {
			send(foreign).is(403, `{"error":"HTTP 403 Forbidden"}`)
		}
		if destructive(rt) {
			for _, role := range managementRoles {
				if !slices.Contains(want[what], role) {
					send(tokens[role]).is(403, `{"error":"HTTP 403 Forbidden"}`)
				}
			}
			continue
		}
		send(tokens["none-at-all"]).is(403, `{"error":"HTTP 403 Forbidden"}`)
		if ofAllRealms(rt) {
			continue // no role of one realm is asked
		}
		roles, ok := want[what]
		if !ok {
			t.Errorf("%s: nobody has said who may use it", what)
			continue
		}
		for _, role := range managementRoles {
			got := send(tokens[role])
			if passes := slices.Contains(roles, role); (got.Status == 403) == passes || got.Status == 401 || got.Status >= 500 && !refuses(rt, got) {
				t.Errorf("%s with %s alone = %d %s, should pass: %v", what, role, got.Status, got.Body, passes)
			}
		}
		if got := send(a.admin); got.Status == 401 || got.Status == 403 {
			t.Errorf("%s as the administrator of master = %d %s", what, got.Status, got.Body)
		}
	}
}

// TestServerRoutes_AreForAdministrators is the matrix of the routes beside the
// realms; it fails for one nobody has listed here.
func TestServerRoutes_AreForAdministrators(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, viewer := a.administrator("viewer", "view-users")
	user := a.person("anna")
	type who struct{ user, viewer, master int }
	want := map[string]who{
		"GET /admin/serverinfo":             {403, 200, 200},
		"GET /admin/{realm}/console/whoami": {403, 403, 401}, // the console's own tokens only, of this realm
	}
	for _, rt := range admin.ServerRoutes() {
		expect, ok := want[rt]
		if !ok {
			t.Errorf("%s: nobody has said who may use it", rt)
			continue
		}
		method, path, _ := strings.Cut(strings.ReplaceAll(rt, "{realm}", "r"), " ")
		for token, status := range map[string]int{"": 401, "junk": 401, user: expect.user, viewer: expect.viewer, a.admin: expect.master} {
			a.do(method, path, nil, token).want(status)
		}
	}
}

// refuses tells whether an answer is one of two that Keycloak gives with a
// status of 500 and more and means: a feature is off, an e-mail cannot be sent.
func refuses(rt admin.Route, got *answer) bool {
	switch got.Status {
	case 501:
		return strings.Contains(got.Body, `"Feature not enabled"`)
	case 500:
		return strings.HasPrefix(got.Body, `{"errorMessage":"Failed to send `) && (strings.Contains(rt.Path, "-email") || strings.HasSuffix(rt.Path, "/testSMTPConnection"))
	}
	return false
}

func TestUnknownRealm_CannotBeToldWithoutToken(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, path := range []string{"/admin/realms/r", "/admin/realms/nope", "/admin/realms/nope/users", "/admin/realms/r/nope", "/admin/realms/nope/nope/nope"} {
		for _, token := range []string{"", "junk"} {
			a.do("GET", path, nil, token).is(401, `{"error":"HTTP 401 Unauthorized"}`)
			a.do("PATCH", path, nil, token).is(401, `{"error":"HTTP 401 Unauthorized"}`)
		}
	}
	a.get("/admin/realms/nope").is(404, `{"error":"Realm not found."}`)
	a.get("/admin/realms/nope", a.person("anna")).is(404, `{"error":"Realm not found."}`)
	a.get("/nope").is(404, `{"error":"HTTP 404 Not Found"}`)
	a.do("PATCH", "/users", nil).is(405, `{"error":"HTTP 405 Method Not Allowed"}`)
}
