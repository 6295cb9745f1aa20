package model_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

func newConfig(t *testing.T, clients []*model.Client, scopes []*model.ClientScope, roles []*model.Role, groups []*model.Group) *model.Config {
	t.Helper()
	cfg, err := model.NewConfig(newRealm(nil), 7, clients, scopes, roles, groups, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func names(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }

func TestExpand(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, nil, nil, []*model.Role{
		{ID: "leaf", Name: "leaf"},
		{ID: "mid", Name: "mid", Composites: []string{"leaf", "gone"}},
		{ID: "top", Name: "top", Composites: []string{"mid", "leaf"}},
		{ID: "self", Name: "self", Composites: []string{"self"}},
		{ID: "ring1", Name: "ring1", Composites: []string{"ring2"}},
		{ID: "ring2", Name: "ring2", Composites: []string{"ring3", "leaf"}},
		{ID: "ring3", Name: "ring3", Composites: []string{"ring1"}},
	}, nil)
	for _, tt := range []struct{ name, of, want string }{
		{"none", "", ""},
		{"a role without composites", "leaf", "leaf"},
		{"composites of composites", "top", "leaf mid top"},
		{"several", "mid self", "leaf mid self"},
		{"its own composite", "self", "self"},
		{"a ring, from anywhere", "ring2", "leaf ring1 ring2 ring3"},
		{"a ring, from its end", "ring3", "leaf ring1 ring2 ring3"},
		{"unknown ids fall out", "gone leaf", "leaf"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := names(cfg.Expand(strings.Fields(tt.of)...)); got != tt.want {
				t.Errorf("Expand(%s) = %q, want %q", tt.of, got, tt.want)
			}
		})
	}
}

func TestExpand_IsAFreshSet(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, nil, nil, []*model.Role{{ID: "a", Name: "a", Composites: []string{"b"}}, {ID: "b", Name: "b"}}, nil)
	delete(cfg.Expand("a"), "b")
	if got := names(cfg.Expand("a")); got != "a b" {
		t.Errorf("Expand after its result was changed = %q", got)
	}
}

func TestUserRoles(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, nil, nil, []*model.Role{
		{ID: "direct", Name: "direct", Composites: []string{"part"}}, {ID: "part", Name: "part"},
		{ID: "ofgroup", Name: "ofgroup"}, {ID: "ofparent", Name: "ofparent"}, {ID: "ofring", Name: "ofring"},
	}, []*model.Group{
		{ID: "parent", Name: "parent", Roles: []string{"ofparent"}},
		{ID: "child", Name: "child", ParentID: "parent", Roles: []string{"ofgroup"}},
		{ID: "r1", Name: "r1", ParentID: "r2", Roles: []string{"ofring"}}, {ID: "r2", Name: "r2", ParentID: "r1"},
		{ID: "orphan", Name: "orphan", ParentID: "gone", Roles: []string{"part"}},
	})
	for _, tt := range []struct {
		name   string
		grants model.Grants
		want   string
	}{
		{"nothing", model.Grants{}, ""},
		{"own roles", model.Grants{Roles: []string{"direct"}}, "direct part"},
		{"a group and its parent", model.Grants{Groups: []string{"child"}}, "ofgroup ofparent"},
		{"the parent alone", model.Grants{Groups: []string{"parent"}}, "ofparent"},
		{"a ring of groups ends", model.Grants{Groups: []string{"r2"}}, "ofring"},
		{"a group whose parent is gone", model.Grants{Groups: []string{"orphan"}}, "part"},
		{"unknown ids fall out", model.Grants{Roles: []string{"x"}, Groups: []string{"y"}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := names(cfg.UserRoles(tt.grants)); got != tt.want {
				t.Errorf("UserRoles = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	top := &model.Group{ID: "1", Name: "sales"}
	sub := &model.Group{ID: "2", Name: "a/b", ParentID: "1"}
	ring := &model.Group{ID: "3", Name: "ring", ParentID: "3"}
	cfg := newConfig(t, nil, nil, nil, []*model.Group{sub, top, ring})
	if got := cfg.GroupPath(sub); got != "/sales/a~/b" {
		t.Errorf("GroupPath = %q", got)
	}
	if cfg.GroupPath(ring) == "" {
		t.Error("GroupPath of a ring has no end")
	}
	if cfg.GroupByPath("/sales/a~/b") != sub || cfg.GroupByPath("sales") != top || cfg.GroupByPath("/sales/b") != nil {
		t.Error("GroupByPath does not find by path")
	}
	if d := cmp.Diff(cfg.SubGroups(""), []*model.Group{top}); d != "" {
		t.Errorf("SubGroups of the top (-got +want):\n%s", d)
	}
	if d := cmp.Diff(cfg.SubGroups("1"), []*model.Group{sub}); d != "" {
		t.Errorf("SubGroups (-got +want):\n%s", d)
	}
}

func TestNewConfig_FindsByIDAndName(t *testing.T) {
	t.Parallel()
	c := &model.Client{ID: "c", Num: 4, ClientID: "portal"}
	s := &model.ClientScope{ID: "s", Name: "email"}
	realmRole, clientRole := &model.Role{ID: "r1", Name: "reader"}, &model.Role{ID: "r2", Name: "reader", ClientID: "c"}
	g := &model.Group{ID: "g", Name: "g"}
	cfg := newConfig(t, []*model.Client{{ID: "z", ClientID: "z"}, c}, []*model.ClientScope{s}, []*model.Role{clientRole, realmRole}, []*model.Group{g})
	if cfg.Client("portal") != c || cfg.ClientByID("c") != c || cfg.ClientByNum(4) != c || cfg.Clients[0] != c || cfg.Client("c") != nil {
		t.Error("client not found")
	}
	if cfg.Scope("email") != s || cfg.ScopeByID("s") != s {
		t.Error("client scope not found")
	}
	if cfg.Role("", "reader") != realmRole || cfg.Role("c", "reader") != clientRole || cfg.RoleByID("r2") != clientRole || cfg.Role("portal", "reader") != nil {
		t.Error("role not found by its owner")
	}
	if d := cmp.Diff(cfg.ClientRoles("c"), []*model.Role{clientRole}); d != "" {
		t.Errorf("ClientRoles (-got +want):\n%s", d)
	}
	if cfg.GroupByID("g") != g || cfg.Version != 7 {
		t.Error("group or version lost")
	}
}

func TestNewConfig_RefusesWhatStandsTwice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		clients []*model.Client
		scopes  []*model.ClientScope
		roles   []*model.Role
		groups  []*model.Group
		want    string
	}{
		{name: "clientId", clients: []*model.Client{{ID: "1", ClientID: "a"}, {ID: "2", ClientID: "a"}}, want: `client "a" stands twice`},
		{name: "client id", clients: []*model.Client{{ID: "1", ClientID: "a"}, {ID: "1", ClientID: "b"}}, want: `client "b" stands twice`},
		{name: "scope name", scopes: []*model.ClientScope{{ID: "1", Name: "a"}, {ID: "2", Name: "a"}}, want: `client scope "a" stands twice`},
		{name: "role of one owner", roles: []*model.Role{{ID: "1", Name: "a"}, {ID: "2", Name: "a"}}, want: `role "a" stands twice`},
		{name: "role id", roles: []*model.Role{{ID: "1", Name: "a"}, {ID: "1", Name: "b", ClientID: "c"}}, want: `role "b" stands twice`},
		{name: "group id", groups: []*model.Group{{ID: "1", Name: "a"}, {ID: "1", Name: "b"}}, want: `group id "1" stands twice`},
		{name: "one role name with two owners", roles: []*model.Role{{ID: "1", Name: "a"}, {ID: "2", Name: "a", ClientID: "c"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := model.NewConfig(newRealm(nil), 1, tt.clients, tt.scopes, tt.roles, tt.groups, nil)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("NewConfig = %v, want %q", err, tt.want)
			}
		})
	}
}
