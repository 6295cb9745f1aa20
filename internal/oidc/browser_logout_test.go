package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const bye = "http://localhost:9999/bye"

// logoutRealm has clients told by nobody (app, other, closed) and uma.
const logoutRealm = `{"realm":"demo","enabled":true,"eventsEnabled":true,"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",
 "clients":[
  {"clientId":"app","secret":"s","redirectUris":["http://localhost:9999/*"],"baseUrl":"http://localhost:9999/home"},
  {"clientId":"other","secret":"s","redirectUris":["http://localhost:9999/*"]},
  {"clientId":"closed","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"post.logout.redirect.uris":"-"}}CLIENTS
 ],
 "users":[
  {"username":"uma","enabled":true,"email":"uma@example.org","firstName":"Uma","lastName":"One","credentials":[{"type":"password","value":"password"}],"realmRoles":["default-roles-demo"]}
 ]}`

func newLogoutDoor(t *testing.T, clients ...string) *door {
	t.Helper()
	more := ""
	for _, c := range clients {
		more += ",\n" + c
	}
	return newDoor(t, strings.Replace(logoutRealm, "CLIENTS", more, 1))
}

func (p page) asks() bool { return strings.Contains(p.body, `name="confirmLogout"`) }

func TestLogout_HintOfThisBrowserEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	first, second := b.login("app", "openid"), b.login("other", "openid")
	offline := b.login("app", "openid offline_access")
	p := b.get(at("/logout", "id_token_hint", first.id, "post_logout_redirect_uri", bye, "state", "a b&c"))
	if p.status != http.StatusFound || p.location != bye+"?state=a+b%26c" {
		t.Fatalf("logout = %d %q, want a redirect with the state", p.status, p.location)
	}
	if d.refreshes(t, first) || d.refreshes(t, second) {
		t.Error("an online session of the login goes on")
	}
	if !d.refreshes(t, offline) {
		t.Error("the offline session ended with the login")
	}
	for _, name := range []string{"KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION"} {
		if b.cookies[name] != "" {
			t.Errorf("cookie %s is still there", name)
		}
	}
	if p := b.authorize("app", "openid"); p.status != http.StatusOK || !strings.Contains(p.body, `name="password"`) {
		t.Errorf("after the logout: %d, want the login page", p.status)
	}
	all := d.events(t, "LOGOUT")
	if len(all) != 1 || all[0]["clientId"] != "app" || all[0]["userId"] == "" || all[0]["sessionId"] == nil ||
		all[0]["details"].(map[string]any)["redirect_uri"] != bye {
		t.Errorf("events LOGOUT = %v, want one of app with user, session and redirect_uri", all)
	}
}

func TestLogout_OldCookieLogsNobodyIn(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	kept := b.cookies["KEYCLOAK_IDENTITY"]
	b.get(at("/logout", "id_token_hint", tokens.id))
	b.cookies["KEYCLOAK_IDENTITY"] = kept
	if p := b.authorize("app", "openid", "prompt", "none"); !strings.Contains(p.location, "error=login_required") {
		t.Errorf("prompt=none with the cookie of before = %q, want login_required", p.location)
	}
}

func TestLogout_WithoutTargetSaysSo(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	p := b.get(at("/logout", "id_token_hint", b.login("app", "openid").id))
	if p.status != http.StatusOK || !strings.Contains(p.body, "You are logged out") || !strings.Contains(p.body, "http://localhost:9999/home") {
		t.Errorf("logout = %d, want the page with a link to the application", p.status)
	}
}

func TestLogout_HintIsAcceptedHoweverOld(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	d.advance(20 * time.Minute) // the ID token lasts five
	if p := b.get(at("/logout", "id_token_hint", tokens.id, "post_logout_redirect_uri", bye)); p.location != bye {
		t.Errorf("logout with an expired hint = %d %q, want %q", p.status, p.location, bye)
	}
	if d.refreshes(t, tokens) {
		t.Error("the session goes on")
	}
}

func TestLogout_AsksFirst(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b, elsewhere := newBrowser(t, d), newBrowser(t, d)
	tokens, foreign := b.login("app", "openid"), elsewhere.login("app", "openid")
	for _, tt := range []struct {
		name   string
		params []string
	}{
		{"nothing is named", nil},
		{"the client alone", []string{"client_id", "app"}},
		{"an unknown client alone", []string{"client_id", "nope"}},
		{"client and target", []string{"client_id", "app", "post_logout_redirect_uri", bye}},
		{"a hint of another browser's login", []string{"id_token_hint", foreign.id, "post_logout_redirect_uri", bye}},
		{"an empty hint", []string{"id_token_hint", ""}},
		{"the parameter of old", []string{"redirect_uri", bye}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(tt.name+" "+method, func(t *testing.T) {
				form := url.Values{}
				for i := 0; i+1 < len(tt.params); i += 2 {
					form.Set(tt.params[i], tt.params[i+1])
				}
				p := b.send(http.MethodPost, at("/logout"), form)
				if method == http.MethodGet {
					p = b.get(at("/logout", tt.params...))
				}
				if p.status != http.StatusOK || !p.asks() {
					t.Errorf("logout = %d %q, want the page that asks", p.status, p.location)
				}
			})
		}
	}
	if !d.refreshes(t, tokens) || !d.refreshes(t, foreign) {
		t.Error("a session ended without a word of the person")
	}
}

func TestLogout_NobodyLoggedIn(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	if p := b.get(at("/logout", "client_id", "app", "post_logout_redirect_uri", bye)); p.location != bye {
		t.Errorf("logout with a target = %d %q, want the redirect at once", p.status, p.location)
	}
	if p := b.press(b.get(at("/logout")), "confirmLogout", "Logout"); p.status != http.StatusOK || !strings.Contains(p.body, "You are logged out") {
		t.Errorf("confirmed = %d, want the page that says so", p.status)
	}
	if n := len(d.events(t, "LOGOUT")) + len(d.events(t, "LOGOUT_ERROR")); n != 0 {
		t.Errorf("%d events of logouts, want none", n)
	}
	tokens := newBrowser(t, d).login("app", "openid")
	d.post("/logout", "client_id", "app", "client_secret", "s", "refresh_token", tokens.refresh)
	if p := b.get(at("/logout", "id_token_hint", tokens.id, "post_logout_redirect_uri", bye)); p.location != bye {
		t.Errorf("logout of what has ended = %d %q, want the redirect", p.status, p.location)
	}
	if all := d.events(t, "LOGOUT_ERROR"); len(all) != 1 || all[0]["error"] != "session_expired" {
		t.Errorf("events LOGOUT_ERROR = %v, want session_expired", all)
	}
}

func TestLogout_HintAloneEndsItsOwnLogin(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	a, b := newBrowser(t, d), newBrowser(t, d)
	ofA, ofB := a.login("app", "openid"), b.login("app", "openid")
	if p := newBrowser(t, d).get(at("/logout", "id_token_hint", ofA.id, "post_logout_redirect_uri", bye)); p.location != bye {
		t.Fatalf("logout = %d %q, want %q", p.status, p.location, bye)
	}
	if d.refreshes(t, ofA) {
		t.Error("the login the hint names goes on")
	}
	if !d.refreshes(t, ofB) {
		t.Error("the login of another browser ended")
	}
}

func TestLogout_Refuses(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	for _, tt := range []struct {
		name        string
		params      []string
		text, cause string
	}{
		{"a target of nobody", []string{"post_logout_redirect_uri", bye}, "Missing parameters: id_token_hint", "invalid_request"},
		{"a target of an unknown client", []string{"post_logout_redirect_uri", bye, "client_id", "nope"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a client without targets", []string{"post_logout_redirect_uri", bye, "client_id", "closed"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"junk as hint", []string{"id_token_hint", "junk"}, "Invalid parameter: id_token_hint", "invalid_token"},
		{"a hint with another signature", []string{"id_token_hint", tokens.id[:len(tokens.id)-8] + "AAAAAAAA"}, "Invalid parameter: id_token_hint", "invalid_token"},
		{"an access token as hint", []string{"id_token_hint", tokens.access}, "Invalid parameter: id_token_hint", "invalid_token"},
		{"a refresh token as hint", []string{"id_token_hint", tokens.refresh}, "Invalid parameter: id_token_hint", "invalid_token"},
		{"a hint of another client", []string{"id_token_hint", tokens.id, "client_id", "other"}, "Invalid parameter: id_token_hint", "invalid_token"},
		{"a hint with another host", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", "http://evil.example/"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a host that begins alike", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", "http://localhost:9999.evil.example/"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a host behind a user", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", "http://localhost:9999@evil.example/"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a host behind a backslash", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", `http://localhost:9999\@evil.example/`}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"an address without scheme", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", "//evil.example/"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a script", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", "javascript:alert(1)"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a header of its own", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", bye + "\r\nX: y"}, "Invalid redirect uri", "invalid_redirect_uri"},
		{"a state of its own", []string{"id_token_hint", tokens.id, "post_logout_redirect_uri", bye + "?state=x"}, "Invalid redirect uri", "invalid_redirect_uri"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := b.get(at("/logout", tt.params...))
			if p.status != http.StatusBadRequest || p.location != "" || !strings.Contains(p.body, tt.text) {
				t.Errorf("logout = %d %q, want 400 %q", p.status, p.location, tt.text)
			}
			if all := d.events(t, "LOGOUT_ERROR"); len(all) == 0 || all[0]["error"] != tt.cause {
				t.Errorf("newest event = %v, want %s", all, tt.cause)
			}
			d.advance(time.Second) // events are listed by time
		})
	}
	if !d.refreshes(t, tokens) {
		t.Error("the session ended")
	}
}

func TestLogout_Confirmed(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	asked := b.get(at("/logout", "client_id", "app", "post_logout_redirect_uri", bye, "state", "s1"))
	action, form := b.form(asked)
	refused := func(name string, p page) {
		t.Helper()
		if p.status != http.StatusBadRequest || !strings.Contains(p.body, "Logout failed") {
			t.Errorf("%s = %d %q, want 400 Logout failed", name, p.status, p.location)
		}
		if !d.refreshes(t, tokens) {
			t.Fatalf("%s ended the session", name)
		}
	}
	refused("another page's key", b.send(http.MethodPost, action, url.Values{"csrf": {"guessed"}, "confirmLogout": {"Logout"}}))
	refused("no key", b.send(http.MethodPost, action, url.Values{"confirmLogout": {"Logout"}}))
	refused("another browser", newBrowser(t, d).send(http.MethodPost, action, form))
	stranger := newBrowser(t, d)
	stranger.get(at("/logout"))
	refused("another browser with a cookie of its own", stranger.send(http.MethodPost, action, form))
	refused("a page nobody was shown", b.send(http.MethodPost, at("/logout/logout-confirm", "tab_id", "x"), form))
	if p := b.get(action); !p.asks() {
		t.Errorf("GET of the form's address = %d, want the page again", p.status)
	}
	if p := b.send(http.MethodPost, action, form); p.status != http.StatusFound || p.location != bye+"?state=s1" {
		t.Fatalf("confirmed = %d %q, want the redirect", p.status, p.location)
	}
	if d.refreshes(t, tokens) {
		t.Error("the session goes on")
	}
	if p := b.send(http.MethodPost, action, form); p.status != http.StatusBadRequest {
		t.Errorf("the same form again = %d %q, want 400", p.status, p.location)
	}
	again := b.login("app", "openid")
	if p := b.send(http.MethodPost, action, form); p.status != http.StatusBadRequest || !d.refreshes(t, again) {
		t.Errorf("a form of before the next login = %d, want 400 and the login to go on", p.status)
	}
}

func TestLogout_ConfirmationExpires(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	asked := b.get(at("/logout"))
	d.advance(29 * time.Minute)
	if !d.refreshes(t, tokens) { // which keeps the session
		t.Fatal("the session ended by itself")
	}
	d.advance(2 * time.Minute)
	if p := b.press(asked, "confirmLogout", "Logout"); p.status != http.StatusBadRequest {
		t.Errorf("confirmed after the realm's login time = %d %q, want 400", p.status, p.location)
	}
	if p := b.authorize("app", "openid", "prompt", "none"); !strings.Contains(p.location, "code=") {
		t.Errorf("prompt=none = %q, want the session to go on", p.location)
	}
}

func TestLogout_ConfirmedHintOfAnotherBrowserEndsBoth(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	a, b := newBrowser(t, d), newBrowser(t, d)
	ofA, ofB := a.login("app", "openid"), b.login("app", "openid")
	p := b.press(b.get(at("/logout", "id_token_hint", ofA.id, "post_logout_redirect_uri", bye)), "confirmLogout", "Logout")
	if p.location != bye || d.refreshes(t, ofA) || d.refreshes(t, ofB) {
		t.Errorf("confirmed = %d %q, want both logins to end: the browser's cookies go", p.status, p.location)
	}
}

func TestLogout_LoginInProgressDoesNotBringTheSessionBack(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t, `{"clientId":"consent","secret":"s","redirectUris":["http://localhost:9999/*"],"consentRequired":true}`)
	b := newBrowser(t, d)
	tokens := b.login("app", "openid")
	waiting := b.authorize("consent", "openid") // in another tab
	b.get(at("/logout", "id_token_hint", tokens.id))
	p := b.press(waiting, "accept", "Yes")
	if p.status == http.StatusFound {
		p = b.get(p.location)
	}
	if p.status != http.StatusOK || !strings.Contains(p.body, `name="password"`) {
		t.Fatalf("consent after the logout = %d %q, want the login page", p.status, p.location)
	}
	if p := b.authorize("app", "openid", "prompt", "none"); !strings.Contains(p.location, "error=login_required") {
		t.Errorf("prompt=none = %q, want login_required", p.location)
	}
	if d.refreshes(t, tokens) {
		t.Error("the session is back")
	}
	if p = b.press(p, "username", "uma", "password", "password"); p.status != http.StatusFound || !strings.Contains(p.location, "code=") {
		t.Errorf("with the password = %d %q, want a code", p.status, p.location)
	}
}

// TestLogout_NothingUpsetsIt: no value of any parameter is the server's fault,
// or leads a browser away.
func TestLogout_NothingUpsetsIt(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t)
	b := newBrowser(t, d)
	hint := b.login("app", "openid offline_access").id
	values := []string{
		"", "\xff\xfe", "\x7f", "a\r\nb: c", "..", "//evil.example", "https://evil.example/", "%00", "{{7*7}}", "' or 1=1", "eyJhbGciOiJub25lIn0.e30.",
		strings.Repeat("a", 5000), strings.Repeat("e30.", 8000), hint[:len(hint)/2], "\u202e",
	}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales", "redirect_uri", "tab_id", "csrf"} {
		for _, value := range values {
			for _, address := range []string{at("/logout"), at("/logout", name, value), at("/logout/logout-confirm", name, value), at("/login-status-iframe.html/init", name, value)} {
				for _, p := range []page{b.get(address), b.send(http.MethodPost, address, url.Values{name: {value}})} {
					if p.status >= http.StatusInternalServerError || p.location != "" {
						t.Errorf("%s=%.40q at %.80s: %d, Location %q", name, value, address, p.status, p.location)
					}
				}
			}
		}
	}
}
