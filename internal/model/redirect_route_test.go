package model_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestCheckAuthorization_RouteOfAPage: a redirect URI with a fragment is for
// answers in the query and registered wildcards alone.
func TestCheckAuthorization_RouteOfAPage(t *testing.T) {
	t.Parallel()
	const page = "https://app.example/admin/"
	for _, tt := range []struct {
		name, registered, asked, mode string
		want                          bool
	}{
		{"a route below a wildcard", page + "*", page + "#/r/users?x=1", "query", true},
		{"with a query before it", page + "*", page + "?a=1#/r", "query", true},
		{"an empty one", page + "*", page + "#", "query", true},
		{"registered without wildcard", page, page + "#/r", "query", false},
		{"answers behind #", page + "*", page + "#/r", "fragment", false},
		{"answers in a form", page + "*", page + "#/r", "form_post", false},
		{"no mode", page + "*", page + "#/r", "", false},
		{"another host", page + "*", "https://evil.example/#/r", "query", false},
		{"two", page + "*", page + "#/r#/s", "query", false},
		{"a space", page + "*", page + "#/r s", "query", false},
		{"a backslash", page + "*", page + `#\r`, "query", false},
		{"a quote", page + "*", page + `#"r`, "query", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &model.Client{ID: "1", Num: 1, ClientID: "app", Enabled: true, Protocol: "openid-connect", StandardFlowEnabled: true, PublicClient: true, RedirectURIs: []string{tt.registered}}
			cfg, err := model.NewConfig(&model.Realm{ID: "r", Name: "r", Enabled: true}, 1, []*model.Client{c}, nil, nil, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			p := params("redirect_uri="+tt.asked, "-response_mode")
			if tt.mode != "" {
				p = params("redirect_uri="+tt.asked, "response_mode="+tt.mode)
			}
			a, fault := model.CheckAuthorization(cfg, p)
			if (fault == nil) != tt.want {
				t.Fatalf("%s in mode %q: %v, %v", tt.asked, tt.mode, a, outcome(fault))
			}
		})
	}
}
