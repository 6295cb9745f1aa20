package web_test

import (
	"encoding/base64"
	"net/http/httptest"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Bearer tok": "tok", "bearer tok": "tok", "BEARER tok": "tok",
		"Bearer  tok": "", "Bearer\ttok": "", "Bearer tok x": "", "Bearer": "", "Bearer ": "", "tok": "", "Token tok": "", "DPoP tok": "", "": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", in)
		if got := web.Bearer(r); got != want {
			t.Errorf("Bearer(%q) = %q, want %q", in, got, want)
		}
	}
}

// As a Keycloak 26.7.2 took them at its token endpoint.
func TestBasicClient(t *testing.T) {
	t.Parallel()
	b64 := base64.StdEncoding.EncodeToString
	for _, tt := range []struct {
		header, id, secret string
		ok                 bool
	}{
		{"Basic " + b64([]byte("web:password")), "web", "password", true},
		{"basic " + b64([]byte("web:password")), "web", "password", true},
		{"Basic  " + b64([]byte("web:password")), "web", "password", true},
		{"Basic " + b64([]byte("web:pass:word")), "web", "pass:word", true},
		{"Basic " + b64([]byte("web:")), "web", "", true},
		{"Basic " + base64.RawStdEncoding.EncodeToString([]byte("web:passwor")), "web", "passwor", true},
		{"Basic " + b64([]byte("a+b%3Ac:p+%25%3A%2B%2F")), "a b:c", "p %:+/", true},
		{"Basic " + b64([]byte("a%20b%3Ac:p%20%25%3A%2B%2F")), "a b:c", "p %:+/", true},
		{"Basic " + b64([]byte("web:p%")), "", "", true},
		{"Basic " + b64([]byte("web%00:p")), "", "", true},
		{"Basic " + b64([]byte("web")), "", "", false},
		{"Basic " + b64([]byte(":password")), "", "", false},
		{"Basic " + b64([]byte("web:password")) + " x", "", "", false},
		{"Basic !!!", "", "", false},
		{"Basic", "", "", false},
		{"Basic ", "", "", false},
		{"Bearer x", "", "", false},
		{"", "", "", false},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", tt.header)
		id, secret, ok := web.BasicClient(r)
		if id != tt.id || secret != tt.secret || ok != tt.ok {
			t.Errorf("BasicClient(%q) = %q, %q, %v; want %q, %q, %v", tt.header, id, secret, ok, tt.id, tt.secret, tt.ok)
		}
	}
}
