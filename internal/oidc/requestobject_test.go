package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// object is a request object of client app for prompt=none, with changes: a
// nil value takes a member away.
func object(changes map[string]any) map[string]any {
	o := map[string]any{
		"client_id": "app", "redirect_uri": callback, "response_type": "code", "scope": "openid", "state": "object", "prompt": "none",
	}
	for name, v := range changes {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	return o
}

// signHS signs a request object with a client's secret, or not at all for "".
func signHS(t *testing.T, claims map[string]any, secret string) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	if secret == "" {
		return enc([]byte(`{"alg":"none"}`)) + "." + enc(payload) + "."
	}
	signed := enc([]byte(`{"alg":"HS256"}`)) + "." + enc(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + enc(mac.Sum(nil))
}

const objectRefused = "page 400 Invalid Request"

// TestRequestObject: each as a Keycloak 26.7.2, but for what says "(ours)".
func TestRequestObject(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	const bad, answered = "page 400 Invalid Request", "?error=login_required&state=object"
	for _, tt := range []struct {
		name    string
		changes map[string]any
		secret  string
		beside  string
		want    string
	}{
		{"signed", nil, "s", "", answered},
		{"not signed", nil, "", "", answered},
		{"another secret", nil, "x", "", bad},
		{"a client that wants it signed", map[string]any{"client_id": "wants-hs"}, "s", "client_id=wants-hs", answered},
		{"a client that wants it signed, not signed", map[string]any{"client_id": "wants-hs"}, "", "client_id=wants-hs", bad},
		{"it wins", nil, "s", "state=beside&scope=x&redirect_uri=http://evil.example/", answered},
		{"what is beside fills in", map[string]any{"state": nil}, "s", "state=beside", "?error=login_required&state=beside"},
		{"another client", map[string]any{"client_id": "other"}, "s", "", bad},
		{"no client in it", map[string]any{"client_id": nil}, "s", "", answered},
		{"no client beside", nil, "s", "-client_id", bad},
		{"no response_type in it", map[string]any{"response_type": nil}, "s", "response_type=code", answered},
		{"no response_type beside", nil, "s", "-response_type", answered},
		{"another response_type", nil, "s", "response_type=none", "?error=invalid_request&error_description=Parameter+response_type+does+not+match&state=object"},
		{"request_uri in it", map[string]any{"request_uri": "x"}, "s", "", bad},
		{"request in it", map[string]any{"request": "x"}, "s", "", answered},
		{"redirect_uri unregistered", map[string]any{"redirect_uri": "http://evil.example/"}, "s", "", "page 400 Invalid parameter: redirect_uri"},
		{"scope unknown", map[string]any{"scope": "x"}, "s", "", "?error=invalid_scope&error_description=Invalid+scopes%3A+x&state=object"},
		{"response_mode", map[string]any{"response_mode": "fragment"}, "s", "response_mode=query", "#error=login_required&state=object"},
		{"max_age a number", map[string]any{"max_age": 5}, "s", "", answered},
		{"max_age a fraction", map[string]any{"max_age": 1.5}, "s", "", bad},
		{"state a number", map[string]any{"state": 5}, "s", "", "?error=login_required&state=5"},
		{"state too long", map[string]any{"state": strings.Repeat("a", 4001)}, "s", "", "?error=login_required"},
		{"claims an object", map[string]any{"claims": map[string]any{"id_token": map[string]any{"email": nil}}}, "s", "", answered},
		{"expired (ours)", map[string]any{"exp": 5}, "s", "", bad},
		{"junk", nil, "s", "request=x", bad},
		{"empty", nil, "s", "request=", bad},
		{"too long", nil, "s", "request=" + strings.Repeat("a", 20_001), bad},
		{"reference too long", nil, "s", "-request&request_uri=" + strings.Repeat("a", 4001), bad},
		{"repeated beside (ours)", nil, "s", "a=1&+a=2", "?error=invalid_request&error_description=duplicated+parameter&state=object"},
		{"one is required", map[string]any{"client_id": "must"}, "s", "client_id=must", answered},
		{"one is required and none there", nil, "", "client_id=must&-request&prompt=none", bad},
		{"only objects, none there", nil, "", "client_id=must-object&-request&prompt=none", bad},
		{"only objects, by reference", nil, "", "client_id=must-object&-request&request_uri=https://app.example/", bad},
		{"only references", map[string]any{"client_id": "must-uri"}, "s", "client_id=must-uri", bad},
		{"not required", nil, "", "client_id=need-not&-request&prompt=none&state=object&redirect_uri=" + callback + "&response_type=code", answered},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changes := []string{"-client_secret", "-redirect_uri", "-scope", "-state", "-nonce", "request=" + signHS(t, object(tt.changes), tt.secret)}
			got := shown(t, d.visitor(t).open(pairs(append(changes, strings.Split(tt.beside, "&")...)...)...))
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A client's keys sign request objects, and no one else's.
func TestRequestObject_SignedWithKeys(t *testing.T) {
	t.Parallel()
	mine, other := newECKey(t), newECKey(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &mine.PublicKey, KeyID: "k", Use: "sig", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := json.Marshal(map[string]string{"use.jwks.string": "true", "jwks.string": string(set), "request.object.signature.alg": "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t, strings.Replace(pushRealm, `"clientId":"app",`, `"clientId":"app","attributes":`+string(attributes)+`,`, 1))
	payload, err := json.Marshal(object(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, request, want string }{
		{"its own key", signES(t, mine, payload), "?error=login_required&state=object"},
		{"another key", signES(t, other, payload), objectRefused},
		{"its secret", signHS(t, object(nil), "s"), objectRefused},
		{"nothing", signHS(t, object(nil), ""), objectRefused},
	} {
		if got := shown(t, d.visitor(t).open("client_id", "app", "request", tt.request)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signES(t *testing.T, key *ecdsa.PrivateKey, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// TestRequestObject_Pushed: what is pushed as an object counts alone.
func TestRequestObject_Pushed(t *testing.T) {
	t.Parallel()
	d := newDoor(t, pushRealm)
	const invalid = "400 invalid_request_object invalidRequestMessage"
	for _, tt := range []struct {
		name    string
		changes map[string]any
		secret  string
		beside  string
		want    string // of the push, or of the use of a good one
	}{
		{"signed", nil, "s", "", "?error=login_required&state=object"},
		{"not signed", nil, "", "", "?error=login_required&state=object"},
		{"alone", nil, "s", "-redirect_uri&-response_type&-scope&-state&-nonce", "?error=login_required&state=object"},
		{"what is beside does not fill in", map[string]any{"state": nil}, "s", "state=beside", "?error=login_required"},
		{"another response_type beside", nil, "s", "response_type=token", "?error=login_required&state=object"},
		{"no response_type in it", map[string]any{"response_type": nil}, "s", "", "400 invalid_request Missing parameter: response_type"},
		{"another client", map[string]any{"client_id": "other"}, "s", "", invalid},
		{"another secret", nil, "x", "", invalid},
		{"junk", nil, "", "request=x", invalid},
		{"empty", nil, "", "request=", invalid},
		{"too long", nil, "", "request=" + strings.Repeat("a", 20_001), invalid},
		{"reference too long", nil, "", "request_uri=" + strings.Repeat("a", 4001), "400 invalid_request It is not allowed to include request_uri to PAR."},
		{"max_age no number", map[string]any{"max_age": "x"}, "s", "", invalid},
		{"request_uri in it", map[string]any{"request_uri": "x"}, "s", "", invalid},
		{"scope unknown", map[string]any{"scope": "x"}, "s", "", "400 invalid_request Invalid scopes: x"},
		{"redirect_uri unregistered", map[string]any{"redirect_uri": "http://evil.example/"}, "s", "", "400 invalid_request Invalid parameter: redirect_uri"},
		{"of a client that must (ours)", map[string]any{"client_id": "must-object"}, "s", "client_id=must-object", "?error=login_required&state=object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			form := pairs(append([]string{"request=" + signHS(t, object(tt.changes), tt.secret)}, strings.Split(tt.beside, "&")...)...)
			a := d.post("/ext/par/request", form...)
			got := a.line()
			if a.status == 201 {
				client := form[slices.Index(form, "client_id")+1]
				got = shown(t, d.visitor(t).open("client_id", client, "request_uri", a.text("request_uri")))
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
