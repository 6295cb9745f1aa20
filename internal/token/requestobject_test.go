package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const objectSecret = "client-secret"

func unsigned(payload string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "."
}

// TestRequestObject_Signatures: as a Keycloak 26.7.2, but for what says "(ours)".
func TestRequestObject_Signatures(t *testing.T) {
	t.Parallel()
	client := goldenRing(t, SignerGo)
	const payload = `{"state":"s"}`
	signed := func(alg string) string {
		tok, err := client.Sign(alg, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	hmac := func(alg, secret string) string {
		return forge(t, fmt.Sprintf(`{"alg":%q}`, alg), payload, macPool(algorithms[alg].hash, []byte(secret)))
	}
	jwks := string(client.JWKS())
	rs, es := signed("RS256"), signed("ES256")
	noKID := forge(t, `{"alg":"RS256"}`, payload, client.active["RS256"].sign)
	keys := func(alg string) RequestObjectKeys {
		return RequestObjectKeys{JWKS: jwks, Secret: objectSecret, Alg: alg}
	}
	cert := first(component(t, "rsa-generated"), "certificate")
	for _, tt := range []struct {
		name, object string
		keys         RequestObjectKeys
		want         error
	}{
		{"RS256", rs, keys(""), nil},
		{"ES256", es, keys(""), nil},
		{"without kid", noKID, keys(""), nil},
		{"a certificate", rs, RequestObjectKeys{Certificate: cert}, nil},
		{"HS256", hmac("HS256", objectSecret), keys(""), nil},
		{"HS512", hmac("HS512", objectSecret), keys(""), nil},
		{"none", unsigned(payload), keys(""), nil},
		{"none of a client without keys", unsigned(payload), RequestObjectKeys{}, nil},
		{"the wanted algorithm", rs, keys("RS256"), nil},
		{"the wanted HMAC", hmac("HS256", objectSecret), keys("HS256"), nil},
		{"none wanted", unsigned(payload), keys("none"), nil},
		{"any (ours)", rs, keys("any"), nil},

		{"another than wanted", es, keys("RS256"), ErrRequestObjectAlg},
		{"none where one is wanted", unsigned(payload), keys("RS256"), ErrRequestObjectAlg},
		{"one where none is wanted", rs, keys("none"), ErrRequestObjectAlg},
		{"HMAC where a key is wanted", hmac("HS256", objectSecret), keys("ES256"), ErrRequestObjectAlg},
		{"another hash than wanted", hmac("HS512", objectSecret), keys("HS256"), ErrRequestObjectAlg},
		{"another secret", hmac("HS256", "x"), keys(""), ErrRequestObjectSignature},
		{"the public keys as a secret", hmac("HS256", jwks), keys(""), ErrRequestObjectSignature},
		{"no secret", hmac("HS256", ""), RequestObjectKeys{JWKS: jwks}, ErrRequestObjectSignature},
		{"no keys", rs, RequestObjectKeys{Secret: objectSecret}, ErrRequestObjectSignature},
		{"another's key", rs, RequestObjectKeys{Certificate: first(component(t, "rsa-enc-generated"), "certificate")}, ErrRequestObjectSignature},
		{"tampered", rs[:len(rs)-4] + "AAAA", keys(""), ErrRequestObjectSignature},
		{"unknown kid", forge(t, `{"alg":"RS256","kid":"zz"}`, payload, client.active["RS256"].sign), keys(""), ErrRequestObjectSignature},
		{"none with a signature (ours)", unsigned(payload) + "abc", keys(""), ErrRequestObjectShape},
		{"none with another part", unsigned(payload) + ".", keys(""), ErrRequestObjectShape},
		{"none without base64", "eyJhbGciOiJub25lIn0.!.", keys(""), ErrRequestObjectShape},
		{"alg None", forge(t, `{"alg":"None"}`, payload, nil), keys(""), ErrRequestObjectShape},
		{"unknown alg", forge(t, `{"alg":"XX"}`, payload, nil), keys(""), ErrRequestObjectShape},
		{"no alg", forge(t, `{}`, payload, nil), keys(""), ErrRequestObjectShape},
		{"alg twice", forge(t, `{"alg":"none","alg":"RS256"}`, payload, nil), keys(""), ErrRequestObjectShape},
		{"critical header (ours)", forge(t, `{"alg":"RS256","crit":["x"],"x":1}`, payload, client.active["RS256"].sign), keys(""), ErrRequestObjectSignature},
		{"four parts", rs + ".x", keys(""), ErrRequestObjectShape},
		{"junk", "x", keys(""), ErrRequestObjectShape},
		{"junk with a dot", "x.y", keys(""), ErrRequestObjectShape},
		{"empty", "", keys(""), ErrRequestObjectShape},
		{"too long", unsigned(`{"state":"` + strings.Repeat("a", maxTokenLength) + `"}`), keys(""), ErrRequestObjectShape},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := RequestObject(tt.object, tt.keys, testNow)
			if !errors.Is(err, tt.want) {
				t.Fatalf("RequestObject = %v, want %v", err, tt.want)
			}
			if err == nil && got["state"] != "s" {
				t.Errorf("parameters %v", got)
			}
		})
	}
}

func TestRequestObject_Payload(t *testing.T) {
	t.Parallel()
	now := testNow.Unix()
	for _, tt := range []struct {
		name, payload string
		want          map[string]string
		err           error
	}{
		{"strings", `{"state":"a \"b\" é"}`, map[string]string{"state": `a "b" é`}, nil},
		{"other values are their JSON", `{"max_age":5,"claims":{ "id_token" : {"email":null} },"scope":["openid"],"a":true,"b":null}`,
			map[string]string{"max_age": "5", "claims": `{"id_token":{"email":null}}`, "scope": `["openid"]`, "a": "true", "b": "null"}, nil},
		{"empty", `{}`, map[string]string{}, nil},
		{"in time", fmt.Sprintf(`{"exp":%d,"nbf":%d}`, now, now), map[string]string{"exp": fmt.Sprint(now), "nbf": fmt.Sprint(now)}, nil},
		{"expired (ours)", fmt.Sprintf(`{"exp":%d}`, now-assertionSkew-1), nil, ErrRequestObjectTime},
		{"expired within the skew", fmt.Sprintf(`{"exp":%d}`, now-assertionSkew), map[string]string{"exp": fmt.Sprint(now - assertionSkew)}, nil},
		{"not yet (ours)", fmt.Sprintf(`{"nbf":%d}`, now+assertionSkew+1), nil, ErrRequestObjectTime},
		{"exp no number (ours)", `{"exp":"x"}`, nil, ErrRequestObjectShape},
		{"a member twice (ours)", `{"scope":"a","scope":"b"}`, nil, ErrRequestObjectShape},
		{"a list (ours)", `[]`, nil, ErrRequestObjectShape},
		{"null (ours)", `null`, nil, ErrRequestObjectShape},
		{"no JSON", `x`, nil, ErrRequestObjectShape},
		{"nothing", ``, nil, ErrRequestObjectShape},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := RequestObject(unsigned(tt.payload), RequestObjectKeys{}, testNow)
			if !errors.Is(err, tt.err) {
				t.Fatalf("RequestObject = %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzRequestObject(f *testing.F) {
	client := goldenRing(f, SignerGo)
	good, err := client.Sign("RS256", []byte(`{"state":"s"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, "")
	f.Add(unsigned(`{"state":"s"}`), "RS256")
	f.Add(unsigned(`{"max_age":[1,{}]}`), "none")
	keys := RequestObjectKeys{JWKS: string(client.JWKS()), Secret: objectSecret}
	f.Fuzz(func(t *testing.T, object, alg string) {
		keys := keys
		keys.Alg = alg
		got, err := RequestObject(object, keys, testNow)
		if (got == nil) == (err == nil) {
			t.Fatalf("parameters %v, error %v", got, err)
		}
		if err == nil && alg != "" && alg != "any" && alg != "none" && strings.HasSuffix(object, ".") {
			t.Errorf("unsigned, but %s was wanted: %s", alg, object)
		}
	})
}
