package browser_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// house is a server on loopback with the real clock, and the relying party of
// the test beside it, which keeps what browsers bring to /cb.
type house struct {
	t      *testing.T
	base   string // of the server
	app    string // of the relying party
	calls  chan url.Values
	server *servertest.Server
	pages  *http.ServeMux // of the relying party, for tests to add to
}

// realmDocument: portal asks for consent, notes does not, spa is public. Times
// of password hashes are for tests.
const realmDocument = `{"realm":"harbour","displayName":"Harbour","enabled":true,"rememberMe":true,"eventsEnabled":true,
 "passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1000)",
 "clients":[
  {"clientId":"portal","name":"The Portal","secret":"s3cret","consentRequired":true,"baseUrl":"{{app}}/","redirectUris":["{{app}}/*"],"webOrigins":["+"],"attributes":{"post.logout.redirect.uris":"+","oauth2.device.authorization.grant.enabled":"true"}},
  {"clientId":"notes","name":"Notes","secret":"s3cret","baseUrl":"{{app}}/","redirectUris":["{{app}}/*"],"attributes":{"post.logout.redirect.uris":"+"}},
  {"clientId":"spa","name":"Page","publicClient":true,"baseUrl":"{{app}}/","redirectUris":["{{app}}/*"],"webOrigins":["+"],"attributes":{"pkce.code.challenge.method":"S256","post.logout.redirect.uris":"+"}}
 ],
 "users":[
  {"username":"uma","enabled":true,"email":"uma@example.org","firstName":"Uma","lastName":"One","credentials":[{"type":"password","value":"pw"}],"realmRoles":["default-roles-harbour"]},
  {"username":"new","enabled":true,"email":"new@example.org","firstName":"New","lastName":"Two","requiredActions":["UPDATE_PASSWORD"],"credentials":[{"type":"password","value":"pw","temporary":true}],"realmRoles":["default-roles-harbour"]},
  {"username":"bare","enabled":true,"credentials":[{"type":"password","value":"pw"}],"realmRoles":["default-roles-harbour"]}
 ]}`

// localhost is the address of a server as people type it.
func localhost(s *httptest.Server) string { return strings.Replace(s.URL, "127.0.0.1", "localhost", 1) }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, calls: make(chan url.Values, 16), pages: http.NewServeMux()}
	h.pages.HandleFunc("/cb", h.callback)
	h.pages.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h.pages.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, "home") })
	app := httptest.NewServer(h.pages)
	t.Cleanup(app.Close)
	h.app = localhost(app)

	s := servertest.New(t, servertest.WithConfig(func(c *server.Config) { c.Now = time.Now }))
	if _, err := s.Realms.CreateRealm(t.Context(), strings.NewReader(strings.ReplaceAll(realmDocument, "{{app}}", h.app)), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	h.server = s
	front := httptest.NewServer(s.Handler())
	t.Cleanup(front.Close)
	h.base = localhost(front)
	return h
}

// show is a page of the relying party.
func show(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>%[1]s</title><h1 id="app">%[1]s</h1></html>`, text)
}

// callback keeps the parameters of an answer, from query or body.
func (h *house) callback(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err == nil && len(r.Form) > 0 {
		r.Form.Set("method", r.Method)
		h.calls <- r.Form
	}
	show(w, "arrived")
}

// arrival is what the browser brought to the relying party.
func (h *house) arrival() url.Values {
	h.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-h.calls:
		return v
	case <-timer.C:
		h.t.Fatal("nothing arrived at the relying party")
		return nil
	}
}

// issuer is the realm's.
func (h *house) issuer() string { return h.base + "/realms/harbour" }

func (h *house) endpoint(path string) string { return h.issuer() + "/protocol/openid-connect" + path }

// request is an authorization request under way.
type request struct {
	client, redirect, state, nonce, verifier string
	url                                      string
}

// ask makes an authorization request with PKCE for a code; extra are further
// parameters, in pairs.
func (h *house) ask(client, scope string, extra ...string) *request {
	r := &request{client: client, redirect: h.app + "/cb", state: rand.Text(), nonce: rand.Text(), verifier: rand.Text() + rand.Text()}
	sum := sha256.Sum256([]byte(r.verifier))
	q := url.Values{
		"client_id": {client}, "response_type": {"code"}, "scope": {scope}, "redirect_uri": {r.redirect}, "state": {r.state}, "nonce": {r.nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(extra); i += 2 {
		q.Set(extra[i], extra[i+1])
	}
	r.url = h.endpoint("/auth") + "?" + q.Encode()
	return r
}

// tokens is an answer of the token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Session string `json:"session_state"`
	Error   string `json:"error"`
	Text    string `json:"error_description"`
}

// post sends a form as a relying party does, with the client's secret.
func (h *house) post(client string, pairs ...string) tokens {
	h.t.Helper()
	form := url.Values{"client_id": {client}}
	if client != "spa" {
		form.Set("client_secret", "s3cret")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	resp, err := http.PostForm(h.endpoint("/token"), form)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	var out tokens
	if err != nil || json.Unmarshal(body, &out) != nil {
		h.t.Fatalf("token endpoint: %d, %v", resp.StatusCode, err)
	}
	return out
}

// redeem takes the answer to a request to the token endpoint.
func (h *house) redeem(r *request, answer url.Values) tokens {
	h.t.Helper()
	if answer.Get("state") != r.state || answer.Get("iss") != h.issuer() || answer.Get("code") == "" {
		h.t.Fatalf("answer %v, want state %s, a code and the issuer", keys(answer), r.state)
	}
	return h.post(r.client, "grant_type", "authorization_code", "code", answer.Get("code"), "redirect_uri", r.redirect, "code_verifier", r.verifier)
}

func keys(v url.Values) (out []string) {
	for k, values := range v {
		if k == "code" {
			values = []string{"…"}
		}
		out = append(out, k+"="+strings.Join(values, ","))
	}
	return out
}

// refresh renews tokens.
func (h *house) refresh(client, token string) tokens {
	h.t.Helper()
	return h.post(client, "grant_type", "refresh_token", "refresh_token", token)
}

// works fails the test when an answer holds no access token.
func (h *house) works(what string, a tokens) tokens {
	h.t.Helper()
	if a.Access == "" {
		h.t.Fatalf("%s: %s: %s", what, a.Error, a.Text)
	}
	return a
}

// signIn fills the login page the browser is at.
func (b *tab) signIn(user, password string) {
	b.t.Helper()
	b.fill("#username", user, "#password", password)
	b.press("#kc-login")
}
