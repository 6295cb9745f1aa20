package keycloak

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// What a document of a name alone becomes must be what Keycloak makes of it.
func TestParseRealm_FreshRealmIsKeycloaks(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"fresh"}`)

	t.Run("settings", func(t *testing.T) {
		same(t, "realm", RealmRepresentation(cfg), testdata(t, "fresh/realm-representation.json"))
	})
	t.Run("order of settings", func(t *testing.T) {
		got, err := json.Marshal(RealmRepresentation(cfg))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(topNames(t, testdata(t, "fresh/realm-representation.json")), topNames(t, got)); d != "" {
			t.Errorf("order of members (-want +got):\n%s", d)
		}
	})
	t.Run("clients", func(t *testing.T) {
		var got []Object
		for _, c := range cfg.Clients {
			got = append(got, ClientRepresentation(cfg, c, ClientOptions{Access: ClientAccess(c)}))
		}
		same(t, "clients", got, testdata(t, "fresh/clients.json"))
	})
	t.Run("client scopes", func(t *testing.T) {
		var got []Object
		for _, s := range cfg.Scopes {
			got = append(got, ClientScopeRepresentation(s))
		}
		same(t, "scopes", got, testdata(t, "fresh/client-scopes.json"))
	})
	t.Run("default lists", func(t *testing.T) {
		lists := func(ids []string) (out []Object) {
			for _, s := range scopesByID(cfg, ids) {
				out = append(out, ClientScopeRef(s, true))
			}
			return out
		}
		same(t, "default", lists(cfg.Realm.DefaultClientScopes), testdata(t, "fresh/default-default-client-scopes.json"))
		same(t, "optional", lists(cfg.Realm.OptionalClientScopes), testdata(t, "fresh/default-optional-client-scopes.json"))
	})
	t.Run("roles and composites", func(t *testing.T) {
		role := func(r *model.Role) Object {
			o := RoleRepresentation(cfg, r, RoleOptions{})
			subs := []Object{}
			for _, id := range r.Composites {
				subs = append(subs, RoleRepresentation(cfg, cfg.RoleByID(id), RoleOptions{Brief: true}))
			}
			o.add("_composites", subs)
			return o
		}
		realm, client := []Object{}, map[string][]Object{}
		for _, c := range cfg.Clients {
			client[c.ClientID] = []Object{}
			for _, r := range cfg.ClientRoles(c.ID) {
				client[c.ClientID] = append(client[c.ClientID], role(r))
			}
		}
		for _, r := range cfg.ClientRoles("") {
			realm = append(realm, role(r))
		}
		same(t, "roles", Object{{"realm", realm}, {"client", client}}, testdata(t, "fresh/roles.json"))
	})
	t.Run("scope mappings", func(t *testing.T) {
		mappings := func(ids []string) (o Object) {
			var realm, account []Object
			for _, id := range ids {
				r := cfg.RoleByID(id)
				if r.ClientID == "" {
					realm = append(realm, RoleRepresentation(cfg, r, RoleOptions{Brief: true}))
				} else {
					account = append(account, RoleRepresentation(cfg, r, RoleOptions{Brief: true}))
				}
			}
			if realm != nil {
				o.add("realmMappings", realm)
			}
			if account != nil {
				o.add("clientMappings", map[string]Object{"account": {{"client", "account"}, {"mappings", account}}})
			}
			return o
		}
		got := map[string]Object{}
		for _, c := range cfg.Clients {
			got[c.ClientID] = mappings(c.ScopeMappings)
		}
		for _, s := range cfg.Scopes {
			got["scope:"+s.Name] = mappings(s.ScopeMappings)
		}
		same(t, "mappings", got, testdata(t, "fresh/scope-mappings.json"))
	})
}

func topNames(t *testing.T, doc []byte) (names []string) {
	t.Helper()
	m := map[string]json.RawMessage{}
	dec := json.NewDecoder(strings.NewReader(string(doc)))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		m[name.(string)] = raw
		names = append(names, name.(string))
	}
	return names
}

func TestParseRealm_KeysAndPoliciesAreThere(t *testing.T) {
	t.Parallel()
	var full struct{ Components map[string]json.RawMessage }
	if err := json.Unmarshal(testdata(t, "full-export.json"), &full); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, `{"realm":"fresh"}`)
	got := exportComponents(cfg, false)
	same(t, "policies", got[policyType], []byte(full.Components[policyType]))
	var names []string
	for _, c := range got[model.KeyProviderType] {
		names = append(names, c.Get("name").(string))
	}
	if d := cmp.Diff([]string{"aes-generated", "hmac-generated-hs512", "rsa-enc-generated", "rsa-generated"}, names); d != "" {
		t.Errorf("key components (-want +got):\n%s", d)
	}
}

func TestRealmName_GoesIntoURLsAndDefaultRole(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"My\"Realm"}`)
	if got := cfg.Client("account").BaseURL; got != `/realms/My"Realm/account/` {
		t.Errorf("baseUrl = %q", got)
	}
	if got := cfg.RoleByID(cfg.Realm.DefaultRoleID).Name; got != `default-roles-my"realm` {
		t.Errorf("default role = %q", got)
	}
}
