package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// shopRealm is a realm with a confidential and a public client, a service
// account and the user alice; its hashes are cheap.
const shopRealm = `{"realm":"shop","enabled":true,"sslRequired":"none",%s
"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
"clients":[
 {"clientId":"portal","secret":"s3cret","publicClient":false,"directAccessGrantsEnabled":true,"serviceAccountsEnabled":true},
 {"clientId":"spa","publicClient":true,"directAccessGrantsEnabled":true,"webOrigins":["http://spa.example"]},
 {"clientId":"jwt-client","publicClient":false,"clientAuthenticatorType":"client-secret-jwt","secret":"s3cret","serviceAccountsEnabled":true}],
"users":[{"username":"alice","enabled":true,"email":"alice@example.org","firstName":"A","lastName":"L",
 "credentials":[{"type":"password","value":"pw","temporary":false}],"realmRoles":["default-roles-shop"]}]}`

const protocolPath = "/realms/shop/protocol/openid-connect"

// newShop is a server with realm shop; settings are realm members that end in
// a comma, or "".
func newShop(t *testing.T, settings string, opts ...servertest.Option) *servertest.Server {
	t.Helper()
	s := servertest.New(t, opts...)
	doc := strings.Replace(shopRealm, "%s", settings, 1)
	if _, err := s.Realms.CreateRealm(t.Context(), strings.NewReader(doc), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// send runs a request in-process, as it comes from a connection.
func send(s *servertest.Server, method, target, contentType, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, s.BaseURL+target, strings.NewReader(body))
	r.RequestURI, r.URL.Scheme, r.URL.Host, r.RemoteAddr = r.URL.RequestURI(), "", "", "127.0.0.1:50000"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

const formType = "application/x-www-form-urlencoded"

// tokens is a token answer, or the error of one.
type tokens struct {
	Status      int    `json:"-"`
	Access      string `json:"access_token"`
	Refresh     string `json:"refresh_token"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// ask posts name, value, … to the token endpoint as client portal.
func ask(t *testing.T, s *servertest.Server, params ...string) tokens {
	t.Helper()
	form := url.Values{"client_id": {"portal"}, "client_secret": {"s3cret"}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	w := send(s, http.MethodPost, protocolPath+"/token", formType, form.Encode())
	a := tokens{Status: w.Code}
	if err := json.NewDecoder(w.Body).Decode(&a); err != nil && err != io.EOF {
		t.Errorf("token endpoint: status %d: %v", w.Code, err)
	}
	return a
}

// login gives alice's tokens with offline access.
func login(t *testing.T, s *servertest.Server) tokens {
	t.Helper()
	a := ask(t, s, "grant_type", "password", "username", "alice", "password", "pw", "scope", "openid offline_access")
	if a.Status != http.StatusOK {
		t.Fatalf("login: %d %s %s", a.Status, a.Error, a.Description)
	}
	return a
}

func refresh(t *testing.T, s *servertest.Server, token string) tokens {
	t.Helper()
	return ask(t, s, "grant_type", "refresh_token", "refresh_token", token)
}
