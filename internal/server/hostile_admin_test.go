package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// adminToken is an access token of the administrator of realm master.
func adminToken(t *testing.T, s *servertest.Server) string {
	t.Helper()
	w := send(s, http.MethodPost, "/realms/master/protocol/openid-connect/token", formType, "client_id=admin-cli&grant_type=password&username=admin&password=admin")
	var a tokens
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.Access == "" {
		t.Fatalf("administrator's token: %d %s", w.Code, w.Body)
	}
	return a.Access
}

// postRealm posts a document to POST /admin/realms and removes the realm again
// if that made one, so that each document meets the same server.
func postRealm(t *testing.T, s *servertest.Server, bearer, what, contentType string, doc []byte) int {
	t.Helper()
	w := send(s, http.MethodPost, "/admin/realms", contentType, string(doc), "Authorization", bearer)
	checkAnswer(t, what, w)
	if w.Code == http.StatusCreated {
		location := w.Header().Get("Location")
		path, ok := strings.CutPrefix(location, s.BaseURL)
		if !ok {
			t.Errorf("%s: Location %q", what, location)
		}
		if del := send(s, http.MethodDelete, path, "", "", "Authorization", bearer); del.Code != http.StatusNoContent {
			t.Errorf("%s: DELETE %s: %d %s", what, path, del.Code, del.Body)
		}
	}
	return w.Code
}

// TestHostileRealmDocuments: nothing that is posted as a realm document brings
// more than a refusal, and a refused one leaves no realm.
func TestHostileRealmDocuments(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	bearer := "Bearer " + adminToken(t, s)
	many := func(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	groups := `{"name":"g"}`
	for range 300 {
		groups = `{"name":"g","subGroups":[` + groups + `]}`
	}
	for _, tt := range []struct{ name, contentType, doc string }{
		{"nothing", "application/json", ""},
		{"null", "application/json", "null"},
		{"a list", "application/json", "[]"},
		{"a list of realms", "application/json", `[{"realm":"x"}]`},
		{"a text", "application/json", `"x"`},
		{"a number", "application/json", "1"},
		{"cut off", "application/json", `{"realm":"x`},
		{"two documents", "application/json", `{"realm":"two1"}{"realm":"two2"}`},
		{"what follows", "application/json", `{"realm":"follow"}]]]`},
		{"NUL", "application/json", "\x00"},
		{"no UTF-8", "application/json", "{\"realm\":\"\xff\xfe\"}"},
		{"half a surrogate", "application/json", `{"realm":"\ud800"}`},
		{"NUL escaped", "application/json", `{"realm":"a\u0000b"}`},
		{"no realm", "application/json", `{"enabled":true}`},
		{"empty name", "application/json", `{"realm":""}`},
		{"name of spaces", "application/json", `{"realm":"   "}`},
		{"name with a slash", "application/json", `{"realm":"a/b"}`},
		{"name with dots", "application/json", `{"realm":".."}`},
		{"name with a newline", "application/json", `{"realm":"a\nb"}`},
		{"name with markup", "application/json", `{"realm":"<script>"}`},
		{"long name", "application/json", `{"realm":"` + strings.Repeat("x", 100_000) + `"}`},
		{"name of another realm", "application/json", `{"realm":"shop"}`},
		{"master", "application/json", `{"realm":"master"}`},
		{"id of another realm", "application/json", `{"realm":"y","id":"master"}`},
		{"name twice", "application/json", `{"realm":"twice1","realm":"twice2"}`},
		{"wrong type", "text/plain", `{"realm":"x"}`},
		{"a form", formType, `realm=x`},
		{"deep arrays", "application/json", `{"realm":"deep","x":` + strings.Repeat("[", 100_000)},
		{"deep objects", "application/json", `{"realm":"deep","x":` + strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_001)},
		{"deep groups", "application/json", `{"realm":"deep","groups":[` + groups + `]}`},
		{"huge number", "application/json", `{"realm":"n","accessTokenLifespan":1e999}`},
		{"large number", "application/json", `{"realm":"n","accessTokenLifespan":9223372036854775807,"ssoSessionIdleTimeout":9223372036854775807}`},
		{"long number", "application/json", `{"realm":"n","notBefore":` + strings.Repeat("9", 10_000) + `}`},
		{"clients twice", "application/json", `{"realm":"d","clients":[{"clientId":"a"},{"clientId":"a"}]}`},
		{"clients without names", "application/json", `{"realm":"d","clients":[{},{}]}`},
		{"users twice", "application/json", `{"realm":"d","users":[{"username":"a"},{"username":"A"}]}`},
		{"users without names", "application/json", `{"realm":"d","users":[{}]}`},
		{"nulls in lists", "application/json", `{"realm":"d","users":[null],"clients":[null],"groups":[null],"clientScopes":[null],"roles":{"realm":[null]},"components":{"x":[null]}}`},
		{"a role inside itself", "application/json", `{"realm":"d","roles":{"realm":[{"name":"a","composite":true,"composites":{"realm":["a"]}}]}}`},
		{"roles nobody has", "application/json", `{"realm":"d","roles":{"client":{"nobody":[{"name":"a"}]}},"users":[{"username":"u","realmRoles":["none"],"clientRoles":{"nobody":["a"]},"groups":["/none"]}]}`},
		{"scopes nobody has", "application/json", `{"realm":"d","defaultDefaultClientScopes":["none"],"clients":[{"clientId":"a","defaultClientScopes":["none"],"optionalClientScopes":["none"]}]}`},
		{"keys of nonsense", "application/json", `{"realm":"d","components":{"org.keycloak.keys.KeyProvider":[{"name":"k","providerId":"rsa","config":{"privateKey":["x"],"certificate":["y"]}},
			{"name":"h","providerId":"hmac-generated","config":{"secret":["!"],"secretSize":["-1"]}},{"name":"e","providerId":"ecdsa-generated","config":{"ecdsaEllipticCurveKey":["P-1"]}}]}}`},
		{"key sizes", "application/json", `{"realm":"d","components":{"org.keycloak.keys.KeyProvider":[{"name":"h","providerId":"hmac-generated","config":{"secretSize":["99999999999"]}}]}}`},
		{"large RSA key", "application/json", `{"realm":"d","components":{"org.keycloak.keys.KeyProvider":[{"name":"h","providerId":"rsa-generated","config":{"keySize":["1000000"]}}]}}`},
		{"password policy of nonsense", "application/json", `{"realm":"d","passwordPolicy":"((( and length(x) and hashIterations(99999999999) and regexPattern([)"}`},
		{"credential of nonsense", "application/json", `{"realm":"d","users":[{"username":"u","credentials":[{"type":"password","secretData":"{","credentialData":"[]"}]}]}`},
		{"costly credential", "application/json", `{"realm":"d","users":[{"username":"u","credentials":[{"type":"password","secretData":"{\"value\":\"AA==\",\"salt\":\"AA==\"}","credentialData":"{\"hashIterations\":2147483647,\"algorithm\":\"argon2\",\"additionalParameters\":{\"memory\":[\"2147483647\"]}}"}]}]}`},
		{"many groups", "application/json", `{"realm":"d","groups":[` + many(`{"name":"g"}`, 50) + `]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			postRealm(t, s, bearer, tt.name, tt.contentType, []byte(tt.doc))
		})
	}
	var left []struct{ Realm string }
	w := send(s, http.MethodGet, "/admin/realms", "", "", "Authorization", bearer)
	if err := json.Unmarshal(w.Body.Bytes(), &left); err != nil || len(left) != 2 {
		t.Errorf("realms at the end: %v %v, want master and shop", left, err)
	}
}

// TestRealmDocument_MembersOfOtherTypes: each member of a document takes two
// values of other JSON types, all types in turn.
func TestRealmDocument_MembersOfOtherTypes(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	bearer := "Bearer " + adminToken(t, s)
	const doc = `{"realm":"types","enabled":true,"notBefore":0,"accessTokenLifespan":300,"passwordPolicy":"length(1)","attributes":{"a":"b"},
	 "enabledEventTypes":["LOGIN"],"defaultRole":{"name":"default-roles-types"},
	 "roles":{"realm":[{"name":"r","composite":true,"composites":{"realm":["offline_access"]},"attributes":{"a":["b"]}}],"client":{"c":[{"name":"cr"}]}},
	 "groups":[{"name":"g","path":"/g","realmRoles":["r"],"subGroups":[{"name":"h"}]}],
	 "clientScopes":[{"name":"s","protocol":"openid-connect","attributes":{"a":"b"},"protocolMappers":[{"name":"m","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"a":"b"}}]}],
	 "clients":[{"clientId":"c","secret":"x","redirectUris":["http://a/*"],"webOrigins":["+"],"attributes":{"a":"b"},"publicClient":false,"defaultClientScopes":["s"]}],
	 "users":[{"username":"u","email":"u@example.org","enabled":true,"attributes":{"a":["b"]},"realmRoles":["r"],"clientRoles":{"c":["cr"]},"groups":["/g"],"requiredActions":["X"],"createdTimestamp":1}]}`
	var root any
	if err := json.Unmarshal([]byte(doc), &root); err != nil {
		t.Fatal(err)
	}
	if code := postRealm(t, s, bearer, "the document itself", "application/json", []byte(doc)); code != http.StatusCreated {
		t.Fatalf("the document itself: %d", code)
	}
	others := []any{nil, true, json.Number("-1"), "x", []any{nil}, map[string]any{"a": []any{}}}
	next := 0
	var mutate func(at string, v any, set func(any))
	mutate = func(at string, v any, set func(any)) {
		for range 2 {
			o := others[next%len(others)]
			next++
			set(o)
			b, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, []byte(doc)) {
				postRealm(t, s, bearer, fmt.Sprintf("%s = %v", at, o), "application/json", b)
			}
		}
		set(v)
		switch v := v.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				mutate(at+"."+k, v[k], func(x any) { v[k] = x })
			}
		case []any:
			for i := range v {
				mutate(fmt.Sprintf("%s[%d]", at, i), v[i], func(x any) { v[i] = x })
			}
		}
	}
	mutate("$", root, func(x any) { root = x })
}
