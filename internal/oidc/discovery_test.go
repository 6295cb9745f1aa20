package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestDiscovery_AnnouncesWhatWorks: every endpoint it names answers, and every
// grant and response type is one the server knows.
func TestDiscovery_AnnouncesWhatWorks(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	doc := d.send(httptest.NewRequest(http.MethodGet, base+"/realms/demo/.well-known/openid-configuration", nil)).body
	list := func(member string) (out []string) {
		values, _ := doc[member].([]any)
		for _, v := range values {
			out = append(out, v.(string))
		}
		if len(out) == 0 {
			t.Errorf("%s = %v, want values", member, doc[member])
		}
		return out
	}
	for member, v := range doc {
		if member == "jwks_uri" || strings.HasSuffix(member, "_endpoint") || strings.HasSuffix(member, "_iframe") {
			a := d.send(httptest.NewRequest(http.MethodPost, v.(string), nil))
			if get := d.send(httptest.NewRequest(http.MethodGet, v.(string), nil)); a.status == http.StatusNotFound || get.status == http.StatusNotFound {
				t.Errorf("%s = %v is not there", member, v)
			}
		}
	}
	for _, grant := range list("grant_types_supported") {
		a := d.post("/token", "grant_type", grant, "client_id", "portal", "client_secret", "portal-secret")
		if grant != "implicit" && a.text("error") == "unsupported_grant_type" {
			t.Errorf("grant %s is announced and not known", grant)
		}
	}
	ask := func(pairs ...string) string {
		q := "client_id=portal&redirect_uri=http://localhost:9999/cb&scope=openid&nonce=n&" + strings.Join(pairs, "&")
		a := d.send(httptest.NewRequest(http.MethodGet, doc["authorization_endpoint"].(string)+"?"+strings.ReplaceAll(q, " ", "+"), nil))
		return a.header.Get("Location")
	}
	for _, kind := range list("response_types_supported") {
		if to := ask("response_type=" + kind); strings.Contains(to, "error=unsupported_response_type") {
			t.Errorf("response_type %s: %s", kind, to)
		}
	}
	for _, mode := range list("response_modes_supported") {
		if to := ask("response_type=code", "response_mode="+mode); strings.Contains(to, "error=invalid_request") {
			t.Errorf("response_mode %s: %s", mode, to)
		}
	}
	if methods := list("code_challenge_methods_supported"); !slices.Contains(methods, "S256") {
		t.Errorf("code challenge methods %v, want S256 among them", methods)
	}
}
