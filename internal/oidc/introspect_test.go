package oidc_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIntrospect_Hints: what each token_type_hint shows of each token to the
// client it is for.
func TestIntrospect_Hints(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	a := d.login(t, "portal", "portal-secret", "openid offline_access")
	for _, tt := range []struct {
		name, token, hint string
		active            bool
	}{
		{"ID token", "id_token", "", true},
		{"ID token as an access token", "id_token", "access_token", true},
		{"ID token as a requesting party token", "id_token", "requesting_party_token", true},
		{"ID token as a refresh token", "id_token", "refresh_token", false},
		{"refresh token as itself", "refresh_token", "refresh_token", true},
		{"refresh token without a hint", "refresh_token", "", false},
		{"refresh token as a requesting party token", "refresh_token", "requesting_party_token", false},
		{"access token for nobody", "access_token", "requesting_party_token", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := d.introspect(a.text(tt.token), tt.hint)
			if got.body["active"] != tt.active {
				t.Errorf("introspection = %v, want active: %v", got.body, tt.active)
			}
		})
	}
	got := slices.Sorted(maps.Keys(d.introspect(a.text("id_token"), "requesting_party_token").body))
	if diff := cmp.Diff([]string{"acr", "active", "aud", "exp", "iat", "jti", "typ"}, got); diff != "" {
		t.Errorf("members for a requesting party token (-want +got):\n%s", diff)
	}
	if a := d.introspect(a.text("id_token"), "other"); a.status != http.StatusBadRequest || a.text("error_description") != "Unsupported token type." {
		t.Errorf("hint other: %d %v", a.status, a.body)
	}
}

// introspect is what portal sees of a token.
func (d *door) introspect(token, hint string) answer {
	return d.post("/token/introspect", "client_id", "portal", "client_secret", "portal-secret", "token", token, "token_type_hint", hint)
}
