package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge makes a token under any header with a component's key.
func forge(t testing.TB, header, payload string, sign signer) string {
	t.Helper()
	input := b64(header) + "." + b64(payload)
	if sign == nil {
		return input + "."
	}
	sig, err := sign(nil, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(string(sig))
}

func keyOf(t testing.TB, r *Keyring, kid string) *key {
	t.Helper()
	for _, k := range r.keys {
		if k.KID == kid {
			return k
		}
	}
	t.Fatalf("no key %q", kid)
	return nil
}

const (
	hs512KID = "11111111-aaaa-4bbb-8ccc-000000000001"
	hs256KID = "11111111-aaaa-4bbb-8ccc-000000000003"
	rs256KID = "uViuZE6f1vYHntq6eDQANtSg8Dkj2TOvMoIp0Av6oT0"
)

func TestSign_EveryAlgorithmVerifies(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerAuto)
	payload := `{"iss":"x","text":"` + strings.Repeat("é", 1000) + `"}`
	for _, alg := range []string{"RS256", "PS256", "ES256", "ES512", "EdDSA", "HS256", "HS512"} {
		tok, err := r.Sign(alg, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		got, h, err := r.Verify(tok)
		if err != nil || string(got) != payload || h.Alg != alg {
			t.Errorf("Verify(%s) = %+v, %v", alg, h, err)
		}
		for _, at := range []int{2, strings.IndexByte(tok, '.') + 5, len(tok) - 10} {
			changed := []byte(tok)
			changed[at] ^= 1
			if _, _, err := r.Verify(string(changed)); !errors.Is(err, ErrInvalid) {
				t.Errorf("Verify(%s changed at %d) = %v, want ErrInvalid", alg, at, err)
			}
		}
	}
	tok, err := r.SignAs("ES256", "logout+jwt", []byte(`{}`))
	if _, h, verr := r.Verify(tok); err != nil || verr != nil || h.Typ != "logout+jwt" {
		t.Errorf("SignAs: %+v, %v, %v", h, err, verr)
	}
	if _, err := r.Sign("ES384", nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("Sign with a passive key only = %v, want ErrNoKey", err)
	}
}

func TestVerify_HeaderChoosesTheKey(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	hs512, rs256 := keyOf(t, r, hs512KID), keyOf(t, r, rs256KID)
	passive := keyOf(t, r, "kaCRR5oJyneNY0xSAy1H0yY8Ajs455ZnVOYHP9Pkphk")
	passiveSign := newSigner(passive, goBackend)
	publicAsSecret := macPool(algorithms["HS256"].hash, []byte(rs256.PublicKey))
	head := func(alg, kid string) string { return fmt.Sprintf(`{"alg":%q,"typ":"JWT","kid":%q}`, alg, kid) }
	for _, tt := range []struct {
		name   string
		header string
		sign   signer
		ok     bool
	}{
		{"our own header", head("HS512", hs512KID), hs512.sign, true},
		{"members in another order", fmt.Sprintf(`{"kid":%q,"alg":"HS512"}`, hs512KID), hs512.sign, true},
		{"no kid: the active key", `{"alg":"HS512"}`, hs512.sign, true},
		{"kid null: the active key", `{"alg":"HS512","kid":null}`, hs512.sign, true},
		{"a passive key", head("ES384", passive.KID), passiveSign, true},
		{"no kid and only a passive key", `{"alg":"ES384"}`, passiveSign, false},
		{"empty kid", head("HS512", ""), hs512.sign, false},
		{"unknown kid", head("HS512", "junk"), hs512.sign, false},
		{"kid of another algorithm", head("HS256", hs512KID), hs512.sign, false},
		{"public key as HMAC secret", head("HS256", rs256KID), publicAsSecret, false},
		{"RSA key under the other padding", head("PS256", rs256KID), rs256.sign, false},
		{"alg none", head("none", hs512KID), nil, false},
		{"alg none without kid", `{"alg":"none"}`, nil, false},
		{"no alg", `{"typ":"JWT"}`, hs512.sign, false},
		{"an encryption key's algorithm", `{"alg":"AES"}`, hs512.sign, false},
		{"alg twice", `{"alg":"HS512","alg":"HS512"}`, hs512.sign, false},
		{"alg twice, escaped", `{"alg":"HS512","\u0061lg":"HS512"}`, hs512.sign, false},
		{"crit", `{"alg":"HS512","crit":["b64"],"b64":true}`, hs512.sign, false},
		{"alg no string", `{"alg":512}`, hs512.sign, false},
		{"not an object", `["HS512"]`, hs512.sign, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			payload, _, err := r.Verify(forge(t, tt.header, `{"a":1}`, tt.sign))
			if tt.ok && (err != nil || string(payload) != `{"a":1}`) {
				t.Errorf("Verify = %s, %v", payload, err)
			}
			if !tt.ok && !errors.Is(err, ErrInvalid) {
				t.Errorf("Verify = %v, want ErrInvalid", err)
			}
		})
	}
}

func TestVerify_Shape(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	good, err := r.SignInternal([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	long, err := r.SignInternal([]byte(strings.Repeat(" ", maxTokenLength)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tok := range map[string]string{
		"empty": "", "dots": "..", "two parts": "a.b", "four parts": good + ".x", "trailing dot": good + ".",
		"newline": good + "\n", "padding": good + "=", "too long": long, "no signature": good[:strings.LastIndexByte(good, '.')+1],
	} {
		if _, _, err := r.Verify(tok); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: Verify = %v, want ErrInvalid", name, err)
		}
	}
}

func TestKeyring_HighestPriorityThenLowestIDSigns(t *testing.T) {
	t.Parallel()
	make3 := func(priorities ...string) *Keyring {
		var cs []*model.Component
		for i, p := range priorities {
			c := component(t, "hmac-generated-hs512")
			c.ID = fmt.Sprintf("id-%d", 9-i)
			c.Config["kid"], c.Config["priority"] = []string{fmt.Sprintf("kid-%d", 9-i)}, []string{p}
			cs = append(cs, c)
		}
		r, err := NewKeyring(cs, SignerGo)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if got := make3("1", "100", "20").Active()["HS512"]; got != "kid-8" {
		t.Errorf("by priority: %s, want kid-8", got)
	}
	if got := make3("5", "5", "5").Active()["HS512"]; got != "kid-7" {
		t.Errorf("by id: %s, want kid-7", got)
	}
}

func TestKeyring_OneBadComponentIsAFault(t *testing.T) {
	t.Parallel()
	cs := goldenComponents(t)
	cs[0].Config["certificate"] = []string{"junk"}
	cs[4].Config["secret"] = []string{"!"}
	cs = append(cs, &model.Component{ID: "z", Name: "store", ProviderID: "java-keystore"}, &model.Component{ProviderID: "rsa"})
	r, err := NewKeyring(cs, SignerGo)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(r.Faults()); got != 4 {
		t.Errorf("%d faults, want 4: %v", got, r.Faults())
	}
	if !r.Has("RS256") || r.Has("HS256") || !errors.Is(errors.Join(r.Faults()...), ErrUnknownProvider) {
		t.Errorf("Has(RS256) = %v, Has(HS256) = %v, faults %v", r.Has("RS256"), r.Has("HS256"), r.Faults())
	}
	empty, err := NewKeyring(nil, SignerGo)
	if err != nil || string(empty.JWKS()) != `{"keys":[]}` || empty.RealmPublicKey() != "" {
		t.Errorf("no components: %s, %v", empty.JWKS(), err)
	}
}

func TestNeedsFallback(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	for alg, want := range map[string]bool{"RS256": false, "RS512": true, "ES384": true, "HS384": true, "ES256": false, "none": false, "AES": false} {
		if got := r.NeedsFallback(alg); got != want {
			t.Errorf("NeedsFallback(%s) = %v, want %v", alg, got, want)
		}
	}
}

func TestKeyring_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerAuto)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, alg := range []string{"RS256", "PS256", "ES256", "HS512", "EdDSA"} {
				payload, _ := json.Marshal(map[string]int{"i": i})
				tok, err := r.Sign(alg, payload)
				if err != nil {
					t.Error(err)
					return
				}
				if got, _, err := r.Verify(tok); err != nil || string(got) != string(payload) {
					t.Errorf("%s: %s, %v", alg, got, err)
				}
			}
		})
	}
	wg.Wait()
}
