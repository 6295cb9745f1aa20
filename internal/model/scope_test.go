package model_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// scopeConfig is a realm with a client portal: basic and email are default
// scopes, offline_access, address and staff optional ones; staff asks for role
// boss, which has role clerk.
func scopeConfig(t *testing.T) (*model.Config, *model.Client) {
	t.Helper()
	const oidc = "openid-connect"
	c := &model.Client{
		ID: "portal-id", ClientID: "portal", FullScopeAllowed: true,
		DefaultScopes:  []string{"basic-id", "email-id", "saml-id", "gone-id"},
		OptionalScopes: []string{"offline-id", "address-id", "staff-id", "saml2-id"},
	}
	cfg := newConfig(t, []*model.Client{c}, []*model.ClientScope{
		{ID: "basic-id", Name: "basic", Protocol: oidc, Attributes: map[string]string{"include.in.token.scope": "false"}},
		{ID: "email-id", Name: "email", Protocol: oidc},
		{ID: "offline-id", Name: model.OfflineAccess, Protocol: oidc, ScopeMappings: []string{"offline-role"}},
		{ID: "address-id", Name: "address", Protocol: oidc, Attributes: map[string]string{"include.in.token.scope": "true"}},
		{ID: "staff-id", Name: "staff", Protocol: oidc, ScopeMappings: []string{"boss"}},
		{ID: "other-id", Name: "other", Protocol: oidc},
		{ID: "saml-id", Name: "role_list", Protocol: "saml"},
		{ID: "saml2-id", Name: "saml_organization", Protocol: "saml"},
	}, []*model.Role{
		{ID: "offline-role", Name: model.OfflineAccess},
		{ID: "clerk", Name: "clerk"},
		{ID: "boss", Name: "boss", Composites: []string{"clerk"}},
		{ID: "own", Name: "own", ClientID: "portal-id"},
		{ID: "foreign", Name: "foreign", ClientID: "other-client"},
	}, nil)
	return cfg, c
}

func TestRequestScopes(t *testing.T) {
	t.Parallel()
	cfg, c := scopeConfig(t)
	for _, tt := range []struct {
		name, requested string
		full, shown     string
		refused         bool
	}{
		{"nothing asks for the defaults", "", "basic email", "email", false},
		{"openid is no client scope", "openid", "openid basic email", "openid email", false},
		{"optional ones by name", "offline_access openid address", "openid address basic email offline_access", "openid address email offline_access", false},
		{"a default one by name", "email", "basic email", "email", false},
		{"a word twice", "address  address", "address basic email", "address email", false},
		{"a scope the client does not have", "other", "", "", true},
		{"a scope that does not exist", "nonsense", "", "", true},
		{"a scope of another protocol", "saml_organization", "", "", true},
		{"one bad word spoils all", "openid address nonsense", "", "", true},
		{"case counts", "OFFLINE_ACCESS", "", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, ok := cfg.RequestScopes(c, tt.requested)
			if ok == tt.refused {
				t.Fatalf("RequestScopes(%q) ok = %v", tt.requested, ok)
			}
			if got := set.FullScope(); got != tt.full {
				t.Errorf("FullScope = %q, want %q", got, tt.full)
			}
			if got := set.TokenScope(); got != tt.shown {
				t.Errorf("TokenScope = %q, want %q", got, tt.shown)
			}
		})
	}
}

func TestTokenScopes(t *testing.T) {
	t.Parallel()
	cfg, c := scopeConfig(t)
	const held = "openid address basic email offline_access"
	for _, tt := range []struct {
		name, token, requested string
		narrow                 bool
		want                   string
	}{
		{"as the token says", held, "", false, "openid address basic email offline_access"},
		{"default scopes of today, not of then", "offline_access", "", false, "basic email offline_access"},
		{"a scope the client lost since", held + " other", "", false, "openid address basic email offline_access"},
		{"a scope that is gone since", held + " nonsense", "", false, "openid address basic email offline_access"},
		{"narrowed", held, "openid", true, "openid basic email"},
		{"narrowed to one optional scope", held, "address", true, "address basic email"},
		{"what the token never held is left out", "openid offline_access", "openid address offline_access", true, "openid basic email offline_access"},
		{"openid that the token never held is left out", "offline_access", "openid offline_access", true, "basic email offline_access"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := cfg.TokenScopes(c, tt.token, tt.requested, tt.narrow).FullScope(); got != tt.want {
				t.Errorf("TokenScopes = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGranted(t *testing.T) {
	t.Parallel()
	cfg, c := scopeConfig(t)
	set, _ := cfg.RequestScopes(c, "openid staff offline_access")
	for _, tt := range []struct{ name, role, want string }{
		{"no role", "", "openid basic email"},
		{"the mapped role", "boss", "openid basic email staff"},
		{"a role inside the mapped one", "clerk", "openid basic email staff"},
		{"another role", "offline-role", "openid basic email offline_access"},
	} {
		got := set.Granted(cfg, map[string]bool{tt.role: true})
		if got.FullScope() != tt.want {
			t.Errorf("%s: Granted = %q, want %q", tt.name, got.FullScope(), tt.want)
		}
	}
	if !set.Has("staff") || set.Has("openid") || set.Has("address") {
		t.Error("Has tells what is in the set")
	}
}

func TestEffectiveRoles(t *testing.T) {
	t.Parallel()
	cfg, full := scopeConfig(t)
	narrow := *full
	narrow.FullScopeAllowed, narrow.ScopeMappings = false, []string{"clerk"}
	user := cfg.UserRoles(model.Grants{Roles: []string{"boss", "own", "foreign", "offline-role"}})
	for _, tt := range []struct {
		name   string
		client *model.Client
		scope  string
		want   string
	}{
		{"full scope", full, "", "boss clerk foreign offline-role own"},
		{"own roles and mapped ones", &narrow, "", "clerk own"},
		{"a scope brings its roles", &narrow, "staff", "boss clerk own"},
		{"offline_access brings its role", &narrow, "offline_access", "clerk offline-role own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, ok := cfg.RequestScopes(tt.client, tt.scope)
			if !ok {
				t.Fatal("scope refused")
			}
			got := cfg.EffectiveRoles(tt.client, set, user)
			if names(got) != tt.want {
				t.Errorf("EffectiveRoles = %q, want %q", names(got), tt.want)
			}
			if allowed := cfg.OfflineAllowed(got); allowed != got["offline-role"] {
				t.Errorf("OfflineAllowed = %v", allowed)
			}
		})
	}
}

func TestEffectiveRoles_OnlyWhatTheUserHas(t *testing.T) {
	t.Parallel()
	cfg, c := scopeConfig(t)
	narrow := *c
	narrow.FullScopeAllowed = false
	set, _ := cfg.RequestScopes(c, "staff offline_access")
	if got := names(cfg.EffectiveRoles(&narrow, set, map[string]bool{"clerk": true})); got != "clerk" {
		t.Errorf("EffectiveRoles = %q, want clerk", got)
	}
	if cfg.OfflineAllowed(map[string]bool{"clerk": true}) {
		t.Error("offline access without its role")
	}
}

func TestOfflineAllowed_NeedsTheRoleToExist(t *testing.T) {
	t.Parallel()
	cfg := newConfig(t, nil, nil, nil, nil)
	if cfg.OfflineAllowed(map[string]bool{"": true}) {
		t.Error("offline access in a realm without the role")
	}
}

func TestHasWord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list, word string
		want       bool
	}{
		{"openid offline_access", "offline_access", true}, {"openid", "open", false}, {"", "openid", false}, {" openid ", "openid", true},
	} {
		if got := model.HasWord(tt.list, tt.word); got != tt.want {
			t.Errorf("HasWord(%q, %q) = %v", tt.list, tt.word, got)
		}
	}
}
