package account_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// realmDoc is realm r of most tests: two people, applications, a group.
const realmDoc = `{
 "realm": "r", "enabled": true, "sslRequired": "none", "accessTokenLifespan": 3600, "eventsEnabled": true,
 "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
 "roles": {"realm": [{"name": "offline_access"}]},
 "clients": [
  {"clientId": "app", "publicClient": true, "directAccessGrantsEnabled": true, "webOrigins": ["http://app.example"]},
  {"clientId": "portal", "name": "The Portal", "publicClient": true, "directAccessGrantsEnabled": true},
  {"clientId": "narrow", "publicClient": true, "directAccessGrantsEnabled": true, "fullScopeAllowed": false},
  {"clientId": "light", "publicClient": true, "directAccessGrantsEnabled": true, "attributes": {"client.use.lightweight.access.token.enabled": "true"}},
  {"clientId": "job", "secret": "s", "serviceAccountsEnabled": true},
  {"clientId": "asks", "name": "Asks", "consentRequired": true, "publicClient": true},
  {"clientId": "service", "bearerOnly": true},
  {"clientId": "shown", "name": "${client_account-console}", "description": "Always there", "publicClient": true, "alwaysDisplayInConsole": true,
   "rootUrl": "http://shown.example/root", "baseUrl": "/base", "attributes": {"logoUri": "http://l", "policyUri": "http://p", "tosUri": "http://t"}},
  {"clientId": "hosted", "publicClient": true, "alwaysDisplayInConsole": true, "rootUrl": "${authBaseUrl}", "baseUrl": "/here"},
  {"clientId": "script", "publicClient": true, "alwaysDisplayInConsole": true, "rootUrl": "http://elsewhere.example"}
 ],
 "groups": [{"name": "crew", "attributes": {"a": ["b"]}, "subGroups": [{"name": "night"}]}],
 "users": [
  {"username": "anna", "enabled": true, "email": "anna@x.org", "emailVerified": true, "firstName": "Anna", "lastName": "Smith", "attributes": {"team": ["red"]}, "groups": ["/crew", "/crew/night"], "realmRoles": ["default-roles-r"],
   "clientRoles": {"account": ["view-applications", "view-consent", "manage-consent", "view-groups"]},
   "credentials": [{"type": "password", "value": "p"}, {"type": "otp", "userLabel": "Phone", "createdDate": 1700000000000, "secretData": "{\"value\":\"ABCDEFGHABCDEFGH\"}", "credentialData": "{\"subType\":\"totp\",\"digits\":6}"}]},
  {"username": "bob", "enabled": true, "email": "bob@y.org", "firstName": "Bob", "lastName": "Jones", "realmRoles": ["default-roles-r"], "credentials": [{"type": "password", "value": "p"}]}
 ]
}`

// people drives the account REST API of a server of its own.
type people struct {
	t     *testing.T
	srv   *servertest.Server
	admin string
}

func newPeople(t *testing.T, opts ...servertest.Option) *people {
	t.Helper()
	p := &people{t: t, srv: servertest.New(t, opts...)}
	p.admin = p.token("master", "admin-cli", "admin", "admin", "")
	p.do("POST", "/admin/realms", realmDoc, p.admin).want(201)
	return p
}

// answer is what a request got.
type answer struct {
	t      *testing.T
	what   string
	Status int
	Header http.Header
	Body   string
}

// do sends a request. Paths that are not absolute are below the account of
// realm r; body is JSON, "" for none. headers are names and values in turn.
func (p *people) do(method, path, body, token string, headers ...string) *answer {
	p.t.Helper()
	if !strings.HasPrefix(path, "/admin/") && !strings.HasPrefix(path, "/realms/") {
		path = "/realms/r/account" + path
	}
	r := httptest.NewRequest(method, p.srv.BaseURL+path, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	p.srv.Handler().ServeHTTP(w, r)
	return &answer{p.t, method + " " + path, w.Code, w.Header(), w.Body.String()}
}

func (p *people) get(path, token string) *answer { p.t.Helper(); return p.do("GET", path, "", token) }

// want fails unless the status is the expected one.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("%s = %d %s, want %d", a.what, a.Status, a.Body, status)
	}
	return a
}

// is fails unless status and body are the expected ones.
func (a *answer) is(status int, body string) {
	a.t.Helper()
	if a.Status != status || a.Body != body {
		a.t.Errorf("%s = %d %s\nwant %d %s", a.what, a.Status, a.Body, status, body)
	}
}

// read decodes the JSON of a successful answer.
func read[T any](a *answer) (v T) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.want(200).Body), &v); err != nil {
		a.t.Fatalf("%s: %v in %s", a.what, err, a.Body)
	}
	return v
}

type object = map[string]any

// all is one member of every object of a list, sorted.
func (a *answer) all(member string) []string {
	a.t.Helper()
	out := []string{}
	for _, o := range read[[]object](a) {
		s, _ := o[member].(string)
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// grant is what a token endpoint gave.
type grant struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Sid     string `json:"session_state"`
}

func (p *people) form(realm string, form url.Values, agent string) *answer {
	p.t.Helper()
	r := httptest.NewRequest("POST", p.srv.BaseURL+"/realms/"+realm+"/protocol/openid-connect/token", bytes.NewBufferString(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", agent)
	w := httptest.NewRecorder()
	p.srv.Handler().ServeHTTP(w, r)
	return &answer{p.t, "token", w.Code, w.Header(), w.Body.String()}
}

// login is a password grant of a public client; agent may be left out.
func (p *people) login(realm, client, user, password, scope string, agent ...string) grant {
	p.t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {user}, "password": {password}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return read[grant](p.form(realm, form, strings.Join(agent, "")))
}

func (p *people) token(realm, client, user, password, scope string) string {
	p.t.Helper()
	return p.login(realm, client, user, password, scope).Access
}

// as is a token of a person of realm r by way of app.
func (p *people) as(user string) string { p.t.Helper(); return p.token("r", "app", user, "p", "") }

// refresh is the answer to a refresh token; "" when it works, else the text.
func (p *people) refresh(client string, g grant) string {
	p.t.Helper()
	a := p.form("r", url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {g.Refresh}}, "")
	if a.Status == 200 {
		return ""
	}
	var e struct {
		Text string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(a.Body), &e); err != nil {
		p.t.Fatal(err)
	}
	return e.Text
}

// userID finds a person of realm r.
func (p *people) userID(name string) string {
	p.t.Helper()
	return read[[]object](p.get("/admin/realms/r/users?exact=true&username="+name, p.admin))[0]["id"].(string)
}

func (p *people) clientID(name string) string {
	p.t.Helper()
	return read[[]object](p.get("/admin/realms/r/clients?clientId="+name, p.admin))[0]["id"].(string)
}

// person makes somebody with these roles of client account alone, and gives a
// token of theirs.
func (p *people) person(name string, roles ...string) string {
	p.t.Helper()
	p.do("POST", "/admin/realms/r/users", `{"username":"`+name+`","enabled":true,"email":"`+name+`@z.org","firstName":"A","lastName":"B","credentials":[{"type":"password","value":"p"}]}`, p.admin).want(201)
	of := "/admin/realms/r/users/" + p.userID(name) + "/role-mappings"
	p.do("DELETE", of+"/realm", p.get(of+"/realm", p.admin).want(200).Body, p.admin).want(204)
	own := p.clientID("account")
	for _, role := range roles {
		doc := p.get("/admin/realms/r/clients/"+own+"/roles/"+role, p.admin).want(200).Body
		p.do("POST", of+"/clients/"+own, "["+doc+"]", p.admin).want(204)
	}
	return p.as(name)
}

// events are the latest events of these types, the oldest first, as type and
// details.
func (p *people) events(kinds ...string) []object {
	p.t.Helper()
	out := read[[]object](p.get("/admin/realms/r/events?max=100&type="+strings.Join(kinds, "&type="), p.admin))
	slices.Reverse(out)
	return out
}
