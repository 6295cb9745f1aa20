package oidc

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// mapperConfig is a small realm: client app with own role use, client api with
// role read, realm role user, group /staff/night.
func mapperView(t *testing.T, mappers ...model.ProtocolMapper) *subjectView {
	t.Helper()
	app := &model.Client{ID: "c-app", Num: 1, ClientID: "app", Enabled: true, Protocol: "openid-connect", FullScopeAllowed: true,
		RedirectURIs: []string{"https://app.example/cb/*", "http://localhost:9999/*"}, WebOrigins: []string{"+", "https://other.example"}, ProtocolMappers: mappers}
	api := &model.Client{ID: "c-api", Num: 2, ClientID: "api", Enabled: true, Protocol: "openid-connect"}
	off := &model.Client{ID: "c-off", Num: 3, ClientID: "off", Protocol: "openid-connect"}
	roles := []*model.Role{
		{ID: "r-user", Name: "user"}, {ID: "r-use", Name: "use", ClientID: "c-app"},
		{ID: "r-read", Name: "read", ClientID: "c-api"}, {ID: "r-gone", Name: "gone", ClientID: "c-off"},
	}
	groups := []*model.Group{
		{ID: "g-staff", Name: "staff", Attributes: map[string][]string{"floor": {"3"}}},
		{ID: "g-night", Name: "night", ParentID: "g-staff", Attributes: map[string][]string{"shift": {"late"}}},
	}
	cfg, err := model.NewConfig(&model.Realm{ID: "r", Name: "demo"}, 1, []*model.Client{app, api, off}, nil, roles, groups, nil)
	if err != nil {
		t.Fatal(err)
	}
	u := &model.User{
		ID: "u-1", Username: "uma", Email: "uma@example.org", EmailVerified: true, FirstName: "Uma", LastName: "One", Enabled: true,
		Grants:     model.Grants{Roles: []string{"r-user", "r-use", "r-read", "r-gone"}, Groups: []string{"g-night"}},
		Attributes: map[string][]string{"age": {"42"}, "tags": {"a", "b"}, "street": {"Main 1"}, "country": {"AT"}, "raw": {`{"x":[1,2]}`}, "bad": {"many"}},
	}
	return &subjectView{cfg: cfg, client: app, user: u, roles: cfg.UserRoles(u.Grants), notes: map[string]string{"AUTH_TIME": "1763000000"}}
}

func mapperOf(kind string, config map[string]string) model.ProtocolMapper {
	c := map[string]string{"access.token.claim": "true"}
	for k, v := range config {
		c[k] = v
	}
	return model.ProtocolMapper{Name: kind, Type: kind, Config: c}
}

func TestMappers(t *testing.T) {
	t.Parallel()
	attr := func(config map[string]string) model.ProtocolMapper {
		return mapperOf("oidc-usermodel-attribute-mapper", config)
	}
	for _, tt := range []struct {
		name    string
		mappers []model.ProtocolMapper
		want    string
	}{
		{"attribute as long", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "age", "claim.name": "age", "jsonType.label": "long"})}, `{"age":42}`},
		{"attribute that is no number is left out", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "bad", "claim.name": "n", "jsonType.label": "int"})}, `{}`},
		{"attribute as JSON", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "raw", "claim.name": "raw", "jsonType.label": "JSON"})}, `{"raw":{"x":[1,2]}}`},
		{"multivalued", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "tags", "claim.name": "tags", "multivalued": "true"})}, `{"tags":["a","b"]}`},
		{"first value when not multivalued", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "tags", "claim.name": "tag"})}, `{"tag":"a"}`},
		{"absent attribute", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "none", "claim.name": "none"})}, `{}`},
		{"group attribute, nearest group first", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "floor", "claim.name": "floor"}), attr(map[string]string{"user.attribute": "shift", "claim.name": "shift"})}, `{"floor":"3","shift":"late"}`},
		{"nested claim name", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "age", "claim.name": "a.b.c"})}, `{"a":{"b":{"c":"42"}}}`},
		{"escaped dot", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "age", "claim.name": `urn:x\.y.z`})}, `{"urn:x.y":{"z":"42"}}`},
		{"a mapper may not set exp", []model.ProtocolMapper{attr(map[string]string{"user.attribute": "age", "claim.name": "exp", "jsonType.label": "long"})}, `{}`},
		{"property as boolean", []model.ProtocolMapper{mapperOf("oidc-usermodel-property-mapper", map[string]string{"user.attribute": "emailVerified", "claim.name": "email_verified", "jsonType.label": "boolean"})}, `{"email_verified":true}`},
		{"full name", []model.ProtocolMapper{mapperOf("oidc-full-name-mapper", nil)}, `{"name":"Uma One"}`},
		{"address", []model.ProtocolMapper{mapperOf("oidc-address-mapper", nil)}, `{"address":{"country":"AT","street_address":"Main 1"}}`},
		{"sub", []model.ProtocolMapper{mapperOf("oidc-sub-mapper", nil)}, `{"sub":"u-1"}`},
		{"acr of a direct login", []model.ProtocolMapper{mapperOf("oidc-acr-mapper", nil)}, `{"acr":"1"}`},
		{"auth_time from the session", []model.ProtocolMapper{mapperOf("oidc-usersessionmodel-note-mapper", map[string]string{"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long"})}, `{"auth_time":1763000000}`},
		{"web origins, + is those of redirect URIs", []model.ProtocolMapper{mapperOf("oidc-allowed-origins-mapper", nil)}, `{"allowed-origins":["http://localhost:9999","https://app.example","https://other.example"]}`},
		{"hardcoded claim", []model.ProtocolMapper{mapperOf("oidc-hardcoded-claim-mapper", map[string]string{"claim.name": "tier", "claim.value": "gold"})}, `{"tier":"gold"}`},
		{"groups by path", []model.ProtocolMapper{mapperOf("oidc-group-membership-mapper", map[string]string{"claim.name": "groups", "full.path": "true"})}, `{"groups":["/staff/night"]}`},
		{"groups by name", []model.ProtocolMapper{mapperOf("oidc-group-membership-mapper", map[string]string{"claim.name": "groups", "full.path": "false"})}, `{"groups":["night"]}`},
		{"realm roles", []model.ProtocolMapper{mapperOf("oidc-usermodel-realm-role-mapper", map[string]string{"claim.name": "realm_access.roles", "multivalued": "true"})}, `{"realm_access":{"roles":["user"]}}`},
		{"realm roles with a prefix", []model.ProtocolMapper{mapperOf("oidc-usermodel-realm-role-mapper", map[string]string{"claim.name": "roles", "multivalued": "true", "usermodel.realmRoleMapping.rolePrefix": "R_"})}, `{"roles":["R_user"]}`},
		{"client roles; a disabled client has none", []model.ProtocolMapper{mapperOf("oidc-usermodel-client-role-mapper", map[string]string{"claim.name": "resource_access.${client_id}.roles", "multivalued": "true"})}, `{"resource_access":{"api":{"roles":["read"]},"app":{"roles":["use"]}}}`},
		{"roles of one client", []model.ProtocolMapper{mapperOf("oidc-usermodel-client-role-mapper", map[string]string{"claim.name": "api", "multivalued": "true", "usermodel.clientRoleMapping.clientId": "api"})}, `{"api":["read"]}`},
		{"audience resolve names the other clients", []model.ProtocolMapper{mapperOf("oidc-audience-resolve-mapper", nil)}, `{"aud":["api"]}`},
		{"audience by client and by text", []model.ProtocolMapper{mapperOf("oidc-audience-mapper", map[string]string{"included.client.audience": "api"}), mapperOf("oidc-audience-mapper", map[string]string{"included.custom.audience": "https://x"}), mapperOf("oidc-audience-mapper", map[string]string{"included.client.audience": "off"})}, `{"aud":["api","https://x"]}`},
		{"hardcoded role shows in roles and audience", []model.ProtocolMapper{mapperOf("oidc-hardcoded-role-mapper", map[string]string{"role": "api.write"}), mapperOf("oidc-usermodel-client-role-mapper", map[string]string{"claim.name": "api", "multivalued": "true", "usermodel.clientRoleMapping.clientId": "api"})}, `{"api":["read","write"]}`},
		{"role name mapper", []model.ProtocolMapper{mapperOf("oidc-role-name-mapper", map[string]string{"role": "user", "new.role.name": "app.member"}), mapperOf("oidc-usermodel-realm-role-mapper", map[string]string{"claim.name": "realm", "multivalued": "true"}), mapperOf("oidc-usermodel-client-role-mapper", map[string]string{"claim.name": "app", "multivalued": "true", "usermodel.clientRoleMapping.clientId": "app"})}, `{"app":["member","use"]}`},
		{"unknown mapper types contribute nothing", []model.ProtocolMapper{mapperOf("oidc-script-based-protocol-mapper", map[string]string{"claim.name": "x"})}, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got, want any
			b, err := json.Marshal(mapped(mapperView(t, tt.mappers...), inAccess))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMappers_PlaceSwitches(t *testing.T) {
	t.Parallel()
	m := func(config map[string]string) model.ProtocolMapper {
		config["claim.name"], config["claim.value"] = "x", "1"
		return model.ProtocolMapper{Type: "oidc-hardcoded-claim-mapper", Config: config}
	}
	for _, tt := range []struct {
		name        string
		config      map[string]string
		p           place
		lightweight bool
		want        bool
	}{
		{"access only", map[string]string{"access.token.claim": "true"}, inAccess, false, true},
		{"access is not ID", map[string]string{"access.token.claim": "true"}, inID, false, false},
		{"introspection follows access unless it says so", map[string]string{"access.token.claim": "true"}, inIntrospection, false, true},
		{"introspection switched off", map[string]string{"access.token.claim": "true", "introspection.token.claim": "false"}, inIntrospection, false, false},
		{"userinfo follows ID unless it says so", map[string]string{"id.token.claim": "true"}, inUserinfo, false, true},
		{"userinfo switched off", map[string]string{"id.token.claim": "true", "userinfo.token.claim": "false"}, inUserinfo, false, false},
		{"lightweight leaves it out", map[string]string{"access.token.claim": "true"}, inAccess, true, false},
		{"lightweight.claim keeps it", map[string]string{"lightweight.claim": "true"}, inAccess, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := mapperView(t, m(tt.config))
			v.lightweight = tt.lightweight
			if _, got := mapped(v, tt.p)["x"]; got != tt.want {
				t.Errorf("in place %d = %v, want %v", tt.p, got, tt.want)
			}
		})
	}
}
