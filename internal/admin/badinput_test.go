package admin_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/admin"
)

// badBodies are what clients with a fault send: no JSON, wrong types, members
// that are not there or point at nothing, far too much of something.
var badBodies = []string{
	"", "null", "{", "[1", `"x"`, "5", "true", "{}", "[]", "[null]", "[[]]", "[{}]", "[5,\"x\"]", `{"a":1} x`, "\xff\xfe", `{"name":"\u0000"}`,
	`{"name":1,"id":[1],"config":"x","attributes":[],"clientId":{},"username":[],"enabled":"maybe","composites":5,"composite":true}`,
	`{"name":"` + strings.Repeat("n", 5000) + `","username":"` + strings.Repeat("u", 5000) + `","clientId":"` + strings.Repeat("c", 5000) + `"}`,
	`{"id":"` + unknown + `","name":"x","clientId":"x","username":"xxx"}`,
	`{"name":"y","attributes":{"a":null,"b":[null],"c":[[]],"d":{}},"config":{"a":5,"b":[]},"providerId":"nope","providerType":"nope"}`,
	`[{"id":"` + unknown + `","name":"nope"},{"id":5,"name":[]}]`,
	`{"createdTimestamp":1e400,"notBefore":-1,"accessTokenLifespan":-5,"priority":99999999999999999999}`,
	strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200),
	`{"node":5}`, `{"node":"a/b"}`, `{"type":"password","value":5,"temporary":"x"}`, `{"enabled":5}`,
}

var badQueries = []string{
	"", "?first=-1&max=-1", "?first=2147483647&max=2147483647", "?max=junk", "?first=99999999999999", "?max=0&first=0",
	"?dateFrom=x&direction=y&createdAfter=z&lifespan=q", "?q=:::%22&search=%25%00*%5c&exact=maybe&briefRepresentation=5",
	"?userId=%00&scope=" + strings.Repeat("x", 3000) + "&audience=%20&client_id=%ff&redirect_uri=%zz", "?isOffline=x&type=%00&parent=%ff&name=*",
}

// realIDs are things that are there, by the path segment before the wildcard.
func (a *api) realIDs() func(path string) string {
	app, anna, crew := a.clientID("app"), a.userID("anna"), a.groupID("crew")
	scope := a.get("/client-scopes").list()[0]["id"].(string)
	mapper := a.post("/clients/"+app+"/protocol-mappers/models", map[string]any{"name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper"}).made()
	after := map[string]string{
		"users": anna, "clients": app, "groups": crew, "client-scopes": scope, "default-client-scopes": scope, "optional-client-scopes": scope,
		"default-default-client-scopes": scope, "default-optional-client-scopes": scope, "default-groups": crew,
		"roles": "vet", "roles-by-id": a.role("vet")["id"].(string), "components": a.get("/components").list()[0]["id"].(string),
		"credentials": a.get("/users/" + anna + "/credentials").list()[0]["id"].(string), "models": mapper, "protocol": "openid-connect",
		"consents": "app", "offline-sessions": app, "group-by-path": "crew", "providers": "keycloak-oidc-keycloak-json",
		"evaluate-scopes/scope-mappings": "r",
	}
	return func(path string) string {
		steps := strings.Split(strings.ReplaceAll(path, "{realm}", "r"), "/")
		for i, s := range steps {
			if !wildcard.MatchString(s) {
				continue
			}
			steps[i] = unknown
			if id := after[steps[i-1]]; id != "" {
				steps[i] = id
			}
			if steps[i-1] == "roles" && len(steps) > 4 && steps[2] == "clients" {
				steps[i] = "reader"
			}
		}
		return "/admin/realms" + strings.Join(steps, "/")
	}
}

// TestBadInput_NeverServerErrors walks every route, of things that are there
// and of things that are not, with every bad body and every bad query.
func TestBadInput_NeverServerErrors(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	real := a.realIDs()
	send := func(rt admin.Route, path, body string) {
		t.Helper()
		r := httptest.NewRequest(rt.Method, a.srv.BaseURL+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+a.admin)
		if strings.HasSuffix(rt.Path, "/userLabel") {
			r.Header.Set("Content-Type", "text/plain")
		} else if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if got := a.send(r); got.Status >= 500 && !refuses(rt, got) {
			t.Errorf("%s %s with %.80q = %d %s", rt.Method, path, body, got.Status, got.Body)
		}
	}
	for _, deletes := range []bool{false, true} { // at last, else nothing would be there
		for _, rt := range admin.RouteTable() {
			if destructive(rt) || ofAllRealms(rt) || (rt.Method == "DELETE") != deletes {
				continue
			}
			for _, path := range []string{real(rt.Path), fill(rt.Path, "r")} {
				for _, query := range badQueries {
					if rt.Method == "GET" || rt.Method == "DELETE" {
						send(rt, path+query, "")
					}
				}
				if rt.Method == "GET" {
					continue
				}
				for _, body := range badBodies {
					send(rt, path+badQueries[len(body)%len(badQueries)], body)
				}
			}
		}
	}
	for _, body := range badBodies {
		send(admin.Route{Method: "POST"}, "/admin/realms", body)
	}
}
