package login_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

// change sets members of a user.
func change(t testing.TB, s *servertest.Server, name string, fn func(u *model.User)) {
	t.Helper()
	err := s.Realms.ChangeUser(t.Context(), "shop", user(t, s, name).ID, nil, func(_ *model.Config, u *model.User) error {
		fn(u)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rewrite changes the shop's configuration.
func rewrite(t testing.TB, s *servertest.Server, fn func(cfg *model.Config) *store.ConfigChange) {
	t.Helper()
	err := s.Realms.Change(t.Context(), "shop", nil, func(cfg *model.Config) (*store.ConfigChange, error) { return fn(cfg), nil })
	if err != nil {
		t.Fatal(err)
	}
}

func TestCSRF_AFormOfAnotherBrowserChangesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	for name, steps := range map[string]struct {
		client, user string
		fields       []string // of the form after the password
	}{
		"login":           {"app", "", []string{"username", "alice", "password", "pw"}},
		"consent":         {"asks", "alice", []string{"accept", "yes"}},
		"required action": {"app", "temp", []string{"password-new", "evil", "password-confirm", "evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			victim, thief := newBrowser(t, s), newBrowser(t, s)
			at := victim.get(auth("client_id", steps.client, "redirect_uri", "http://"+steps.client+".example/cb"))
			if steps.user != "" {
				at = victim.submit(at, "username", steps.user, "password", "pw")
			}
			thief.get(auth())
			action, fields := at.fill(steps.fields...)
			thief.post(action, fields).none()
			for _, key := range []string{"", "x", at.tab()} {
				u, _ := url.Parse(action)
				q := u.Query()
				q.Set("session_code", key)
				u.RawQuery = q.Encode()
				victim.post(u.String(), fields).none()
			}
			p := victim.send(http.MethodPost, action, fields, "Sec-Fetch-Site", "cross-site")
			p.none()
			if steps.user == "temp" && !hasAction(t, s, "temp") {
				t.Error("a forged form changed the password")
			}
			victim.post(action, fields).code() // nothing of it disturbed the person
		})
	}
}

func hasAction(t testing.TB, s *servertest.Server, name string) bool {
	return len(user(t, s, name).RequiredActions) > 0
}

func TestCSRF_AFormIsGoodOnce(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, newShop(t, ""))
	first := b.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb"))
	consent := b.submit(first, "username", "alice", "password", "pw")
	if again := b.submit(first, "username", "bob", "password", "pw"); again.key() != consent.key() || !strings.Contains(again.Body, "alice") {
		t.Errorf("an old form leads to %s", again.Body)
	}
	b.submit(consent, "accept", "yes").code()
}

// TestLoginCSRF_TheAttackersTabIsNoneOfTheVictims: a login the attacker began
// does not go on in the victim's browser.
func TestLoginCSRF_TheAttackersTabIsNoneOfTheVictims(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	attacker, victim := newBrowser(t, s), newBrowser(t, s)
	victim.get(auth())
	action, fields := attacker.get(auth()).fill("username", "bob", "password", "pw")
	victim.post(action, fields).none()
	if victim.cookie("KEYCLOAK_IDENTITY") != "" {
		t.Error("the victim is logged in as the attacker")
	}
	attacked := attacker.submit(attacker.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")), "username", "bob", "password", "pw")
	victim.post(attacked.fill("accept", "yes")).none()
	if victim.cookie("KEYCLOAK_IDENTITY") != "" {
		t.Error("the victim is logged in as the attacker, by consent")
	}
}

// TestSessionFixation_APlantedCookieLetsNobodyIn: the attacker knows everything
// of the login but what the victim's browser got with the password.
func TestSessionFixation_APlantedCookieLetsNobodyIn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		client, user string
		fields       []string
	}{
		"before consent":           {"asks", "alice", []string{"accept", "yes"}},
		"before a required action": {"app", "temp", []string{"password-new", "new", "password-confirm", "new"}},
		"at the end":               {"app", "bob", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "")
			attacker, victim := newBrowser(t, s), newBrowser(t, s)
			first := attacker.get(auth("client_id", tt.client, "redirect_uri", "http://"+tt.client+".example/cb"))
			victim.plant("AUTH_SESSION_ID", attacker.cookie("AUTH_SESSION_ID"))
			here := strings.TrimPrefix(first.part("tab_id"), "")
			page := "/realms/shop/login-actions/authenticate?tab_id=" + url.QueryEscape(here) + "&client_id=" + tt.client
			p := victim.submit(victim.get(page), "username", tt.user, "password", "pw")
			stolen := attacker.get(page)
			stolen.none()
			if strings.Contains(stolen.Body, "<form") {
				t.Errorf("the attacker sees the victim's next page:\n%s", stolen.Body)
			}
			if tt.fields == nil {
				p.code()
			} else {
				attacker.post(p.fill(tt.fields...)).none()
				victim.submit(p, tt.fields...).code()
			}
			if attacker.cookie("KEYCLOAK_IDENTITY") != "" {
				t.Error("the attacker is logged in")
			}
			attacker.get(page).none()
		})
	}
}

// TestSessionFixation_IdentityIsNew: what was in the browser before a login says
// nothing about who is in it afterwards.
func TestSessionFixation_IdentityIsNew(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	attacker, victim := newBrowser(t, s), newBrowser(t, s)
	attacker.login("bob")
	planted := attacker.cookie("KEYCLOAK_IDENTITY")
	victim.plant("KEYCLOAK_IDENTITY", planted)
	p := victim.get(auth("prompt", "login"))
	p = victim.get(restartOf(p))
	code := victim.submit(p, "username", "alice", "password", "pw")
	if got := victim.cookie("KEYCLOAK_IDENTITY"); got == "" || got == planted {
		t.Errorf("identity after login: %q", got)
	}
	if sub := claim(t, victim.redeem(code.code()).Access, "sub"); sub != user(t, s, "alice").ID {
		t.Errorf("the code is of %s", sub)
	}
	answer := attacker.get(auth())
	if sub := claim(t, attacker.redeem(answer.code()).Access, "sub"); sub != user(t, s, "bob").ID {
		t.Errorf("the attacker's session became that of %s", sub)
	}
}

// restartOf is the address of "not you?".
func restartOf(p *page) string {
	p.t.Helper()
	action, _ := p.form()
	return strings.Replace(action, "/authenticate?", "/restart?", 1)
}

// TestReauthentication_IsOfTheSameUser: with prompt=login the name in the form
// is not to be trusted; somebody else starts over and gets a session of his own.
func TestReauthentication_IsOfTheSameUser(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	sid := claim(t, b.redeem(b.login("alice").code()).Access, "sid")
	for _, ask := range [][]string{{"prompt", "login"}, {"max_age", "0"}} {
		p := b.get(auth(ask...))
		p.says(200, "alice")
		b.submit(p, "username", "bob", "password", "wrong").says(200, "alice")
		change(t, s, "bob", func(u *model.User) { u.FirstName = "Bobby" })
		again := claim(t, b.redeem(b.submit(p, "username", "alice", "password", "pw").code()).Access, "sid")
		if again != sid {
			t.Errorf("%v: session %s, want %s", ask, again, sid)
		}
	}
	setPassword(t, s, "bob", "bobs")
	p := b.get(auth("prompt", "login"))
	b.submit(p, "username", "bob", "password", "bobs").none()
	tok := b.redeem(b.submit(b.get(restartOf(p)), "username", "bob", "password", "bobs").code()).Access
	if claim(t, tok, "sub") != user(t, s, "bob").ID || claim(t, tok, "sid") == sid {
		t.Errorf("bob after starting over: sub %s, sid %s", claim(t, tok, "sub"), claim(t, tok, "sid"))
	}
}

func setPassword(t testing.TB, s *servertest.Server, name, password string) {
	t.Helper()
	if err := s.Realms.SetPassword(t.Context(), "shop", user(t, s, name).ID, password, false, nil); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRedirect_NothingLeadsAway(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	for _, uri := range []string{
		"http://evil.example/", "http://app.example.evil.example/cb", "http://app.example@evil.example/cb", "http://evil.example#http://app.example/cb",
		"//evil.example/cb", "/\\evil.example", "http:/app.example/cb", "http://app.example/cb/../../evil", "http://app.example/cb%2f..%2fevil",
		"http://app.example/CB", "http://app.example/cb\r\nLocation: http://evil.example", "http://app.example/cb\x00", "javascript:alert(1)",
		"data:text/html,x", "http://app.example/cb#frag", "http://app.example:81/cb", "https://app.example/cb", "http://app.example/cb?x=1", " http://app.example/cb",
		"http://other.example/cb",
	} {
		for _, more := range [][]string{nil, {"prompt", "none"}, {"response_mode", "form_post"}, {"scope", "no-such-scope"}} {
			p := b.get(auth(append([]string{"redirect_uri", uri}, more...)...))
			if p.Status != 400 || p.Header.Get("Location") != "" || strings.Contains(p.Body, "evil") {
				t.Errorf("redirect_uri %q %v: %d %s\n%s", uri, more, p.Status, p.Header.Get("Location"), p.Body)
			}
		}
	}
	first := b.get(auth())
	tampered := strings.Replace(first.action(), "client_id=app", "client_id=other", 1)
	_, fields := first.fill("username", "alice", "password", "pw")
	done := b.post(tampered, fields)
	if to := done.Header.Get("Location"); !strings.HasPrefix(to, "http://app.example/cb?") {
		t.Errorf("another client in the page's address leads to %q", to)
	}
	over := b.get(tampered)
	if over.none(); strings.Contains(over.Body, "other.example") || !strings.Contains(over.Body, "http://app.example/") {
		t.Errorf("a finished login leads back to another client:\n%s", over.Body)
	}
	for _, name := range []string{"redirect_uri", "kc_locale", "client_data", "execution", "back"} {
		p := b.get(first.action() + "&" + name + "=http://evil.example/")
		if p.none(); strings.Contains(p.Body, "evil.example") {
			t.Errorf("parameter %s is on the page:\n%s", name, p.Body)
		}
	}
}

func (p *page) action() string {
	p.t.Helper()
	action, _ := p.form()
	return action
}

// everyPage are a page of each kind that a stranger or a user can get.
func everyPage(t *testing.T, s *servertest.Server) map[string]*page {
	b := newBrowser(t, s)
	first := b.get(auth())
	asks := auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")
	consents := newBrowser(t, s)
	acts := newBrowser(t, s)
	profile := newBrowser(t, s)
	known := newBrowser(t, s)
	known.login("alice")
	out := map[string]*page{
		"login":            first,
		"wrong password":   b.submit(first, "username", "alice", "password", "no"),
		"consent":          consents.submit(consents.get(asks), "username", "alice", "password", "pw"),
		"update password":  acts.submit(acts.get(auth()), "username", "temp", "password", "pw"),
		"verify profile":   profile.submit(profile.get(auth()), "username", "half", "password", "pw"),
		"unsupported":      newBrowser(t, s).mustAct("totp"),
		"reauthenticate":   known.get(auth("prompt", "login")),
		"form_post":        known.get(auth("response_mode", "form_post")),
		"error":            b.get(auth("redirect_uri", "http://evil.example/")),
		"unknown client":   b.get(auth("client_id", "nobody")),
		"no cookie":        newBrowser(t, s).get("/realms/shop/login-actions/authenticate?tab_id=x"),
		"unknown tab":      b.get("/realms/shop/login-actions/authenticate?tab_id=x"),
		"required, no tab": b.get("/realms/shop/login-actions/required-action"),
	}
	done := b.submit(b.get(auth()), "username", "alice", "password", "pw")
	done.code()
	out["finished"] = b.get(done.URL)
	return out
}

func (b *browser) mustAct(name string) *page {
	return b.submit(b.get(auth()), "username", name, "password", "pw")
}

func TestClickjacking_NoPageIsFramedOrKept(t *testing.T) {
	t.Parallel()
	for name, p := range everyPage(t, newShop(t, "")) {
		if p.Status >= 500 || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s is no page: %d %s", name, p.Status, p.Body)
		}
		csp := p.Header.Get("Content-Security-Policy")
		if p.Header.Get("X-Frame-Options") != "SAMEORIGIN" || !strings.Contains(csp, "frame-ancestors 'self'") || !strings.Contains(csp, "object-src 'none'") {
			t.Errorf("%s may be framed: %q, %q", name, p.Header.Get("X-Frame-Options"), csp)
		}
		if p.Header.Get("X-Content-Type-Options") != "nosniff" || p.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", name, p.Header)
		}
		if !strings.Contains(p.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s may be cached: %q", name, p.Header.Get("Cache-Control"))
		}
	}
}

func TestCode_IsOfItsClientAndItsVerifier(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	verifier, stranger := strings.Repeat("v", 43), strings.Repeat("w", 43)
	sum := sha256.Sum256([]byte(verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	b.login("alice")
	fresh := func(params ...string) string { return b.get(auth(params...)).code() }
	s256 := []string{"code_challenge", challenge, "code_challenge_method", "S256"}
	for _, tt := range []struct {
		name   string
		code   string
		params []string
		want   string
	}{
		{"code of client app at client other", fresh(), []string{"client_id", "other"}, "Auth error: Found different client_id in clientSession"},
		{"the same with the other's redirect URI", fresh(), []string{"client_id", "other", "redirect_uri", "http://other.example/cb"}, "Incorrect redirect_uri"},
		{"another verifier", fresh(s256...), []string{"code_verifier", stranger}, "PKCE verification failed: Code mismatch"},
		{"the challenge as verifier", fresh(s256...), []string{"code_verifier", challenge}, "PKCE verification failed: Code mismatch"},
		{"no verifier", fresh(s256...), nil, "PKCE code verifier not specified"},
		{"an empty verifier", fresh(s256...), []string{"code_verifier", ""}, "PKCE verification failed: Invalid code verifier"},
		{"a verifier nobody asked for", fresh(), []string{"code_verifier", verifier}, "PKCE code verifier specified but challenge not present in authorization"},
		{"another redirect URI", fresh(), []string{"redirect_uri", "http://app.example/"}, "Incorrect redirect_uri"},
		{"no redirect URI", fresh(), []string{"redirect_uri", ""}, "Incorrect redirect_uri"},
	} {
		if a := b.redeem(tt.code, tt.params...); a.Status != 400 || a.Error != "invalid_grant" || a.Description != tt.want {
			t.Errorf("%s: %+v, want %s", tt.name, a, tt.want)
		}
		if a := b.redeem(tt.code, "code_verifier", verifier); a.Status == 200 {
			t.Errorf("%s leaves the code usable", tt.name)
		}
	}
	if a := b.redeem(fresh(s256...), "code_verifier", verifier); a.Status != 200 {
		t.Errorf("the right verifier: %+v", a)
	}
	pkce := []string{"client_id", "pkce", "redirect_uri", "http://pkce.example/cb"}
	for name, more := range map[string][]string{
		"no challenge where S256 is demanded": nil,
		"plain where S256 is demanded":        {"code_challenge", verifier, "code_challenge_method", "plain"},
		"a challenge without method":          {"code_challenge", challenge},
	} {
		p := b.get(auth(append(pkce, more...)...))
		if v := p.answer(); v.Get("error") != "invalid_request" || v.Get("code") != "" {
			t.Errorf("%s: %v", name, v)
		}
	}
}

// TestCodeReplay_OneOfManyWins: a code that many nodes get at once is good once;
// what it gave of the online session dies, an offline session lives.
func TestCodeReplay_OneOfManyWins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scope string
		lives bool
	}{{"openid", false}, {"openid offline_access", true}} {
		t.Run(tt.scope, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "")
			other := servertest.Beside(t, s)
			b := newBrowser(t, s)
			b.login("alice")
			code := b.get(auth("scope", tt.scope)).code()
			answers := make([]tokens, 12)
			var all sync.WaitGroup
			begin := make(chan struct{})
			for i := range answers {
				all.Go(func() {
					at := newBrowser(t, s)
					if i%2 == 1 {
						at = newBrowser(t, other)
					}
					<-begin
					answers[i] = at.redeem(code)
				})
			}
			close(begin)
			all.Wait()
			var won []tokens
			for _, a := range answers {
				switch {
				case a.Status == 200:
					won = append(won, a)
				case a.Status != 400 || a.Description != "Code not valid":
					t.Errorf("a loser: %+v", a)
				}
			}
			if len(won) != 1 {
				t.Fatalf("%d redemptions of one code", len(won))
			}
			a := b.token("grant_type", "refresh_token", "refresh_token", won[0].Refresh)
			if (a.Status == 200) != tt.lives {
				t.Errorf("refresh afterwards: %+v, lives %v", a, tt.lives)
			}
		})
	}
}

// TestCodeReplay_MayOvertakeTheFirstUse: the loser of two uses at once ends the
// session before the winner has read it.
func TestCodeReplay_MayOvertakeTheFirstUse(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	sid := claim(t, b.redeem(b.login("alice").code()).Access, "sid")
	u := user(t, s, "alice")
	for _, tt := range []struct {
		scope, reason string
		status        int
		lives         bool
	}{
		{"openid", model.EndedByCodeReplay, 200, false},
		{"openid offline_access", model.EndedByCodeReplay, 200, true},
		{"openid", model.EndedByLogout, 400, false},
		{"openid offline_access", model.EndedByLogout, 400, false},
	} {
		code := b.get(auth("scope", tt.scope)).code()
		key := store.SessionKey{Shard: model.ShardOf(u.ID), SessionID: sid, ClientNum: shop(t, s).Client("app").Num}
		err := s.Store.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.EndClientSession(key, model.Ending{At: s.Clock.Now().Unix(), Reason: tt.reason})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		a := b.redeem(code)
		if a.Status != tt.status || a.Status == 200 && b.refreshes(a) != tt.lives {
			t.Errorf("%s, ended by %s: %+v", tt.scope, tt.reason, a)
		}
	}
}

func TestMixUp_EveryAnswerNamesTheIssuer(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	issuer := s.BaseURL + "/realms/shop"
	asks := []string{"client_id", "asks", "redirect_uri", "http://asks.example/cb"}
	denied := newBrowser(t, s)
	answers := map[string]*page{
		"login_required":       b.get(auth("prompt", "none")),
		"invalid_scope":        b.get(auth("scope", "openid no-such")),
		"unsupported":          b.get(auth("response_type", "nonsense")),
		"access_denied":        denied.submit(denied.submit(denied.get(auth(asks...)), "username", "alice", "password", "pw"), "cancel", "no"),
		"code":                 b.login("alice"),
		"interaction_required": b.get(auth(append(asks, "prompt", "none")...)),
		"code, without a page": b.get(auth()),
	}
	for name, p := range answers {
		if v := p.answer(); v.Get("iss") != issuer || v.Get("state") != "st" {
			t.Errorf("%s: %v", name, v)
		}
		if !strings.Contains(p.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s may be cached: %q", name, p.Header.Get("Cache-Control"))
		}
	}
	form := b.get(auth("response_mode", "form_post"))
	if action, fields := form.form(); action != "http://app.example/cb" || fields.Get("iss") != issuer || fields.Get("code") == "" {
		t.Errorf("form_post to %s: %v", action, fields)
	}
}

func TestPromptNone_NeverShowsAPage(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	asks := auth("client_id", "asks", "redirect_uri", "http://asks.example/cb", "prompt", "none")
	is := func(name, target, want string) {
		t.Helper()
		if v := b.get(target).answer(); v.Get("error") != want || v.Get("code") != "" {
			t.Errorf("%s: %v, want %s", name, v, want)
		}
	}
	is("nobody is logged in", auth("prompt", "none"), "login_required")
	b.plant("KEYCLOAK_IDENTITY", "junk")
	is("a broken identity", auth("prompt", "none"), "login_required")
	b.login("alice")
	is("consent is missing", asks, "interaction_required")
	is("the password is too old", auth("prompt", "none", "max_age", "0"), "login_required")
	change(t, s, "alice", func(u *model.User) { u.RequiredActions = []string{"UPDATE_PASSWORD"} })
	is("an action is required", auth("prompt", "none"), "interaction_required")
	change(t, s, "alice", func(u *model.User) { u.Enabled = false })
	is("the user is disabled", auth("prompt", "none"), "login_required")
}

func TestCookies_AreNobodyElses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		base   string
		secure bool
		same   http.SameSite
	}{
		{"https://id.example", true, http.SameSiteNoneMode},
		{"http://localhost:8080", true, http.SameSiteNoneMode},
		{"http://id.example", false, http.SameSiteLaxMode},
	} {
		s := newShop(t, `"rememberMe":true,`, servertest.WithConfig(func(c *server.Config) { c.PublicURL = tt.base }))
		s.BaseURL = tt.base
		b := newBrowser(t, s)
		p := b.submit(b.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")), "username", "alice", "password", "pw", "rememberMe", "on")
		jar := maps.Clone(b.jar) // with the cookie of the step, which goes with the login
		b.submit(p, "accept", "yes").code()
		maps.Copy(jar, b.jar)
		names := ""
		for _, c := range jar {
			names += c.Name + " "
			scripts := c.Name == "KEYCLOAK_SESSION" // read by the session iframe; it is a digest
			if c.Path != "/realms/shop/" || c.Domain != "" || c.Secure != tt.secure || c.SameSite != tt.same || c.HttpOnly == scripts {
				t.Errorf("at %s: %s", tt.base, c.Raw)
			}
		}
		for _, want := range []string{"AUTH_SESSION_ID", "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION", "KEYCLOAK_REMEMBER_ME", "AUTH_STEP_"} {
			if !strings.Contains(names, want) {
				t.Errorf("at %s no cookie %s among %s", tt.base, want, names)
			}
		}
	}
}

const markup = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`

// TestInjection_NothingBecomesMarkup puts markup wherever a text of a realm, a
// client or a stranger comes onto a page.
func TestInjection_NothingBecomesMarkup(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	rewrite(t, s, func(cfg *model.Config) *store.ConfigChange {
		r, c, sc := *cfg.Realm, *cfg.Client("asks"), *cfg.Scope("profile")
		r.DisplayName, c.Name = markup, markup
		sc.Attributes = map[string]string{"display.on.consent.screen": "true", "consent.screen.text": markup}
		return &store.ConfigChange{Realm: &r, PutClients: []*model.Client{&c}, PutScopes: []*model.ClientScope{&sc}}
	})
	clean := func(name string, p *page) {
		t.Helper()
		if strings.Contains(p.Body, "<script>alert") || strings.Contains(p.Body, "<img src=x") || p.Status >= 500 {
			t.Errorf("%s: %d\n%s", name, p.Status, p.Body)
		}
	}
	b := newBrowser(t, s)
	asks := []string{"client_id", "asks", "redirect_uri", "http://asks.example/cb"}
	first := b.get(auth(append(asks, "login_hint", markup, "state", markup, "nonce", markup, "ui_locales", markup, "acr_values", markup)...))
	clean("login_hint", first)
	clean("username", b.submit(first, "username", markup, "password", markup))
	p := b.submit(first, "username", "alice", "password", "pw")
	if !strings.Contains(p.Body, "alert(1)") {
		t.Error("the consent page shows neither client nor scope")
	}
	clean("consent", p)
	clean("page address", b.get(first.action()+"&execution="+url.QueryEscape(markup)+"&client_data="+url.QueryEscape(markup)))
	b.submit(p, "accept", "yes").code()
	post := b.get(auth("response_mode", "form_post", "state", markup))
	clean("state in form_post", post)
	if _, fields := post.form(); fields.Get("state") != markup {
		t.Errorf("state came back as %q", fields.Get("state"))
	}
	clean("unknown client", b.get(auth("client_id", markup)))
	clean("redirect URI", b.get(auth("redirect_uri", markup)))
	half := newBrowser(t, s)
	v := half.submit(half.get(auth()), "username", "half", "password", "pw")
	clean("profile", half.submit(v, "email", markup, "firstName", markup, "lastName", markup, "username", markup))
}

func TestInjection_NoHeaderIsSplit(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	b.login("alice")
	for _, state := range []string{"a\r\nSet-Cookie: x=1", "a\nb", "é\u2028", strings.Repeat("s", 3000), "a&code=forged", "#frag", "a b"} {
		p := b.get(auth("state", state))
		to := p.Header.Get("Location")
		if strings.ContainsAny(to, "\r\n #") || p.Header.Get("Set-Cookie") != "" || strings.Count(to, "code=") != 1 && !strings.Contains(to, "code%3Dforged") {
			t.Errorf("state %q: %q", state, to)
		}
		if p.code() == "forged" {
			t.Errorf("state %q forged a code", state)
		}
	}
}

func TestFinishedLogin_GivesNoSecondCode(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	first := b.get(auth())
	action, fields := first.fill("username", "alice", "password", "pw")
	b.post(action, fields).code()
	for name, p := range map[string]*page{"back": b.get(action), "double submit": b.post(action, fields), "another page of it": b.get(restartOf(first))} {
		if p.none(); p.Status != 200 || !strings.Contains(p.Body, "already") {
			t.Errorf("%s: %d %s", name, p.Status, p.Body)
		}
	}
}

// TestDoubleSubmit_OneOfTwoAtOnceWins: two submits of one form at the same
// moment give one code, and no error.
func TestDoubleSubmit_OneOfTwoAtOnceWins(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	action, fields := b.get(auth()).fill("username", "alice", "password", "pw")
	cookie := b.cookie("AUTH_SESSION_ID")
	got := make([]*page, 6)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() {
			tab := newBrowser(t, s)
			tab.plant("AUTH_SESSION_ID", cookie)
			got[i] = tab.post(action, fields)
		})
	}
	all.Wait()
	codes := 0
	for _, p := range got {
		if gives(p.Header) {
			codes++
		} else if p.Status >= 500 || p.Status == http.StatusFound {
			t.Errorf("a second submit: %d %s", p.Status, p.Body)
		}
	}
	if codes != 1 {
		t.Errorf("%d codes", codes)
	}
}

func TestTwoTabs_LogInBesideEachOther(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	asks := auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")
	one, two := b.get(asks), b.get(auth())
	one = b.submit(one, "username", "alice", "password", "pw")
	done := b.submit(two, "username", "alice", "password", "pw")
	if a := b.redeem(done.code()); a.Status != 200 {
		t.Errorf("second tab: %+v", a)
	}
	b.submit(one, "accept", "yes").code()
}

func TestExpiredLogin_StartsAnew(t *testing.T) {
	t.Parallel()
	s := newShop(t, `"accessCodeLifespanLogin":100,`)
	b := newBrowser(t, s)
	first := b.get(auth())
	s.Clock.Advance(99 * time.Second)
	b.get(first.action()).says(200, "kc-form-login")
	s.Clock.Advance(time.Second)
	p := b.submit(first, "username", "alice", "password", "pw")
	p.none()
	if p.Status != 400 || !strings.Contains(p.Body, "http://app.example/") {
		t.Errorf("expired: %d %s", p.Status, p.Body)
	}
}

// TestMeanwhile_WhatWasSwitchedOffEndsALogin changes the world while a person
// is at the consent page or has a form open.
func TestMeanwhile_WhatWasSwitchedOffEndsALogin(t *testing.T) {
	t.Parallel()
	put := func(c model.Client) *store.ConfigChange {
		return &store.ConfigChange{PutClients: []*model.Client{&c}}
	}
	for _, tt := range []struct {
		name   string
		change func(s *servertest.Server)
		status int
		text   string
	}{
		{"user disabled", func(s *servertest.Server) { change(t, s, "alice", func(u *model.User) { u.Enabled = false }) }, 400, "Account is disabled"},
		{"user deleted", func(s *servertest.Server) {
			if err := s.Realms.DeleteUser(t.Context(), "shop", user(t, s, "alice").ID, nil); err != nil {
				t.Fatal(err)
			}
		}, 400, "Account is disabled"},
		{"client disabled", func(s *servertest.Server) {
			rewrite(t, s, func(cfg *model.Config) *store.ConfigChange {
				c := *cfg.Client("asks")
				c.Enabled = false
				return put(c)
			})
		}, 400, "requester not enabled"},
		{"client deleted", func(s *servertest.Server) {
			rewrite(t, s, func(cfg *model.Config) *store.ConfigChange {
				return &store.ConfigChange{DeleteClients: []string{cfg.Client("asks").ID}}
			})
		}, 400, "not found"},
		{"realm disabled", func(s *servertest.Server) {
			rewrite(t, s, func(cfg *model.Config) *store.ConfigChange {
				r := *cfg.Realm
				r.Enabled = false
				return &store.ConfigChange{Realm: &r}
			})
		}, 400, "Realm not enabled"},
		{"realm deleted", func(s *servertest.Server) {
			if err := s.Realms.DeleteRealm(t.Context(), "shop", nil); err != nil {
				t.Fatal(err)
			}
		}, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "")
			b := newBrowser(t, s)
			asks := auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")
			p := b.submit(b.get(asks), "username", "alice", "password", "pw")
			action, fields := p.fill("accept", "yes")
			tt.change(s)
			for _, got := range []*page{b.post(action, fields), b.get(action)} {
				got.none()
				got.says(tt.status, tt.text)
			}
			if b.cookie("KEYCLOAK_IDENTITY") != "" {
				t.Error("logged in all the same")
			}
		})
	}
}

// TestLogoutMeanwhile_IsNotUndone: a page that was open when the browser's login
// ended does not bring it back.
func TestLogoutMeanwhile_IsNotUndone(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	tok := b.redeem(b.login("alice").code())
	consent := b.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb"))
	consent.says(200, "accept")
	admin(t, s).do(http.MethodDelete, "/admin/realms/shop/sessions/"+claim(t, tok.Access, "sid"), "", 204)
	p := b.submit(consent, "accept", "yes")
	p.none()
	p.says(200, "kc-form-login")
}

// TestAnotherUser_GetsIntoNobodysSession: whoever gives a password at a page of
// a login that goes on from somebody else's session does not get into that, nor
// takes its place.
func TestAnotherUser_GetsIntoNobodysSession(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	sid := claim(t, b.redeem(b.login("alice").code()).Access, "sid")
	asks := b.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb"))
	asks.says(200, "alice")
	action, _ := asks.form()
	bobs := newBrowser(t, s) // where bob has consented
	bobs.submit(bobs.submit(bobs.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")), "username", "bob", "password", "pw"), "accept", "yes").code()
	p := b.post(strings.Replace(action, "/consent?", "/authenticate?", 1), url.Values{"username": {"bob"}, "password": {"pw"}})
	p.says(400, "different user")
	p.none()
	if got := b.get(auth("prompt", "none")).answer().Get("session_state"); got != sid {
		t.Errorf("the browser's session = %q, want alice's %q", got, sid)
	}
}

// TestPlainHTTP_ShowsNoForm where the realm asks for TLS.
func TestPlainHTTP_ShowsNoForm(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	first := b.get(auth())
	admin(t, s).do(http.MethodPut, "/admin/realms/shop", `{"sslRequired":"all"}`, 204)
	b.get(auth()).says(400, "HTTPS required")
	p := b.submit(first, "username", "alice", "password", "pw")
	p.says(400, "HTTPS required")
	p.none()
	for _, where := range []string{"/device", "/device?user_code=ABCD-EFGH", "/device/status", "/device/status?error=access_denied"} {
		b.get("/realms/shop"+where).says(400, "HTTPS required")
	}
	b.post("/realms/shop/device", url.Values{"device_user_code": {"ABCD-EFGH"}}).says(400, "HTTPS required")
}

func TestUnsupportedAction_StopsTheLogin(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	first := b.get(auth())
	p := b.submit(first, "username", "totp", "password", "pw")
	p.says(400, "CONFIGURE_TOTP")
	base := strings.SplitN(strings.SplitN(first.action(), "login-actions/", 2)[1], "?", 2)[1]
	for _, where := range []string{"consent", "required-action", "authenticate"} {
		b.post(s.BaseURL+"/realms/shop/login-actions/"+where+"?"+base, url.Values{"accept": {"yes"}}).none()
	}
	if b.cookie("KEYCLOAK_IDENTITY") != "" {
		t.Error("the action was skipped")
	}
	if a := b.password("totp", "pw"); a.Description != "Account is not fully set up" {
		t.Errorf("password grant: %+v", a)
	}
}

func TestParameters_TwiceOrTooLongAreNoFault(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	long := strings.Repeat("x", 5000)
	for _, name := range []string{"state", "nonce", "login_hint", "ui_locales", "acr_values", "claims", "client_id", "redirect_uri", "scope", "response_type", "code_challenge"} {
		if p := b.get(auth(name, long)); p.Status >= 500 {
			t.Errorf("%s of %d characters: %d", name, len(long), p.Status)
		}
		if p := b.get(auth() + "&" + name + "=twice"); p.Status >= 500 || gives(p.Header) {
			t.Errorf("%s twice: %d %s", name, p.Status, p.Header.Get("Location"))
		}
	}
	action, fields := b.get(auth()).fill("username", "alice", "password", "pw")
	fields.Add("username", "bob")
	if sub := claim(t, b.redeem(b.post(action, fields).code()).Access, "sub"); sub != user(t, s, "alice").ID {
		t.Errorf("a field twice: user %s, want the first", sub)
	}
	p := b.get(auth("prompt", "login"))
	if p = b.submit(p, "username", long, "password", long); p.Status >= 500 {
		t.Errorf("long fields: %d", p.Status)
	}
}

func claim(t testing.TB, token, name string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(decode(t, raw)[name])
}

// FuzzLoginActions puts anything into the addresses of the pages: no answer is
// a fault of the server, and none gives a code.
func FuzzLoginActions(f *testing.F) {
	s := newShop(f, "")
	b := newBrowser(f, s)
	first := b.get(auth())
	_, query, _ := strings.Cut(first.action(), "?")
	for _, seed := range []string{query, "tab_id=x", "", "tab_id=%00&session_code=%ff", "tab_id=" + first.tab(), "tab_id=" + first.tab() + "&client_id=other&session_code=", "a;b&=&%zz", strings.Repeat("tab_id=a&", 50)} {
		f.Add("authenticate", seed, "username=alice&password=no")
		f.Add("required-action", seed, "password-new=a&password-confirm=a")
		f.Add("consent", seed, "accept=yes")
		f.Add("restart", seed, "")
	}
	h := s.Handler()
	cookie := b.cookie("AUTH_SESSION_ID")
	f.Fuzz(func(t *testing.T, where, query, body string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, s.BaseURL+"/realms/shop/login-actions/", strings.NewReader(body))
			r.URL.Path += where
			r.URL.RawQuery = query
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: "AUTH_SESSION_ID", Value: cookie})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code >= 500 || gives(w.Header()) && !strings.Contains(body, "password=pw") {
				t.Errorf("%s %s?%s with %q: %d %s", method, where, query, body, w.Code, w.Body)
			}
		}
	})
}
