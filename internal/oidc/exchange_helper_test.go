package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/store"
)

// exchangeRealm has a client people log in at (login), whose tokens are meant
// for the clients that exchange them.
const exchangeRealm = `{"realm":"demo","enabled":true,"eventsEnabled":true,%s"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
 "roles":{"client":{"target1":[{"name":"r1"}],"target2":[{"name":"r2"}],"target3":[{"name":"r3"}]}},
 "clientScopes":[
  {"name":"profile","protocol":"openid-connect","attributes":{"display.on.consent.screen":"true"}},
  {"name":"basic","protocol":"openid-connect","protocolMappers":[{"name":"sub","protocol":"openid-connect","protocolMapper":"oidc-sub-mapper","config":{"access.token.claim":"true","introspection.token.claim":"true"}}]},
  {"name":"roles","protocol":"openid-connect","protocolMappers":[
   {"name":"client roles","protocol":"openid-connect","protocolMapper":"oidc-usermodel-client-role-mapper","config":{"claim.name":"resource_access.${client_id}.roles","multivalued":"true","access.token.claim":"true"}},
   {"name":"audience resolve","protocol":"openid-connect","protocolMapper":"oidc-audience-resolve-mapper","config":{"access.token.claim":"true"}}]},
  {"name":"offline_access","protocol":"openid-connect","attributes":{"display.on.consent.screen":"true"}},
  {"name":"s-t3","protocol":"openid-connect","protocolMappers":[{"name":"a","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"target3","access.token.claim":"true"}}]},
  {"name":"s-self","protocol":"openid-connect","protocolMappers":[
   {"name":"a","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req","access.token.claim":"true"}},
   {"name":"b","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req2","access.token.claim":"true"}}]}],
 "clients":[
  {"clientId":"login","secret":"s","directAccessGrantsEnabled":true,"protocolMappers":[
   {"name":"1","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req","access.token.claim":"true"}},
   {"name":"2","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req2","access.token.claim":"true"}},
   {"name":"3","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req-no","access.token.claim":"true"}},
   {"name":"4","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"pub","access.token.claim":"true"}},
   {"name":"5","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req-consent","access.token.claim":"true"}},
   {"name":"6","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req-light","access.token.claim":"true"}}]},
  {"clientId":"req","secret":"s","directAccessGrantsEnabled":true,"serviceAccountsEnabled":true,"attributes":{"standard.token.exchange.enabled":"true","standard.token.exchange.enableRefreshRequestedTokenType":"SAME_SESSION","standard.token.exchange.offline.audiences":"target1##target-consent##target-public##target-bearer##target-narrow##target-norefresh,target-bare disabled##gone"}},
  {"clientId":"req2","secret":"s","directAccessGrantsEnabled":true,"attributes":{"standard.token.exchange.enabled":"true","standard.token.exchange.enableRefreshRequestedTokenType":"SAME_SESSION"}},
  {"clientId":"req-no","secret":"s","attributes":{"standard.token.exchange.enabled":"true","standard.token.exchange.enableRefreshRequestedTokenType":"NO"}},
  {"clientId":"req-consent","secret":"s","consentRequired":true,"attributes":{"standard.token.exchange.enabled":"true"}},
  {"clientId":"req-light","secret":"s","attributes":{"standard.token.exchange.enabled":"true","standard.token.exchange.enableRefreshRequestedTokenType":"SAME_SESSION","client.use.lightweight.access.token.enabled":"true"}},
  {"clientId":"req-off","secret":"s"},
  {"clientId":"pub","publicClient":true,"attributes":{"standard.token.exchange.enabled":"true"}},
  {"clientId":"stranger","secret":"s","directAccessGrantsEnabled":true,"attributes":{"standard.token.exchange.enabled":"true"}},
  {"clientId":"job","secret":"s","serviceAccountsEnabled":true,"protocolMappers":[{"name":"1","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"req","access.token.claim":"true"}}]},
  {"clientId":"target1","secret":"t"},{"clientId":"target2","secret":"t"},{"clientId":"target3","secret":"t"},
  {"clientId":"target-consent","secret":"t","consentRequired":true,"fullScopeAllowed":true},{"clientId":"target-narrow","secret":"t","fullScopeAllowed":false},{"clientId":"target-public","publicClient":true},
  {"clientId":"target-bearer","secret":"t","bearerOnly":true},{"clientId":"target-norefresh","secret":"t","attributes":{"use.refresh.tokens":"false"}},
  { "clientId":"target-bare","secret":"t","defaultClientScopes":["basic"],"optionalClientScopes":["s-t3"]},
  {"clientId":"disabled","secret":"t","enabled":false}
 ],
 "users":[{"username":"uma","enabled":true,"email":"uma@example.org","firstName":"Uma","lastName":"One","credentials":[{"type":"password","value":"password"}],"realmRoles":["default-roles-demo","offline_access"],"clientRoles":{"target1":["r1"],"target2":["r2"]}},
  {"username":"norole","enabled":true,"email":"n@example.org","firstName":"No","lastName":"Role","credentials":[{"type":"password","value":"password"}],"clientRoles":{"target1":["r1"]}},
  {"username":"off","enabled":false,"email":"off@example.org","firstName":"O","lastName":"F","realmRoles":["default-roles-demo","offline_access"]}]}`

const (
	exchangeGrant    = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType  = "urn:ietf:params:oauth:token-type:access_token"
	refreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token"
	idTokenType      = "urn:ietf:params:oauth:token-type:id_token"
)

// newExchange is a server with exchangeRealm; settings are realm members that
// end in a comma, or "".
func newExchange(t *testing.T, settings string) *door {
	t.Helper()
	return newDoor(t, withScopes(exchangeRealm, settings))
}

// withScopes gives the clients of a document like exchangeRealm their scopes.
func withScopes(document, settings string) string {
	const scopes = `"defaultClientScopes":["basic","profile","roles"],"optionalClientScopes":["offline_access","s-t3","s-self"],`
	document = strings.ReplaceAll(document, `{"clientId"`, `{`+scopes+`"clientId"`)
	return strings.Replace(document, "%s", settings, 1)
}

// exchange asks for an exchange of an access token; pairs go on top.
func (d *door) exchange(client, subject string, pairs ...string) answer {
	return d.post("/token", append([]string{"grant_type", exchangeGrant, "client_id", client, "client_secret", "s",
		"subject_token", subject, "subject_token_type", accessTokenType}, pairs...)...)
}

func (a answer) mustBe200(t *testing.T, what string) answer {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("%s: %d %v", what, a.status, a.body)
	}
	return a
}

// jwt decodes the payload of a token of the answer.
func (a answer) jwt(t *testing.T, member string) map[string]any {
	t.Helper()
	parts := strings.Split(a.text(member), ".")
	if len(parts) != 3 {
		t.Fatalf("%s is no JWT: %q", member, a.text(member))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// prefix is the first six letters of the access token's id.
func (a answer) prefix(t *testing.T) string {
	t.Helper()
	jti, _ := a.jwt(t, "access_token")["jti"].(string)
	return jti[:6]
}

// audienceOf is aud or aud_x, sorted.
func audienceOf(claims map[string]any, name string) string {
	switch v := claims[name].(type) {
	case string:
		return v
	case []any:
		var all []string
		for _, x := range v {
			all = append(all, x.(string))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	return ""
}

func (d *door) active(client, secret, token string) bool {
	return d.post("/token/introspect", "client_id", client, "client_secret", secret, "token", token).body["active"] == true
}

// lastEvent is the newest event of a type.
func (d *door) lastEvent(t *testing.T, kind string) (event, cause, reason string, details map[string]string) {
	t.Helper()
	snap, err := d.realms.Snapshot(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	events, err := d.store.Events(t.Context(), snap.Realm.Num, store.EventFilter{Types: []string{kind}, Max: 1})
	if err != nil || len(events) == 0 {
		t.Fatalf("event %s: %d events, %v", kind, len(events), err)
	}
	return events[0].Type, events[0].Error, events[0].Details["reason"], events[0].Details
}
