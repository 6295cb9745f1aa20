package model_test

import (
	"encoding/json"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestPostLogoutAllowed: the cases were put to a Keycloak 26.7.2.
func TestPostLogoutAllowed(t *testing.T) {
	t.Parallel()
	const list = "http://app.example/bye##http://other.example/x/*##/rel/*"
	for _, tt := range []struct {
		name, attribute, asked string
		want                   bool
	}{
		{"no attribute: the redirect URIs", "", "http://app.example/cb", true},
		{"plus: the redirect URIs", "+", "http://app.example/cb", true},
		{"minus: none", "-", "http://app.example/cb", false},
		{"one of a list", list, "http://app.example/bye", true},
		{"a redirect URI that is not in the list", list, "http://app.example/cb", false},
		{"plus beside others", "http://other.example/##+", "http://app.example/cb", true},
		{"below a wildcard", list, "http://other.example/x/y", true},
		{"out of a wildcard", list, "http://other.example/x/../y", false},
		{"below the root URL", list, "http://root.example/rel/z", true},
		{"a path alone", list, "/rel/z", false},
		{"a query more", list, "http://app.example/bye?q=1", false},
		{"a fragment", list, "http://app.example/bye#f", false},
		{"a state of its own", "+", "http://app.example/cb?state=x", false},
		{"another host that begins alike", "+", "http://app.example.evil/cb", false},
		{"another host as user", "+", "http://app.example@evil/cb", false},
		{"no scheme", "+", "//app.example/cb", false},
		{"a script", "*", "javascript:alert(1)", false},
		{"nothing", "+", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &model.Client{RootURL: "http://root.example", RedirectURIs: []string{"http://app.example/cb*"}, Attributes: map[string]string{"post.logout.redirect.uris": tt.attribute}}
			if got := c.PostLogoutAllowed(tt.asked); got != tt.want {
				t.Errorf("PostLogoutAllowed(%q) with %q = %v, want %v", tt.asked, tt.attribute, got, tt.want)
			}
		})
	}
}

func TestFrontchannelLogoutURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, address, required string
		on                      bool
		want                    string
	}{
		{"names the session", "http://app/out", "true", true, "http://app/out?sid=s%2B1&iss=http%3A%2F%2Fid%2Frealms%2Fr"},
		{"names it by default", "http://app/out?a=b", "", true, "http://app/out?a=b&sid=s%2B1&iss=http%3A%2F%2Fid%2Frealms%2Fr"},
		{"does not have to", "http://app/out", "false", true, "http://app/out"},
		{"the client is told by the server", "http://app/out", "true", false, ""},
		{"no address", "", "true", true, ""},
		{"no web address", "javascript:x", "true", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &model.Client{Attributes: map[string]string{"frontchannel.logout.url": tt.address, "frontchannel.logout.session.required": tt.required}}
			if tt.on {
				c.Extra = model.Extra{"frontchannelLogout": json.RawMessage("true")}
			}
			if got := c.FrontchannelLogoutURL("http://id/realms/r", "s+1"); got != tt.want {
				t.Errorf("FrontchannelLogoutURL = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBackchannelLogoutURL_NotWhereTheBrowserTells(t *testing.T) {
	t.Parallel()
	c := &model.Client{Attributes: map[string]string{"backchannel.logout.url": "https://app/out", "backchannel.logout.revoke.offline.tokens": "true"}}
	if got := c.BackchannelLogoutURL(); got != "https://app/out" || !c.BackchannelRevokesOffline() {
		t.Errorf("BackchannelLogoutURL = %q, revokes offline %v; want the address, true", got, c.BackchannelRevokesOffline())
	}
	c.Extra = model.Extra{"frontchannelLogout": json.RawMessage("true")}
	if got := c.BackchannelLogoutURL(); got != "" || c.BackchannelRevokesOffline() {
		t.Errorf("BackchannelLogoutURL of a front-channel client = %q, revokes offline %v; want none", got, c.BackchannelRevokesOffline())
	}
}
