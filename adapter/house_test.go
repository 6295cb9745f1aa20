package adapter_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/adapter"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// rules are what must hold against every server that speaks the wire.
var rules = []struct {
	name string
	run  func(*testing.T, *house)
}{
	{"LoginForOfflineAccess", loginForOfflineAccess},
	{"LoginRefused", loginRefused},
	{"CodeOfAnotherLogin", codeOfAnotherLogin},
	{"BackChannelLogout", backChannelLogout},
	{"SuccessorIsStored", successorIsStored},
	{"AnswerLost", answerLost},
	{"SessionEnded", sessionEnded},
	{"UserDisabledForAWhile", userDisabledForAWhile},
	{"RevokedByItsHolder", revokedByItsHolder},
	{"TokensOfOtherKinds", tokensOfOtherKinds},
	{"RolesAndAudience", rolesAndAudience},
	{"OnlineCheck", onlineCheck},
	{"NotBeforePolled", notBeforePolled},
	{"AdminLists", adminLists},
	{"AdminEnds", adminEnds},
	{"AdminConsents", adminConsents},
	{"AdminLacksRole", adminLacksRole},
}

// TestServer holds the rules against the whole server in this process.
func TestServer(t *testing.T) {
	t.Parallel()
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.run(t, newHouse(t))
		})
	}
}

// TestKeycloak holds the same rules against a Keycloak 26 at KEYCLOAK_BASE whose
// administrator is admin/admin, and what only Keycloak does. Each rule has a
// realm of its own, which is deleted.
func TestKeycloak(t *testing.T) {
	t.Parallel()
	base := os.Getenv("KEYCLOAK_BASE")
	if base == "" {
		t.Skip("KEYCLOAK_BASE is not set")
	}
	for _, rule := range append(rules, struct {
		name string
		run  func(*testing.T, *house)
	}{"NotBeforePushed", notBeforePushed}) {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			h := &house{t: t, base: base, clock: &wallClock{}, keycloak: true}
			h.open()
			rule.run(t, h)
		})
	}
}

// house is a server with a realm of the test's own: clients portal (an
// application), api (a service), public and steward (with a service account that
// may manage users and see clients), and user uma, who has realm role member and
// role reader of api.
type house struct {
	t           *testing.T
	base, realm string
	clock       interface {
		Now() time.Time
		Advance(time.Duration)
	}
	keycloak bool
	app      *httptest.Server // the application, where the server calls back
	pages    *http.ServeMux

	boss      string // the administrator's access token
	bossUntil time.Time
}

// wallClock is the real time, moved for the application alone.
type wallClock struct {
	mu  sync.Mutex
	off time.Duration
}

func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.off)
}

func (c *wallClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off += d
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s := servertest.New(t)
	front := httptest.NewServer(s.Handler())
	t.Cleanup(front.Close)
	h := &house{t: t, base: front.URL, clock: s.Clock}
	h.open()
	return h
}

const realmDocument = `{"realm":"{{realm}}","enabled":true,"sslRequired":"none","revokeRefreshToken":true,"refreshTokenMaxReuse":0,"accessTokenLifespan":300,
 "roles":{"realm":[{"name":"member"}],"client":{"api":[{"name":"reader"}]}},
 "clients":[
  {"clientId":"api","secret":"s3cret","standardFlowEnabled":false},
  {"clientId":"portal","secret":"s3cret","directAccessGrantsEnabled":true,"redirectUris":["{{app}}/cb"],"adminUrl":"{{app}}/push",
   "attributes":{"post.logout.redirect.uris":"{{app}}/bye","backchannel.logout.url":"{{app}}/out","backchannel.logout.session.required":"true"}},
  {"clientId":"public","publicClient":true,"directAccessGrantsEnabled":true,"redirectUris":["{{app}}/cb"]},
  {"clientId":"asking","publicClient":true,"consentRequired":true,"redirectUris":["{{app}}/cb"]},
  {"clientId":"steward","secret":"s3cret","standardFlowEnabled":false,"serviceAccountsEnabled":true},
  {"clientId":"idler","secret":"s3cret","standardFlowEnabled":false,"serviceAccountsEnabled":true}
 ],
 "users":[
  {"username":"uma","enabled":true,"email":"uma@example.org","emailVerified":true,"firstName":"Uma","lastName":"One","credentials":[{"type":"password","value":"pw"}],
   "realmRoles":["default-roles-{{realm}}","member"],"clientRoles":{"api":["reader"]}},
  {"username":"service-account-steward","enabled":true,"serviceAccountClientId":"steward","clientRoles":{"realm-management":["view-users","manage-users","view-clients"]}},
  {"username":"service-account-idler","enabled":true,"serviceAccountClientId":"idler"}
 ]}`

// open makes the realm and starts the application.
func (h *house) open() {
	h.t.Helper()
	h.realm = "adapter-" + strings.ToLower(rand.Text()[:10])
	h.pages = http.NewServeMux()
	h.app = httptest.NewServer(h.pages)
	h.t.Cleanup(h.app.Close)
	text := strings.NewReplacer("{{realm}}", h.realm, "{{app}}", h.app.URL).Replace(realmDocument)
	h.admin(http.MethodPost, "/admin/realms", json.RawMessage(text), nil)
	h.t.Cleanup(func() { h.admin(http.MethodDelete, "/admin/realms/"+h.realm, nil, nil) })
}

// admin asks admin REST as the administrator of the server. into may be nil.
func (h *house) admin(method, path string, body, into any) {
	h.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, h.base+path, bytes.NewReader(raw))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.administrator())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %s, %v: %s", method, path, resp.Status, err, text)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			h.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
}

// administrator is an access token of the server's administrator, which lives a
// minute.
func (h *house) administrator() string {
	h.t.Helper()
	if now := h.clock.Now(); h.boss == "" || !now.Before(h.bossUntil) {
		answer := h.form(h.base+"/realms/master/protocol/openid-connect/token", "grant_type", "password", "client_id", "admin-cli", "username", "admin", "password", "admin")
		h.boss, h.bossUntil = fmt.Sprint(answer["access_token"]), now.Add(45*time.Second)
	}
	return h.boss
}

// realmPath is a path of the realm's admin REST.
func (h *house) realmPath(path string) string { return "/admin/realms/" + h.realm + path }

// id is the id of the one thing that a list of the realm finds.
func (h *house) id(list string) string {
	h.t.Helper()
	var found []struct {
		ID string `json:"id"`
	}
	h.admin(http.MethodGet, h.realmPath(list), nil, &found)
	if len(found) != 1 {
		h.t.Fatalf("%s: %d found", list, len(found))
	}
	return found[0].ID
}

func (h *house) uma() string { return h.id("/users?username=uma&exact=true") }

// form posts names and values, and reads the JSON of the answer.
func (h *house) form(target string, pairs ...string) map[string]any {
	h.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	resp, err := http.PostForm(target, form)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		h.t.Fatalf("%s: %s: %v", target, resp.Status, err)
	}
	return answer
}

func (h *house) issuer() string { return h.base + "/realms/" + h.realm }

// provider is the realm as a client of it sees it; transport may be nil.
func (h *house) provider(client string, transport http.RoundTripper) *adapter.Provider {
	h.t.Helper()
	cfg := adapter.Config{Issuer: h.issuer(), ClientID: client, ClientSecret: "s3cret", Clock: h.clock.Now, HTTPClient: &http.Client{Timeout: time.Minute, Transport: transport}}
	if client == "public" || client == "asking" {
		cfg.ClientSecret = ""
	}
	p, err := adapter.NewProvider(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// direct is a direct login of uma.
func (h *house) direct(client, scope string) adapter.Grant {
	h.t.Helper()
	pairs := []string{"grant_type", "password", "client_id", client, "username", "uma", "password", "pw", "scope", scope}
	if client == "portal" {
		pairs = append(pairs, "client_secret", "s3cret")
	}
	a := h.form(h.issuer()+"/protocol/openid-connect/token", pairs...)
	if a["access_token"] == nil {
		h.t.Fatalf("direct login at %s: %v", client, a)
	}
	refresh, _ := a["refresh_token"].(string)
	return adapter.Grant{RefreshToken: refresh, AccessToken: a["access_token"].(string), Expires: h.clock.Now().Add(5 * time.Minute), Scope: strings.Fields(fmt.Sprint(a["scope"]))}
}

// source is a TokenSource that holds uma's tokens of a direct login for offline
// access.
func (h *house) source(p *adapter.Provider, store adapter.TokenStore) *adapter.TokenSource {
	h.t.Helper()
	s := adapter.NewTokenSource(p, store, adapter.SourceOptions{})
	h.must(s.Keep(h.t.Context(), uma, h.direct("portal", "offline_access")))
	return s
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

var uma = adapter.Holder{User: "uma", Device: "laptop"}

// browser is as much of one as a login page needs. It keeps cookies whatever
// their attributes say, as the pages come over plain HTTP from loopback.
type browser struct {
	h       *house
	cookies map[string]string
}

func newBrowser(h *house) *browser { return &browser{h, map[string]string{}} }

var formAction = regexp.MustCompile(`<form[^>]*\saction="([^"]+)"`)

// visit sends a request and returns the page and, where the answer is a redirect
// to the application, its query. Redirects on the server are followed.
func (b *browser) visit(method, target string, form url.Values) (page string, arrived *url.URL) {
	b.h.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 10 {
		req, err := http.NewRequestWithContext(b.h.t.Context(), method, target, strings.NewReader(form.Encode()))
		b.h.must(err)
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for name, value := range b.cookies {
			req.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		resp, err := client.Do(req)
		b.h.must(err)
		for _, c := range resp.Cookies() {
			b.cookies[c.Name] = c.Value
		}
		text, err := io.ReadAll(resp.Body)
		b.h.must(err)
		resp.Body.Close()
		next, err := resp.Location()
		if err != nil {
			return string(text), nil
		}
		if strings.HasPrefix(next.String(), b.h.app.URL) {
			return "", next
		}
		method, target, form = http.MethodGet, next.String(), nil
	}
	b.h.t.Fatal("the server redirects in a circle")
	return "", nil
}

// submit sends the form of a page.
func (b *browser) submit(page string, form url.Values) (string, *url.URL) {
	b.h.t.Helper()
	m := formAction.FindStringSubmatch(page)
	if m == nil {
		b.h.t.Fatalf("no form in %.2000s", page)
	}
	base, err := url.Parse(b.h.base)
	b.h.must(err)
	target, err := base.Parse(html.UnescapeString(m[1]))
	b.h.must(err)
	for _, hidden := range hiddenField.FindAllString(page, -1) {
		name, value := attribute(hidden, "name"), attribute(hidden, "value")
		if name != "" && !form.Has(name) {
			form.Set(name, value)
		}
	}
	return b.visit(http.MethodPost, target.String(), form)
}

var hiddenField = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*>`)

func attribute(tag, name string) string {
	m := regexp.MustCompile(`\s` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// login goes through the login page to the application.
func (b *browser) login(target string) url.Values {
	b.h.t.Helper()
	page, arrived := b.visit(http.MethodGet, target, nil)
	if arrived == nil {
		page, arrived = b.submit(page, url.Values{"username": {"uma"}, "password": {"pw"}})
	}
	if arrived == nil {
		_, arrived = b.submit(page, url.Values{"accept": {"Yes"}})
	}
	if arrived == nil {
		b.h.t.Fatal("the login did not arrive at the application")
	}
	return arrived.Query()
}

// counted counts the requests to a path's end.
type counted struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]++
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (c *counted) count(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[name]
}
