package model_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestResponseURL: each as a Keycloak 26.7.2 redirects, unless the name says
// "(ours)".
func TestResponseURL(t *testing.T) {
	t.Parallel()
	const every = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
	for _, tt := range []struct{ name, uri, mode, value, want string }{
		{"query", "http://h/cb", "query", "v", "http://h/cb?x=v&y="},
		{"fragment", "http://h/cb", "fragment", "v", "http://h/cb#x=v&y="},
		{"a page's route stays at the end", "http://h/cb?a=1#/b/c", "query", "v", "http://h/cb?a=1&x=v&y=#/b/c"},
		{"no path", "http://h", "query", "v", "http://h?x=v&y="},
		{"another scheme", "myapp:/cb", "query", "v", "myapp:/cb?x=v&y="},
		{"a query is kept as it is", "http://h/cb?a=1&b=x%20y+z", "query", "v", "http://h/cb?a=1&b=x%20y+z&x=v&y="},
		{"a query before a fragment", "http://h/cb?a=1&b=x%20y+z", "fragment", "v", "http://h/cb?a=1&b=x%20y+z#x=v&y="},
		{"an empty query", "http://h/cb?", "query", "v", "http://h/cb?x=v&y="},
		{"a name without value", "http://h/cb?a", "query", "v", "http://h/cb?a&x=v&y="},
		{"an open query", "http://h/cb?a=1&", "query", "v", "http://h/cb?a=1&&x=v&y="},
		{"encoded braces", "http://h/cb?a=%7Bx%7D", "query", "v", "http://h/cb?a=%7Bx%7D&x=v&y="},
		{"an encoded path", "http://h/a%20b", "query", "v", "http://h/a%20b?x=v&y="},
		{"a path that is not ASCII", "http://h/é", "query", "v", "http://h/%C3%A9?x=v&y="},
		{"brackets", "http://[::1]/cb?a[]=1", "query", "v", "http://[::1]/cb?a%5B%5D=1&x=v&y="},
		{"all of ASCII", "http://h/cb", "query", every, "http://h/cb?x=" +
			"+%21%22%23%24%25%26%27%28%29*%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E?%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~&y="},
		{"all of ASCII in a fragment", "http://h/cb", "fragment", every, "http://h/cb#x=" +
			"+%21%22%23%24%25%26%27%28%29*%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E?%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~&y="},
		{"control characters", "http://h/cb", "query", "a\nb\tc\rd\x7fe\u0085f\u2028g", "http://h/cb?x=abcde%C2%85f%E2%80%A8g&y="},
		{"beyond 16 bits (ours)", "http://h/cb", "query", "😀", "http://h/cb?x=%F0%9F%98%80&y="},
		{"what is encoded already", "http://h/cb", "query", "{a}%20", "http://h/cb?x=%7Ba%7D%2520&y="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := model.ResponseURL(tt.uri, tt.mode, [][2]string{{"x", tt.value}, {"y", ""}}); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := model.ResponseURL("http://h/cb", "fragment", nil); got != "http://h/cb" {
		t.Errorf("without parameters: %s", got)
	}
}

// FuzzResponseURL: what the client reads is what was written, and no value gets
// out of its place.
func FuzzResponseURL(f *testing.F) {
	f.Add("a b&c=+é/?~*'\"<", "query")
	f.Add("#\r\nLocation: x", "fragment")
	f.Fuzz(func(t *testing.T, value, mode string) {
		got := model.ResponseURL("https://h.example/cb?a=1", mode, [][2]string{{"x", value}})
		u, err := url.Parse(got)
		if err != nil || u.Host != "h.example" || strings.ContainsAny(got, " \r\n\t") {
			t.Fatalf("%q gives %q: %v", value, got, err)
		}
		raw := u.RawQuery
		if mode == "fragment" {
			raw = u.EscapedFragment()
		}
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("%q gives %q: %v", value, got, err)
		}
		want := strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, value)
		if strings.ToValidUTF8(value, "") == value && values.Get("x") != want {
			t.Errorf("%q comes back as %q", value, values.Get("x"))
		}
	})
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	state, empty := "xyz", ""
	quiet := &model.Client{Attributes: map[string]string{
		"exclude.issuer.from.auth.response": "true", "exclude.session.state.from.auth.response": "true",
	}}
	all := model.AuthorizationAnswer{SessionState: "s", Code: "c", IDToken: "i", AccessToken: "a", ExpiresIn: 300}
	for _, tt := range []struct {
		name   string
		client *model.Client
		state  *string
		answer model.AuthorizationAnswer
		want   string
	}{
		{"a code", &model.Client{}, &state, model.AuthorizationAnswer{SessionState: "s", Code: "c"}, "state=xyz session_state=s iss=I code=c"},
		{"none", &model.Client{}, &state, model.AuthorizationAnswer{SessionState: "s"}, "state=xyz session_state=s iss=I"},
		{"without a state", &model.Client{}, nil, model.AuthorizationAnswer{SessionState: "s", Code: "c"}, "session_state=s iss=I code=c"},
		{"with an empty state", &model.Client{}, &empty, model.AuthorizationAnswer{SessionState: "s", Code: "c"}, "state= session_state=s iss=I code=c"},
		{"all", &model.Client{}, &state, all, "state=xyz session_state=s iss=I code=c id_token=i access_token=a token_type=Bearer expires_in=300"},
		{"an action", &model.Client{}, &state, model.AuthorizationAnswer{SessionState: "s", ActionStatus: "error", Code: "c"},
			"state=xyz session_state=s iss=I kc_action_status=error code=c"},
		{"left out for the client", quiet, &state, all, "state=xyz code=c id_token=i access_token=a token_type=Bearer expires_in=300"},
		{"an error", &model.Client{}, &state, model.AuthorizationAnswer{Error: "e", Description: "d", SessionState: "s", Code: "c"}, "error=e error_description=d state=xyz iss=I"},
		{"an error without text", &model.Client{}, nil, model.AuthorizationAnswer{Error: "login_required"}, "error=login_required iss=I"},
		{"an error without issuer", quiet, &state, model.AuthorizationAnswer{Error: "e"}, "error=e state=xyz"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := &model.AuthorizationRequest{State: tt.state}
			if diff := cmp.Diff(tt.want, joined(a.Answer(tt.client, "I", tt.answer))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthorizationError_Answer(t *testing.T) {
	t.Parallel()
	cfg := authConfig(t)
	_, fault := model.CheckAuthorization(cfg, params("scope=x"))
	got := model.ResponseURL(fault.RedirectURI, fault.ResponseMode, fault.Answer(cfg.Client("app"), "https://id.example/realms/demo"))
	want := "http://host.example/cb?error=invalid_scope&error_description=Invalid+scopes%3A+x&state=xyz&iss=https%3A%2F%2Fid.example%2Frealms%2Fdemo"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func joined(params [][2]string) string {
	var out []string
	for _, p := range params {
		out = append(out, p[0]+"="+p[1])
	}
	return strings.Join(out, " ")
}
