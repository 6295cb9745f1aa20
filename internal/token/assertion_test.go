package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const assertionSecret = "0123456789abcdef0123456789abcdef"

// assertion signs as a client would; change overrides claims, nil removes one.
func assertion(t testing.TB, client *Keyring, alg string, change map[string]any) string {
	t.Helper()
	now := testNow.Unix()
	claims := map[string]any{"iss": "app", "sub": "app", "aud": "https://op", "jti": "id", "exp": now + 30, "iat": now}
	for k, v := range change {
		if claims[k] = v; v == nil {
			delete(claims, k)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := client.Sign(alg, payload)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func secretAssertion(t testing.TB, alg, secret string) string {
	t.Helper()
	payload := fmt.Sprintf(`{"iss":"app","sub":"app","jti":"id","exp":%d}`, testNow.Unix()+30)
	return forge(t, fmt.Sprintf(`{"alg":%q}`, alg), payload, macPool(algorithms[alg].hash, []byte(secret)))
}

func TestVerifyAssertion_Keys(t *testing.T) {
	t.Parallel()
	client := goldenRing(t, SignerGo)
	jwks := string(client.JWKS())
	cert := first(component(t, "rsa-generated"), "certificate")
	other := first(component(t, "rsa-enc-generated"), "certificate")
	ecPublic := first(component(t, "ec256"), "ecdsaPublicKey")
	pemCert := "-----BEGIN CERTIFICATE-----\n" + cert + "\n-----END CERTIFICATE-----\n"
	none := forge(t, `{"alg":"none"}`, `{"iss":"app"}`, nil)
	noKID := forge(t, `{"alg":"ES256"}`, fmt.Sprintf(`{"iss":"app","jti":"id","exp":%d}`, testNow.Unix()), client.active["ES256"].sign)
	const badAlg, noKey, badSig = "Invalid signature algorithm", "Unable to load public key",
		"Client authentication with signed JWT failed: Signature on JWT token failed validation"
	for _, tt := range []struct {
		name      string
		assertion string
		keys      AssertionKeys
		want      string // description, "" for good
	}{
		{"RS256 by key set", assertion(t, client, "RS256", nil), AssertionKeys{JWKS: jwks}, ""},
		{"ES512 by key set", assertion(t, client, "ES512", nil), AssertionKeys{JWKS: jwks}, ""},
		{"EdDSA by key set", assertion(t, client, "EdDSA", nil), AssertionKeys{JWKS: jwks}, ""},
		{"PS256 by key set", assertion(t, client, "PS256", nil), AssertionKeys{JWKS: jwks}, ""},
		{"no kid", noKID, AssertionKeys{JWKS: jwks}, ""},
		{"unknown kinds beside it", assertion(t, client, "ES256", nil), AssertionKeys{JWKS: strings.Replace(jwks, "[", `[{"kty":"odd"},{"kty":"oct","k":"AAAA"},`, 1)}, ""},
		{"certificate", assertion(t, client, "RS256", nil), AssertionKeys{Certificate: cert}, ""},
		{"PEM certificate", assertion(t, client, "RS256", nil), AssertionKeys{Certificate: pemCert}, ""},
		{"public key", assertion(t, client, "ES256", nil), AssertionKeys{Certificate: ecPublic}, ""},
		{"pinned algorithm", assertion(t, client, "RS256", nil), AssertionKeys{Certificate: cert, Alg: "RS256"}, ""},
		{"secret HS256", secretAssertion(t, "HS256", assertionSecret), AssertionKeys{Secret: assertionSecret}, ""},
		{"secret HS512", secretAssertion(t, "HS512", assertionSecret), AssertionKeys{Secret: assertionSecret}, ""},
		{"another pinned algorithm", assertion(t, client, "RS256", nil), AssertionKeys{Certificate: cert, Alg: "PS256"}, badAlg},
		{"pinned algorithm of the wrong family", assertion(t, client, "RS256", nil), AssertionKeys{Secret: assertionSecret, Alg: "RS256"}, badAlg},
		{"another certificate", assertion(t, client, "RS256", nil), AssertionKeys{Certificate: other}, badSig},
		{"encryption key only", assertion(t, client, "RS256", nil), AssertionKeys{JWKS: strings.ReplaceAll(jwks, `"sig"`, `"enc"`)}, noKey},
		{"no such kid", assertion(t, client, "RS256", nil), AssertionKeys{JWKS: `{"keys":[]}`}, noKey},
		{"key set no JSON", assertion(t, client, "RS256", nil), AssertionKeys{JWKS: `junk`}, noKey},
		{"no keys at all", assertion(t, client, "RS256", nil), AssertionKeys{}, noKey},
		{"alg none", none, AssertionKeys{JWKS: jwks}, badAlg},
		{"alg none for a secret", none, AssertionKeys{Secret: assertionSecret}, badAlg},
		{"HMAC with the certificate", secretAssertion(t, "HS256", cert), AssertionKeys{Certificate: cert}, badAlg},
		{"HMAC with a symmetric key of the set", secretAssertion(t, "HS256", "secret"), AssertionKeys{JWKS: `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`}, badAlg},
		{"RSA for a secret", assertion(t, client, "RS256", nil), AssertionKeys{Secret: assertionSecret}, badAlg},
		{"wrong secret", secretAssertion(t, "HS256", "x"), AssertionKeys{Secret: assertionSecret},
			"Client authentication with client secret signed JWT failed: Signature on JWT token by client secret  failed validation"},
		{"junk", "abc", AssertionKeys{Certificate: cert}, "Client authentication with signed JWT failed: Parsing error"},
		{"too long", strings.Repeat("a", maxTokenLength+1), AssertionKeys{Certificate: cert}, "Client authentication with signed JWT failed: Parsing error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := VerifyAssertion(tt.assertion, tt.keys, testNow)
			checkAssertion(t, c, err, tt.want)
		})
	}
}

func checkAssertion(t testing.TB, c *AssertionClaims, err error, want string) {
	t.Helper()
	var refused *AssertionError
	switch {
	case want == "" && (err != nil || c.Iss != "app" || c.JTI != "id"):
		t.Errorf("VerifyAssertion = %+v, %v", c, err)
	case want != "" && (!errors.As(err, &refused) || refused.Description != want || c != nil):
		t.Errorf("VerifyAssertion = %v, want %s", err, want)
	}
}

func TestVerifyAssertion_Times(t *testing.T) {
	t.Parallel()
	client := goldenRing(t, SignerGo)
	now := testNow.Unix()
	const inactive = "Token is not active"
	for _, tt := range []struct {
		name   string
		change map[string]any
		want   string
	}{
		{"exp now", map[string]any{"exp": now}, ""},
		{"exp a second ago", map[string]any{"exp": now - 1}, inactive},
		{"no exp", map[string]any{"exp": nil}, "Token exp claim is required"},
		{"no jti", map[string]any{"jti": nil}, "Token jti claim is required"},
		{"no iat, a minute", map[string]any{"iat": nil, "exp": now + 60}, ""},
		{"no iat, longer", map[string]any{"iat": nil, "exp": now + 61}, "Token expiration is too far in the future and iat claim not present in token"},
		{"iat within the skew", map[string]any{"iat": now + 15}, ""},
		{"iat beyond the skew", map[string]any{"iat": now + 16}, "Token was issued in the future"},
		{"iat a minute ago", map[string]any{"iat": now - 60, "exp": now + 3600}, ""},
		{"iat longer ago", map[string]any{"iat": now - 61}, "Token was issued too far in the past to be used now"},
		{"nbf within the skew", map[string]any{"nbf": now + 15}, ""},
		{"nbf beyond the skew", map[string]any{"nbf": now + 16}, inactive},
		{"iss no string", map[string]any{"iss": 5}, "Client authentication with signed JWT failed: Parsing error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := VerifyAssertion(assertion(t, client, "ES256", tt.change), AssertionKeys{JWKS: string(client.JWKS())}, testNow)
			checkAssertion(t, c, err, tt.want)
		})
	}
}

func TestVerifyAssertion_ReturnsItsClaims(t *testing.T) {
	t.Parallel()
	client := goldenRing(t, SignerGo)
	now := testNow.Unix()
	tok := assertion(t, client, "ES256", map[string]any{"aud": []string{"a", "b"}, "nbf": now})
	got, err := VerifyAssertion(tok, AssertionKeys{JWKS: string(client.JWKS())}, testNow.Add(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	want := &AssertionClaims{Iss: "app", Sub: "app", JTI: "id", Aud: []string{"a", "b"}, Exp: now + 30, Nbf: now, Iat: now}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if iss, sub, err := AssertionSubject(tok); iss != "app" || sub != "app" || err != nil {
		t.Errorf("AssertionSubject = %q, %q, %v", iss, sub, err)
	}
	if _, _, err := AssertionSubject("a.b.c"); err == nil {
		t.Error("AssertionSubject took junk")
	}
}
