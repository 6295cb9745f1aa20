package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What cannot be read is an error page for a person and JSON for a program.
func TestAuthorize_UnreadableParameters(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	ask := at("/auth", "client_id", "app", "response_type", "code", "redirect_uri", callback, "scope", "openid")
	for _, query := range []string{"&state=%zz", "&state=%", "&state=a%00b", "&state=%ff", "&x=%zz", strings.Repeat("&x=1", 1001)} {
		p := newBrowser(t, d).get(ask + query)
		if p.status != http.StatusBadRequest || !strings.HasPrefix(p.header.Get("Content-Type"), "text/html") || !strings.Contains(p.body, "Invalid Request") {
			t.Errorf("%.20s = %d %s %.200s, want an error page", query, p.status, p.header.Get("Content-Type"), p.body)
		}
		if a := d.send(httptest.NewRequest(http.MethodGet, ask+query, nil)); a.status != http.StatusBadRequest || a.text("error") != "invalid_request" {
			t.Errorf("%.20s without a person = %d %v, want invalid_request", query, a.status, a.body)
		}
	}
}

func TestAuthorize_RepeatedParametersTooLong(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	ask := at("/auth", "client_id", "app", "response_type", "code", "redirect_uri", callback, "scope", "openid")
	long := func(c string) string { return strings.Repeat(c, 4001) }
	for _, query := range []string{"&nonce=" + long("a") + "&nonce=" + long("b"), "&x=" + long("a") + "&x=" + long("b"), "&nonce=" + long("a") + "&nonce=b"} {
		if p := newBrowser(t, d).get(ask + query); !strings.Contains(p.location, "error_description=duplicated+parameter") {
			t.Errorf("%.10s … = %d %.200q, want duplicated parameter", query, p.status, p.location)
		}
	}
}

// Basic credentials beside those of the form: the form goes first (measured).
func TestToken_TwoCredentials(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t, `{"clientId":"one","secret":"first","serviceAccountsEnabled":true}`, `{"clientId":"two","secret":"second","serviceAccountsEnabled":true}`)
	for _, tt := range []struct {
		name, id, secret string
		form             []string
		want             string // client of the token, or the error
	}{
		{"Basic alone", "one", "first", nil, "one"},
		{"the same client in both", "one", "first", []string{"client_id", "one"}, "one"},
		{"another client without a secret", "one", "first", []string{"client_id", "two"}, "unauthorized_client"},
		{"another client with its secret", "one", "first", []string{"client_id", "two", "client_secret", "second"}, "two"},
		{"a wrong secret in Basic, another client", "one", "x", []string{"client_id", "two", "client_secret", "second"}, "two"},
		{"a wrong secret in Basic, the right one in the form", "one", "x", []string{"client_id", "one", "client_secret", "first"}, "one"},
		{"a wrong secret in the form", "one", "first", []string{"client_id", "one", "client_secret", "x"}, "unauthorized_client"},
		{"an unknown client in Basic", "nope", "x", []string{"client_id", "one", "client_secret", "first"}, "one"},
		{"an unknown client in the form", "one", "first", []string{"client_id", "nope"}, "invalid_client"},
		{"an empty client in the form", "one", "first", []string{"client_id", ""}, "invalid_client"},
	} {
		var body strings.Builder
		body.WriteString("grant_type=client_credentials")
		for i := 0; i+1 < len(tt.form); i += 2 {
			body.WriteString("&" + tt.form[i] + "=" + tt.form[i+1])
		}
		r := httptest.NewRequest(http.MethodPost, at("/token"), strings.NewReader(body.String()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(tt.id, tt.secret)
		a := d.send(r)
		got := a.text("error")
		if a.status == http.StatusOK {
			_, claims := claimsOf(t, a.text("access_token"))
			got, _ = claims["azp"].(string)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
