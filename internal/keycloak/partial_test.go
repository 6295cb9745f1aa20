package keycloak

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

const usualDefault, usualOpt = "acr basic email profile roles web-origins", "address phone organization offline_access microprofile-jwt"

// shape is what a document became, in names.
type shape struct{ cfg *model.Config }

func (s shape) scopes(clientID string) string {
	c := s.cfg.Client(clientID)
	if c == nil {
		return "no client"
	}
	return strings.Join(scopeNames(s.cfg, c.DefaultScopes), " ") + " | " + strings.Join(scopeNames(s.cfg, c.OptionalScopes), " ")
}

func (s shape) role(id string) string {
	r := s.cfg.RoleByID(id)
	realm, client := roleNames(s.cfg, r.Composites)
	for _, k := range slices.Sorted(maps.Keys(client)) {
		for _, n := range client[k] {
			realm = append(realm, k+"/"+n)
		}
	}
	return r.Name + " (" + r.Description + "): " + strings.Join(realm, " ")
}

func (s shape) roles(clientID string) string {
	id := ""
	if clientID != "" {
		c := s.cfg.Client(clientID)
		if c == nil {
			return "no client"
		}
		id = c.ID
	}
	var names []string
	for _, r := range s.cfg.ClientRoles(id) {
		names = append(names, r.Name)
	}
	return strings.Join(names, " ")
}

// The facts are those measured on Keycloak 26.7.2 by POST /admin/realms.
func TestParseRealm_PartialDocuments(t *testing.T) {
	t.Parallel()
	scopes := func(id string) func(shape) string { return func(s shape) string { return s.scopes(id) } }
	roles := func(id string) func(shape) string { return func(s shape) string { return s.roles(id) } }
	defaultRole := func(s shape) string { return s.role(s.cfg.Realm.DefaultRoleID) }
	realmLists := func(s shape) string {
		return strings.Join(scopeNames(s.cfg, s.cfg.Realm.DefaultClientScopes), " ") + " | " +
			strings.Join(scopeNames(s.cfg, s.cfg.Realm.OptionalClientScopes), " ")
	}
	const allDefault = "default-roles-r (${role_default-roles}): offline_access uma_authorization account/manage-account account/view-profile"
	for _, tt := range []struct {
		name, doc string
		look      func(shape) string
		want      string
	}{
		{"a client that names no scopes gets the usual ones", `"clients":[{"clientId":"a"}]`, scopes("a"), usualDefault + " | " + usualOpt},
		{"a client that names scopes gets those", `"clients":[{"clientId":"a","defaultClientScopes":["profile"]}]`, scopes("a"), "profile | "},
		{"an empty list counts as naming", `"clients":[{"clientId":"a","optionalClientScopes":[]}]`, scopes("a"), " | "},
		{"a SAML client gets SAML scopes", `"clients":[{"clientId":"a","protocol":"saml"}]`, scopes("a"), "AuthnContextClassRef role_list saml_organization | "},
		{"lists without clientScopes are ignored", `"defaultDefaultClientScopes":["profile"],"defaultOptionalClientScopes":[]`, realmLists,
			"AuthnContextClassRef acr basic email profile role_list roles saml_organization web-origins | " + usualOpt},
		{"own clientScopes: clients that name none get offline_access alone", `"clientScopes":[{"name":"mine"}],"defaultDefaultClientScopes":["mine"],"clients":[{"clientId":"a"}]`,
			scopes("a"), " | offline_access"},
		{"own clientScopes: built-in clients get nothing", `"clientScopes":[{"name":"mine"}]`, scopes("account"), " | "},
		{"own clientScopes: lists count, offline_access is added", `"clientScopes":[{"name":"mine"}],"defaultDefaultClientScopes":["mine"]`, realmLists, "mine | offline_access"},
		{"own offline_access: not added to the list", `"clientScopes":[{"name":"offline_access"}]`, realmLists, " | "},
		{"own offline_access: not given to clients", `"clientScopes":[{"name":"offline_access"}],"clients":[{"clientId":"a"}]`, scopes("a"), " | "},
		{"service accounts bring their scope", `"clients":[{"clientId":"a","serviceAccountsEnabled":true}]`, scopes("a"),
			"acr basic email profile roles service_account web-origins | " + usualOpt},
		{"also beside named scopes, and never as optional", `"clients":[{"clientId":"a","serviceAccountsEnabled":true,"optionalClientScopes":["service_account"]}]`, scopes("a"), "service_account | "},
		{"not when the document has the account's user", `"clients":[{"clientId":"a","serviceAccountsEnabled":true}],"users":[{"username":"x","serviceAccountClientId":"a"}]`,
			scopes("a"), usualDefault + " | " + usualOpt},

		{"default role of a new realm", ``, defaultRole, allDefault},
		{"its name may be chosen", `"defaultRole":{"name":"base"},"roles":{"realm":[{"name":"base","description":"d"}]}`, defaultRole,
			"base (d): offline_access uma_authorization account/manage-account account/view-profile"},
		{"a plain role of its name pushes it aside", `"roles":{"realm":[{"name":"default-roles-r"}]}`, defaultRole,
			"default-roles-r-1 (${role_default-roles}): offline_access uma_authorization account/manage-account account/view-profile"},
		{"an own uma_authorization stays out of it", `"roles":{"realm":[{"name":"uma_authorization"}]}`, defaultRole,
			"default-roles-r (${role_default-roles}): offline_access account/manage-account account/view-profile"},
		{"own role and scope offline_access: stays out of it", `"roles":{"realm":[{"name":"offline_access"}]},"clientScopes":[{"name":"offline_access"}]`, defaultRole,
			"default-roles-r (${role_default-roles}): uma_authorization account/manage-account account/view-profile"},
		{"an own role without the scope is put into it", `"roles":{"realm":[{"name":"offline_access"}]}`, defaultRole, allDefault},
		{"default roles of old documents join it", `"roles":{"realm":[{"name":"user"}]},"defaultRoles":["user"],"clients":[{"clientId":"a","defaultRoles":["r1"]}]`, defaultRole,
			"default-roles-r (${role_default-roles}): offline_access uma_authorization user a/r1 account/manage-account account/view-profile"},

		{"an own client account gets no roles but delete-account", `"clients":[{"clientId":"account"}]`, roles("account"), "delete-account"},
		{"and no account-console comes with it", `"clients":[{"clientId":"account"}]`, roles("account-console"), "no client"},
		{"and the default role has none of its roles", `"clients":[{"clientId":"account"}]`, defaultRole, "default-roles-r (${role_default-roles}): offline_access uma_authorization"},
		{"an own client broker gets no roles", `"clients":[{"clientId":"broker"}]`, roles("broker"), ""},
		{"own roles of a built-in client are not doubled", `"roles":{"client":{"account":[{"name":"view-profile","description":"mine"}]}}`, roles("account"),
			"delete-account manage-account manage-account-links manage-consent view-applications view-consent view-groups view-profile"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			doc := `{"realm":"r"}`
			if tt.doc != "" {
				doc = `{"realm":"r",` + tt.doc + `}`
			}
			if d := cmp.Diff(tt.want, tt.look(shape{config(t, doc)})); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	t.Run("own realm-management has all its roles", func(t *testing.T) {
		t.Parallel()
		want := shape{config(t, `{"realm":"r"}`)}.roles("realm-management")
		got := shape{config(t, `{"realm":"r","clients":[{"clientId":"realm-management"}],"roles":{"client":{"realm-management":[{"name":"view-users"}]}}}`)}.roles("realm-management")
		if got != want {
			t.Errorf("roles = %s, want %s", got, want)
		}
	})
	t.Run("own keys replace the default keys, policies stay", func(t *testing.T) {
		t.Parallel()
		d := mustParse(t, `{"realm":"r","components":{"org.keycloak.keys.KeyProvider":[{"name":"k","providerId":"rsa-generated"}]}}`)
		count := map[string]int{}
		for _, c := range d.Components {
			count[c.ProviderType]++
		}
		if d := cmp.Diff(map[string]int{model.KeyProviderType: 1, policyType: 10}, count); d != "" {
			t.Errorf("components (-want +got):\n%s", d)
		}
	})
}

func TestParseRealm_ClientDefaults(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","clients":[
		{"clientId":"a","redirectUris":["http://localhost:1/*","https://a.b/c","/rel","http://localhost:1/z","*","myapp://cb",""],"attributes":{"n":5,"b":true,"empty":"","null":null}},
		{"clientId":"stars","secret":"**********"},
		{"clientId":"public","publicClient":true,"secret":"x"},
		{"clientId":"posing","attributes":{"realm_client":"true","post.logout.redirect.uris":"http://x"},"webOrigins":[]}]}`)
	c := cfg.Client("a")
	if !c.Enabled || !c.StandardFlowEnabled || !c.FullScopeAllowed || c.DirectAccessGrantsEnabled || c.Protocol != protocolOIDC || c.ClientAuthenticatorType != "client-secret" {
		t.Errorf("defaults = %+v", c)
	}
	if d := cmp.Diff(map[string]string{"n": "5", "b": "true", "realm_client": "false", "post.logout.redirect.uris": "+"}, c.Attributes); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"http://localhost:1", "https://a.b"}, c.WebOrigins); d != "" {
		t.Errorf("web origins (-want +got):\n%s", d)
	}
	if got := cfg.Client("posing").Attributes["realm_client"]; got != "false" {
		t.Errorf("realm_client of an ordinary client = %s", got)
	}
	for id, want := range map[string]bool{"a": true, "stars": true, "public": false, "broker": false, "account": false} {
		if got := NeedsSecret(cfg.Client(id)); got != want {
			t.Errorf("NeedsSecret(%s) = %v, want %v", id, got, want)
		}
	}
}

func TestParseRealm_MirroredSettings(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","oauth2DeviceCodeLifespan":78,"clientSessionMaxLifespan":9,"browserSecurityHeaders":{"xRobotsTag":"x"},"accessTokenLifespan":"301",
		"attributes":{"oauth2DeviceCodeLifespan":"79","clientSessionIdleTimeout":"5","offlineSessionMaxLifespanEnabled":"true","frontendUrl":"http://x","acr.loa.map":"{}"}}`)
	r := cfg.Realm
	if r.ClientSessionIdleTimeout != 5 || r.ClientSessionMaxLifespan != 9 || !r.OfflineSessionMaxLifespanEnabled || r.AccessTokenLifespan != 301 {
		t.Errorf("typed settings = %+v", r)
	}
	o := RealmRepresentation(cfg)
	if o.Get("oauth2DeviceCodeLifespan") != int64(79) {
		t.Errorf("oauth2DeviceCodeLifespan = %v, want 79: the attribute wins", o.Get("oauth2DeviceCodeLifespan"))
	}
	attrs := o.Get("attributes").(map[string]string)
	for k, want := range map[string]string{"oauth2DeviceCodeLifespan": "79", "clientSessionIdleTimeout": "5", "clientSessionMaxLifespan": "9", "frontendUrl": "http://x", "cibaExpiresIn": "120", "acr.loa.map": "{}"} {
		if attrs[k] != want {
			t.Errorf("attribute %s = %q, want %q", k, attrs[k], want)
		}
	}
	for _, m := range realmMembers {
		if _, ok := r.Extra[m.name]; ok {
			t.Errorf("typed setting %s is in Extra too", m.name)
		}
	}
	headers := asText(r.Extra["browserSecurityHeaders"])
	if !strings.Contains(headers, `"xRobotsTag":"x"`) || !strings.Contains(headers, `"xFrameOptions":"SAMEORIGIN"`) {
		t.Errorf("security headers = %s, want the default ones with one changed", headers)
	}
}
