package keycloak

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

const partsRealm = `{"realm":"r","id":"realm","roles":{"realm":[{"name":"r","id":"r-id","description":"d","attributes":{"a":["b"]}},{"name":"c"}]},
 "groups":[{"name":"g","id":"g-id","description":"gd","attributes":{"a":["b"]},"realmRoles":["r"],"clientRoles":{"account":["view-profile"]},"subGroups":[{"name":"h","id":"h-id"}]},{"name":"k"}],
 "components":{"org.keycloak.keys.KeyProvider":[{"id":"hm","name":"hm","providerId":"hmac-generated","config":{"priority":["50"],"secret":["x"],"kid":["k"]}},
  {"id":"imp","name":"imp","providerId":"rsa","config":{"privateKey":["x"]}}]}}`

func TestRoles(t *testing.T) {
	t.Parallel()
	cfg := config(t, partsRealm)
	old := cfg.Role("", "r")
	rep := func(r *model.Role, err error) string {
		if err != nil {
			return err.Error()
		}
		return asText(RoleRepresentation(cfg, r, RoleOptions{}))
	}
	update := func(body string) (*model.Role, error) { return UpdateRole(cfg, old, []byte(body)) }
	create := func(body string) (*model.Role, error) { return NewRole(cfg, "", []byte(body), ids()) }
	const tail = `,"composite":false,"clientRole":false,"containerId":"realm","attributes":`
	for _, tt := range []struct {
		body string
		do   func(string) (*model.Role, error)
		want string
	}{
		{`{"name":"r","description":"zz"}`, update, `{"id":"r-id","name":"r","description":"zz"` + tail + `{"a":["b"]}}`},
		{`{"name":"r"}`, update, `{"id":"r-id","name":"r"` + tail + `{"a":["b"]}}`},
		{`{"name":"r","attributes":{"z":["y"]},"id":"z","composites":{"realm":["c"]}}`, update, `{"id":"r-id","name":"r"` + tail + `{"z":["y"]}}`},
		{`{"name":"r2","attributes":{}}`, update, `{"id":"r-id","name":"r2"` + tail + `{}}`},
		{`{"description":"only"}`, update, "name: role has no name"},
		{`{"name":"c"}`, update, "name: Role with name c already exists"},
		{`{"name":"x","id":"own"}`, create, `{"id":"id-001","name":"x"` + tail + `{}}`},
		{`{"name":"x","composite":true,"composites":{"realm":["c"]}}`, create, `{"id":"id-001","name":"x","composite":true,"clientRole":false,"containerId":"realm","attributes":{}}`},
		{`{}`, create, "name: role has no name"},
		{`{"name":"c"}`, create, "name: Role with name c already exists"},
	} {
		frozen(t, old, func() {
			if d := cmp.Diff(tt.want, rep(tt.do(tt.body))); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.body, d)
			}
		})
	}
	c := cfg.Client("account")
	got := rep(NewRole(cfg, c.ID, []byte(`{"name":"c"}`), ids()))
	if want := `{"id":"id-001","name":"c","composite":false,"clientRole":true,"containerId":"` + c.ID + `","attributes":{}}`; got != want {
		t.Errorf("client role = %s, want %s", got, want)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	cfg := config(t, partsRealm)
	g, h := cfg.GroupByPath("/g"), cfg.GroupByPath("/g/h")
	all := map[string]bool{"view": true, "viewMembers": true, "manageMembers": true, "manage": true, "manageMembership": true}
	const access = `,"access":{"manage":true,"manageMembers":true,"manageMembership":true,"view":true,"viewMembers":true}}`
	for want, got := range map[string]Object{
		`{"id":"g-id","name":"g","description":"gd","path":"/g","subGroupCount":1,"subGroups":[],"attributes":{"a":["b"]},"realmRoles":["r"],"clientRoles":{"account":["view-profile"]}` + access: GroupRepresentation(cfg, g, GroupOptions{Access: all}),
		`{"id":"g-id","name":"g","description":"gd","path":"/g","subGroupCount":1,"subGroups":[]` + access:                                                                                        GroupRepresentation(cfg, g, GroupOptions{Brief: true, Access: all}),
		`{"id":"h-id","name":"h","path":"/g/h","parentId":"g-id","subGroupCount":0,"subGroups":[],"attributes":{},"realmRoles":[],"clientRoles":{}}`:                                              GroupRepresentation(cfg, h, GroupOptions{}),
		`{"id":"h-id","name":"h","path":"/g/h","parentId":"g-id","subGroups":[]}`:                                                                                                                 GroupRepresentation(cfg, h, GroupOptions{Bare: true}),
	} {
		if d := cmp.Diff(want, asText(got)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	rep := func(g *model.Group, err error) string {
		if err != nil {
			return err.Error()
		}
		return g.ID + " " + g.Name + " " + g.ParentID + " " + g.Description + " " + asText(g.Attributes) + " " + asText(g.Roles)
	}
	frozen(t, g, func() {
		for body, want := range map[string]string{
			`{"name":"g2"}`: `g-id g2   {"a":["b"]} ` + asText(g.Roles),
			`{"name":"g2","attributes":{"z":["1"]},"description":"k","realmRoles":["c"]}`: `g-id g2  k {"z":["1"]} ` + asText(g.Roles),
			`{"attributes":{}}`: "name: Group name is missing",
			`{"name":"k"}`:      "name: Top level group named 'k' already exists.",
		} {
			if got := rep(UpdateGroup(cfg, g, []byte(body))); got != want {
				t.Errorf("UpdateGroup(%s) = %s, want %s", body, got, want)
			}
		}
	})
	for _, tt := range []struct{ parent, body, want string }{
		{"", `{"name":"x y","realmRoles":["r"],"id":"own"}`, `id-001 x y   null null`},
		{"g-id", `{"name":"k"}`, `id-001 k g-id  null null`},
		{"g-id", `{"name":"h"}`, "name: Sibling group named 'h' already exists."},
		{"", `{"name":"g"}`, "name: Top level group named 'g' already exists."},
		{"", `{}`, "name: Group name is missing"},
	} {
		if got := rep(NewGroup(cfg, tt.parent, []byte(tt.body), ids())); got != tt.want {
			t.Errorf("NewGroup(%q, %s) = %s, want %s", tt.parent, tt.body, got, tt.want)
		}
	}
}

func TestClientScopes(t *testing.T) {
	t.Parallel()
	cfg := config(t, `{"realm":"r"}`)
	old := &model.ClientScope{ID: "s", Name: "up", Protocol: protocolOIDC, Description: "d", Attributes: map[string]string{"a": "1", "b": "2"}, ProtocolMappers: []model.ProtocolMapper{{ID: "m", Name: "m", Type: "p"}}}
	rep := func(s *model.ClientScope, err error) string {
		if err != nil {
			return err.Error()
		}
		return s.Name + " " + s.Protocol + " " + s.Description + " " + asText(s.Attributes) + " " + asText(len(s.ProtocolMappers))
	}
	update := func(body string) string { return rep(UpdateClientScope(cfg, old, []byte(body))) }
	create := func(body string) string { return rep(NewClientScope(cfg, []byte(body), ids())) }
	for _, tt := range []struct {
		do         func(string) string
		body, want string
	}{
		{update, `{}`, `up openid-connect d {"a":"1","b":"2"} 1`},
		{update, `{"attributes":{"b":"3"},"description":""}`, `up openid-connect  {"a":"1","b":"3"} 1`},
		{update, `{"attributes":{"a":null,"b":""}}`, `up openid-connect d {"b":""} 1`},
		{update, `{"name":"up2","protocolMappers":[]}`, `up2 openid-connect d {"a":"1","b":"2"} 1`},
		{update, `{"name":"profile"}`, "name: Client Scope profile already exists"},
		{update, `{"name":""}`, `name: Unexpected name "" for ClientScope`},
		{update, `{"protocol":"foo"}`, "protocol: Unexpected protocol"},
		{create, `{"name":"pets","protocol":"openid-connect","attributes":{"x":"y","n":null,"e":""},"protocolMappers":[{"name":"m","protocolMapper":"p"}]}`, `pets openid-connect  {"e":"","x":"y"} 1`},
		{create, `{"name":"pets"}`, "protocol: Unexpected protocol"},
		{create, `{"name":"profile","protocol":"openid-connect"}`, "name: Client Scope profile already exists"},
		{create, `{"name":"a b","protocol":"openid-connect"}`, `name: Unexpected name "a b" for ClientScope`},
		{create, `{"name":"ü","protocol":"openid-connect"}`, `name: Unexpected name "ü" for ClientScope`},
	} {
		frozen(t, old, func() {
			if got := tt.do(tt.body); got != tt.want {
				t.Errorf("%s = %s, want %s", tt.body, got, tt.want)
			}
		})
	}
}

func TestProtocolMappers(t *testing.T) {
	t.Parallel()
	m, err := NewProtocolMapper([]byte(`{"id":"x","name":"m1","protocol":"openid-connect","protocolMapper":"p","config":{"claim.name":"x","n":null,"e":"","num":5,"flag":true}}`), nil, ids())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"x","name":"m1","protocol":"openid-connect","protocolMapper":"p","consentRequired":false,"config":{"claim.name":"x","flag":"true","num":"5"}}`
	if got := asText(ProtocolMapperRepresentation(&m)); got != want {
		t.Errorf("mapper = %s, want %s", got, want)
	}
	next, err := UpdateProtocolMapper(m, []byte(`{"config":{"q":"1"}}`))
	if d := cmp.Diff(map[string]string{"q": "1"}, next.Config); err != nil || d != "" {
		t.Errorf("config is replaced: %v (-want +got):\n%s", err, d)
	}
	if m.Config["claim.name"] != "x" {
		t.Error("the old mapper was changed")
	}
	if _, err := NewProtocolMapper([]byte(`{"name":"m1","protocolMapper":"p"}`), []model.ProtocolMapper{m}, ids()); !fault(t, err).Conflict {
		t.Errorf("second of a name: %v", err)
	}
	if _, err := NewProtocolMapper([]byte(`{"id":"x","name":"m2","protocolMapper":"p"}`), []model.ProtocolMapper{m}, ids()); !fault(t, err).Conflict {
		t.Errorf("second of an id: %v", err)
	}
	if m, err := NewProtocolMapper([]byte(`{"name":"m2","protocolMapper":"p"}`), nil, ids()); err != nil || m.ID != "id-001" {
		t.Errorf("mapper without an id: %q, %v", m.ID, err)
	}
}

func TestComponents(t *testing.T) {
	t.Parallel()
	cfg := config(t, partsRealm)
	find := func(id string) *model.Component {
		for _, c := range cfg.Components {
			if c.ID == id {
				return c
			}
		}
		t.Fatalf("no component %s", id)
		return nil
	}
	const head = `{"id":"hm","name":"hm","providerId":"hmac-generated","providerType":"org.keycloak.keys.KeyProvider","parentId":"realm","config":`
	if got, want := asText(ComponentRepresentation(cfg, find("hm"))), head+`{"priority":["50"]}}`; got != want {
		t.Errorf("generated key = %s, want its material left out: %s", got, want)
	}
	if got := asText(ComponentRepresentation(cfg, find("imp")).Get("config")); got != `{"privateKey":["**********"]}` {
		t.Errorf("imported key = %s, want it masked", got)
	}
	old := find("hm")
	for _, tt := range []struct{ body, want string }{
		{`{"config":{"enabled":["false"]},"parentId":"x"}`, `{"enabled":["false"],"kid":["k"],"priority":["50"],"secret":["x"]}`},
		{`{"config":{"priority":[],"secret":["**********"]}}`, `{"kid":["k"],"secret":["x"]}`},
		{`{"config":{"priority":["1","2"]}}`, "config: 'Priority' should be a single entry"},
		{`{"config":{"active":["maybe"]}}`, "config: 'Active' should be 'true' or 'false'"},
	} {
		frozen(t, old, func() {
			c, err := UpdateComponent(old, []byte(tt.body))
			var got string
			if err != nil {
				got = err.Error()
			} else {
				got = asText(c.Config)
			}
			if got != tt.want {
				t.Errorf("UpdateComponent(%s) = %s, want %s", tt.body, got, tt.want)
			}
		})
	}
	c, err := NewComponent(cfg, []byte(`{"name":"n","providerId":"hmac-generated","providerType":"org.keycloak.keys.KeyProvider","parentId":"realm","config":{"priority":["5"]}}`), ids())
	if err != nil || c.ParentID != "" || c.ID != "id-001" {
		t.Errorf("NewComponent = %+v, %v; want no parent beside the realm", c, err)
	}
	if _, err := NewComponent(cfg, []byte(`{}`), ids()); fault(t, err).Path != "providerId" {
		t.Errorf("NewComponent({}) = %v", err)
	}
}

func TestOptionalScopeOrder(t *testing.T) {
	t.Parallel()
	var in []*model.ClientScope
	for _, n := range []string{"phone", "zoo", "organization", "offline_access", "info", "microprofile-jwt", "address"} {
		in = append(in, &model.ClientScope{Name: n})
	}
	var got []string
	for _, s := range OptionalScopeOrder(in) {
		got = append(got, s.Name)
	}
	want := []string{"address", "phone", "organization", "offline_access", "microprofile-jwt", "info", "zoo"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if in[0].Name != "phone" {
		t.Error("the input was sorted")
	}
}
