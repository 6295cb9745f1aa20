package model_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// authConfig has a client for every rule; all have scopes profile (default) and
// email (optional).
func authConfig(t testing.TB) *model.Config {
	t.Helper()
	const wild, one = "http://host.example/*", "http://host.example/one"
	cl := func(id string, uris []string, change func(c *model.Client)) *model.Client {
		c := &model.Client{
			ID: "id-" + id, ClientID: id, Enabled: true, Protocol: "openid-connect", StandardFlowEnabled: true, RedirectURIs: uris,
			DefaultScopes: []string{"s1"}, OptionalScopes: []string{"s2"}, Attributes: map[string]string{},
		}
		if change != nil {
			change(c)
		}
		return c
	}
	attribute := func(name, value string) func(c *model.Client) {
		return func(c *model.Client) { c.Attributes[name] = value }
	}
	clients := []*model.Client{
		cl("app", []string{wild}, nil),
		cl("one", []string{one}, nil),
		cl("two", []string{one, "http://host.example/two"}, nil),
		cl("rooted", []string{"/one"}, func(c *model.Client) { c.RootURL = "http://host.example" }),
		cl("prefix", []string{"http://host.example/a*"}, nil),
		cl("anywhere", []string{"*"}, nil),
		cl("nowhere", nil, nil),
		cl("implicit", []string{wild}, func(c *model.Client) { c.ImplicitFlowEnabled = true }),
		cl("implicit-only", []string{wild}, func(c *model.Client) { c.ImplicitFlowEnabled, c.StandardFlowEnabled = true, false }),
		cl("no-flow", []string{wild}, func(c *model.Client) { c.StandardFlowEnabled = false }),
		cl("disabled", []string{wild}, func(c *model.Client) { c.Enabled = false }),
		cl("bearer", nil, func(c *model.Client) { c.BearerOnly = true }),
		cl("bearer-disabled", nil, func(c *model.Client) { c.BearerOnly, c.Enabled = true, false }),
		cl("bearer-saml", nil, func(c *model.Client) { c.BearerOnly, c.Protocol = true, "saml" }),
		cl("saml", []string{wild}, func(c *model.Client) { c.Protocol = "saml" }),
		cl("pkce", []string{wild}, attribute("pkce.code.challenge.method", "S256")),
		cl("pkce-plain", []string{wild}, attribute("pkce.code.challenge.method", "plain")),
		cl("pkce-public", []string{wild}, func(c *model.Client) {
			c.PublicClient = true
			c.Attributes["pkce.code.challenge.method"] = "S256"
		}),
		cl("pushed", []string{wild}, func(c *model.Client) {
			c.ImplicitFlowEnabled = true
			c.Attributes["require.pushed.authorization.requests"] = "true"
		}),
	}
	for i, c := range clients {
		c.Num = int64(i + 1)
	}
	cfg, err := model.NewConfig(&model.Realm{ID: "r", Num: 1, Name: "demo", Enabled: true}, 1, clients, []*model.ClientScope{
		{ID: "s1", Name: "profile", Protocol: "openid-connect"}, {ID: "s2", Name: "email", Protocol: "openid-connect"},
	}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// params is a good request with changes: "name=value" sets, "-name" takes away,
// "+name=value" repeats.
func params(changes ...string) model.AuthorizationParams {
	pairs := [][2]string{
		{"client_id", "app"}, {"redirect_uri", "http://host.example/cb"}, {"response_type", "code"},
		{"scope", "openid"}, {"state", "xyz"}, {"nonce", "n"},
	}
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		bare := strings.TrimLeft(name, "+-")
		if !strings.HasPrefix(name, "+") {
			pairs = slices.DeleteFunc(pairs, func(p [2]string) bool { return p[0] == bare })
		}
		if !strings.HasPrefix(name, "-") {
			pairs = append(pairs, [2]string{bare, value})
		}
	}
	return model.NewAuthorizationParams(func(yield func(string, string) bool) {
		for _, p := range pairs {
			if !yield(p[0], p[1]) {
				return
			}
		}
	})
}

// outcome writes a result in one line: "ok", "page 400 key args", or
// "mode error description".
func outcome(fault *model.AuthorizationError) string {
	switch {
	case fault == nil:
		return "ok"
	case !fault.Trusted:
		return strings.TrimSpace(fmt.Sprintf("page %d %s %s", fault.Status, fault.Page, strings.Trim(fmt.Sprint(fault.Args), "[]")))
	}
	return strings.TrimSpace(fault.ResponseMode + " " + fault.Code + " " + fault.Description)
}

const (
	badRequest   = "page 400 invalidRequestMessage"
	badRedirect  = "page 400 invalidParameterMessage redirect_uri"
	standardOff  = "unauthorized_client Client is not allowed to initiate browser login with given response_type. Standard flow is disabled for the client."
	implicitOff  = "unauthorized_client Client is not allowed to initiate browser login with given response_type. Implicit flow is disabled for the client."
	noQuery      = "query invalid_request Response_mode 'query' not allowed for implicit or hybrid flow"
	unsupported  = "query unsupported_response_type"
	notPushed    = "invalid_request Pushed Authorization Request is only allowed."
	repeated     = "invalid_request duplicated parameter"
	noNonce      = "fragment invalid_request Missing parameter: nonce"
	noMethod     = "query invalid_request Missing parameter: code_challenge_method"
	noChallenge  = "query invalid_request Missing parameter: code_challenge"
	badMethod    = "query invalid_request Invalid parameter: code_challenge_method"
	badChallenge = "query invalid_request Invalid parameter: code_challenge"
	otherMethod  = "query invalid_request Invalid parameter: code challenge method is not matching the configured one"
)

// TestCheckAuthorization: every case was put to a Keycloak 26.7.2, which
// answered the same; where a name ends in "(ours)" it did not.
func TestCheckAuthorization(t *testing.T) {
	t.Parallel()
	cfg := authConfig(t)
	long, challenge := strings.Repeat("a", 4001), strings.Repeat("a", 43)
	for _, tt := range []struct{ name, changes, want string }{
		{"a good request", "", "ok"},

		{"no client", "-client_id", badRequest},
		{"client repeated", "+client_id=app", badRequest},
		{"client repeated and unknown", "client_id=nope&+client_id=nope", badRequest},
		{"client empty", "client_id=", "page 400 clientNotFoundMessage"},
		{"client unknown", "client_id=nope", "page 400 clientNotFoundMessage"},
		{"client too long (ours)", "client_id=" + long, badRequest},
		{"client disabled", "client_id=disabled", "page 400 clientDisabledMessage"},
		{"client bearer-only", "client_id=bearer", "page 403 bearerOnlyMessage"},
		{"disabled before bearer-only", "client_id=bearer-disabled", "page 400 clientDisabledMessage"},
		{"bearer-only before protocol", "client_id=bearer-saml", "page 403 bearerOnlyMessage"},
		{"another protocol", "client_id=saml", "page 400 Wrong client protocol."},
		{"client before max_age", "client_id=nope&max_age=x", "page 400 clientNotFoundMessage"},

		{"max_age no number", "max_age=abc", badRequest},
		{"max_age empty", "max_age=", badRequest},
		{"max_age a fraction", "max_age=1.5", badRequest},
		{"max_age with a space", "max_age= 5", badRequest},
		{"max_age of more than 32 bits", "max_age=99999999999", badRequest},
		{"max_age too long counts as not sent (ours)", "max_age=" + long, "ok"},
		{"max_age with a sign", "max_age=+5", "ok"},
		{"max_age negative", "max_age=-1", "ok"},
		{"max_age before redirect_uri", "max_age=x&redirect_uri=http://evil.example/", badRequest},
		{"only the first max_age is read", "max_age=1&+max_age=x", "query " + repeated},
		{"request object not resolved", "request=a.b.c", badRequest},
		{"request_uri not resolved", "request_uri=https://host.example/r", badRequest},
		{"request_uri before redirect_uri", "request_uri=x&redirect_uri=http://evil.example/", badRequest},

		{"redirect_uri unregistered", "redirect_uri=http://evil.example/", badRedirect},
		{"redirect_uri empty", "redirect_uri=", badRedirect},
		{"redirect_uri empty, one registered", "client_id=one&redirect_uri=&-scope", badRedirect},
		{"redirect_uri too long", "redirect_uri=http://host.example/" + long, badRedirect},
		{"redirect_uri missing with openid", "client_id=one&-redirect_uri", badRedirect},
		{"redirect_uri missing without openid", "client_id=one&-redirect_uri&scope=profile", "ok"},
		{"redirect_uri missing without scope", "client_id=one&-redirect_uri&-scope", "ok"},
		{"redirect_uri missing, only a wildcard", "client_id=app&-redirect_uri&-scope", "ok"},
		{"redirect_uri missing, a path registered", "client_id=rooted&-redirect_uri&-scope", "ok"},
		{"redirect_uri missing, half a name registered (ours)", "client_id=prefix&-redirect_uri&-scope", badRedirect},
		{"redirect_uri missing, any registered (ours)", "client_id=anywhere&-redirect_uri&-scope", badRedirect},
		{"redirect_uri missing, two registered", "client_id=two&-redirect_uri&-scope", badRedirect},
		{"redirect_uri missing, none registered", "client_id=nowhere&-redirect_uri&-scope", badRedirect},
		{"redirect_uri before response_type", "redirect_uri=http://evil.example/&response_type=x", badRedirect},
		{"the first redirect_uri counts", "redirect_uri=http://evil.example/&+redirect_uri=http://host.example/cb", badRedirect},

		{"response_type missing", "-response_type", "query invalid_request Missing parameter: response_type"},
		{"response_type missing, for a fragment", "-response_type&response_mode=fragment", "fragment invalid_request Missing parameter: response_type"},
		{"response_type too long", "response_type=" + long, "query invalid_request Missing parameter: response_type"},
		{"response_type empty", "response_type=", unsupported},
		{"response_type unknown", "response_type=x", unsupported},
		{"response_type unknown, for a form", "response_type=x&response_mode=form_post", "form_post unsupported_response_type"},
		{"response_type unknown, mode too", "response_type=x&response_mode=y", unsupported},
		{"response_type upper case", "response_type=CODE", unsupported},
		{"response_type a known word and another", "response_type=code x", unsupported},
		{"response_type none with another", "response_type=none code", unsupported},
		{"response_type of two spaces", "client_id=implicit&response_type=code  id_token", unsupported},
		{"response_type with a tab", "client_id=implicit&response_type=code\tid_token", unsupported},
		{"response_type word twice", "response_type=code code", "ok"},
		{"response_type between spaces", "response_type= code ", "ok"},
		{"response_type in any order", "client_id=implicit&response_type=id_token token code", "ok"},
		{"response_type none", "response_type=none", "ok"},

		{"response_mode unknown", "response_mode=x", "query invalid_request Invalid parameter: response_mode"},
		{"response_mode empty", "response_mode=", "query invalid_request Invalid parameter: response_mode"},
		{"response_mode upper case", "response_mode=QUERY", "query invalid_request Invalid parameter: response_mode"},
		{"response_mode unknown for a token", "response_mode=x&response_type=token", "query invalid_request Invalid parameter: response_mode"},
		{"response_mode of JARM (ours)", "response_mode=query.jwt", "query invalid_request Invalid parameter: response_mode"},
		{"response_mode too long counts as not sent", "response_mode=" + long, "ok"},
		{"response_mode query for a token", "client_id=implicit&response_mode=query&response_type=token", noQuery},
		{"response_mode query for an ID token", "client_id=implicit&response_mode=query&response_type=id_token", noQuery},
		{"response_mode query for a hybrid answer", "client_id=implicit&response_mode=query&response_type=code token", noQuery},
		{"response_mode before the flow", "response_mode=query&response_type=token", noQuery},
		{"response_mode form_post for a token", "client_id=implicit&response_mode=form_post&response_type=token", "ok"},

		{"standard flow off", "client_id=implicit-only", "query " + standardOff},
		{"standard flow off, none", "client_id=implicit-only&response_type=none", "query " + standardOff},
		{"standard flow off, hybrid", "client_id=implicit-only&response_type=code id_token", "fragment " + standardOff},
		{"implicit flow off", "response_type=token", "fragment " + implicitOff},
		{"implicit flow off, ID token", "response_type=id_token", "fragment " + implicitOff},
		{"implicit flow off, hybrid", "response_type=code token", "fragment " + implicitOff},
		{"implicit flow off, for a form", "response_type=token&response_mode=form_post", "form_post " + implicitOff},
		{"both flows off", "client_id=no-flow&response_type=token", "fragment " + implicitOff},
		{"both flows off, hybrid", "client_id=no-flow&response_type=code token", "fragment " + standardOff},

		{"not pushed", "client_id=pushed", "query " + notPushed},
		{"not pushed, before scope", "client_id=pushed&scope=x", "query " + notPushed},
		{"not pushed, before nonce", "client_id=pushed&response_type=id_token&-nonce", "fragment " + notPushed},
		{"not pushed, before repetition", "client_id=pushed&a=1&+a=2", "query " + notPushed},
		{"response_type before not pushed", "client_id=pushed&response_type=x", unsupported},
		{"response_mode before not pushed", "client_id=pushed&response_mode=x", "query invalid_request Invalid parameter: response_mode"},

		{"repeated, same value", "+state=xyz", "query " + repeated},
		{"repeated, unknown name", "foo=1&+foo=2", "query " + repeated},
		{"repeated, redirect_uri", "+redirect_uri=http://evil.example/", "query " + repeated},
		{"repeated, response_type", "+response_type=x", "query " + repeated},
		{"repeated, for a fragment", "response_mode=fragment&+state=2", "fragment " + repeated},
		{"repeated, both too long", "foo=" + long + "&+foo=" + long, "query " + repeated},
		{"repeated before scope", "scope=x&foo=1&+foo=2", "query " + repeated},
		{"response_mode before repeated", "response_mode=x&foo=1&+foo=2", "query invalid_request Invalid parameter: response_mode"},

		{"scope unknown", "scope=openid nonsense", "query invalid_scope Invalid scopes: openid nonsense"},
		{"scope empty", "scope=", "query invalid_scope Invalid scopes:"},
		{"scope one space", "scope= ", "ok"},
		{"scope missing", "-scope", "ok"},
		{"scope too long counts as not sent", "scope=" + long, "ok"},
		{"scope without openid", "scope=profile", "ok"},
		{"scope optional", "scope=openid email", "ok"},
		{"scope twice", "scope=openid openid", "ok"},
		{"scope with a space at the end", "scope=openid ", "ok"},
		{"scope with a space before", "scope= openid", "query invalid_scope Invalid scopes:  openid"},
		{"scope with two spaces", "scope=openid  profile", "query invalid_scope Invalid scopes: openid  profile"},
		{"scope with a tab", "scope=openid\tprofile", "query invalid_scope Invalid scopes: openid\tprofile"},
		{"scope before nonce", "client_id=implicit&response_type=id_token&scope=x&-nonce", "fragment invalid_scope Invalid scopes: x"},
		{"scope before PKCE", "scope=x&code_challenge=abc", "query invalid_scope Invalid scopes: x"},

		{"nonce missing for an ID token", "client_id=implicit&response_type=id_token&-nonce", noNonce},
		{"nonce missing for two tokens", "client_id=implicit&response_type=id_token token&-nonce", noNonce},
		{"nonce missing for a hybrid ID token", "client_id=implicit&response_type=code id_token&-nonce", noNonce},
		{"nonce missing for all three", "client_id=implicit&response_type=code id_token token&-nonce", noNonce},
		{"nonce missing without openid", "client_id=implicit&response_type=id_token&-nonce&scope=profile", noNonce},
		{"nonce missing for a token", "client_id=implicit&response_type=token&-nonce", "ok"},
		{"nonce missing for code and token", "client_id=implicit&response_type=code token&-nonce", "ok"},
		{"nonce missing for a code", "-nonce", "ok"},
		{"nonce empty", "client_id=implicit&response_type=id_token&nonce=", "ok"},
		{"nonce before PKCE", "client_id=implicit&response_type=code id_token&-nonce&code_challenge=abc", noNonce},

		{"PKCE S256", "code_challenge_method=S256&code_challenge=" + challenge, "ok"},
		{"PKCE plain", "code_challenge_method=plain&code_challenge=" + challenge, "ok"},
		{"PKCE without a method", "code_challenge=" + challenge, "ok"},
		{"PKCE method empty", "code_challenge_method=&code_challenge=" + challenge, badMethod},
		{"PKCE method lower case", "code_challenge_method=s256&code_challenge=" + challenge, badMethod},
		{"PKCE method before challenge", "code_challenge_method=s256&code_challenge=abc", badMethod},
		{"PKCE method alone", "code_challenge_method=S256", noChallenge},
		{"PKCE unknown method alone", "code_challenge_method=x", noChallenge},
		{"PKCE challenge empty", "code_challenge=", badChallenge},
		{"PKCE challenge of 42", "code_challenge=" + challenge[1:], badChallenge},
		{"PKCE challenge of 128", "code_challenge=" + strings.Repeat("a", 128), "ok"},
		{"PKCE challenge of 129", "code_challenge=" + strings.Repeat("a", 129), badChallenge},
		{"PKCE challenge of all characters", "code_challenge=" + challenge + "-._~Z9", "ok"},
		{"PKCE challenge padded", "code_challenge=" + challenge + "=", badChallenge},
		{"PKCE challenge of a plus", "code_challenge=" + challenge + "+", badChallenge},
		{"PKCE challenge too long counts as not sent", "code_challenge=" + long, "ok"},
		{"PKCE is nothing to a token", "client_id=implicit&response_type=token&code_challenge=abc", "ok"},
		{"PKCE of a hybrid answer", "client_id=implicit&response_type=code token&code_challenge=abc", "fragment invalid_request Invalid parameter: code_challenge"},
		{"PKCE of none", "response_type=none&code_challenge=abc", badChallenge},
		{"PKCE demanded, not used", "client_id=pkce", noMethod},
		{"PKCE demanded, none", "client_id=pkce&response_type=none", noMethod},
		{"PKCE demanded, used", "client_id=pkce&code_challenge_method=S256&code_challenge=" + challenge, "ok"},
		{"PKCE demanded, method not named", "client_id=pkce&code_challenge=" + challenge, noMethod},
		{"PKCE demanded, another method", "client_id=pkce&code_challenge_method=plain&code_challenge=" + challenge, otherMethod},
		{"PKCE demanded, unknown method", "client_id=pkce&code_challenge_method=x", otherMethod},
		{"PKCE demanded, empty method", "client_id=pkce&code_challenge_method=", otherMethod},
		{"PKCE demanded, no challenge", "client_id=pkce&code_challenge_method=S256", noChallenge},
		{"PKCE demanded, bad challenge", "client_id=pkce&code_challenge_method=S256&code_challenge=abc", badChallenge},
		{"plain demanded, not named", "client_id=pkce-plain&code_challenge=" + challenge, noMethod},
		{"plain demanded, S256", "client_id=pkce-plain&code_challenge_method=S256&code_challenge=" + challenge, otherMethod},
		{"plain demanded, used", "client_id=pkce-plain&code_challenge_method=plain&code_challenge=" + challenge, "ok"},
		{"PKCE demanded of a public client", "client_id=pkce-public", noMethod},

		{"prompt of every kind", "prompt=none login x", "ok"},
		{"prompt empty", "prompt=", "ok"},
		{"prompt create", "prompt=create", "page 400 Registration not allowed"},
		{"prompt create with another", "prompt=create login", "ok"},
		{"PKCE before prompt create", "prompt=create&code_challenge=abc", badChallenge},
		{"claims no JSON", "claims=x", "ok"},
		{"acr_values unknown", "acr_values=gold", "ok"},
		{"display unknown", "display=x", "ok"},
		{"kc_action unknown", "kc_action=NOPE", "ok"},
		{"kc_idp_hint unknown", "kc_idp_hint=nope", "ok"},
		{"id_token_hint no token", "id_token_hint=x", "ok"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := params(strings.Split(tt.changes, "&")...)
			if tt.changes == "" {
				p = params()
			}
			_, fault := model.CheckAuthorization(cfg, p)
			if got := outcome(fault); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestCheckAuthorization_RedirectSyntax: each as a Keycloak 26.7.2.
func TestCheckAuthorization_RedirectSyntax(t *testing.T) {
	t.Parallel()
	cfg := authConfig(t)
	for suffix, want := range map[string]bool{
		"": true, "?": true, "?a=1&b=x%20y+z": true, "?a[]=1": true, "?x=code": true, "?codex=1": true, "?a;code=1": true, "?a?code=1": true, "?+code=1": true, "/code=1": true,
		"?scope=1": true, "?error_uri=1": true, "?client_id=1": true, "é": true, "?x=é": true, "!$'()*,:;@": true, "?x=!$'()*,:;@": true,
		"?code=1": false, "?code": false, "?code=": false, "?Code=1": false, "?%63ode=1": false, "?a=1&code=2": false, "?state=1": false, "?session_state=1": false,
		"?iss=1": false, "?error=1": false, "?error_description=1": false, "?access_token=1": false, "?id_token=1": false, "?token_type=1": false,
		"?expires_in=1": false, "?response=1": false, "?kc_action=1": false, "?kc_action_status=1": false,
		"[": false, "]": false, "%": false, "?x=%": false, "?x=%zz": false, "?x=%2": false, `"`: false, "<": false, ">": false, "^": false, "`": false, "{": false, "|": false, "}": false,
		`?x="`: false, "?x=<": false, "?x=>": false, "?x=^": false, "?x=`": false, "?x={": false, "?x=|": false, "?x=}": false,
	} {
		p := params()
		p.Values["redirect_uri"] += suffix
		if _, fault := model.CheckAuthorization(cfg, p); (fault == nil) != want {
			t.Errorf("%s: %s, want it allowed: %t", p.Values["redirect_uri"], outcome(fault), want)
		}
	}
}

func TestCheckAuthorization_PushedRequestsAreTheWayIn(t *testing.T) {
	t.Parallel()
	p := params("client_id=pushed")
	p.Pushed = true
	if _, fault := model.CheckAuthorization(authConfig(t), p); fault != nil {
		t.Errorf("pushed: %v", fault)
	}
}

// TestCheckAuthorization_Settles: what the rest of a login relies on, and that
// it survives being stored.
func TestCheckAuthorization_Settles(t *testing.T) {
	t.Parallel()
	cfg, state, empty := authConfig(t), "xyz", ""
	app := func(change func(a *model.AuthorizationRequest)) model.AuthorizationRequest {
		a := model.AuthorizationRequest{
			ClientID: "app", RedirectURI: "http://host.example/cb", RedirectURISent: true, ResponseType: "code", ResponseMode: "query",
			Scope: "openid", State: &state, Nonce: "n", MaxAge: -1,
		}
		change(&a)
		return a
	}
	challenge := strings.Repeat("a", 43)
	for _, tt := range []struct {
		name    string
		changes []string
		want    model.AuthorizationRequest
	}{
		{"everything", []string{
			"prompt=login  consent x", "max_age=90", "login_hint=uma", "ui_locales=de en", "acr_values=1", `claims={"id_token":{"email":null}}`, "display=page",
			"id_token_hint=h", "kc_idp_hint=i", "kc_action=UPDATE_PASSWORD", "code_challenge=" + challenge, "code_challenge_method=S256",
		}, app(func(a *model.AuthorizationRequest) {
			a.Prompt, a.MaxAge, a.LoginHint, a.UILocales, a.ACR = []string{"login", "consent", "x"}, 90, "uma", "de en", model.ACRRequest{Asked: []string{"1"}}
			a.Claims, a.Display, a.IDTokenHint, a.IDPHint, a.Action = `{"id_token":{"email":null}}`, "page", "h", "i", "UPDATE_PASSWORD"
			a.CodeChallenge, a.CodeChallengeMethod = challenge, "S256"
		})},
		{"state absent", []string{"-state"}, app(func(a *model.AuthorizationRequest) { a.State = nil })},
		{"state too long", []string{"state=" + strings.Repeat("a", 4001)}, app(func(a *model.AuthorizationRequest) { a.State = nil })},
		{"state empty", []string{"state="}, app(func(a *model.AuthorizationRequest) { a.State = &empty })},
		{"negative age", []string{"max_age=-5"}, app(func(a *model.AuthorizationRequest) { a.MaxAge = 0 })},
		{"PKCE without method is plain", []string{"code_challenge=" + challenge}, app(func(a *model.AuthorizationRequest) { a.CodeChallenge, a.CodeChallengeMethod = challenge, "plain" })},
		{"claims that are no object", []string{"claims=[]"}, app(func(a *model.AuthorizationRequest) { a.Claims = "[]" })},
		{"login_hint of 255", []string{"login_hint=" + strings.Repeat("é", 255)}, app(func(a *model.AuthorizationRequest) { a.LoginHint = strings.Repeat("é", 255) })},
		{"login_hint of 256", []string{"login_hint=" + strings.Repeat("a", 256)}, app(func(*model.AuthorizationRequest) {})},
		{"redirect_uri left out", []string{"client_id=rooted", "-redirect_uri", "-scope"}, app(func(a *model.AuthorizationRequest) {
			a.ClientID, a.RedirectURI, a.RedirectURISent, a.Scope = "rooted", "http://host.example/one", false, ""
		})},
		{"redirect_uri left out, a wildcard", []string{"-redirect_uri", "-scope"}, app(func(a *model.AuthorizationRequest) {
			a.RedirectURI, a.RedirectURISent, a.Scope = "http://host.example", false, ""
		})},
		{"hybrid", []string{"client_id=implicit", "response_type=token id_token code token"}, app(func(a *model.AuthorizationRequest) {
			a.ClientID, a.ResponseType, a.ResponseMode = "implicit", "code id_token token", "fragment"
		})},
		{"no code, no challenge", []string{"client_id=implicit", "response_type=token", "code_challenge=x"}, app(func(a *model.AuthorizationRequest) {
			a.ClientID, a.ResponseType, a.ResponseMode = "implicit", "token", "fragment"
		})},
		{"form_post", []string{"response_mode=form_post"}, app(func(a *model.AuthorizationRequest) { a.ResponseMode = "form_post" })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, fault := model.CheckAuthorization(cfg, params(tt.changes...))
			if fault != nil {
				t.Fatal(fault)
			}
			doc, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var back model.AuthorizationRequest
			if err := json.Unmarshal(doc, &back); err != nil {
				t.Fatal(err)
			}
			if tt.want.Prompt == nil && len(got.Prompt) == 0 {
				got.Prompt = nil
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("settled (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, back); diff != "" {
				t.Errorf("after storing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthorizationRequest_WantsAndPrompts(t *testing.T) {
	t.Parallel()
	a := &model.AuthorizationRequest{ResponseType: "code id_token", Prompt: []string{"login"}}
	if !a.Wants("code") || !a.Wants("id_token") || a.Wants("token") {
		t.Errorf("Wants of %q: code %t, id_token %t, token %t", a.ResponseType, a.Wants("code"), a.Wants("id_token"), a.Wants("token"))
	}
	if !a.Prompts("login") || a.Prompts("none") {
		t.Errorf("Prompts of %q: login %t, none %t", a.Prompt, a.Prompts("login"), a.Prompts("none"))
	}
}

// TestAuthorizationError_Cause: error and reason of the event, as Keycloak's.
func TestAuthorizationError_Cause(t *testing.T) {
	t.Parallel()
	cfg := authConfig(t)
	for _, tt := range []struct{ changes, client, cause, reason string }{
		{"-client_id", "", "invalid_request", "Parameter 'client_id' not present or present multiple times in the HTTP request parameters"},
		{"client_id=nope", "nope", "client_not_found", ""},
		{"client_id=disabled", "disabled", "client_disabled", ""},
		{"client_id=bearer", "bearer", "not_allowed", ""},
		{"client_id=saml", "saml", "invalid_client", "Wrong client protocol."},
		{"redirect_uri=http://evil.example/", "app", "invalid_redirect_uri", ""},
		{"response_type=x", "app", "invalid_request", "Unsupported response_type"},
		{"response_type=token", "app", "not_allowed", strings.TrimPrefix(implicitOff, "unauthorized_client ")},
		{"scope=x", "app", "invalid_request", "Invalid scopes: x"},
		{"+state=x", "app", "invalid_request", ""},
	} {
		_, fault := model.CheckAuthorization(cfg, params(tt.changes))
		if fault == nil || fault.ClientID != tt.client || fault.Cause != tt.cause || fault.Reason != tt.reason {
			t.Errorf("%s = %+v, want client %q, cause %q, reason %q", tt.changes, fault, tt.client, tt.cause, tt.reason)
			continue
		}
		if !strings.HasPrefix(fault.Error(), tt.cause) {
			t.Errorf("%s: Error() = %q", tt.changes, fault.Error())
		}
	}
}
