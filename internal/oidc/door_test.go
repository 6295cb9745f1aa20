package oidc_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

// door is a server under test with realm demo; time moves only by advance.
type door struct {
	*servertest.Server
	realms *realm.Service
	store  *store.Store
}

const base = "http://localhost:8080"

func newDoor(t testing.TB, document string) *door {
	t.Helper()
	s := servertest.New(t)
	if _, err := s.Realms.CreateRealm(context.Background(), strings.NewReader(document), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return &door{Server: s, realms: s.Realms, store: s.Store}
}

func (d *door) clock() time.Time { return d.Clock.Now() }

func (d *door) advance(by time.Duration) { d.Clock.Advance(by) }

// answer is a JSON answer with its status.
type answer struct {
	status int
	body   map[string]any
	header http.Header
}

func (a answer) text(name string) string { s, _ := a.body[name].(string); return s }

// post sends a form to an endpoint of realm demo; pairs are name, value, ….
func (d *door) post(endpoint string, pairs ...string) answer {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, base+"/realms/demo/protocol/openid-connect"+endpoint, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "127.0.0.1:50000"
	return d.send(r)
}

func (d *door) send(r *http.Request) answer {
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header()}
	_ = json.Unmarshal(w.Body.Bytes(), &a.body)
	return a
}

const demoRealm = `{"realm":"demo","enabled":true,"eventsEnabled":true,"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
 "clients":[
  {"clientId":"portal","secret":"portal-secret","directAccessGrantsEnabled":true,"redirectUris":["http://localhost:9999/*"],"webOrigins":["+"]},
  {"clientId":"secret-jwt","secret":"0123456789abcdef0123456789abcdef","clientAuthenticatorType":"client-secret-jwt","serviceAccountsEnabled":true},
  {"clientId":"no-refresh","secret":"s","directAccessGrantsEnabled":true,"attributes":{"use.refresh.tokens":"false"}},
  {"clientId":"es","secret":"s","directAccessGrantsEnabled":true,"attributes":{"access.token.signed.response.alg":"ES256","id.token.signed.response.alg":"EdDSA"}}
 ],
 "users":[{"username":"uma","enabled":true,"email":"uma@example.org","firstName":"Uma","lastName":"One","credentials":[{"type":"password","value":"password"}],"realmRoles":["default-roles-demo"]}]}`

func (d *door) login(t testing.TB, client, secret, scope string) answer {
	t.Helper()
	a := d.post("/token", "grant_type", "password", "client_id", client, "client_secret", secret, "username", "uma", "password", "password", "scope", scope)
	if a.status != http.StatusOK {
		t.Fatalf("login at %s: %d %v", client, a.status, a.body)
	}
	return a
}

func BenchmarkRefresh(b *testing.B) {
	for _, bb := range []struct{ name, client, secret, scope string }{
		{"RS256/openid", "portal", "portal-secret", "openid offline_access"},
		{"RS256/plain", "portal", "portal-secret", "offline_access"},
		{"ES256/plain", "es", "s", "offline_access"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			d := newDoor(b, demoRealm)
			rt := d.login(b, bb.client, bb.secret, bb.scope).text("refresh_token")
			b.ReportAllocs()
			for b.Loop() {
				if a := d.post("/token", "grant_type", "refresh_token", "client_id", bb.client, "client_secret", bb.secret, "refresh_token", rt); a.status != http.StatusOK {
					b.Fatal(a.body)
				}
			}
		})
	}
}
