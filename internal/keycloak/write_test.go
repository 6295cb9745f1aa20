package keycloak

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// changed are the members of after that before has not, or otherwise; a
// member that is gone is shown as "gone".
func changed(t *testing.T, before, after Object) string {
	t.Helper()
	diff := map[string]json.RawMessage{}
	for _, m := range after {
		if got, was := asText(m.Value), asText(before.Get(m.Name)); !before.Has(m.Name) || got != was {
			diff[m.Name] = json.RawMessage(got)
		}
	}
	for _, m := range before {
		if !after.Has(m.Name) {
			diff[m.Name] = json.RawMessage(`"gone"`)
		}
	}
	return asText(diff)
}

// frozen fails the test when f changes what v points to.
func frozen(t *testing.T, v any, f func()) {
	t.Helper()
	before := asText(v)
	f()
	if after := asText(v); after != before {
		t.Errorf("input was changed from %s to %s", before, after)
	}
}

func fault(t *testing.T, err error) *DocumentError {
	t.Helper()
	var f *DocumentError
	if !errors.As(err, &f) {
		t.Fatalf("error = %v, want a *DocumentError", err)
	}
	return f
}

func withRealm(t *testing.T, cfg *model.Config, r *model.Realm) *model.Config {
	t.Helper()
	c, err := model.NewConfig(r, 0, slices.Clone(cfg.Clients), slices.Clone(cfg.Scopes), slices.Clone(cfg.Roles), slices.Clone(cfg.Groups), slices.Clone(cfg.Components))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUpdateRealm(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","displayName":"D","displayNameHtml":"H","passwordPolicy":"length(8)","eventsExpiration":5,"clientSessionIdleTimeout":5,
		"attributes":{"acr.loa.map":"{}"},"smtpServer":{"host":"h","password":"p"}}`)
	for _, tt := range []struct{ name, body, want string }{
		{"an empty body changes nothing", `{}`, `{}`},
		{"null changes nothing", `{"displayName":null,"enabled":null}`, `{}`},
		{"empty text goes", `{"displayName":"","passwordPolicy":""}`, `{"displayName":"gone","passwordPolicy":"gone"}`},
		{"one setting", `{"accessTokenLifespan":60}`, `{"accessTokenLifespan":60}`},
		{"a setting without a field", `{"bruteForceProtected":true}`, `{"bruteForceProtected":true}`},
		{"an unknown setting is kept", `{"brand.new":[1]}`, `{"brand.new":[1]}`},
		{"events", `{"eventsExpiration":0,"enabledEventTypes":["LOGIN"]}`, `{"enabledEventTypes":["LOGIN"],"eventsExpiration":"gone"}`},
		{"attributes replace the set, Keycloak's own stay", `{"attributes":{"foo":"1"}}`,
			`{"attributes":{"cibaAuthRequestedUserHint":"login_hint","cibaBackchannelTokenDeliveryMode":"poll","cibaExpiresIn":"120","cibaInterval":"5","clientSessionIdleTimeout":"5","foo":"1","oauth2DeviceCodeLifespan":"600","oauth2DevicePollingInterval":"5","parRequestUriLifespan":"60","realmReusableOtpCode":"false"}}`},
		{"a member wins over the attribute it mirrors", `{"clientSessionIdleTimeout":0,"oauth2DeviceCodeLifespan":98,"attributes":{"clientSessionIdleTimeout":"9","oauth2DeviceCodeLifespan":"97","acr.loa.map":"{}"}}`,
			`{"attributes":{"acr.loa.map":"{}","cibaAuthRequestedUserHint":"login_hint","cibaBackchannelTokenDeliveryMode":"poll","cibaExpiresIn":"120","cibaInterval":"5","oauth2DeviceCodeLifespan":"98","oauth2DevicePollingInterval":"5","parRequestUriLifespan":"60","realmReusableOtpCode":"false"},"clientSessionIdleTimeout":0,"oauth2DeviceCodeLifespan":98}`},
		{"what is no setting is ignored", `{"id":"x","clients":[{"clientId":"z"}],"roles":5,"defaultRole":{"name":"offline_access"},"users":[]}`, `{}`},
		{"the name", `{"realm":"s"}`, `{"realm":"s"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := UpdateRealm(cfg, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, changed(t, RealmRepresentation(cfg), RealmRepresentation(withRealm(t, cfg, r)))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	t.Run("what GET answers, PUT takes, and nothing changes", func(t *testing.T) {
		b, err := json.Marshal(RealmRepresentation(cfg))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), `"password":"**********"`) {
			t.Error("the SMTP password is not masked")
		}
		frozen(t, cfg.Realm, func() {
			r, err := UpdateRealm(cfg, b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(cfg.Realm, r); d != "" {
				t.Errorf("(-before +after):\n%s", d)
			}
		})
	})
	for _, tt := range []struct{ body, want string }{
		{`{"realm":"a/b"}`, `realm: character "/" is not allowed`},
		{`{"realm":""}`, "realm: must not be empty"},
		{`{"accessTokenLifespan":"x"}`, "accessTokenLifespan: must be a whole number"},
		{`5`, "must be an object"},
	} {
		if _, err := UpdateRealm(cfg, []byte(tt.body)); fault(t, err).Error() != tt.want {
			t.Errorf("UpdateRealm(%s) = %v, want %s", tt.body, err, tt.want)
		}
	}
}

func TestRenamedClients_FollowTheRealm(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r"}`)
	frozen(t, cfg.Clients, func() {
		var got []string
		for _, c := range RenamedClients(cfg, "s") {
			got = append(got, c.BaseURL+" "+c.RedirectURIs[0])
		}
		want := []string{"/realms/s/account/ /realms/s/account/*", "/realms/s/account/ /realms/s/account/*", "/admin/s/console/ /admin/s/console/*"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestNewClient(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","clients":[{"clientId":"taken","id":"taken-id"}]}`)
	base, err := NewClient(cfg, []byte(`{"clientId":"a","secret":"s","id":"own"}`), ids())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "client of a name", ClientRepresentation(cfg, base, ClientOptions{Access: ClientAccess(base)}), []byte(`{"clientId":"a","surrogateAuthRequired":false,"enabled":true,
		"alwaysDisplayInConsole":false,"clientAuthenticatorType":"client-secret","secret":"s","redirectUris":[],"webOrigins":[],"notBefore":0,"bearerOnly":false,"consentRequired":false,
		"standardFlowEnabled":true,"implicitFlowEnabled":false,"directAccessGrantsEnabled":false,"serviceAccountsEnabled":false,"publicClient":false,"frontchannelLogout":false,
		"protocol":"openid-connect","attributes":{"realm_client":"false"},"authenticationFlowBindingOverrides":{},"fullScopeAllowed":true,"nodeReRegistrationTimeout":-1,
		"defaultClientScopes":["web-origins","acr","profile","roles","basic","email"],"optionalClientScopes":["address","phone","organization","offline_access","microprofile-jwt"],
		"access":{"view":true,"configure":true,"manage":true}}`))
	if base.ID != "own" {
		t.Errorf("id = %s, want the one given", base.ID)
	}
	for _, tt := range []struct{ name, body, want string }{
		{"public", `"publicClient":true`, `{"publicClient":true,"secret":"gone"}`},
		{"service accounts", `"serviceAccountsEnabled":true`, `{"defaultClientScopes":["acr","basic","email","profile","roles","service_account","web-origins"],"serviceAccountsEnabled":true}`},
		{"named scopes, unknown ones passed over", `"defaultClientScopes":["profile"],"optionalClientScopes":["phone","nope"]`, `{"defaultClientScopes":["profile"],"optionalClientScopes":["phone"]}`},
		{"one list named empties the other", `"defaultClientScopes":["profile"]`, `{"defaultClientScopes":["profile"],"optionalClientScopes":[]}`},
		{"web origins from redirect URIs", `"redirectUris":["http://localhost:1/*"]`, `{"redirectUris":["http://localhost:1/*"],"webOrigins":["http://localhost:1"]}`},
		{"no web origins from a star", `"redirectUris":["*"]`, `{"redirectUris":["*"]}`},
		{"empty and null attributes fall out, realm_client is not theirs", `"attributes":{"k":"v","e":"","n":null,"realm_client":"true"}`, `{"attributes":{"k":"v","realm_client":"false"}}`},
		{"what has no field", `"description":"d","adminUrl":"http://a","nodeReRegistrationTimeout":5`, `{"adminUrl":"http://a","description":"d","nodeReRegistrationTimeout":5}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := NewClient(cfg, []byte(`{"clientId":"a","secret":"s","id":"own",`+tt.body+`}`), ids())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, changed(t, ClientRepresentation(cfg, base, ClientOptions{}), ClientRepresentation(cfg, c, ClientOptions{}))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	for _, tt := range []struct {
		body, want string
		conflict   bool
	}{
		{`{"clientId":"taken"}`, "clientId: client taken already exists", true},
		{`{"clientId":"b","id":"taken-id"}`, "id: id taken-id already exists", true},
		{`{"clientId":""}`, "clientId: Client ID cannot be blank", false},
		{`{"clientId":"b","redirectUris":["http://x#y"]}`, "redirectUris[0]: A redirect URI must not contain an URL fragment", false},
		{`{"clientId":"b","rootUrl":"javascript:x"}`, "rootUrl: Root URL uses an illegal scheme", false},
		{`{"clientId":"b","attributes":{"client.session.idle.timeout":"1801"}}`, "attributes: Client session idle timeout cannot exceed realm SSO session idle timeout.", false},
	} {
		c, err := NewClient(cfg, []byte(tt.body), ids())
		if f := fault(t, err); f.Error() != tt.want || f.Conflict != tt.conflict {
			t.Errorf("NewClient(%s) = %v, %v (conflict %v); want %s", tt.body, c, err, f.Conflict, tt.want)
		}
	}
	if c, err := NewClient(cfg, []byte(`{}`), ids()); err != nil || c.ClientID != c.ID || !NeedsSecret(c) {
		t.Errorf("NewClient({}) = %+v, %v; want its id as clientId and a secret to be made", c, err)
	}
}

func TestUpdateClient(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r","clients":[{"clientId":"a","id":"own","secret":"s","description":"d","attributes":{"k":"v"},"redirectUris":["http://a/*"],
		"protocolMappers":[{"id":"m-id","name":"m","protocolMapper":"p"}]},{"clientId":"sa","serviceAccountsEnabled":true,"secret":"s"}]}`)
	for _, tt := range []struct{ client, name, body, want string }{
		{"a", "empty", `{}`, `{}`},
		{"a", "null", `{"enabled":null,"secret":null,"redirectUris":null}`, `{}`},
		{"a", "attributes merge", `{"attributes":{"k2":"v2"}}`, `{"attributes":{"k":"v","k2":"v2","post.logout.redirect.uris":"+","realm_client":"false"}}`},
		{"a", "a null or empty attribute goes", `{"attributes":{"k":null,"post.logout.redirect.uris":""}}`, `{"attributes":{"realm_client":"false"}}`},
		{"a", "realm_client stays", `{"attributes":{"realm_client":"true"}}`, `{}`},
		{"a", "scopes are ignored", `{"defaultClientScopes":["profile"],"optionalClientScopes":[]}`, `{}`},
		{"a", "ids are ignored", `{"id":"x"}`, `{}`},
		{"a", "mappers replace the set; one of the same name keeps its id", `{"protocolMappers":[{"name":"m","protocolMapper":"p","config":{"x":"1"}}]}`,
			`{"protocolMappers":[{"id":"m-id","name":"m","protocol":"openid-connect","protocolMapper":"p","consentRequired":false,"config":{"x":"1"}}]}`},
		{"a", "no mappers", `{"protocolMappers":[]}`, `{"protocolMappers":"gone"}`},
		{"a", "an empty description stays as such", `{"description":""}`, `{"description":""}`},
		{"a", "redirect URIs do not bring web origins later", `{"redirectUris":["http://b/*"],"webOrigins":[]}`, `{"redirectUris":["http://b/*"],"webOrigins":[]}`},
		{"a", "public: the secret is gone", `{"publicClient":true}`, `{"publicClient":true,"secret":"gone"}`},
		{"a", "stars mean the same secret", `{"secret":"**********"}`, `{}`},
		{"a", "a service account brings its scope", `{"serviceAccountsEnabled":true}`,
			`{"defaultClientScopes":["acr","basic","email","profile","roles","service_account","web-origins"],"serviceAccountsEnabled":true}`},
		{"sa", "and takes it away", `{"serviceAccountsEnabled":false}`, `{"defaultClientScopes":["acr","basic","email","profile","roles","web-origins"],"serviceAccountsEnabled":false}`},
		{"a", "rename", `{"clientId":"b"}`, `{"clientId":"b"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			old := cfg.Client(tt.client)
			frozen(t, old, func() {
				c, err := UpdateClient(cfg, old, []byte(tt.body), ids())
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(tt.want, changed(t, ClientRepresentation(cfg, old, ClientOptions{}), ClientRepresentation(cfg, c, ClientOptions{}))); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		})
	}
	if _, err := UpdateClient(cfg, cfg.Client("a"), []byte(`{"clientId":"sa"}`), ids()); !fault(t, err).Conflict {
		t.Errorf("taken clientId: %v", err)
	}
	b, err := json.Marshal(ClientRepresentation(cfg, cfg.Client("a"), ClientOptions{Access: ClientAccess(cfg.Client("a"))}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := UpdateClient(cfg, cfg.Client("a"), b, ids())
	if d := cmp.Diff(cfg.Client("a"), c); err != nil || d != "" {
		t.Errorf("what GET answers, PUT must take unchanged: %v (-before +after):\n%s", err, d)
	}
}
