package server_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

// livingRealm has the devices tv and box, which poll every 5 and 2 seconds, and
// web, an application in a browser.
const livingRealm = `{"realm":"living","enabled":true,"sslRequired":"none","eventsEnabled":true,
"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
"clients":[
 {"clientId":"tv","publicClient":true,"webOrigins":["http://tv.example"],"attributes":{"oauth2.device.authorization.grant.enabled":"true"}},
 {"clientId":"box","secret":"s3cret","publicClient":false,"attributes":{"oauth2.device.authorization.grant.enabled":"true",
  "oauth2.device.code.lifespan":"60","oauth2.device.polling.interval":"2"}},
 {"clientId":"careful","publicClient":true,"attributes":{"oauth2.device.authorization.grant.enabled":"true","pkce.code.challenge.method":"S256"}},
 {"clientId":"bearer","publicClient":true,"bearerOnly":true,"attributes":{"oauth2.device.authorization.grant.enabled":"true"}},
 {"clientId":"web","publicClient":true,"redirectUris":["http://web.example/cb"]}],
"users":[{"username":"alice","enabled":true,"email":"alice@example.org","firstName":"A","lastName":"L",
 "credentials":[{"type":"password","value":"pw"}],"realmRoles":["default-roles-living"]}]}`

const livingPath = "/realms/living"

func newLiving(t *testing.T, opts ...servertest.Option) *servertest.Server {
	t.Helper()
	s := servertest.New(t, opts...)
	if _, err := s.Realms.CreateRealm(t.Context(), strings.NewReader(livingRealm), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// newLivingNodes are two nodes on one store.
func newLivingNodes(t *testing.T) (a, b *servertest.Server) {
	t.Helper()
	a = newLiving(t)
	b = servertest.Beside(t, a)
	return a, b
}

// deviceCodes is a device authorization answer.
type deviceCodes struct {
	Status      int    `json:"-"`
	DeviceCode  string `json:"device_code"`
	UserCode    string `json:"user_code"`
	URI         string `json:"verification_uri"`
	Complete    string `json:"verification_uri_complete"`
	ExpiresIn   int64  `json:"expires_in"`
	Interval    int64  `json:"interval"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// authorizeDevice asks for device codes with name, value, …
func authorizeDevice(t *testing.T, s *servertest.Server, params ...string) deviceCodes {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Add(params[i], params[i+1])
	}
	w := send(s, http.MethodPost, livingPath+"/protocol/openid-connect/auth/device", formType, form.Encode())
	a := deviceCodes{Status: w.Code}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("device authorization: %d %s", w.Code, w.Body)
	}
	return a
}

// newTV is a device authorization of client tv that went well.
func newTV(t *testing.T, s *servertest.Server, scope string) deviceCodes {
	t.Helper()
	d := authorizeDevice(t, s, "client_id", "tv", "scope", scope)
	if d.Status != http.StatusOK {
		t.Fatalf("device authorization: %+v", d)
	}
	return d
}

// deviceTokens is a token answer to a device, or the error of one.
type deviceTokens struct {
	tokens
	ID      string `json:"id_token"`
	Scope   string `json:"scope"`
	Session string `json:"session_state"`
}

// pollAs polls for a client with name, value, … on top.
func pollAs(t *testing.T, s *servertest.Server, client, deviceCode string, params ...string) deviceTokens {
	t.Helper()
	form := url.Values{"client_id": {client}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {deviceCode}}
	if client == "box" {
		form.Set("client_secret", "s3cret")
	}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	w := send(s, http.MethodPost, livingPath+"/protocol/openid-connect/token", formType, form.Encode())
	a := deviceTokens{}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Errorf("poll: %d %s", w.Code, w.Body)
	}
	a.Status = w.Code
	return a
}

func poll(t *testing.T, s *servertest.Server, d deviceCodes) deviceTokens {
	t.Helper()
	return pollAs(t, s, "tv", d.DeviceCode)
}

// wantPoll compares a poll's answer: "" is tokens.
func wantPoll(t *testing.T, when string, a deviceTokens, code string) {
	t.Helper()
	if a.Error != code || (a.Status == http.StatusOK) != (code == "") {
		t.Errorf("%s: %d %s %q, want %q", when, a.Status, a.Error, a.Description, code)
	}
}

// claimsOf reads a JWT's claims.
func claimsOf(t *testing.T, jwt string) map[string]any {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", jwt)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// viewer is a person's browser: cookies, and the page it shows.
type viewer struct {
	t       *testing.T
	s       *servertest.Server
	cookies map[string]string

	status   int
	header   http.Header
	page     string
	at       string   // path and query of the page
	visited  []string // pages that had a form: login, consent, code
	location string   // where the last answer leads that is not on this server
}

func newViewer(t *testing.T, s *servertest.Server) *viewer {
	return &viewer{t: t, s: s, cookies: map[string]string{}}
}

// open goes to an address, and on where it redirects.
func (v *viewer) open(target string) *viewer { return v.request(http.MethodGet, target, "") }

func (v *viewer) request(method, target, body string) *viewer {
	v.t.Helper()
	for range 10 {
		v.at = strings.TrimPrefix(target, v.s.BaseURL)
		header := []string{"Accept", "text/html"}
		for name, value := range v.cookies {
			header = append(header, "Cookie", name+"="+value)
		}
		v.step(method, body, header)
		to := v.header.Get("Location")
		if to == "" {
			return v
		}
		if !strings.HasPrefix(to, v.s.BaseURL) {
			v.location = to
			return v
		}
		method, target, body = http.MethodGet, to, ""
	}
	v.t.Fatalf("%s redirects for ever", target)
	return v
}

func (v *viewer) step(method, body string, header []string) {
	kind, cookies := "", ""
	if method == http.MethodPost {
		kind = formType
	}
	for i := 2; i+1 < len(header); i += 2 {
		cookies += header[i+1] + "; "
	}
	w := send(v.s, method, v.at, kind, body, "Accept", "text/html", "Cookie", cookies)
	v.status, v.header, v.page = w.Code, w.Header(), w.Body.String()
	for _, c := range w.Result().Cookies() {
		if v.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(v.cookies, c.Name)
		}
	}
}

var (
	pageAction = regexp.MustCompile(`<form [^>]*action="([^"]*)"`)
	pageKind   = regexp.MustCompile(`name="(password|accept|device_user_code)"`)
)

// form is where the page's form posts to; it must have one.
func (v *viewer) form() string {
	v.t.Helper()
	m := pageAction.FindStringSubmatch(v.page)
	if m == nil {
		v.t.Fatalf("no form on %s (%d): %s", v.at, v.status, v.page)
	}
	return html.UnescapeString(m[1])
}

// kind names the page: password, accept (consent), device_user_code; "" for one
// without a form.
func (v *viewer) kind() string {
	if m := pageKind.FindStringSubmatch(v.page); m != nil {
		return m[1]
	}
	return ""
}

// press posts the page's form with name, value, …
func (v *viewer) press(params ...string) *viewer {
	v.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	return v.request(http.MethodPost, v.form(), form.Encode())
}

// answer goes through the pages to the end: password and consent, or, with
// submit cancel, refusal.
func (v *viewer) answer(submit string) *viewer {
	v.t.Helper()
	for range 5 {
		kind := v.kind()
		switch kind {
		case "password":
			v.press("username", "alice", "password", "pw")
		case "accept":
			v.press(submit, "")
		default:
			return v
		}
		v.visited = append(v.visited, kind)
	}
	v.t.Fatal("the login does not end")
	return v
}

// shows checks the page the viewer is at.
func (v *viewer) shows(when string, status int, text string) {
	v.t.Helper()
	if v.status != status || !strings.Contains(v.page, text) {
		v.t.Errorf("%s: %d %s, want %d and %q", when, v.status, v.page, status, text)
	}
}

// Texts of the pages.
const (
	textDone    = "Device login successful"
	textDenied  = "Consent denied for connecting the device."
	textExpired = "The code has expired."
	textInvalid = "Invalid code, please try again."
)

// changeClient changes a client of the realm at every node.
func changeClient(t *testing.T, s *servertest.Server, clientID string, change func(c *model.Client)) {
	t.Helper()
	err := s.Realms.Change(t.Context(), "living", nil, func(cfg *model.Config) (*store.ConfigChange, error) {
		c := *cfg.Client(clientID)
		change(&c)
		return &store.ConfigChange{PutClients: []*model.Client{&c}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
