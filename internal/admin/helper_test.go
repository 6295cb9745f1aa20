package admin_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// api drives the admin REST API of a server of its own, as the administrator
// of master unless a token says otherwise.
type api struct {
	t     *testing.T
	srv   *servertest.Server
	admin string
}

// realmDoc is realm r of most tests: a client, people, a group, a role.
const realmDoc = `{
 "realm": "r", "enabled": true, "sslRequired": "none", "accessTokenLifespan": 3600,
 "passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
 "adminEventsEnabled": true, "adminEventsDetailsEnabled": true,
 "roles": {"realm": [{"name": "offline_access"}, {"name": "vet"}], "client": {"app": [{"name": "reader"}]}},
 "clients": [
  {"clientId": "app", "secret": "app-secret", "directAccessGrantsEnabled": true, "serviceAccountsEnabled": true, "redirectUris": ["http://localhost/*"]},
  {"clientId": "other", "secret": "other-secret", "directAccessGrantsEnabled": true}
 ],
 "groups": [{"name": "crew", "subGroups": [{"name": "night"}]}],
 "users": [
  {"username": "anna", "enabled": true, "email": "anna@x.org", "firstName": "Anna", "lastName": "Smith", "attributes": {"team": ["red"]}, "realmRoles": ["default-roles-r"], "credentials": [{"type": "password", "value": "p"}]},
  {"username": "bob", "enabled": true, "email": "bob@y.org", "firstName": "Bob", "lastName": "Jones", "realmRoles": ["default-roles-r"], "credentials": [{"type": "password", "value": "p"}]}
 ]
}`

// newAPI makes a server with realm r.
func newAPI(t *testing.T, opts ...servertest.Option) *api {
	t.Helper()
	a := &api{t: t, srv: servertest.New(t, opts...)}
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	a.post("/admin/realms", json.RawMessage(realmDoc)).want(201)
	return a
}

// answer is what a request got.
type answer struct {
	t      *testing.T
	what   string
	Status int
	Header http.Header
	Body   string
}

// do sends a request. Paths that do not start with /admin or /realms are below
// realm r; body is JSON, nil for none. token is the administrator's by default.
func (a *api) do(method, path string, body any, token ...string) *answer {
	a.t.Helper()
	if !strings.HasPrefix(path, "/admin/") && !strings.HasPrefix(path, "/realms/") {
		path = "/admin/realms/r" + path
	}
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			a.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, a.srv.BaseURL+path, &b)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	bearer := a.admin
	if len(token) > 0 {
		bearer = token[0]
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return a.send(r)
}

func (a *api) send(r *http.Request) *answer {
	a.t.Helper()
	w := httptest.NewRecorder()
	a.srv.Handler().ServeHTTP(w, r)
	return &answer{a.t, r.Method + " " + r.URL.RequestURI(), w.Code, w.Header(), w.Body.String()}
}

func (a *api) get(path string, token ...string) *answer {
	a.t.Helper()
	return a.do("GET", path, nil, token...)
}
func (a *api) post(path string, body any, token ...string) *answer {
	a.t.Helper()
	return a.do("POST", path, body, token...)
}
func (a *api) put(path string, body any, token ...string) *answer {
	a.t.Helper()
	return a.do("PUT", path, body, token...)
}
func (a *api) del(path string, body any, token ...string) *answer {
	a.t.Helper()
	return a.do("DELETE", path, body, token...)
}

// want fails unless the status is the expected one.
func (r *answer) want(status int) *answer {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("%s = %d %s, want %d", r.what, r.Status, r.Body, status)
	}
	return r
}

// is fails unless status and body are the expected ones.
func (r *answer) is(status int, body string) {
	r.t.Helper()
	if r.Status != status || r.Body != body {
		r.t.Errorf("%s = %d %s, want %d %s", r.what, r.Status, r.Body, status, body)
	}
}

// object and list are the JSON of an answer.
func (r *answer) object() (o map[string]any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.want(200).Body), &o); err != nil {
		r.t.Fatalf("%s: %v in %s", r.what, err, r.Body)
	}
	return o
}

func (r *answer) list() (l []map[string]any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.want(200).Body), &l); err != nil {
		r.t.Fatalf("%s: %v in %s", r.what, err, r.Body)
	}
	return l
}

// all is one member of every object in a list.
func (r *answer) all(member string) []string {
	r.t.Helper()
	out := []string{}
	for _, o := range r.list() {
		s, _ := o[member].(string)
		out = append(out, s)
	}
	return out
}

// made is the id, or name, at the end of a Location.
func (r *answer) made() string {
	r.t.Helper()
	loc := r.want(201).Header.Get("Location")
	if !strings.HasPrefix(loc, "http://localhost:8080/admin/realms/") {
		r.t.Fatalf("%s: Location %q is not absolute", r.what, loc)
	}
	return loc[strings.LastIndex(loc, "/")+1:]
}

// login is a password grant; without a secret the client is public.
func (a *api) login(realm, client, secret, user, password, scope string) map[string]any {
	a.t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {user}, "password": {password}}
	if secret != "" {
		form.Set("client_secret", secret)
	}
	if scope != "" {
		form.Set("scope", scope)
	}
	return a.form(realm, form).object()
}

func (a *api) form(realm string, form url.Values) *answer {
	a.t.Helper()
	return a.postForm("/realms/"+realm+"/protocol/openid-connect/token", form)
}

func (a *api) postForm(path string, form url.Values) *answer {
	a.t.Helper()
	r := httptest.NewRequest("POST", a.srv.BaseURL+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.send(r)
}

func (a *api) token(realm, client, secret, user, password, scope string) string {
	a.t.Helper()
	return a.login(realm, client, secret, user, password, scope)["access_token"].(string)
}

// person is a token of a user of realm r by way of admin-cli.
func (a *api) person(user string) string {
	a.t.Helper()
	return a.token("r", "admin-cli", "", user, "p", "")
}

// userID, clientID, groupID find things of realm r by name.
func (a *api) userID(name string) string {
	a.t.Helper()
	return a.get("/users?exact=true&username=" + name).list()[0]["id"].(string)
}

func (a *api) clientID(name string) string {
	a.t.Helper()
	return a.get("/clients?clientId=" + name).list()[0]["id"].(string)
}

func (a *api) groupID(path string) string {
	a.t.Helper()
	return a.get("/group-by-path/" + path).object()["id"].(string)
}

// role is a realm role, or with a client's id one of the client.
func (a *api) role(name string, client ...string) map[string]any {
	a.t.Helper()
	if len(client) > 0 {
		return a.get("/clients/" + client[0] + "/roles/" + name).object()
	}
	return a.get("/roles/" + name).object()
}

// administrator makes a user of realm r with these roles of realm-management
// and gives its id and a token.
func (a *api) administrator(name string, roles ...string) (id, token string) {
	a.t.Helper()
	id = a.post("/users", map[string]any{
		"username": name, "enabled": true, "email": name + "@x.org", "firstName": "A", "lastName": "B",
		"credentials": []any{map[string]any{"type": "password", "value": "p"}},
	}).made()
	management := a.clientID("realm-management")
	var given []any
	for _, r := range roles {
		given = append(given, a.role(r, management))
	}
	if given != nil {
		a.post("/users/"+id+"/role-mappings/clients/"+management, given).want(204)
	}
	return id, a.person(name)
}

// refreshForm asks for new tokens with those of a login.
func refreshForm(client, secret string, login map[string]any) url.Values {
	token, _ := login["refresh_token"].(string)
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "client_secret": {secret}, "refresh_token": {token}}
}
