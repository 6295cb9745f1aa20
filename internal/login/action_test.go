package login_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

// offline logs in for offline access in a browser of its own.
func (b *browser) offline(name, password string) tokens {
	b.t.Helper()
	p := newBrowser(b.t, b.srv)
	return p.redeem(p.submit(p.get(auth("scope", "openid offline_access")), "username", name, "password", password).code())
}

func (b *browser) refreshes(t tokens) bool {
	return b.token("grant_type", "refresh_token", "refresh_token", t.Refresh).Status == 200
}

func TestTemporaryPassword_IsChangedOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	rewrite := `{"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1) and length(8) and notUsername"}`
	admin(t, s).do("PUT", "/admin/realms/shop", rewrite, 204)
	b := newBrowser(t, s)
	p := b.submit(b.get(auth()), "username", "temp", "password", "pw")
	p.says(200, "You need to change your password")
	if strings.Contains(p.Body, "cancel-aia") {
		t.Error("a temporary password can be kept")
	}
	b.submit(p, "cancel-aia", "true").says(200, "password-new")
	for _, tt := range []struct{ first, second, text string }{
		{"", "", "Please specify password."},
		{"longenough", "otherwise1", "Passwords don&#39;t match."},
		{"short", "short", "Invalid password: minimum length 8."},
	} {
		p = b.submit(p, "password-new", tt.first, "password-confirm", tt.second)
		p.says(200, tt.text)
		if !hasAction(t, s, "temp") {
			t.Errorf("%q was taken", tt.first)
		}
	}
	action, fields := p.fill("password-new", "longenough", "password-confirm", "longenough")
	b.post(action, fields).code()
	b.post(action, fields).none()
	if hasAction(t, s, "temp") {
		t.Error("the password is still temporary")
	}
	if a := b.password("temp", "longenough"); a.Status != 200 {
		t.Errorf("new password: %+v", a)
	}
	if got := errorsOf(t, s); !slices.Contains(got, "UPDATE_PASSWORD") || !slices.Contains(got, "UPDATE_CREDENTIAL") {
		t.Errorf("events %v", got)
	}
}

// TestSignOutElsewhere_EndsAllButTheLoginBeingMade, offline sessions too, and
// only when it was ticked.
func TestSignOutElsewhere_EndsAllButTheLoginBeingMade(t *testing.T) {
	t.Parallel()
	for _, ticked := range []bool{false, true} {
		s := newShop(t, "")
		b := newBrowser(t, s)
		elsewhere, bobs := b.offline("alice", "pw"), b.offline("bob", "pw")
		other := newBrowser(t, s)
		online := other.redeem(other.login("alice").code())
		change(t, s, "alice", func(u *model.User) { u.RequiredActions = []string{"UPDATE_PASSWORD"} })
		fields := []string{"password-new", "new", "password-confirm", "new"}
		if ticked {
			fields = append(fields, "logout-sessions", "on")
		}
		mine := b.redeem(b.submit(b.mustAct("alice"), fields...).code())
		if got := b.refreshes(elsewhere); got == ticked {
			t.Errorf("ticked %v: offline session elsewhere lives: %v", ticked, got)
		}
		if got := b.refreshes(online); got == ticked {
			t.Errorf("ticked %v: login elsewhere lives: %v", ticked, got)
		}
		if got := other.get(auth("prompt", "none")).answer().Get("code") != ""; got == ticked {
			t.Errorf("ticked %v: single sign-on elsewhere goes on: %v", ticked, got)
		}
		if !b.refreshes(mine) || !b.refreshes(bobs) {
			t.Errorf("ticked %v: the login being made, or somebody else's, ended", ticked)
		}
	}
}

// TestPasswordChange_StartedByAnApplication: kc_action, with the answers a
// Keycloak 26.7.2 gave.
func TestPasswordChange_StartedByAnApplication(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	elsewhere := b.offline("alice", "pw")
	mine := b.redeem(b.login("alice").code())
	is := func(p *page, action, status string) {
		t.Helper()
		if v := p.answer(); v.Get("kc_action") != action || v.Get("kc_action_status") != status || v.Get("code") == "" {
			t.Errorf("%v, want %s %s and a code", v, action, status)
		}
	}
	s.Clock.Advance(10 * time.Second) // so that a session made anew is told from the one that went on
	ask := auth("kc_action", "UPDATE_PASSWORD")
	p := b.get(ask)
	p.says(200, "cancel-aia")
	is(b.submit(p, "cancel-aia", "true"), "UPDATE_PASSWORD", "cancelled")
	if a := b.password("alice", "pw"); a.Status != 200 {
		t.Errorf("cancelled: %+v", a)
	}
	p = b.get(ask)
	b.submit(p, "password-new", "a", "password-confirm", "b").says(200, "Passwords don&#39;t match.")
	action, fields := b.get(ask).fill("password-new", "new", "password-confirm", "new", "logout-sessions", "on")
	is(b.post(action, fields), "UPDATE_PASSWORD", "success")
	b.post(action, fields).none()
	if a := b.password("alice", "new"); a.Status != 200 {
		t.Errorf("changed: %+v", a)
	}
	if b.refreshes(elsewhere) || !b.refreshes(mine) {
		t.Error("signed out the wrong devices")
	}
	if v := b.get(auth("kc_action", "UPDATE_PASSWORD", "prompt", "none")).answer(); v.Get("error") != "interaction_required" {
		t.Errorf("prompt=none: %v", v)
	}
	is(b.get(auth("kc_action", "NO_SUCH")), "", "error")
	is(b.get(auth("kc_action", "VERIFY_PROFILE")), "", "error")
	is(b.submit(b.get(auth("kc_action", "UPDATE_PROFILE")), "email", "alice@x.org", "firstName", "Al", "lastName", "Ice"), "UPDATE_PROFILE", "success")
	if u := user(t, s, "alice"); u.FirstName != "Al" {
		t.Errorf("profile: %+v", u)
	}
	s.Clock.Advance(301 * time.Second)
	for _, action := range []string{"UPDATE_PASSWORD", "UPDATE_PROFILE"} {
		p = b.get(auth("kc_action", action))
		if p.says(200, "kc-form-login"); strings.Contains(p.Body, "password-new") {
			t.Errorf("%s by an old login without its password", action)
		}
	}
}

func TestVerifyProfile_AsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	p := b.mustAct("half")
	for _, tt := range []struct{ mail, first, last, text string }{
		{"", "H", "A", "Please specify email."},
		{"half@x.org", "", "A", "Please specify first name."},
		{"half@x.org", "H", " ", "Please specify last name."},
		{"no address", "H", "A", "Invalid email address."},
		{"alice@x.org", "H", "A", "Email already exists."},
		{"half@x.org", strings.Repeat("x", 256), "A", "255"},
	} {
		p = b.submit(p, "email", tt.mail, "firstName", tt.first, "lastName", tt.last)
		p.says(200, tt.text)
		if u := user(t, s, "half"); u.Email != "" || u.FirstName != "" {
			t.Errorf("%+v was taken", tt)
		}
	}
	action, fields := p.fill("email", "Half@X.org", "firstName", "H", "lastName", "A", "username", "root")
	b.post(action, fields).code()
	b.post(action, fields).none()
	if u := user(t, s, "half"); u.Email != "half@x.org" || u.EmailVerified || u.LastName != "A" {
		t.Errorf("profile: %+v", u)
	}
}
