package admin_test

import (
	"encoding/json"
	"fmt"
	"os"
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

func TestRoutes_NeedTheRolesKeycloakNeeds(t *testing.T) {
	t.Parallel()
	declared := map[string]admin.Route{}
	for _, rt := range admin.RouteTable() {
		declared[rt.Method+" "+rt.Path] = rt
	}
	doc, err := os.ReadFile("testdata/measured-roles.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		where, roles, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		rt, ok := declared[where]
		if !ok {
			t.Errorf("no route %s", where)
			continue
		}
		for _, role := range managementRoles {
			if got, want := rt.Met(holding(role)...), slices.Contains(strings.Fields(roles), role); got != want {
				t.Errorf("%s with %s alone passes: %v, on Keycloak: %v", where, role, got, want)
			}
		}
	}
}

// unknown is an id nothing has.
const unknown = "2aa554bb-9e67-4712-9c3a-243eb181bf42"

// fill puts something into the wildcards of a path.
func fill(path, realm string) string {
	path = strings.ReplaceAll(path, "{realm}", realm)
	for _, name := range []string{"id", "client", "role", "scope", "group", "credential", "mapper", "protocol", "path...", "alias", "locale", "key", "type"} {
		path = strings.ReplaceAll(path, "{"+name+"}", unknown)
	}
	return "/admin/realms" + path
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
// realm's administrator, and every administration role alone.
func TestMatrix(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.post("/admin/realms", rolesRealm("matrix")).want(201)
	_, foreign := a.administrator("foreign", "realm-admin")
	tokens := map[string]string{}
	for _, r := range append([]string{"none-at-all"}, managementRoles...) {
		tokens[r] = a.token("matrix", "admin-cli", "", r, "p", "")
	}
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
			continue
		}
		send(tokens["none-at-all"]).is(403, `{"error":"HTTP 403 Forbidden"}`)
		if rt.Path == "" {
			continue // all realms: no role of one realm is asked
		}
		for _, role := range managementRoles {
			got := send(tokens[role])
			if passes := rt.Met(holding(role)...); (got.Status == 403) == passes || got.Status == 401 || broken(got.Status) {
				t.Errorf("%s with %s alone = %d %s, should pass: %v", what, role, got.Status, got.Body, passes)
			}
		}
	}
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

func TestUnknownIDs_AreNotFoundNeverServerErrors(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, rt := range admin.RouteTable() {
		if destructive(rt) || rt.Path == "" {
			continue
		}
		for _, body := range []any{nil, map[string]any{}, []any{}, "junk", 5, []any{nil, 1}, map[string]any{"name": 1, "id": []int{1}, "config": "x"}} {
			for _, query := range []string{"?first=-1&max=-1", "?first=2147483647&max=2147483647", "?max=junk", "?max=99999999999999", "?dateFrom=x&direction=y"} {
				if got := a.do(rt.Method, fill(rt.Path, "r")+query, body); broken(got.Status) {
					t.Errorf("%s %s with %v = %d %s", rt.Method, rt.Path, body, got.Status, got.Body)
				}
			}
		}
	}
}

// broken tells whether a status is a server error; 501 is what Keycloak says of
// a feature that is off.
func broken(status int) bool { return status >= 500 && status != 501 }
