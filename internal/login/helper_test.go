package login_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

// shopRealm has a client that asks nothing, one that asks for consent and one
// that demands PKCE, and people of every kind; its hashes are cheap. %s is more
// members, each with a comma behind it.
const shopRealm = `{"realm":"shop","enabled":true,"sslRequired":"none",%s
"eventsEnabled":true,"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
"roles":{"realm":[{"name":"offline_access"}]},
"clients":[
 {"clientId":"app","publicClient":true,"directAccessGrantsEnabled":true,"redirectUris":["http://app.example/cb"],"baseUrl":"http://app.example/","fullScopeAllowed":true},
 {"clientId":"other","publicClient":true,"redirectUris":["http://other.example/cb"],"baseUrl":"http://other.example/","fullScopeAllowed":true},
 {"clientId":"asks","publicClient":true,"consentRequired":true,"redirectUris":["http://asks.example/cb"],"fullScopeAllowed":true},
 {"clientId":"pkce","publicClient":true,"redirectUris":["http://pkce.example/cb"],"attributes":{"pkce.code.challenge.method":"S256"},"fullScopeAllowed":true},
 {"clientId":"robot","secret":"s3cret","serviceAccountsEnabled":true}],
"users":[
 {"username":"alice","enabled":true,"email":"alice@x.org","firstName":"A","lastName":"L","credentials":[{"type":"password","value":"pw"}],"realmRoles":["offline_access"]},
 {"username":"bob","enabled":true,"email":"bob@x.org","firstName":"B","lastName":"O","credentials":[{"type":"password","value":"pw"}],"realmRoles":["offline_access"]},
 {"username":"gone","enabled":false,"email":"gone@x.org","firstName":"G","lastName":"O","credentials":[{"type":"password","value":"pw"}]},
 {"username":"bare","enabled":true,"email":"bare@x.org","firstName":"B","lastName":"A"},
 {"username":"temp","enabled":true,"email":"temp@x.org","firstName":"T","lastName":"E","credentials":[{"type":"password","value":"pw","temporary":true}],"requiredActions":["UPDATE_PASSWORD"],"realmRoles":["offline_access"]},
 {"username":"half","enabled":true,"credentials":[{"type":"password","value":"pw"}]},
 {"username":"totp","enabled":true,"email":"totp@x.org","firstName":"T","lastName":"O","credentials":[{"type":"password","value":"pw"}],"requiredActions":["CONFIGURE_TOTP"]}]}`

const protocol = "/realms/shop/protocol/openid-connect"

// newShop is a server with realm shop.
func newShop(t testing.TB, settings string, opts ...servertest.Option) *servertest.Server {
	t.Helper()
	s := servertest.New(t, opts...)
	if _, err := s.Realms.CreateRealm(t.Context(), strings.NewReader(strings.Replace(shopRealm, "%s", settings, 1)), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// user reads a user of the shop.
func user(t testing.TB, s *servertest.Server, name string) *model.User {
	t.Helper()
	u, err := s.Store.UserByUsername(t.Context(), shop(t, s).Realm.Num, name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func shop(t testing.TB, s *servertest.Server) *realm.Snapshot {
	t.Helper()
	snap, err := s.Realms.Snapshot(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// errorsOf lists the errors of the newest events of the shop, oldest first; an
// event without error by its type.
func errorsOf(t testing.TB, s *servertest.Server) []string {
	t.Helper()
	events, err := s.Store.Events(t.Context(), shop(t, s).Realm.Num, store.EventFilter{Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		if e.Error != "" {
			out = append(out, e.Error)
		} else {
			out = append(out, e.Type)
		}
	}
	return out
}

// browser is a person's browser: it keeps cookies by their names and paths, and
// sends them back where the path fits.
type browser struct {
	t    testing.TB
	srv  *servertest.Server
	jar  map[string]*http.Cookie
	node http.Handler // nil: srv
}

func newBrowser(t testing.TB, s *servertest.Server) *browser {
	return &browser{t: t, srv: s, jar: map[string]*http.Cookie{}}
}

// page is an answer.
type page struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   string
	URL    string // that was asked for
}

func (b *browser) send(method, target string, form url.Values, header ...string) *page {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.srv.BaseURL + target
	}
	var body string
	if form != nil {
		body = form.Encode()
	}
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for _, c := range b.jar {
		if strings.HasPrefix(r.URL.Path, c.Path) {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	w := httptest.NewRecorder()
	h := b.node
	if h == nil {
		h = b.srv.Handler()
	}
	h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name+c.Path)
		} else {
			b.jar[c.Name+c.Path] = c
		}
	}
	return &page{b.t, w.Code, w.Header(), w.Body.String(), target}
}

func (b *browser) get(target string) *page {
	b.t.Helper()
	return b.follow(b.send(http.MethodGet, target, nil))
}

// post sends a form and follows where it leads, as far as the server itself.
func (b *browser) post(target string, form url.Values) *page {
	b.t.Helper()
	return b.follow(b.send(http.MethodPost, target, form))
}

func (b *browser) follow(p *page) *page {
	b.t.Helper()
	for range 5 {
		to := p.Header.Get("Location")
		if p.Status != http.StatusFound || !strings.HasPrefix(to, b.srv.BaseURL) {
			return p
		}
		p = b.send(http.MethodGet, to, nil)
	}
	b.t.Fatalf("redirects without end at %s", p.URL)
	return nil
}

// cookie is the value of a cookie of the shop.
func (b *browser) cookie(name string) string {
	if c := b.jar[name+"/realms/shop/"]; c != nil {
		return c.Value
	}
	return ""
}

func (b *browser) plant(name, value string) {
	b.jar[name+"/realms/shop/"] = &http.Cookie{Name: name, Value: value, Path: "/realms/shop/"}
}

// auth is the address of an authorization request of client app; params change
// it by name, value; "" leaves out.
func auth(params ...string) string {
	q := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {"http://app.example/cb"}, "scope": {"openid"}, "state": {"st"}}
	for i := 0; i+1 < len(params); i += 2 {
		if q.Set(params[i], params[i+1]); params[i+1] == "" {
			q.Del(params[i])
		}
	}
	return protocol + "/auth?" + q.Encode()
}

// form is the action and the inputs of the page's first form.
func (p *page) form() (action string, inputs url.Values) {
	p.t.Helper()
	doc, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		p.t.Fatal(err)
	}
	inputs = url.Values{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		at := map[string]string{}
		for _, a := range n.Attr {
			at[a.Key] = a.Val
		}
		switch {
		case n.Data == "form" && action == "":
			action = at["action"]
		case n.Data == "input" && at["name"] != "" && at["type"] != "checkbox":
			inputs.Set(at["name"], at["value"])
		}
	}
	if action == "" {
		p.t.Fatalf("no form on %s: %d %s", p.URL, p.Status, p.Body)
	}
	return action, inputs
}

// fill is the form of a page with these fields.
func (p *page) fill(fields ...string) (action string, inputs url.Values) {
	p.t.Helper()
	action, inputs = p.form()
	for i := 0; i+1 < len(fields); i += 2 {
		inputs.Set(fields[i], fields[i+1])
	}
	return action, inputs
}

// submit fills the form of a page and sends it.
func (b *browser) submit(p *page, fields ...string) *page {
	b.t.Helper()
	return b.post(p.fill(fields...))
}

// login signs a user in for client app.
func (b *browser) login(name string) *page {
	b.t.Helper()
	p := b.submit(b.get(auth()), "username", name, "password", "pw")
	p.answer()
	return p
}

// answer are the parameters that went back to a client.
func (p *page) answer() url.Values {
	p.t.Helper()
	u, err := url.Parse(p.Header.Get("Location"))
	if err != nil || p.Status != http.StatusFound {
		p.t.Fatalf("no answer to a client from %s: %d %s", p.URL, p.Status, p.Body)
	}
	return u.Query()
}

// code is the code that went back to a client.
func (p *page) code() string {
	p.t.Helper()
	v := p.answer().Get("code")
	if v == "" {
		p.t.Fatalf("no code in %s", p.Header.Get("Location"))
	}
	return v
}

// gives tells whether an answer takes a code to a client.
func gives(h http.Header) bool {
	to := h.Get("Location")
	return strings.Contains(to, "?code=") || strings.Contains(to, "&code=")
}

// none says that the answer gives no client anything.
func (p *page) none() {
	p.t.Helper()
	if to := p.Header.Get("Location"); gives(p.Header) || p.Status == http.StatusFound && !strings.Contains(to, "/login-actions/") {
		p.t.Errorf("%s leads to %s", p.URL, to)
	}
	if p.Status >= 500 {
		p.t.Errorf("%s: %d %s", p.URL, p.Status, p.Body)
	}
}

// says checks the status and a text of the page.
func (p *page) says(status int, text string) {
	p.t.Helper()
	if p.Status != status || !strings.Contains(p.Body, text) {
		p.t.Errorf("%s: %d, want %d with %q:\n%s", p.URL, p.Status, status, text, p.Body)
	}
}

// tokens is the answer of the token endpoint.
type tokens struct {
	Status      int    `json:"-"`
	Access      string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// token asks the token endpoint; by default as client app.
func (b *browser) token(params ...string) tokens {
	b.t.Helper()
	form := url.Values{"client_id": {"app"}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	other := &browser{t: b.t, srv: b.srv, jar: map[string]*http.Cookie{}, node: b.node} // not the person's browser
	p := other.send(http.MethodPost, protocol+"/token", form)
	a := tokens{Status: p.Status}
	if err := json.Unmarshal([]byte(p.Body), &a); err != nil {
		b.t.Errorf("token endpoint: %d %s", p.Status, p.Body)
	}
	return a
}

// redeem exchanges a code of client app.
func (b *browser) redeem(code string, params ...string) tokens {
	b.t.Helper()
	return b.token(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", "http://app.example/cb"}, params...)...)
}

// password is the password grant.
func (b *browser) password(name, password string) tokens {
	b.t.Helper()
	return b.token("grant_type", "password", "username", name, "password", password)
}

// sendJSON sends a JSON body.
func (b *browser) sendJSON(method, target, body string, header ...string) *page {
	b.t.Helper()
	r := httptest.NewRequest(method, b.srv.BaseURL+target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.srv.Handler().ServeHTTP(w, r)
	return &page{b.t, w.Code, w.Header(), w.Body.String(), target}
}

// part is a parameter of the address a page's form posts to.
func (p *page) part(name string) string {
	p.t.Helper()
	action, _ := p.form()
	u, err := url.Parse(action)
	if err != nil {
		p.t.Fatal(err)
	}
	return u.Query().Get(name)
}

func (p *page) key() string { return p.part("session_code") }
func (p *page) tab() string { return p.part("tab_id") }

func decode(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}
