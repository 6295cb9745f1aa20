package adapter_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/adapter"
)

// epoch is where the clocks of tests without a server start.
var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// manualClock moves only when told.
type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const forgeIssuer = "https://id.example/realms/shop"

var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { k, _ := rsa.GenerateKey(rand.Reader, 2048); return k })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return k })
)

// forge is an issuer without a network, whose answers a test decides.
type forge struct {
	clock *manualClock
	mux   *http.ServeMux
	// down, if set, answers in the place of every endpoint.
	down      atomic.Pointer[http.HandlerFunc]
	keysAsked atomic.Int64
	keyIDs    atomic.Pointer[[]string] // the RSA key's names
}

func newForge() *forge {
	f := &forge{clock: &manualClock{now: epoch}, mux: http.NewServeMux()}
	f.keyIDs.Store(&[]string{"rsa"})
	f.mux.HandleFunc("/realms/shop/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		doc := map[string]any{"issuer": forgeIssuer, "authorization_response_iss_parameter_supported": true}
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "introspection_endpoint", "userinfo_endpoint", "end_session_endpoint", "revocation_endpoint", "jwks_uri"} {
			doc[name] = forgeIssuer + "/" + name
		}
		writeJSON(w, 200, doc)
	})
	f.mux.HandleFunc("/realms/shop/jwks_uri", func(w http.ResponseWriter, _ *http.Request) {
		f.keysAsked.Add(1)
		keys := []any{
			jose.JSONWebKey{Key: &ecKey().PublicKey, KeyID: "ec", Algorithm: "ES256", Use: "sig"},
			jose.JSONWebKey{Key: &otherKey().PublicKey, KeyID: "rsa", Algorithm: "RSA-OAEP", Use: "enc"}, // a name is not unique
			map[string]any{"kty": "of another world", "kid": "x"},
		}
		for _, id := range *f.keyIDs.Load() {
			keys = append(keys, jose.JSONWebKey{Key: &rsaKey().PublicKey, KeyID: id, Algorithm: "RS256", Use: "sig"})
		}
		writeJSON(w, 200, map[string]any{"keys": keys})
	})
	return f
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// RoundTrip answers without a network.
func (f *forge) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if down := f.down.Load(); down != nil {
		(*down)(w, r)
	} else {
		f.mux.ServeHTTP(w, r)
	}
	return w.Result(), nil
}

func (f *forge) answer(h http.HandlerFunc) { f.down.Store(&h) }
func (f *forge) recover()                  { f.down.Store(nil) }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (f *forge) provider(t testing.TB) *adapter.Provider { t.Helper(); return f.providerOver(t, f) }

func (f *forge) providerOver(t testing.TB, wire http.RoundTripper) *adapter.Provider {
	t.Helper()
	p, err := adapter.NewProvider(adapter.Config{Issuer: forgeIssuer, ClientID: "shop", ClientSecret: "s3cret", HTTPClient: &http.Client{Transport: wire}, Clock: f.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *forge) verifier(t testing.TB) *adapter.Verifier {
	t.Helper()
	v, err := adapter.NewVerifier(f.provider(t), adapter.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type claims = map[string]any

// access are the claims of a good access token, with changes; nil removes.
func access(changes claims) claims {
	c := claims{
		"iss": forgeIssuer, "sub": "user-1", "aud": "shop", "azp": "portal", "typ": "Bearer", "jti": "token-1", "sid": "session-1",
		"iat": epoch.Unix(), "exp": epoch.Add(5 * time.Minute).Unix(), "scope": "openid email", "preferred_username": "uma",
		"realm_access":    claims{"roles": []string{"member"}},
		"resource_access": claims{"shop": claims{"roles": []string{"clerk"}}},
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// rs256 signs header and payload, which are JSON or values of it.
func rs256(key *rsa.PrivateKey, header, payload any) string {
	input := b64([]byte(text(header))) + "." + b64([]byte(text(payload)))
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + b64(signature)
}

func es256(header, payload any) string {
	input := b64([]byte(text(header))) + "." + b64([]byte(text(payload)))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, ecKey(), sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func hs256(key []byte, header, payload any) string {
	input := b64([]byte(text(header))) + "." + b64([]byte(text(payload)))
	mac := hmac.New(sha256.New, key)
	fmt.Fprint(mac, input)
	return input + "." + b64(mac.Sum(nil))
}

// publicDER is the issuer's public key as bytes, which a confused verifier would
// take for a secret.
func publicDER() []byte {
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		panic(err)
	}
	return der
}

// sign is a token of the issuer.
func sign(payload any) string { return rs256(rsaKey(), claims{"alg": "RS256", "kid": "rsa"}, payload) }
