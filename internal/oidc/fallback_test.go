package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestToken_MakesTheKeysARealmLacks: documents of older Keycloaks have an HS256
// secret and none for HS512, with which refresh tokens are signed.
func TestToken_MakesTheKeysARealmLacks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, keys string }{
		{"an old secret only", `{"name":"old","providerId":"hmac-generated","config":{"algorithm":["HS256"]}}`},
		{"no secret", `{"name":"rsa","providerId":"rsa-generated","config":{"priority":["100"]}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, strings.Replace(demoRealm, `"clients":`, `"components":{"org.keycloak.keys.KeyProvider":[`+tt.keys+`]},"clients":`, 1))
			first := d.login(t, "portal", "portal-secret", "openid offline_access")
			d.login(t, "portal", "portal-secret", "openid") // finds the keys that were made
			a := d.post("/token", "grant_type", "refresh_token", "client_id", "portal", "client_secret", "portal-secret", "refresh_token", first.text("refresh_token"))
			if a.status != http.StatusOK {
				t.Errorf("refresh: %d %v", a.status, a.body)
			}
			snap, err := d.realms.Snapshot(t.Context(), "demo")
			if err != nil {
				t.Fatal(err)
			}
			made := 0
			for _, c := range snap.Components {
				if c.Name == "fallback-HS512" {
					made++
				}
			}
			if made != 1 {
				t.Errorf("%d components fallback-HS512, want 1", made)
			}
		})
	}
}
