package oidc_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/oidc"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// door is the protocol door over a real store, on a clock that only tests
// move, with realm demo.
type door struct {
	handler http.Handler
	realms  *realm.Service
	store   *store.Store
	mu      sync.Mutex
	now     time.Time
}

const base = "http://localhost:8080"

var rsaKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key))
})

func newDoor(t testing.TB, document string) *door {
	t.Helper()
	d := &door{store: storetest.Open(t), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	hasher := credential.NewHasher(2)
	d.realms = &realm.Service{
		Store: d.store, Rand: rand.Reader, Now: d.clock, Hasher: hasher, Log: slog.New(slog.DiscardHandler),
		Signer: token.SignerMode("auto"), PresetRSAKey: rsaKey,
	}
	sessions := &session.Service{Store: d.store, Rand: rand.Reader, Now: d.clock}
	ctx := context.Background()
	for _, err := range []error{d.realms.Load(ctx), d.realms.EnsureMaster(ctx)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.realms.CreateRealm(ctx, strings.NewReader(document), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	b, err := web.NewBaseURL("", "")
	if err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux()
	(&oidc.Endpoints{Realms: d.realms, Sessions: sessions, Store: d.store, Hasher: hasher, Rand: rand.Reader, Now: d.clock, Base: b}).Routes(mux)
	d.handler = web.Chain(mux, web.ChainOptions{Now: d.clock})
	return d
}

func (d *door) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *door) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

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
	d.handler.ServeHTTP(w, r)
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
