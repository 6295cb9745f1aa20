package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestPassword_ProfilesWhereTheRealmVerifiesThem: realms from older Keycloaks
// have no action VERIFY_PROFILE; people without names log in there. Measured on
// Keycloak 26.7.2, user by user.
func TestPassword_ProfilesWhereTheRealmVerifiesThem(t *testing.T) {
	t.Parallel()
	const whole = `"email":"x@example.org","firstName":"X","lastName":"Y",`
	user := func(name, profile, actions string) string {
		return `{"username":"` + name + `","enabled":true,` + profile + `"requiredActions":[` + actions + `],"credentials":[{"type":"password","value":"password"}]}`
	}
	users := strings.Join([]string{
		user("bare", "", ""), user("whole", whole, ""), user("totp", strings.ReplaceAll(whole, "x@", "t@"), `"CONFIGURE_TOTP"`),
		user("verify", strings.ReplaceAll(whole, "x@", "v@"), `"VERIFY_PROFILE"`),
	}, ",")
	action := func(alias, enabled string) string {
		return `{"alias":"` + alias + `","name":"a","providerId":"` + alias + `","enabled":` + enabled + `,"defaultAction":false,"priority":1,"config":{}}`
	}
	for _, tt := range []struct{ name, actions, in string }{
		{"nothing said", ``, "whole verify"},
		{"not among the actions", `"requiredActions":[` + action("UPDATE_PASSWORD", "true") + `],`, "bare whole"},
		{"switched off", `"requiredActions":[` + action("VERIFY_PROFILE", "false") + `,` + action("CONFIGURE_TOTP", "false") + `],`, "bare whole"},
		{"switched on", `"requiredActions":[` + action("VERIFY_PROFILE", "true") + `],`, "whole verify"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, `{"realm":"demo","enabled":true,`+tt.actions+`"clients":[{"clientId":"portal","secret":"s","directAccessGrantsEnabled":true}],"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)","users":[`+users+`]}`)
			var in []string
			for _, name := range []string{"bare", "whole", "totp", "verify"} {
				switch a := d.post("/token", "grant_type", "password", "client_id", "portal", "client_secret", "s", "username", name, "password", "password"); {
				case a.status == http.StatusOK:
					in = append(in, name)
				case a.text("error_description") != "Account is not fully set up":
					t.Errorf("%s: %d %v", name, a.status, a.body)
				}
			}
			if got := strings.Join(in, " "); got != tt.in {
				t.Errorf("logged in: %s, want %s", got, tt.in)
			}
		})
	}
}
