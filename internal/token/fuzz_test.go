package token

import (
	"encoding/json"
	"errors"
	"testing"
)

func FuzzVerify(f *testing.F) {
	r := goldenRing(f, SignerGo)
	for _, tokens := range goldenTokens(f) {
		f.Add(tokens.Access)
		f.Add(tokens.Refresh)
	}
	f.Add("..")
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{}`) + ".")
	f.Add(b64(`{"alg":"HS512","kid":null,"a":[{"b":"\""}]}`) + "." + b64(`{}`) + ".AAAA")
	f.Fuzz(func(t *testing.T, tok string) {
		payload, h, err := r.Verify(tok)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("Verify(%q) = %v", tok, err)
			}
			return
		}
		if algorithms[h.Alg] == nil {
			t.Fatalf("accepted algorithm %q", h.Alg)
		}
		_ = payload
	})
}

func FuzzParseRefresh(f *testing.F) {
	r := goldenRing(f, SignerGo)
	for _, tokens := range goldenTokens(f) {
		p, _, err := r.Verify(tokens.Refresh)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p)
	}
	f.Add([]byte(`{"aud":["a"],"exp":1.5e3,"sid":"\u00e9","x":{"y":[1,{}]}}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseRefreshClaims(payload)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("parse %q = %v", payload, err)
			}
			return
		}
		// What is accepted means the same to the standard library.
		var m map[string]any
		if err := json.Unmarshal(payload, &m); err != nil {
			t.Fatalf("accepted %q: %v", payload, err)
		}
		if sub, _ := m["sub"].(string); sub != c.Sub {
			t.Fatalf("sub of %q = %q, want %q", payload, c.Sub, sub)
		}
		again, err := parseRefreshClaims(c.AppendJSON(nil))
		if err != nil || again.Sub != c.Sub || again.Scope != c.Scope || again.Exp != c.Exp {
			t.Fatalf("round trip of %q: %+v, %v", payload, again, err)
		}
	})
}
