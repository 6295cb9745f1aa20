package keycloak

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recordingRealm is the realm that recordings of a real Keycloak run in.
func recordingRealm(t *testing.T) *RealmDocument {
	t.Helper()
	return mustParse(t, strings.ReplaceAll(string(testdata(t, "recording-realm.json")), "{{realm}}", "rec"))
}

func TestParseRealm_RecordingRealmUsers(t *testing.T) {
	t.Parallel()
	d := recordingRealm(t)
	cfg := mustConfig(t, d)
	got := map[string]string{}
	for _, u := range d.Users {
		realm, client := roleNames(cfg, u.User.Grants.Roles)
		got[u.User.Username] = strings.Join(append(realm, client["database-service"]...), " ")
	}
	want := map[string]string{
		"user1": "default-roles-rec user reader", "user2": "default-roles-rec user", "norole": "user", "off": "default-roles-rec",
		"service-account-offline-access-portal": "default-roles-rec", "service-account-backup-job": "default-roles-rec",
		"service-account-plain-job": "default-roles-rec", "service-account-exchanger": "default-roles-rec",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("roles of users (-want +got):\n%s", d)
	}
	i := slices.IndexFunc(d.Users, func(u *UserDocument) bool { return u.User.Username == "user1" })
	u := d.Users[i]
	if len(u.Credentials) != 1 || u.Credentials[0].Value != "password" || u.Credentials[0].Temporary || u.User.RequiredActions != nil {
		t.Errorf("user1 = %+v", u)
	}
}

func TestParseRealm_RecordingRealmClients(t *testing.T) {
	t.Parallel()
	cfg := mustConfig(t, recordingRealm(t))
	portal := cfg.Client("offline-access-portal")
	want := `{"access":{"configure":true,"manage":true,"view":true},"alwaysDisplayInConsole":false,"attributes":{"post.logout.redirect.uris":"http://localhost:9999/*","realm_client":"false"},
	"authenticationFlowBindingOverrides":{},"bearerOnly":false,"clientAuthenticatorType":"client-secret","clientId":"offline-access-portal","consentRequired":false,
	"defaultClientScopes":["acr","basic","email","profile","roles","service_account","web-origins"],"directAccessGrantsEnabled":true,"enabled":true,"frontchannelLogout":false,
	"fullScopeAllowed":true,"implicitFlowEnabled":false,"nodeReRegistrationTimeout":-1,"notBefore":0,"optionalClientScopes":["address","microprofile-jwt","offline_access","organization","phone"],
	"protocol":"openid-connect","publicClient":false,"redirectUris":["http://localhost:9999/*"],"secret":"password","serviceAccountsEnabled":true,"standardFlowEnabled":true,
	"surrogateAuthRequired":false,"webOrigins":["http://localhost:9999"]}`
	same(t, "portal", ClientRepresentation(cfg, portal, ClientOptions{Access: ClientAccess(portal)}), []byte(want))
	if portal.ServiceUserID == "" {
		t.Error("the portal has no service account")
	}
	if got := scopeNames(cfg, portal.OptionalScopes)[3]; got != "offline_access" {
		t.Errorf("fourth optional scope = %s, want offline_access", got)
	}
	if got := cfg.Realm.Attributes["offlineAccess.endsBrowserSession"]; got != "true" {
		t.Errorf("own realm attribute = %q", got)
	}
}

// The document that everything else of the project is tested with, in full.
func TestExportRealm_RecordingRealmGolden(t *testing.T) {
	t.Parallel()
	golden(t, "recording-realm.golden.json", indent(t, ExportRealm(mustConfig(t, recordingRealm(t)), FullExport)))
}
