package adapter_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-id/latchkey/adapter"
)

// TestVerify_HostileTokens: what is no good access token is refused, and why is
// told.
func TestVerify_HostileTokens(t *testing.T) {
	t.Parallel()
	f := newForge()
	v := f.verifier(t)
	for _, raw := range []string{sign(access(nil)), es256(claims{"alg": "ES256", "kid": "ec"}, access(nil))} {
		if _, err := v.Verify(t.Context(), raw); err != nil { // so that the headers are known below
			t.Fatal(err)
		}
	}
	good := claims{"alg": "RS256", "kid": "rsa"}
	with := func(name string, value any) claims { return claims{"alg": "RS256", "kid": "rsa", name: value} }
	logoutToken := access(claims{"typ": "Logout", "events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}}})
	whole := sign(access(nil))
	parts := strings.Split(whole, ".")
	for _, tt := range []struct {
		name, raw string
		want      adapter.Reason
	}{
		{"a good one", whole, ""},
		{"a good one, ES256", es256(claims{"alg": "ES256", "kid": "ec"}, access(nil)), ""},
		{"a good one of two audiences", sign(access(claims{"aud": []string{"other", "shop"}})), ""},
		{"nothing", "", adapter.ReasonMissing},
		{"alg none", b64([]byte(`{"alg":"none","kid":"rsa"}`)) + "." + parts[1] + ".", adapter.ReasonAlgorithm},
		{"alg None with a signature", rs256(rsaKey(), claims{"alg": "None", "kid": "rsa"}, access(nil)), adapter.ReasonAlgorithm},
		{"HS256 with the public key", hs256(publicDER(), claims{"alg": "HS256", "kid": "rsa"}, access(nil)), adapter.ReasonAlgorithm},
		{"another algorithm than the key's", rs256(rsaKey(), claims{"alg": "PS256", "kid": "rsa"}, access(nil)), adapter.ReasonKey},
		{"an elliptic key's name", rs256(rsaKey(), claims{"alg": "RS256", "kid": "ec"}, access(nil)), adapter.ReasonKey},
		{"no algorithm", rs256(rsaKey(), claims{"kid": "rsa"}, access(nil)), adapter.ReasonAlgorithm},
		{"another key under the name", rs256(otherKey(), good, access(nil)), adapter.ReasonSignature},
		{"a key nobody knows", rs256(otherKey(), claims{"alg": "RS256", "kid": "mine"}, access(nil)), adapter.ReasonKey},
		{"no key's name", rs256(rsaKey(), claims{"alg": "RS256"}, access(nil)), adapter.ReasonKey},
		{"its own key in jwk", rs256(otherKey(), with("jwk", jose.JSONWebKey{Key: &otherKey().PublicKey}), access(nil)), adapter.ReasonSignature},
		{"its own key behind jku", rs256(otherKey(), with("jku", "https://evil.example/keys"), access(nil)), adapter.ReasonSignature},
		{"an unknown critical header", rs256(rsaKey(), claims{"alg": "RS256", "kid": "rsa", "crit": []string{"exp"}, "exp": 1}, access(nil)), adapter.ReasonHeader},
		{"a payload that is not base64", rs256(rsaKey(), claims{"alg": "RS256", "kid": "rsa", "crit": []string{"b64"}, "b64": false}, access(nil)), adapter.ReasonHeader},
		{"b64 without crit", rs256(rsaKey(), with("b64", false), access(nil)), adapter.ReasonHeader},
		{"another JWT inside", rs256(rsaKey(), with("cty", "JWT"), whole), adapter.ReasonMalformed},
		{"a short signature", parts[0] + "." + parts[1] + ".AAAA", adapter.ReasonSignature},
		{"a signature of zeros, ES256", strings.Join(strings.Split(es256(claims{"alg": "ES256", "kid": "ec"}, access(nil)), ".")[:2], ".") + "." + b64(make([]byte, 64)), adapter.ReasonSignature},
		{"a known header with another key's signature", rs256(otherKey(), good, access(nil)), adapter.ReasonSignature},
		{"a known header and an algorithm nobody accepts", hs256(publicDER(), claims{"alg": "HS256", "kid": "rsa"}, access(nil)), adapter.ReasonAlgorithm},
		{"an empty signature", parts[0] + "." + parts[1] + ".", adapter.ReasonSignature},
		{"a changed claim", parts[0] + "." + b64([]byte(text(access(claims{"sub": "admin"})))) + "." + parts[2], adapter.ReasonSignature},
		{"two parts", parts[0] + "." + parts[1], adapter.ReasonMalformed},
		{"no dots", strings.ReplaceAll(whole, ".", ""), adapter.ReasonMalformed},
		{"four parts", whole + ".x", adapter.ReasonMalformed},
		{"padded base64", parts[0] + "=." + parts[1] + "." + parts[2], adapter.ReasonMalformed},
		{"a line's end", whole + "\n.", adapter.ReasonMalformed},
		{"no JWT", "ey", adapter.ReasonMalformed},
		{"not UTF-8", "\xff\xfe.\xff.\xff", adapter.ReasonMalformed},
		{"JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, adapter.ReasonMalformed},
		{"too long", sign(access(claims{"x": strings.Repeat("x", 20_000)})), adapter.ReasonTooLong},
		{"a claim twice", sign(`{"iss":"` + forgeIssuer + `","iss":"` + forgeIssuer + `","sub":"u","aud":"shop","typ":"Bearer","iat":1,"exp":99999999999}`), adapter.ReasonClaims},
		{"a header twice", rs256(rsaKey(), `{"alg":"RS256","kid":"rsa","kid":"rsa"}`, access(nil)), adapter.ReasonMalformed},
		{"an end that is a text", sign(access(claims{"exp": "9999999999"})), adapter.ReasonClaims},
		{"no end", sign(access(claims{"exp": nil})), adapter.ReasonClaims},
		{"no beginning", sign(access(claims{"iat": nil})), adapter.ReasonClaims},
		{"an audience that is a number", sign(access(claims{"aud": 1})), adapter.ReasonClaims},
		{"claims that are a list", sign("[1]"), adapter.ReasonClaims},
		{"another issuer", sign(access(claims{"iss": "https://evil.example/realms/shop"})), adapter.ReasonIssuer},
		{"a slash behind the issuer", sign(access(claims{"iss": forgeIssuer + "/"})), adapter.ReasonIssuer},
		{"another audience", sign(access(claims{"aud": "account"})), adapter.ReasonAudience},
		{"no audience", sign(access(claims{"aud": nil})), adapter.ReasonAudience},
		{"no subject", sign(access(claims{"sub": nil})), adapter.ReasonSubject},
		{"expired", sign(access(claims{"exp": epoch.Add(-10 * time.Second).Unix()})), adapter.ReasonExpired},
		{"expired within the leeway", sign(access(claims{"exp": epoch.Add(-9 * time.Second).Unix()})), ""},
		{"issued in the future", sign(access(claims{"iat": epoch.Add(11 * time.Second).Unix()})), adapter.ReasonNotYet},
		{"not valid yet", sign(access(claims{"nbf": epoch.Add(11 * time.Second).Unix()})), adapter.ReasonNotYet},
		{"an end beyond all years", sign(access(claims{"exp": 1e300})), ""},
		{"an ID token", sign(access(claims{"typ": "ID"})), adapter.ReasonType},
		{"a refresh token", sign(access(claims{"typ": "Refresh"})), adapter.ReasonType},
		{"an offline token", sign(access(claims{"typ": "Offline"})), adapter.ReasonType},
		{"a logout token", sign(logoutToken), adapter.ReasonType},
		{"a token bound to a DPoP key", sign(access(claims{"typ": "DPoP"})), adapter.ReasonType},
		{"no type", sign(access(claims{"typ": nil})), adapter.ReasonType},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			token, err := v.Verify(t.Context(), tt.raw)
			if got := reason(t, err); got != tt.want {
				t.Errorf("Verify = %v, want %q", err, tt.want)
			}
			if (token == nil) != (err != nil) {
				t.Errorf("Verify = %v and %v, want one of them", token, err)
			}
			if err != nil && len(tt.raw) > 30 && strings.Contains(err.Error(), tt.raw[:30]) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}
}

// TestVerify_NewKey: a key the issuer took into use is found; made-up names ask
// the issuer once in ten seconds, and an issuer that is away hurts nobody whose
// key is known.
func TestVerify_NewKey(t *testing.T) {
	t.Parallel()
	f := newForge()
	v := f.verifier(t)
	verify := func(kid string) error {
		_, err := v.Verify(t.Context(), rs256(rsaKey(), claims{"alg": "RS256", "kid": kid}, access(claims{"exp": epoch.Add(9 * time.Hour).Unix()})))
		return err
	}
	if err := verify("rsa"); err != nil {
		t.Fatal(err)
	}
	f.keyIDs.Store(&[]string{"rsa", "next"})
	for range 5 {
		if got := reason(t, verify("next")); got != adapter.ReasonKey {
			t.Errorf("within ten seconds of the last fetch: %q, want that the key is not known", got)
		}
	}
	f.clock.Advance(10 * time.Second)
	if err := verify("next"); err != nil {
		t.Errorf("ten seconds later: %v", err)
	}
	for range 50 {
		_ = verify("made up")
	}
	if n := f.keysAsked.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times, want 2", n)
	}
	f.answer(status(http.StatusServiceUnavailable))
	f.clock.Advance(2 * time.Hour)
	if err := verify("rsa"); err != nil {
		t.Errorf("while the issuer is away: %v", err)
	}
	if err := verify("another"); !isTemporary(err) {
		t.Errorf("an unknown key while the issuer is away: %v, want a TemporaryError", err)
	}
	f.recover()
	f.keyIDs.Store(&[]string{"next"}) // the headers of "rsa" are known, the key is no more
	f.clock.Advance(10 * time.Second)
	if got := reason(t, verify("rsa")); got != adapter.ReasonKey {
		t.Errorf("a key the issuer gave up: %q, want that it is not known", got)
	}
}

// TestProvider_RefusesADocumentOfAnotherIssuer: RFC 8414 §3.3.
func TestProvider_RefusesADocumentOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	f := newForge()
	f.answer(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, claims{"issuer": "https://evil.example", "authorization_endpoint": "x", "token_endpoint": "x", "jwks_uri": "x"})
	})
	if m, err := f.provider(t).Metadata(t.Context()); err == nil {
		t.Errorf("Metadata = %+v, want an error", m)
	}
	for _, issuer := range []string{"", "id.example", "ftp://id.example", "https://id.example?x", "https://u:p@id.example"} {
		if _, err := adapter.NewProvider(adapter.Config{Issuer: issuer, ClientID: "x"}); err == nil {
			t.Errorf("NewProvider with issuer %q = nil, want an error", issuer)
		}
	}
}

// TestMiddleware_Answers: statuses and headers of RFC 6750 §3.
func TestMiddleware_Answers(t *testing.T) {
	t.Parallel()
	f := newForge()
	v := f.verifier(t)
	good := "Bearer " + sign(access(nil))
	for _, tt := range []struct {
		name          string
		need          adapter.Access
		authorization []string
		status        int
		challenge     string
	}{
		{"good", adapter.Access{RealmRoles: []string{"member"}, ClientRoles: []string{"clerk"}, Scopes: []string{"email"}}, []string{good}, 204, ""},
		{"scheme in capitals", adapter.Access{}, []string{"BEARER" + good[6:]}, 204, ""},
		{"no header", adapter.Access{}, nil, 401, `Bearer realm="` + forgeIssuer + `"`},
		{"another scheme", adapter.Access{}, []string{"Basic dTpw"}, 401, `error="invalid_token"`},
		{"two headers", adapter.Access{}, []string{good, good}, 401, `error="invalid_token"`},
		{"expired", adapter.Access{}, []string{"Bearer " + sign(access(claims{"exp": 1}))}, 401, `error_description="expired"`},
		{"no realm role", adapter.Access{RealmRoles: []string{"member", "chief"}}, []string{good}, 403, `error="insufficient_scope"`},
		{"no client role", adapter.Access{ClientRoles: []string{"member"}}, []string{good}, 403, `error="insufficient_scope"`},
		{"no scope", adapter.Access{Scopes: []string{"email", "phone"}}, []string{good}, 403, `scope="email phone"`},
	} {
		w := ask(t, v, tt.need, tt.authorization...)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != tt.status || tt.challenge == "" && got != "" || !strings.Contains(got, tt.challenge) {
			t.Errorf("%s: %d, WWW-Authenticate %q, want %d and %q", tt.name, w.Code, got, tt.status, tt.challenge)
		}
		if tt.status != 204 && w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the refusal may be stored", tt.name)
		}
	}
	f.answer(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(503) })
	if w := ask(t, v, adapter.Access{Online: &adapter.OnlineCheck{}}, good); w.Code != 503 || w.Header().Get("Retry-After") != "7" {
		t.Errorf("the server is away: %d, Retry-After %q, want 503 and 7", w.Code, w.Header().Get("Retry-After"))
	}
	f.answer(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 401, claims{"error": "invalid_client"}) })
	if w := ask(t, v, adapter.Access{Online: &adapter.OnlineCheck{Introspect: true}}, good); w.Code != 500 || strings.Contains(w.Body.String(), "invalid_client") {
		t.Errorf("a wrong secret: %d %s, want 500 and no more", w.Code, w.Body)
	}
}

// FuzzVerify: no input crashes it, lets a token in that the issuer did not sign,
// or gets an error without a reason.
func FuzzVerify(f *testing.F) {
	forge := newForge()
	v := forge.verifier(f)
	good := sign(access(nil))
	for _, seed := range []string{good, es256(claims{"alg": "ES256", "kid": "ec"}, access(nil)), hs256(publicDER(), claims{"alg": "HS256", "kid": "rsa"}, access(nil)), "", "..", "a.b.c", good[:100], good + "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := v.Verify(t.Context(), raw)
		if err != nil {
			if reason(t, err) == "" {
				t.Errorf("Verify = %v, want a reason", err)
			}
			return
		}
		if token.Subject != "user-1" || token.ID != "token-1" {
			t.Errorf("a token of %q was let in", token.Subject)
		}
	})
}

// BenchmarkVerify is a check with keys that are known.
func BenchmarkVerify(b *testing.B) {
	v := newForge().verifier(b)
	for name, raw := range map[string]string{"RS256": sign(access(nil)), "ES256": es256(claims{"alg": "ES256", "kid": "ec"}, access(nil))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
