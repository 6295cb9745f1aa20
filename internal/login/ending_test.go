package login_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A browser holds one login: a second tab joins that of the first, and refuses
// somebody else, as Keycloak does.
func TestSecondTab(t *testing.T) {
	t.Parallel()
	t.Run("the same person joins", func(t *testing.T) {
		t.Parallel()
		b := newBrowser(t, newShop(t, ""))
		first, second := b.follow(b.get(auth())), b.follow(b.get(auth("client_id", "other", "redirect_uri", "http://other.example/cb")))
		one := b.submit(first, "username", "alice", "password", "pw").answer()
		two := b.submit(second, "username", "alice", "password", "pw").answer()
		if one.Get("session_state") == "" || one.Get("session_state") != two.Get("session_state") {
			t.Errorf("sessions %q and %q, want one", one.Get("session_state"), two.Get("session_state"))
		}
	})
	t.Run("another person is refused", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, "")
		b := newBrowser(t, s)
		first, second := b.follow(b.get(auth())), b.follow(b.get(auth()))
		sid := b.submit(first, "username", "alice", "password", "pw").answer().Get("session_state")
		p := b.submit(second, "username", "bob", "password", "pw")
		p.says(http.StatusBadRequest, "alice")
		if !strings.Contains(p.Body, `href="http://app.example/"`) {
			t.Error("no way back to the application")
		}
		if got := b.get(auth("prompt", "none")).answer().Get("session_state"); got != sid {
			t.Errorf("session afterwards %q, want that of the first tab, %q", got, sid)
		}
		want := "LOGIN_ERROR different_user_authenticated user auth_method=openid-connect auth_type=code code_id=ID consent=no_consent_required previous_user=" +
			user(t, s, "alice").ID + " redirect_uri=http://app.example/cb username=bob"
		if got := eventsOf(t, s); !slices.Contains(got, want) {
			t.Errorf("events:\n%s\nwant\n%s", strings.Join(got, "\n"), want)
		}
		if n := b.submit(second, "username", "bob", "password", "pw"); n.Status != http.StatusBadRequest {
			t.Errorf("the same form again = %d, want 400", n.Status)
		}
	})
	t.Run("who chose to be somebody else is not", func(t *testing.T) {
		t.Parallel()
		b := newBrowser(t, newShop(t, ""))
		b.login("alice")
		p := b.follow(b.get(auth("prompt", "login")))
		p = b.follow(b.get("/realms/shop/login-actions/restart?client_id=app&tab_id=" + p.tab()))
		b.submit(p, "username", "bob", "password", "pw").code()
	})
}

// The cookie that binds the steps after the password goes with the login.
func TestStepCookie_EndsWithTheLogin(t *testing.T) {
	t.Parallel()
	steps := func(b *browser) (n int) {
		for name := range b.jar {
			if strings.HasPrefix(name, "AUTH_STEP_") {
				n++
			}
		}
		return n
	}
	for _, answer := range []string{"accept", "cancel"} {
		b := newBrowser(t, newShop(t, ""))
		p := b.follow(b.submit(b.get(auth("client_id", "asks", "redirect_uri", "http://asks.example/cb")), "username", "alice", "password", "pw"))
		if steps(b) != 1 {
			t.Fatalf("%d cookies at the consent page, want one", steps(b))
		}
		b.submit(p, answer, "x").answer()
		if steps(b) != 0 {
			t.Errorf("after %s: %d cookies of steps, want none", answer, steps(b))
		}
	}
}

// Who sends the last form twice finds the way back: to the client's home, else
// to where the answer went, with Keycloak's answer to it.
func TestFinished_LeadsBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		params []string
		want   string
	}{
		{"a client with a home", nil, `href="http://app.example/"`},
		{"a client without", []string{"client_id", "pkce", "redirect_uri", "http://pkce.example/cb", "code_challenge", strings.Repeat("a", 43), "code_challenge_method", "S256"},
			`href="http://pkce.example/cb?error=temporarily_unavailable&amp;error_description=authentication_expired&amp;state=st&amp;iss=`},
		{"an answer that is a form", []string{"client_id", "pkce", "redirect_uri", "http://pkce.example/cb", "code_challenge", strings.Repeat("a", 43), "code_challenge_method", "S256", "response_mode", "form_post"},
			"go back to your application"},
	} {
		b := newBrowser(t, newShop(t, ""))
		action, form := b.get(auth(tt.params...)).fill("username", "alice", "password", "pw")
		b.post(action, form)
		p := b.post(action, form)
		p.says(http.StatusOK, "already signed in")
		if !strings.Contains(p.Body, tt.want) {
			t.Errorf("%s: page without %s:\n%s", tt.name, tt.want, p.Body)
		}
	}
}
