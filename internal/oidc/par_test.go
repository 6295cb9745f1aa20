package oidc_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store"
)

const (
	protocol  = "/realms/demo/protocol/openid-connect"
	unguessed = "urn:ietf:params:oauth:request_uri:00000000-0000-0000-0000-000000000000"
)

// pushRealm has clients for every rule of pushed requests and request objects.
const pushRealm = `{"realm":"demo","enabled":true,"eventsEnabled":true,"enabledEventTypes":["LOGIN","LOGIN_ERROR","PUSHED_AUTHORIZATION_REQUEST_ERROR"],
 "passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
 "clients":[
  {"clientId":"app","secret":"s","redirectUris":["http://localhost:9999/*"],"webOrigins":["+"]},
  {"clientId":"other","secret":"s","redirectUris":["http://localhost:9999/*"]},
  {"clientId":"one","secret":"s","redirectUris":["http://localhost:9999/one"]},
  {"clientId":"public","publicClient":true,"redirectUris":["http://localhost:9999/*"],"attributes":{"pkce.code.challenge.method":"S256"}},
  {"clientId":"implicit","secret":"s","implicitFlowEnabled":true,"redirectUris":["http://localhost:9999/*"]},
  {"clientId":"implicit-only","secret":"s","implicitFlowEnabled":true,"standardFlowEnabled":false,"redirectUris":["http://localhost:9999/*"]},
  {"clientId":"par-only","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"require.pushed.authorization.requests":"true"}},
  {"clientId":"bearer","secret":"s","bearerOnly":true},
  {"clientId":"disabled","secret":"s","enabled":false,"redirectUris":["http://localhost:9999/*"]},
  {"clientId":"wants-hs","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"request.object.signature.alg":"HS256"}},
  {"clientId":"must","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"request.object.required":"request or request_uri"}},
  {"clientId":"must-object","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"request.object.required":"request only"}},
  {"clientId":"must-uri","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"request.object.required":"request_uri only"}},
  {"clientId":"need-not","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"request.object.required":"not required"}}
 ],
 "users":[{"username":"uma","enabled":true,"email":"uma@example.org","firstName":"Uma","lastName":"One","credentials":[{"type":"password","value":"password"}],"realmRoles":["default-roles-demo"]}]}`

// pairs is a good request of a client with changes: "name=value" sets, "-name"
// takes away, "+name=value" repeats.
func pairs(changes ...string) []string {
	out := []string{"client_id", "app", "client_secret", "s", "redirect_uri", callback, "response_type", "code", "scope", "openid", "state", "xyz", "nonce", "n"}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		bare := strings.TrimLeft(name, "+-")
		if !strings.HasPrefix(name, "+") {
			if i := slices.Index(out, bare); i >= 0 {
				out = slices.Delete(out, i, i+2)
			}
		}
		if !strings.HasPrefix(name, "-") {
			out = append(out, bare, value)
		}
	}
	return out
}

func (d *door) push(t *testing.T, changes ...string) string {
	t.Helper()
	a := d.post("/ext/par/request", pairs(changes...)...)
	if a.status != http.StatusCreated {
		t.Fatalf("push %v: %d %v", changes, a.status, a.body)
	}
	return a.text("request_uri")
}

// visitor is a person's browser.
type visitor struct {
	t   *testing.T
	d   *door
	jar *cookiejar.Jar
}

func (d *door) visitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, d, jar}
}

func (v *visitor) send(method, address string, form url.Values) *http.Response {
	v.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	u := *r.URL
	u.Scheme = "https" // loopback counts as secure
	for _, c := range v.jar.Cookies(&u) {
		r.AddCookie(c)
	}
	r.RemoteAddr = "127.0.0.1:50000"
	w := httptest.NewRecorder()
	v.d.Handler().ServeHTTP(w, r)
	v.jar.SetCookies(&u, w.Result().Cookies())
	return w.Result()
}

// open asks for authorization; pairs are name, value, ….
func (v *visitor) open(pairs ...string) *http.Response {
	v.t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return v.send(http.MethodGet, base+protocol+"/auth?"+q.Encode(), nil)
}

var parFormAction = regexp.MustCompile(`<form[^>]* action="([^"]*)"`)

// logIn fills in the login page that res is.
func (v *visitor) logIn(res *http.Response) *http.Response {
	v.t.Helper()
	m := parFormAction.FindStringSubmatch(bodyOf(v.t, res))
	if m == nil {
		v.t.Fatalf("no form in %d", res.StatusCode)
	}
	action, err := url.Parse(base)
	if err == nil {
		action, err = action.Parse(html.UnescapeString(m[1]))
	}
	if err != nil {
		v.t.Fatal(err)
	}
	return v.send(http.MethodPost, action.String(), url.Values{"username": {"uma"}, "password": {"password"}})
}

func bodyOf(t *testing.T, res *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shown writes an answer in one line: "login", "page <status> <text>", or the
// address without issuer, session and code.
func shown(t *testing.T, res *http.Response) string {
	t.Helper()
	if loc := res.Header.Get("Location"); loc != "" {
		for _, volatile := range []string{`&iss=[^&]*`, `&session_state=[^&]*`, `&code=[^&]*`} {
			loc = regexp.MustCompile(volatile).ReplaceAllString(loc, "")
		}
		return strings.TrimPrefix(loc, callback)
	}
	body := bodyOf(t, res)
	for _, text := range []string{"Invalid Request", "Invalid parameter: redirect_uri"} {
		if res.StatusCode == http.StatusBadRequest && strings.Contains(body, text) {
			return "page 400 " + text
		}
	}
	if strings.Contains(body, `name="password"`) {
		return "login"
	}
	return "page " + res.Status
}

const loginRequired = "?error=login_required&state=xyz"

// TestPushRequest: each as a Keycloak 26.7.2 answers.
func TestPushRequest(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	const unauthenticated = "401 invalid_request Authentication failed."
	challenge := strings.Repeat("a", 43)
	for _, tt := range []struct{ name, changes, want string }{
		{"a good request", "", "201"},
		{"a public client", "client_id=public&-client_secret&code_challenge_method=S256&code_challenge=" + challenge, "201"},
		{"no client", "-client_id&-client_secret", unauthenticated},
		{"an unknown client", "client_id=nope", unauthenticated},
		{"a disabled client", "client_id=disabled", unauthenticated},
		{"no secret", "-client_secret", unauthenticated},
		{"a wrong secret", "client_secret=x", unauthenticated},
		{"a wrong secret before a bad request", "client_secret=x&redirect_uri=http://evil.example/", unauthenticated},
		{"a bearer-only client (ours)", "client_id=bearer", "400 invalid_client Bearer-only not allowed"},
		{"request_uri", "request_uri=urn:x", "400 invalid_request It is not allowed to include request_uri to PAR."},
		{"request_uri empty", "request_uri=", "400 invalid_request It is not allowed to include request_uri to PAR."},
		{"request_uri before redirect_uri", "request_uri=urn:x&redirect_uri=http://evil.example/", "400 invalid_request It is not allowed to include request_uri to PAR."},
		{"redirect_uri unregistered", "redirect_uri=http://evil.example/", "400 invalid_request Invalid parameter: redirect_uri"},
		{"redirect_uri missing", "client_id=one&-redirect_uri", "400 invalid_request Invalid parameter: redirect_uri"},
		{"redirect_uri missing without openid", "client_id=one&-redirect_uri&-scope", "201"},
		{"response_type missing", "-response_type", "400 invalid_request Missing parameter: response_type"},
		{"response_type unknown", "response_type=x", "400 invalid_request Unsupported response type"},
		{"response_mode unknown", "response_mode=x", "400 invalid_request Invalid parameter: response_mode"},
		{"response_mode query for a token", "client_id=implicit&response_type=token&response_mode=query", "400 invalid_request Response_mode 'query' not allowed for implicit or hybrid flow"},
		{"implicit flow off", "response_type=token",
			"401 unauthorized_client Client is not allowed to initiate browser login with given response_type. Implicit flow is disabled for the client."},
		{"standard flow off", "client_id=implicit-only",
			"401 unauthorized_client Client is not allowed to initiate browser login with given response_type. Standard flow is disabled for the client."},
		{"a repeated parameter", "foo=1&+foo=2", "400 invalid_request duplicated parameter"},
		{"the client repeated", "+client_id=app", "400 invalid_request duplicated parameter"},
		{"the secret repeated", "+client_secret=s", "201"},
		{"redirect_uri before repetition", "foo=1&+foo=2&redirect_uri=http://evil.example/", "400 invalid_request Invalid parameter: redirect_uri"},
		{"scope before repetition", "scope=x&+scope=y", "400 invalid_request Invalid scopes: x"},
		{"scope unknown", "scope=x", "400 invalid_request Invalid scopes: x"},
		{"nonce missing", "client_id=implicit&response_type=id_token&-nonce", "400 invalid_request Missing parameter: nonce"},
		{"PKCE bad", "code_challenge=x", "400 invalid_request Invalid parameter: code_challenge"},
		{"PKCE demanded", "client_id=public&-client_secret", "400 invalid_request Missing parameter: code_challenge_method"},
		{"max_age no number", "max_age=x", "400 invalid_request invalidRequestMessage"},
		{"prompt none", "prompt=none", "201"},
		{"a request object is wanted", "client_id=must", "400 invalid_request invalidRequestMessage"},
		{"only a request object is wanted", "client_id=must-object", "400 invalid_request invalidRequestMessage"},
		{"only a request_uri is wanted", "client_id=must-uri", "201"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := d.post("/ext/par/request", pairs(strings.Split(tt.changes, "&")...)...)
			if got := a.line(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// line writes an answer in one line: status, error, description.
func (a answer) line() string {
	return strings.TrimSpace(strings.Join([]string{strconv.Itoa(a.status), a.text("error"), a.text("error_description")}, " "))
}

func TestPushRequest_Answer(t *testing.T) {
	t.Parallel()
	d := newDoor(t, strings.Replace(pushRealm, `"enabled":true,`, `"enabled":true,"attributes":{"parRequestUriLifespan":"90"},`, 1))
	a := d.post("/ext/par/request", pairs()...)
	uri := a.text("request_uri")
	if a.status != http.StatusCreated || len(a.body) != 2 || a.body["expires_in"] != 90.0 || !strings.HasPrefix(uri, "urn:ietf:params:oauth:request_uri:") {
		t.Errorf("%d %v", a.status, a.body)
	}
	if got := a.header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		t.Errorf("Cache-Control %q", got)
	}
	if d.push(t) == uri {
		t.Error("two requests share a request_uri")
	}
}

func TestPushRequest_ByBasic(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	form := url.Values{"redirect_uri": {callback}, "response_type": {"code"}, "prompt": {"none"}, "state": {"xyz"}}
	r := httptest.NewRequest(http.MethodPost, base+protocol+"/ext/par/request", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("app", "s")
	a := d.send(r)
	if a.status != http.StatusCreated {
		t.Fatalf("%d %v", a.status, a.body)
	}
	if got := shown(t, d.visitor(t).open("client_id", "app", "request_uri", a.text("request_uri"))); got != loginRequired {
		t.Errorf("used: %s", got)
	}
}

func TestPushRequest_OfAnotherOriginIsRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	for origin, want := range map[string]int{"http://localhost:9999": http.StatusCreated, "http://evil.example": http.StatusForbidden} {
		form := url.Values{"client_id": {"app"}, "client_secret": {"s"}, "redirect_uri": {callback}, "response_type": {"code"}}
		r := httptest.NewRequest(http.MethodPost, base+protocol+"/ext/par/request", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		if a := d.send(r); a.status != want {
			t.Errorf("origin %s: %d %v, want %d", origin, a.status, a.body, want)
		}
	}
}

// TestPushedRequest_AtTheAuthorizationEndpoint: each as a Keycloak 26.7.2, but
// for what says "(ours)".
func TestPushedRequest_AtTheAuthorizationEndpoint(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	const bad = "page 400 Invalid Request"
	for _, tt := range []struct {
		name, push, beside, want string
	}{
		{"alone", "prompt=none", "", loginRequired},
		{"another client", "", "client_id=other", bad},
		{"no client", "", "-client_id", bad},
		{"prefix in capitals", "prompt=none", "URN", loginRequired},
		{"unknown", "", "request_uri=" + unguessed, bad},
		{"malformed", "", "request_uri=urn:ietf:params:oauth:request_uri:", bad},
		{"another URI", "", "request_uri=https://app.example/object", bad},
		{"empty URI", "", "request_uri=", bad},
		{"a request object too", "prompt=none", "request=x", bad},
		{"what was pushed wins", "prompt=none", "state=other&scope=x&redirect_uri=http://evil.example/", loginRequired},
		{"what is beside fills in", "prompt=none&-state", "state=beside", "?error=login_required&state=beside"},
		{"what is beside fills in, with a fault", "prompt=none&-scope", "scope=x", "?error=invalid_scope&error_description=Invalid+scopes%3A+x&state=xyz"},
		{"prompt beside", "", "prompt=none", loginRequired},
		{"response_mode beside", "prompt=none", "response_mode=fragment", "#error=login_required&state=xyz"},
		{"response_type beside", "prompt=none", "response_type=code", loginRequired},
		{"another response_type", "prompt=none", "response_type=token", "?error=invalid_request&error_description=Parameter+response_type+does+not+match&state=xyz"},
		{"max_age beside, no number", "prompt=none", "max_age=x", bad},
		{"repeated beside (ours)", "prompt=none", "a=1&+a=2", "?error=invalid_request&error_description=duplicated+parameter&state=xyz"},
		{"a client that must push", "client_id=par-only&prompt=none", "client_id=par-only", loginRequired},
		{"a client that need not", "prompt=none&client_id=one&-redirect_uri&-scope", "client_id=one", "http://localhost:9999/one?error=login_required&state=xyz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			uri := d.push(t, strings.Split(tt.push, "&")...)
			if tt.beside == "URN" {
				uri, tt.beside = strings.Replace(uri, "urn:ietf", "URN:Ietf", 1), ""
			}
			changes := []string{"-client_secret", "-redirect_uri", "-response_type", "-scope", "-state", "-nonce", "request_uri=" + uri}
			got := shown(t, d.visitor(t).open(pairs(append(changes, strings.Split(tt.beside, "&")...)...)...))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPushedRequest_DemandedOfAClient(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	got := shown(t, d.visitor(t).open(pairs("-client_secret", "client_id=par-only")...))
	if want := "?error=invalid_request&error_description=Pushed+Authorization+Request+is+only+allowed.&state=xyz"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A request_uri opens the login as often as the page is loaded, until a login
// that began with it is complete; other logins with it end there.
func TestPushedRequest_IsUsedUpByTheFirstLogin(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	use := []string{"client_id", "app", "request_uri", d.push(t)}
	first, second := d.visitor(t), d.visitor(t)
	if got := shown(t, first.open(use...)); got != "login" {
		t.Fatalf("first look: %s", got)
	}
	page, late := first.open(use...), second.open(use...)
	if got := shown(t, first.logIn(page)); got != "?state=xyz" {
		t.Fatalf("login: %s", got)
	}
	const bad = "page 400 Invalid Request"
	if got := shown(t, second.logIn(late)); got != bad {
		t.Errorf("the other login with it: %s", got)
	}
	if got := shown(t, first.open(use...)); got != bad {
		t.Errorf("again in the browser that is logged in: %s", got)
	}
	if got := shown(t, d.visitor(t).open(use...)); got != bad {
		t.Errorf("again elsewhere: %s", got)
	}
	silent := []string{"client_id", "app", "prompt", "none", "request_uri", d.push(t)}
	if got := shown(t, first.open(silent...)); got != "?state=xyz" {
		t.Errorf("single sign-on: %s", got)
	}
	if got := shown(t, first.open(silent...)); got != bad {
		t.Errorf("single sign-on again: %s", got)
	}
}

func TestPushedRequest_Expires(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	use := []string{"client_id", "app", "request_uri", d.push(t)}
	v := d.visitor(t)
	page := v.open(use...)
	d.advance(61 * time.Second)
	if got := shown(t, d.visitor(t).open(use...)); got != "page 400 Invalid Request" {
		t.Errorf("after its time: %s", got)
	}
	if got := shown(t, v.logIn(page)); got != "?state=xyz" {
		t.Errorf("a login that began in time: %s", got)
	}
}

func TestPushedRequest_Events(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	d.push(t)
	d.post("/ext/par/request", pairs("client_secret=x")...)
	d.post("/ext/par/request", pairs("scope=x")...)
	d.visitor(t).open("client_id", "app", "request_uri", unguessed)
	d.visitor(t).open("client_id", "app", "request", "x")
	d.visitor(t).open("client_id", "app", "request", signHS(t, object(nil), "x"))
	want := []string{
		"LOGIN_ERROR app invalid_request Failed to build JWS",
		"LOGIN_ERROR app invalid_request Failed to verify signature on 'request' object",
		"LOGIN_ERROR app invalid_request PAR not found, not issued or used multiple times.",
		"PUSHED_AUTHORIZATION_REQUEST_ERROR app invalid_client_credentials ",
		"PUSHED_AUTHORIZATION_REQUEST_ERROR app invalid_request Invalid scopes: x",
	}
	if got := d.allEvents(t); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// allEvents are type, client, error and reason of what is stored, sorted.
func (d *door) allEvents(t *testing.T) []string {
	t.Helper()
	snap, err := d.realms.Snapshot(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.store.Events(t.Context(), snap.Realm.Num, store.EventFilter{Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, strings.Join([]string{e.Type, e.ClientID, e.Error, e.Details["reason"]}, " "))
	}
	slices.Sort(out)
	return out
}
