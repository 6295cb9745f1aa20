package login_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// guarded are rules that lock for a minute at the third failure.
const guarded = `"bruteForceProtected":true,"failureFactor":3,"waitIncrementSeconds":60,"quickLoginCheckMilliSeconds":0,`

const invalid = "Invalid user credentials"

func (b *browser) wrong(name string, times int) {
	b.t.Helper()
	for range times {
		if a := b.password(name, "no"); a.Status != 400 || a.Description != invalid {
			b.t.Errorf("wrong password: %+v", a)
		}
	}
}

func failures(t testing.TB, s *servertest.Server, name string) *model.LoginFailures {
	t.Helper()
	f, err := s.Store.LoginFailures(t.Context(), shop(t, s).Realm.Num, user(t, s, name).ID)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestLockout_RefusesTheRightPasswordOnBothDoors: texts, statuses and events as
// a Keycloak 26.7.2 gave them.
func TestLockout_RefusesTheRightPasswordOnBothDoors(t *testing.T) {
	t.Parallel()
	s := newShop(t, guarded)
	b := newBrowser(t, s)
	b.wrong("alice", 2)
	b.submit(b.get(auth()), "username", "alice", "password", "no").says(200, "Invalid username or password.")
	if a := b.password("alice", "pw"); a.Status != 400 || a.Error != "invalid_grant" || a.Description != invalid {
		t.Errorf("locked, right password: %+v", a)
	}
	b.submit(b.get(auth()), "username", "alice", "password", "pw").says(200, "Invalid username or password.")
	b.wrong("alice", 1)
	if f := failures(t, s, "alice"); f.Failures != 3 || f.Lockouts != 1 || !user(t, s, "alice").Enabled {
		t.Errorf("a lockout counts nothing more: %+v", f)
	}
	locked := []string{"user_temporarily_disabled", "user_temporarily_disabled", "user_temporarily_disabled"}
	want := append([]string{"invalid_user_credentials", "invalid_user_credentials", "USER_DISABLED_BY_TEMPORARY_LOCKOUT", "invalid_user_credentials"}, locked...)
	if got := errorsOf(t, s); !sameWords(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	if a := b.password("bob", "pw"); a.Status != 200 {
		t.Errorf("another user: %+v", a)
	}
	s.Clock.Advance(60 * time.Second)
	if a := b.password("alice", "pw"); a.Status != 200 {
		t.Errorf("after the wait: %+v", a)
	}
	if f := failures(t, s, "alice"); f.Version != 0 {
		t.Errorf("a success leaves a row: %+v", f)
	}
}

func sameWords(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestPermanentLockout_DisablesUntilAnAdministratorEnables(t *testing.T) {
	t.Parallel()
	s := newShop(t, guarded+`"permanentLockout":true,`)
	b := newBrowser(t, s)
	session := b.redeem(b.login("alice").code(), "scope", "openid")
	b.wrong("alice", 3)
	u := user(t, s, "alice")
	if u.Enabled || !slices.Equal(u.Attributes["disabledReason"], []string{"permanentLockout"}) {
		t.Errorf("user after a permanent lockout: enabled %v, %v", u.Enabled, u.Attributes)
	}
	s.Clock.Advance(365 * 24 * time.Hour)
	if a := b.password("alice", "pw"); a.Description != invalid {
		t.Errorf("right password: %+v", a)
	}
	b.submit(newBrowser(t, s).get(auth()), "username", "alice", "password", "pw")
	if a := b.token("grant_type", "refresh_token", "refresh_token", session.Refresh); a.Status != 400 {
		t.Errorf("refresh of a disabled user: %+v", a)
	}
	if got := errorsOf(t, s); !slices.Contains(got, "USER_DISABLED_BY_PERMANENT_LOCKOUT") || !slices.Contains(got, "user_disabled") {
		t.Errorf("events %v", got)
	}
	adm := admin(t, s)
	path := "/admin/realms/shop/users/" + u.ID
	adm.do(http.MethodPut, path+"/reset-password", `{"type":"password","value":"new"}`, 204)
	if a := b.password("alice", "new"); a.Description != invalid {
		t.Errorf("a new password alone lets in: %+v", a)
	}
	adm.do(http.MethodDelete, "/admin/realms/shop/attack-detection/brute-force/users/"+u.ID, "", 204)
	if a := b.password("alice", "new"); a.Description != invalid {
		t.Errorf("forgetting the failures alone lets in: %+v", a)
	}
	adm.do(http.MethodPut, path, `{"firstName":"A"}`, 204)
	if a := b.password("alice", "new"); a.Description != invalid {
		t.Errorf("another change lets in: %+v", a)
	}
	adm.do(http.MethodPut, path, `{"enabled":true}`, 204)
	if a := b.password("alice", "new"); a.Status != 200 {
		t.Errorf("enabled: %+v", a)
	}
	if u := user(t, s, "alice"); len(u.Attributes["disabledReason"]) > 0 {
		t.Errorf("the reason stays: %v", u.Attributes)
	}
}

// TestTemporaryLockout_EndsWhenAnAdministratorEnables: as in Keycloak a new
// password does not end it.
func TestTemporaryLockout_EndsWhenAnAdministratorEnables(t *testing.T) {
	t.Parallel()
	s := newShop(t, guarded)
	b, adm := newBrowser(t, s), admin(t, s)
	path := "/admin/realms/shop/users/" + user(t, s, "alice").ID
	b.wrong("alice", 3)
	if got := adm.do(http.MethodGet, path, "", 200); !strings.Contains(got, `"enabled":true`) {
		t.Errorf("locked for a while, shown as %s", got)
	}
	adm.do(http.MethodPut, path+"/reset-password", `{"type":"password","value":"pw"}`, 204)
	if a := b.password("alice", "pw"); a.Description != invalid {
		t.Errorf("after a new password: %+v", a)
	}
	adm.do(http.MethodPut, path, `{"enabled":true}`, 204)
	if a := b.password("alice", "pw"); a.Status != 200 {
		t.Errorf("after enabling: %+v", a)
	}
}

// TestDisabledUser_IsNoOracleForPasswords: whoever guesses at a disabled user
// is locked out before he finds the password.
func TestDisabledUser_IsNoOracleForPasswords(t *testing.T) {
	t.Parallel()
	s := newShop(t, guarded+`"permanentLockout":true,`)
	b := newBrowser(t, s)
	if a := b.password("gone", "pw"); a.Description != "Account disabled" {
		t.Errorf("its own password: %+v", a)
	}
	b.wrong("gone", 3)
	if a := b.password("gone", "pw"); a.Description != invalid {
		t.Errorf("guessed at the fourth try: %+v", a)
	}
	if u := user(t, s, "gone"); len(u.Attributes) > 0 {
		t.Errorf("an administrator's disabling became guessing's: %v", u.Attributes)
	}
}

// TestParallelGuesses_AreNoFreeOnes: of many guesses at once over two nodes as
// many are looked at as the realm allows failures, and none is lost.
func TestParallelGuesses_AreNoFreeOnes(t *testing.T) {
	t.Parallel()
	const guesses, allowed = 40, 5
	s := newShop(t, `"bruteForceProtected":true,"failureFactor":5,"quickLoginCheckMilliSeconds":0,`)
	other := servertest.Beside(t, s)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range guesses {
		all.Go(func() {
			b := newBrowser(t, s)
			if i%2 == 1 {
				b = newBrowser(t, other)
			}
			<-begin
			if i%4 < 2 {
				b.wrong("alice", 1)
			} else {
				b.submit(b.get(auth()), "username", "alice", "password", "no").says(200, "Invalid username or password.")
			}
		})
	}
	close(begin)
	all.Wait()
	count := map[string]int{}
	for _, e := range errorsOf(t, s) {
		count[e]++
	}
	if count["invalid_user_credentials"] != allowed || count["user_temporarily_disabled"] != guesses-allowed {
		t.Errorf("of %d guesses, %d looked at and %d refused unseen; want %d looked at", guesses, count["invalid_user_credentials"], count["user_temporarily_disabled"], allowed)
	}
	if f := failures(t, s, "alice"); f.Failures != allowed {
		t.Errorf("%d failures counted, want %d", f.Failures, allowed)
	}
}

// TestUsers_CannotBeToldApart: who exists, has a password, is disabled or
// locked out shows in no text, and costs one hash and one write either way.
func TestUsers_CannotBeToldApart(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{"", strings.Replace(guarded, "3", "5", 1)} {
		s := newShop(t, settings)
		if settings != "" {
			newBrowser(t, s).wrong("bob", 5)
		}
		cases := []struct{ name, login, password string }{
			{"wrong password", "alice", "no"},
			{"wrong password by e-mail", "alice@x.org", "no"},
			{"unknown user", "nobody", "no"},
			{"unknown e-mail", "nobody@x.org", "no"},
			{"disabled user, wrong password", "gone", "no"},
			{"user without password", "bare", "no"},
			{"user without password, none given", "bare", ""},
			{"service account", "service-account-robot", "no"},
			{"name that is a path", "../alice", "no"},
		}
		if settings != "" {
			cases = append(cases, []struct{ name, login, password string }{
				{"locked out, wrong password", "bob", "no"}, {"locked out, right password", "bob", "pw"},
			}...)
		}
		var grant, form string
		for _, tt := range cases {
			b := newBrowser(t, s)
			first := b.get(auth())
			hashes, commits := s.Realms.Hasher.Computed(), s.Store.Stats().Commits
			cost := func(door string) {
				t.Helper()
				want := int64(1) // the event
				if settings != "" {
					want = 2 // and the count
				}
				h, c := s.Realms.Hasher.Computed()-hashes, s.Store.Stats().Commits-commits
				if h != 1 || c != want {
					t.Errorf("%s at the %s: %d hashes and %d commits, want 1 and %d", tt.name, door, h, c, want)
				}
				hashes, commits = s.Realms.Hasher.Computed(), s.Store.Stats().Commits
			}
			a := b.password(tt.login, tt.password)
			cost("grant")
			action, fields := first.fill("username", tt.login, "password", tt.password)
			p := b.send(http.MethodPost, action, fields)
			cost("page")
			if got := fmt.Sprint(a); grant == "" {
				grant = got
			} else if got != grant {
				t.Errorf("%s: %s, want %s", tt.name, got, grant)
			}
			body := strings.NewReplacer(tt.login, "(name)", p.key(), "(key)", first.key(), "(key)", p.tab(), "(tab)").Replace(p.Body)
			if got := fmt.Sprint(p.Status, body); form == "" {
				form = got
			} else if got != form {
				t.Errorf("%s: %s\nwant %s", tt.name, got, form)
			}
		}
		if n, err := s.Store.LoginFailures(t.Context(), shop(t, s).Realm.Num, user(t, s, "bare").ID); err != nil || n.Version != 0 {
			t.Errorf("failures of a user without password: %+v, %v", n, err)
		}
	}
}

func TestAttackDetection_AnswersAsKeycloak(t *testing.T) {
	t.Parallel()
	s := newShop(t, guarded+`"adminEventsEnabled":true,`)
	adm, b := admin(t, s), newBrowser(t, s)
	const path = "/admin/realms/shop/attack-detection/brute-force/users"
	const zeros = `{"failedLoginNotBefore":0,"numFailures":0,"numTemporaryLockouts":0,"disabled":false,"numSecondaryAuthFailures":0,"lastIPFailure":"n/a","lastFailure":0}`
	alice, bob := path+"/"+user(t, s, "alice").ID, path+"/"+user(t, s, "bob").ID
	is := func(target, want string) {
		t.Helper()
		if got := adm.do(http.MethodGet, target, "", 200); strings.TrimSpace(got) != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	is(alice, zeros)
	is(path+"/nobody", zeros)
	b.wrong("alice", 3)
	b.wrong("bob", 1)
	now := s.Clock.Now()
	is(alice, fmt.Sprintf(`{"failedLoginNotBefore":%d,"numFailures":3,"numTemporaryLockouts":1,"disabled":true,"numSecondaryAuthFailures":0,"lastIPFailure":"127.0.0.1","lastFailure":%d}`, now.Unix()+60, now.UnixMilli()))
	is(bob, fmt.Sprintf(`{"failedLoginNotBefore":0,"numFailures":1,"numTemporaryLockouts":0,"disabled":false,"numSecondaryAuthFailures":0,"lastIPFailure":"127.0.0.1","lastFailure":%d}`, now.UnixMilli()))
	s.Clock.Advance(time.Minute)
	is(alice, fmt.Sprintf(`{"failedLoginNotBefore":0,"numFailures":3,"numTemporaryLockouts":1,"disabled":false,"numSecondaryAuthFailures":0,"lastIPFailure":"127.0.0.1","lastFailure":%d}`, now.UnixMilli()))

	adm.do(http.MethodDelete, strings.Replace(alice, "/shop/", "/master/", 1), "", 204)
	if f := failures(t, s, "alice"); f.Failures != 3 {
		t.Errorf("cleared through another realm: %+v", f)
	}
	adm.do(http.MethodDelete, path+"/nobody", "", 204)
	adm.do(http.MethodDelete, alice, "", 204)
	is(alice, zeros)
	b.wrong("alice", 1)
	adm.do(http.MethodDelete, path, "", 204)
	is(alice, zeros)
	is(bob, zeros)
	var events []struct{ OperationType, ResourceType, ResourcePath string }
	if err := json.Unmarshal([]byte(adm.do(http.MethodGet, "/admin/realms/shop/admin-events?resourceTypes=USER_LOGIN_FAILURE", "", 200)), &events); err != nil || len(events) != 3 || events[0].OperationType != "DELETE" {
		t.Errorf("admin events %+v, %v", events, err)
	}

	adm.do(http.MethodPut, "/admin/realms/shop", `{"permanentLockout":true}`, 204)
	b.wrong("bob", 3)
	if got := adm.do(http.MethodGet, bob, "", 200); !strings.Contains(got, fmt.Sprintf(`"failedLoginNotBefore":%d,`, int64(math.MaxInt64))) {
		t.Errorf("permanent: %s", got)
	}
	adm.do(http.MethodPut, "/admin/realms/shop", `{"bruteForceProtected":false}`, 204)
	is(bob, zeros)
}

// administrator calls admin REST as admin of master.
type administrator struct {
	*browser
	token string
}

func admin(t testing.TB, s *servertest.Server) *administrator {
	t.Helper()
	b := newBrowser(t, s)
	p := b.send(http.MethodPost, "/realms/master/protocol/openid-connect/token", map[string][]string{
		"client_id": {"admin-cli"}, "grant_type": {"password"}, "username": {"admin"}, "password": {"admin"},
	})
	var a tokens
	if err := json.Unmarshal([]byte(p.Body), &a); err != nil || a.Access == "" {
		t.Fatalf("administrator: %d %s", p.Status, p.Body)
	}
	return &administrator{b, a.Access}
}

// do sends JSON and gives the body.
func (a *administrator) do(method, path, body string, status int) string {
	a.t.Helper()
	p := a.sendJSON(method, path, body, "Authorization", "Bearer "+a.token)
	if p.Status != status {
		a.t.Errorf("%s %s: %d, want %d: %s", method, path, p.Status, status, p.Body)
	}
	return p.Body
}
