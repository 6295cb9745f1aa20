package token

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRefresh_Shapes(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	for _, tt := range []struct {
		name, payload string
		want          *RefreshClaims // nil: ErrInvalid
	}{
		{"lists and fractions", `{"exp":17.9e8,"iat":1700000000.7,"aud":["a","b"],"aud_x":"c","typ":"Offline"}`,
			&RefreshClaims{Exp: 1_790_000_000, Iat: 1_700_000_000, Aud: []string{"a", "b"}, AudX: []string{"c"}, Typ: "Offline"}},
		{"session_state where sid is absent", `{"session_state":"s","resource_access":{"a":{"roles":["x","}"]}}}`, &RefreshClaims{Sid: "s", SessionState: "s"}},
		{"sid before session_state", `{"session_state":"s","sid":"t"}`, &RefreshClaims{Sid: "t", SessionState: "s"}},
		{"null is absent", `{"sub":null,"aud":null,"exp":null,"cnf":null}`, &RefreshClaims{}},
		{"spaces", " {\n\"typ\" :\t\"Refresh\" , \"iat\" : 5 } ", &RefreshClaims{Typ: "Refresh", Iat: 5}},
		{"escapes", `{"scope":"a\u0062\"","nonce":"é"}`, &RefreshClaims{Scope: `ab"`, Nonce: "é"}},
		{"bound to a key", `{"cnf":{"jkt":"x"}}`, &RefreshClaims{Confirmation: json.RawMessage(`{"jkt":"x"}`)}},
		{"empty", `{}`, &RefreshClaims{}},
		{"sub no string", `{"sub":5}`, nil},
		{"iat no number", `{"iat":"5"}`, nil},
		{"iat true", `{"iat":true}`, nil},
		{"exp too large", `{"exp":1e300}`, nil},
		{"aud of numbers", `{"aud":[1]}`, nil},
		{"aud of null", `{"aud":[null]}`, nil},
		{"aud object", `{"aud":{}}`, nil},
		{"member twice", `{"typ":"Offline","typ":"Refresh"}`, nil},
		{"unknown member twice", `{"x":1,"x":2}`, nil},
		{"array", `[]`, nil},
		{"string", `"x"`, nil},
		{"nothing", ``, nil},
		{"cut off", `{"typ":"Offline"`, nil},
		{"more after it", `{}{}`, nil},
		{"not UTF-8", "{\"sub\":\"\xff\"}", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tok, err := r.SignInternal([]byte(tt.payload))
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.ParseRefresh(tok)
			if (tt.want == nil) != errors.Is(err, ErrInvalid) {
				t.Fatalf("ParseRefresh = %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseRefresh (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefresh_TakesHS256AndRS256(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	for _, alg := range []string{"HS256", "RS256"} {
		tok, err := r.Sign(alg, []byte(`{"typ":"Offline"}`))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := r.ParseRefresh(tok); err != nil || c.Typ != TypOffline {
			t.Errorf("%s: %+v, %v", alg, c, err)
		}
	}
}

func TestRefreshClaims_RoundTrip(t *testing.T) {
	t.Parallel()
	want := &RefreshClaims{
		Exp: 1, Nbf: 2, Iat: 3, JTI: "j", Iss: "https://x/é?<&>", Aud: []string{"a", `"q"`}, Sub: "s", Typ: "Refresh", Azp: "c\n",
		Nonce: "n\u2028", Sid: "sid", Scope: "openid a", AudX: []string{"one"}, Prov: ProvDefault, ReuseID: "r",
	}
	got, err := parseRefreshClaims(want.AppendJSON([]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestParseAccess_KeepsEveryClaim(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	var many strings.Builder
	for i := range 60 {
		many.WriteString(`,"claim-` + strconv.Itoa(i) + `":[{"a":"}"}]`)
	}
	tok, err := r.Sign("RS256", []byte(`{"exp":1,"iat":2,"auth_time":3,"jti":"onrtac:x","aud":"a"`+many.String()+`}`))
	if err != nil {
		t.Fatal(err)
	}
	c, h, err := r.ParseAccess(tok)
	if err != nil || c.Exp != 1 || c.AuthTime != 3 || len(c.All) != 65 || h.Alg != "RS256" || string(c.All["claim-7"]) != `[{"a":"}"}]` {
		t.Errorf("ParseAccess = %+v, %+v, %v", c, h, err)
	}
	tok, err = r.Sign("RS256", []byte(`{"exp":1`+many.String()+`,"claim-z":1,"claim-z":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ParseAccess(tok); !errors.Is(err, ErrInvalid) {
		t.Errorf("a member twice among many: %v, want ErrInvalid", err)
	}
}

func TestJTI(t *testing.T) {
	t.Parallel()
	a, b := NewJTI(rand.Reader), NewJTI(rand.Reader)
	shape := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if a == b || !shape.MatchString(a) || !shape.MatchString(b) {
		t.Errorf("NewJTI made %s and %s", a, b)
	}
	for _, tt := range []struct {
		jti string
		ctx Context
		raw string
		ok  bool
	}{
		{"ofrtrt:x", Context{SessionOffline, KindRegular, GrantRefresh}, "x", true},
		{"trrtcc:x:y", Context{SessionTransient, KindRegular, GrantClientCredentials}, "x:y", true},
		{"ftrtte:", Context{SessionOfflineTransient, KindRegular, GrantExchange}, "", true},
		{"plain", UnknownContext, "plain", true},
		{"ofrtr:x", Context{}, "", false},
		{"zzrtrt:x", Context{}, "", false},
		{"ofzzrt:x", Context{}, "", false},
		{"ofrtzz:x", Context{}, "", false},
		{"of rt :x", Context{}, "", false},
		{":x", Context{}, "", false},
	} {
		ctx, raw, err := ParseJTI(tt.jti)
		if ctx != tt.ctx || raw != tt.raw || (err == nil) != tt.ok {
			t.Errorf("ParseJTI(%q) = %+v, %q, %v", tt.jti, ctx, raw, err)
		}
		if tt.ok && tt.ctx != UnknownContext && tt.ctx.JTI(tt.raw) != tt.jti {
			t.Errorf("%+v.JTI = %q, want %q", tt.ctx, tt.ctx.JTI(tt.raw), tt.jti)
		}
	}
}

func TestHashHalf_UnknownAlgorithm(t *testing.T) {
	t.Parallel()
	// OpenID Connect Core §A.3: the ID token of the example, RS256.
	if got := HashHalf("RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("HashHalf = %s", got)
	}
	if got := HashHalf("none", "x"); got != "" {
		t.Errorf("HashHalf(none) = %q", got)
	}
}
