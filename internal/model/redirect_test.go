package model_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestRedirectAllowed: the cases were put to a Keycloak 26.7.2; where it
// differs, the last column says so.
func TestRedirectAllowed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		registered, asked string
		want              bool
		keycloak          string // "" = the same
	}{
		{"http://host.example/cb", "http://host.example/cb", true, ""},
		{"http://host.example/cb", "http://host.example/cb?x=1", false, ""},
		{"http://host.example/cb", "http://host.example/cb/", false, ""},
		{"http://host.example/cb", "http://host.example/cb#f", false, ""},
		{"http://host.example/cb", "http://host.example/CB", false, ""},
		{"http://host.example/cb", "", false, ""},
		{"http://host.example/cb", "/cb", false, ""},
		{"http://host.example/cb#f", "http://host.example/cb#f", false, ""},
		{"http://*.example.org/cb", "http://a.example.org/cb", false, ""},
		{"http://*.example.org/cb", "http://*.example.org/cb", true, ""},

		{"http://localhost:9999/*", "http://localhost:9999/", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999/cb", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999/cb?x=y", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999?x=y", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a?x=/../b", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999//evil.example/", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999/100%25", true, ""},
		{"http://localhost:9999/*", "http://localhost:9999/..a", true, ""},
		{"http://localhost:9999/*", "http://localhost:9998/cb", false, ""},
		{"http://localhost:9999/*", "http://localhost:99990/", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999.evil.example/", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999@evil.example/", false, ""},
		{"http://localhost:9999/*", "http://u@localhost:9999/a", false, ""},
		{"http://localhost:9999/*", "https://localhost:9999/a", false, ""},
		{"http://localhost:9999/*", "HTTP://localhost:9999/a", false, ""},
		{"http://localhost:9999/*", "http://LOCALHOST:9999/a", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a/../b", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/..", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a/%2e%2e/b", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a/%2E./b", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a/%252e%252e/b", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/%25zz/%25252e%25252e/b", false, "not tried"},
		{"http://localhost:9999/*", "http://localhost:9999/..%2fx", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/..;/x", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/%5c..", false, ""},
		{"http://localhost:9999/*", `http://localhost:9999/a\b`, false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a b", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a\n", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/%zz", false, ""},
		{"http://localhost:9999/*", "http://localhost:9999/a#f", false, "allowed"},
		{"http://localhost:9999/*", "http://localhost:9999/a/./b", false, "allowed"},
		{"http://localhost:9999/*", "http://localhost:9999/" + strings.Repeat("a", 4000), false, ""},

		{"http://host.example/app*", "http://host.example/app", true, ""},
		{"http://host.example/app*", "http://host.example/application", true, ""},
		{"http://host.example/app*", "http://host.example/ap", false, ""},
		{"http://host.example/app*", "http://host.example/app/../x", false, ""},
		{"http://host.example/app/*", "http://host.example/app", true, ""},
		{"http://host.example/app/*", "http://host.example/apple", false, ""},
		{"http://host.example/cb?x=*", "http://host.example/cb?x=1", false, ""},
		{"http://host.example/cb?x=*", "http://host.example/cb?x=*", true, ""},

		{"http://host.example*", "http://host.example", true, ""},
		{"http://host.example*", "http://host.example/cb", true, ""},
		{"http://host.example*", "http://host.example.evil/", false, ""},
		{"http://host.example*", "http://host.example-evil/", false, ""},
		{"http://host.example*", "http://host.example@evil/", false, ""},
		{"http://host.example*", "http://host.example:80/", false, ""},
		{"http://*", "http://evil.example/", false, "allowed"},
		{"https*", "https://evil.example/", false, "allowed"},
		{"http:*", "http://evil.example/", false, "allowed"},
		{"http:*", "http:/evil.example", false, "allowed"},
		{"http:*", "http:evil.example", false, "allowed"},

		{"*", "http://evil.example/", true, ""},
		{"*", "https://evil.example", true, ""},
		{"*", "myapp://cb", false, ""},
		{"*", "javascript:alert(1)", false, ""},
		{"*", "data:text/html,x", false, ""},
		{"*", "http://u@evil.example/", false, "allowed"},
		{"*", "http://evil.example/#f", false, "not tried"},
		{"*", "/cb", false, "allowed"},
		{"*", "cb", false, "allowed"},
		{"*", "*", false, "not tried"},

		{"http://127.0.0.1/cb", "http://127.0.0.1/cb", true, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:0/cb", true, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:/cb", true, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000/cb/x", false, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000/", false, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000/cb?a=b", false, ""},
		{"http://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false, ""},
		{"http://127.0.0.1/cb", "HTTP://127.0.0.1:5000/cb", false, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.2:5000/cb", false, ""},
		{"http://127.0.0.1/cb", "http://localhost:5000/cb", false, ""},
		{"http://127.0.0.1/cb", "http://u@127.0.0.1:5000/cb", false, ""},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000@evil.example/cb", false, "not tried"},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000.evil.example/cb", false, "not tried"},
		{"http://127.0.0.1/cb", "http://127.0.0.1:5000/cb#f", false, "not tried"},
		{"http://127.0.0.1/cb?a=b", "http://127.0.0.1:5000/cb?a=b", true, ""},
		{"http://127.0.0.1", "http://127.0.0.1:5000", true, ""},
		{"http://127.0.0.1", "http://127.0.0.1:5000/", false, ""},
		{"http://127.0.0.1/", "http://127.0.0.1:5000/", true, ""},
		{"http://127.0.0.1/", "http://127.0.0.1:5000", false, ""},
		{"http://127.0.0.1/*", "http://127.0.0.1:5000", true, ""},
		{"http://127.0.0.1/*", "http://127.0.0.1:5000?a=b", true, ""},
		{"http://127.0.0.1/*", "http://127.0.0.1:5000/cb/x", true, ""},
		{"http://127.0.0.1/*", "http://127.0.0.1:5000/x/../cb", false, ""},
		{"http://127.0.0.1/*", "http://127.0.0.1:5000@evil.example/", false, "not tried"},
		{"http://127.0.0.1/cb/*", "http://127.0.0.1:5000/cb", true, ""},
		{"http://127.0.0.1*", "http://127.0.0.1:5000/cb", true, ""},
		{"http://127.0.0.1*", "http://127.0.0.1:5000.evil.example/", false, "not tried"},
		{"http://127.0.0.1:8080/cb", "http://127.0.0.1:5000/cb", false, ""},
		{"http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", false, ""},
		{"http://127.0.0.1:/cb", "http://127.0.0.1:5000/cb", false, ""},
		{"https://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false, ""},
		{"http://127.0.0.2/cb", "http://127.0.0.2:5000/cb", false, ""},
		{"http://localhost/cb", "http://localhost:5000/cb", true, ""},
		{"http://localhost/cb", "http://LOCALHOST:5000/cb", false, ""},
		{"http://localhost/*", "http://localhost:5000/", true, ""},
		{"http://[::1]/cb", "http://[::1]:5000/cb", true, ""},
		{"http://[::1]/*", "http://[::1]:5000/cb", true, ""},

		{"myapp://*", "myapp://cb", true, ""},
		{"myapp://*", "myapp://cb/x", true, ""},
		{"myapp://*", "myapp:///x", true, ""},
		{"myapp://*", "myapp:cb", false, ""},
		{"myapp:*", "myapp:cb", true, ""},
		{"myapp:/*", "myapp:/cb", true, ""},
		{"myapp:/*", "myapp://cb", true, ""},
		{"myapp://cb/*", "myapp://cb/x", true, "not tried"},
		{"myapp://cb*", "myapp://cb.evil", false, "not tried"},
		{"myapp*", "myapp2://cb", false, "not tried"},
		{"javascript:*", "javascript:alert(1)", false, "not tried"},
		{"vbscript:x", "vbscript:x", false, "not tried"},
	} {
		t.Run(tt.registered+" "+tt.asked[:min(len(tt.asked), 60)], func(t *testing.T) {
			t.Parallel()
			c := &model.Client{RedirectURIs: []string{tt.registered}}
			if got := c.RedirectAllowed(tt.asked); got != tt.want {
				t.Errorf("RedirectAllowed(%q) with %q = %v, want %v", tt.asked, tt.registered, got, tt.want)
			}
		})
	}
}

func TestRedirectAllowed_AnyOfTheRegistered(t *testing.T) {
	t.Parallel()
	c := &model.Client{RedirectURIs: []string{"http://a.example/cb", "http://b.example/*"}}
	for uri, want := range map[string]bool{"http://a.example/cb": true, "http://b.example/x": true, "http://c.example/": false} {
		if got := c.RedirectAllowed(uri); got != want {
			t.Errorf("RedirectAllowed(%q) = %v, want %v", uri, got, want)
		}
	}
	if (&model.Client{}).RedirectAllowed("http://a.example/cb") {
		t.Error("a client without redirect URIs allows one")
	}
}

func TestRedirectAllowed_RelativeToRootURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		root, asked string
		want        bool
	}{
		{"https://app.example", "https://app.example/in/x", true},
		{"https://app.example/", "https://app.example/in/x", true},
		{"https://app.example/", "https://app.example/out", false},
		{"https://app.example", "https://app.example.evil/in/x", false},
		{"${authBaseUrl}", "https://app.example/in/x", false},
		{"", "/in/x", false},
	} {
		c := &model.Client{RootURL: tt.root, RedirectURIs: []string{"/in/*"}}
		if got := c.RedirectAllowed(tt.asked); got != tt.want {
			t.Errorf("root URL %q: RedirectAllowed(%q) = %v, want %v", tt.root, tt.asked, got, tt.want)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	redirects := []string{"http://localhost:9999/*", "https://app.example/cb", "https://app.example/other", "myapp://cb", "*", "/in/*"}
	for _, tt := range []struct {
		name    string
		origins []string
		want    []string
		allows  map[string]bool
	}{
		{"none", nil, nil, map[string]bool{"https://app.example": false, "": false}},
		{"listed", []string{"https://b.example", "https://a.example"}, []string{"https://a.example", "https://b.example"},
			map[string]bool{"https://a.example": true, "https://a.example.evil": false, "http://a.example": false}},
		{"plus stands for the redirect URIs' origins", []string{"+"}, []string{"http://localhost:9999", "https://app.example", "https://root.example"},
			map[string]bool{"https://app.example": true, "http://localhost:9998": false, "myapp://cb": false, "null": false}},
		{"star allows all", []string{"*"}, []string{"*"}, map[string]bool{"https://evil.example": true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &model.Client{RootURL: "https://root.example", RedirectURIs: redirects, WebOrigins: tt.origins}
			if d := cmp.Diff(c.Origins(), tt.want); d != "" {
				t.Errorf("Origins (-got +want):\n%s", d)
			}
			for o, want := range tt.allows {
				if got := c.AllowsOrigin(o); got != want {
					t.Errorf("AllowsOrigin(%q) = %v, want %v", o, got, want)
				}
			}
		})
	}
}

// FuzzRedirectAllowed: an allowed URI is absolute, carries no fragment and no
// user, and never leaves the scheme of what was registered, nor, unless that
// is the lone "*" or a private-use scheme without host, its host.
func FuzzRedirectAllowed(f *testing.F) {
	for _, registered := range []string{"http://localhost:9999/*", "http://localhost*", "http://[::1]/*", "*", "http://host.example*", "http://*", "http:*", "https*", "myapp:*", "myapp://*", "/in/*", "http://h/cb"} {
		for _, asked := range []string{
			"http://localhost:9999/cb", "http://localhost:", "http://[::1]:/", "http://[::1]:1/", "http://localhost:9999@evil/", "http://host.example.evil/", "http:/evil", "myapp://cb",
			"http://localhost:9999/..%2f%252e", `http://localhost:9999/\evil`, "http://h/cb", "https://evil/", "//evil/", "javascript:alert(1)",
		} {
			f.Add(registered, asked)
		}
	}
	f.Fuzz(func(t *testing.T, registered, asked string) {
		c := &model.Client{RedirectURIs: []string{registered}}
		if !c.RedirectAllowed(asked) {
			return
		}
		u, err := url.Parse(asked)
		if err != nil {
			t.Fatalf("%q allows %q, which is no URL: %v", registered, asked, err)
		}
		switch u.Scheme {
		case "", "javascript", "data", "vbscript":
			t.Errorf("%q allows %q of scheme %q", registered, asked, u.Scheme)
		}
		if u.User != nil || strings.ContainsAny(asked, "#\\ \t\r\n\x00") {
			t.Errorf("%q allows %q", registered, asked)
		}
		if registered == "*" {
			if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				t.Errorf("the lone * allows %q", asked)
			}
			return
		}
		if asked == registered {
			return
		}
		p, err := url.Parse(strings.TrimSuffix(registered, "*"))
		if err != nil {
			t.Fatalf("%q is no URL and allows %q", registered, asked)
		}
		private := p.Scheme != "http" && p.Scheme != "https" && p.Host == ""
		// Registered without a port, a host of this machine has any (RFC 8252 §7.3),
		// an empty one too (measured).
		anyPort := p.Scheme == "http" && p.Port() == "" && u.Hostname() == p.Hostname() && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, p.Hostname())
		if u.Scheme != p.Scheme || u.Host != p.Host && !private && !anyPort {
			t.Errorf("%q allows %q: %s://%s instead of %s://%s", registered, asked, u.Scheme, u.Host, p.Scheme, p.Host)
		}
		if (u.Scheme == "http" || u.Scheme == "https") && u.Host == "" {
			t.Errorf("%q allows %q, which has no host", registered, asked)
		}
	})
}
