package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestWithin: as Keycloak 26.7.2 puts request objects and pushed requests over
// the parameters beside them.
func TestWithin(t *testing.T) {
	t.Parallel()
	cfg := authConfig(t)
	whole := map[string]string{"client_id": "app", "redirect_uri": "http://host.example/cb", "response_type": "code", "scope": "openid", "state": "object"}
	without := func(name string, more ...string) map[string]string {
		m := map[string]string{}
		for k, v := range whole {
			if k != name {
				m[k] = v
			}
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	const otherType = "query invalid_request Parameter response_type does not match"
	for _, tt := range []struct {
		name   string
		beside []string
		object map[string]string
		want   string // outcome, or state of a good request
	}{
		{"the object wins", []string{"state=beside"}, whole, "object"},
		{"what it lacks is taken from beside", []string{"state=beside"}, without("state"), "beside"},
		{"it need not repeat the client", nil, without("client_id"), "object"},
		{"the client must be the same", nil, without("", "client_id", "one"), badRequest},
		{"it need not repeat response_type", nil, without("response_type"), "object"},
		{"nor need what is beside", []string{"-response_type"}, whole, "object"},
		{"neither has a response_type", []string{"-response_type"}, without("response_type"), "query invalid_request Missing parameter: response_type"},
		{"response_type must be the same", []string{"response_type=none"}, whole, otherType},
		{"an unknown one beside too", []string{"response_type=x"}, whole, otherType},
		{"an empty one beside too", []string{"response_type="}, whole, otherType},
		{"in the same order", []string{"client_id=implicit", "response_type=code id_token"}, without("client_id", "response_type", "id_token code"),
			"fragment invalid_request Parameter response_type does not match"},
		{"an unknown one in the object", nil, without("", "response_type", "x"), unsupported},
		{"mode before response_type", []string{"response_type=none", "response_mode=x"}, whole, "query invalid_request Invalid parameter: response_mode"},
		{"flow before response_type", nil, without("", "response_type", "token"), "fragment " + implicitOff},
		{"response_type before scope", []string{"response_type=none"}, without("", "scope", "x"), otherType},
		{"a bad scope beside is nothing", []string{"scope=x"}, whole, "object"},
		{"a bad scope inside", nil, without("", "scope", "x"), "query invalid_scope Invalid scopes: x"},
		{"a bad redirect_uri beside is nothing", []string{"redirect_uri=http://evil.example/"}, whole, "object"},
		{"a bad redirect_uri inside", nil, without("", "redirect_uri", "http://evil.example/"), badRedirect},
		{"request inside is nothing", nil, without("", "request", "x"), "object"},
		{"request_uri inside", nil, without("", "request_uri", "x"), badRequest},
		{"repeated beside (ours)", []string{"a=1", "+a=2"}, whole, "query " + repeated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, fault := params(append([]string{"request=x"}, tt.beside...)...).Within(tt.object)
			var a *model.AuthorizationRequest
			if fault == nil {
				a, fault = model.CheckAuthorization(cfg, p)
			}
			got := outcome(fault)
			if fault == nil {
				got = *a.State
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestWithin_LeavesItsReceiverAlone(t *testing.T) {
	t.Parallel()
	p, object := params("request=x"), map[string]string{"state": "object"}
	if _, fault := p.Within(object); fault != nil {
		t.Fatal(fault)
	}
	if diff := cmp.Diff(params("request=x"), p); diff != "" || len(object) != 1 {
		t.Errorf("changed (-before +after):\n%s%v", diff, object)
	}
}

func TestPARLifespan(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int64{"": 60, "90": 90, "0": 60, "-1": 60, "x": 60, "99999999999": 60} {
		r := &model.Realm{Attributes: map[string]string{"parRequestUriLifespan": value}}
		if got := r.PARLifespan(); got != want {
			t.Errorf("lifespan of %q = %d, want %d", value, got, want)
		}
	}
}

func FuzzCheckAuthorization(f *testing.F) {
	cfg := authConfig(f)
	f.Add("app", "http://host.example/cb", "code", "query", "openid", "", "none login", "5", "S256", "{}")
	f.Add("implicit", "", "token id_token", "", " ", "n", "create", "-1", "", "null")
	f.Fuzz(func(t *testing.T, client, redirect, responseType, mode, scope, nonce, prompt, maxAge, method, claims string) {
		p := params("client_id="+client, "redirect_uri="+redirect, "response_type="+responseType, "scope="+scope, "nonce="+nonce, "prompt="+prompt, "claims="+claims)
		for name, v := range map[string]string{"response_mode": mode, "max_age": maxAge, "code_challenge_method": method, "code_challenge": method} {
			if v != "" {
				p.Values[name] = v
			}
		}
		a, fault := model.CheckAuthorization(cfg, p)
		switch {
		case a == nil && fault == nil, a != nil && fault != nil:
			t.Fatalf("request %v, fault %v", a, fault)
		case fault != nil && fault.Trusted:
			if !redirectSettled(cfg.Client(client), fault.RedirectURI, fault.ResponseMode) || fault.Code == "" || !slices.Contains(model.ResponseModes, fault.ResponseMode) {
				t.Errorf("an error may not go there: %+v", fault)
			}
		case fault != nil:
			if fault.Page == "" || fault.Status < 400 || fault.Cause == "" {
				t.Errorf("an error without a page: %+v", fault)
			}
		default:
			if !redirectSettled(cfg.Client(client), a.RedirectURI, a.ResponseMode) || !slices.Contains(model.ResponseTypes, a.ResponseType) ||
				!slices.Contains(model.ResponseModes, a.ResponseMode) || a.MaxAge < -1 {
				t.Errorf("a request that was not settled: %+v", a)
			}
			if front := a.Wants("token") || a.Wants("id_token"); front && (a.ResponseMode == "query" || !cfg.Client(client).ImplicitFlowEnabled) {
				t.Errorf("tokens in a query or for a client without them: %+v", a)
			}
		}
	})
}

// redirectSettled tells whether an answer may go to a URI; one with a fragment
// takes it in the query alone.
func redirectSettled(c *model.Client, uri, mode string) bool {
	page, _, routed := strings.Cut(uri, "#")
	return c.RedirectAllowed(page) && (!routed || mode == "query")
}
