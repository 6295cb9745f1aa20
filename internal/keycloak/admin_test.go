package keycloak

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

const adminRoles = "create-client impersonation manage-authorization manage-clients manage-events manage-identity-providers manage-organizations manage-realm manage-users " +
	"query-clients query-groups query-organizations query-realms query-users view-authorization view-clients view-events view-identity-providers view-organizations view-realm view-users"

func TestMasterRealm(t *testing.T) {
	t.Parallel()
	cfg := mustConfig(t, MasterRealm(ids()))
	s := shape{cfg}
	if r := cfg.Realm; r.AccessTokenLifespan != 60 || !r.Enabled || r.DisplayName != "Keycloak" || r.SSOSessionIdleTimeout != 1800 {
		t.Errorf("settings = %+v", r)
	}
	for _, tt := range []struct{ what, got, want string }{
		{"realm roles", s.roles(""), "admin create-realm default-roles-master offline_access uma_authorization"},
		{"roles of master-realm", s.roles("master-realm"), adminRoles},
		{"realm-management", s.roles("realm-management"), "no client"},
		{"scopes of master-realm", s.scopes("master-realm"), usualDefault + " | " + usualOpt},
		{"default role", s.role(cfg.Realm.DefaultRoleID), "default-roles-master (${role_default-roles}): offline_access uma_authorization account/manage-account account/view-profile"},
		{"admin", s.role(cfg.Role("", "admin").ID), "admin (${role_admin}): create-realm master-realm/" + strings.ReplaceAll(adminRoles, " ", " master-realm/")},
	} {
		if d := cmp.Diff(tt.want, tt.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, d)
		}
	}
	var clients []string
	for _, c := range cfg.Clients {
		clients = append(clients, c.ClientID)
	}
	if got, want := strings.Join(clients, " "), "account account-console admin-cli broker master-realm security-admin-console"; got != want {
		t.Errorf("clients = %s, want %s", got, want)
	}
}

func TestAdminClientFor(t *testing.T) {
	t.Parallel()
	master := MasterRealm(ids())
	newID := ids()
	c, roles := AdminClientFor(&model.Realm{Name: "My-R"}, func() string { return "x-" + newID() })
	master.Clients, master.Roles = append(master.Clients, c), append(master.Roles, roles...)
	cfg := mustConfig(t, master)
	s := shape{cfg}
	if got := s.roles("My-R-realm"); got != adminRoles {
		t.Errorf("roles = %s, want %s", got, adminRoles)
	}
	for name, want := range map[string]string{
		"view-users":         "My-R-realm/query-groups My-R-realm/query-users",
		"view-clients":       "My-R-realm/query-clients",
		"view-organizations": "My-R-realm/query-organizations",
		"manage-users":       "",
	} {
		if got := s.role(cfg.Role(c.ID, name).ID); got != name+" (${role_"+name+"}): "+want {
			t.Errorf("role %s", got)
		}
	}
	same(t, "client", ClientRepresentation(cfg, c, ClientOptions{Access: ClientAccess(c)}), []byte(`{"clientId":"My-R-realm","name":"My-R Realm","surrogateAuthRequired":false,"enabled":true,
		"alwaysDisplayInConsole":false,"clientAuthenticatorType":"client-secret","redirectUris":[],"webOrigins":[],"notBefore":0,"bearerOnly":true,"consentRequired":false,
		"standardFlowEnabled":true,"implicitFlowEnabled":false,"directAccessGrantsEnabled":false,"serviceAccountsEnabled":false,"publicClient":false,"frontchannelLogout":false,
		"attributes":{"realm_client":"true"},"authenticationFlowBindingOverrides":{},"fullScopeAllowed":false,"nodeReRegistrationTimeout":0,"defaultClientScopes":[],"optionalClientScopes":[],
		"access":{"view":true,"configure":false,"manage":false}}`))
}
