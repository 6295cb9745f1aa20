package admin_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	tooShort   = `{"error":"invalidPasswordMinLengthMessage","error_description":"Invalid password: minimum length 8."}`
	usedBefore = `{"error":"invalidPasswordHistoryMessage","error_description":"Invalid password: must not be equal to any of last 3 passwords."}`
)

func secret(value string) map[string]any { return map[string]any{"type": "password", "value": value} }

// policy sets the policy of realm r, its cheap hashes beside.
func (a *api) policy(p string) *answer {
	return a.put("/admin/realms/r", map[string]any{"passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1) and " + p})
}

func TestPasswordPolicy_WhereverAPasswordIsSet(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna := a.userID("anna")
	a.policy("length(8) and notEmail").want(204)
	a.put("/users/"+anna+"/reset-password", secret("short")).is(400, tooShort)
	a.put("/users/"+anna, map[string]any{"firstName": "Other", "credentials": []any{secret("short")}}).is(400, tooShort)
	a.post("/users", map[string]any{"username": "carl", "credentials": []any{secret("short")}}).is(400, tooShort)
	a.post("/users", map[string]any{"username": "anna", "credentials": []any{secret("short")}}).want(409)
	a.put("/users/"+anna, map[string]any{"email": "new-anna@x.org", "credentials": []any{secret("NEW-anna@x.org")}}).
		is(400, `{"error":"invalidPasswordNotEmailMessage","error_description":"Invalid password: must not be equal to the email."}`)
	if got := a.get("/users?username=carl").want(200).Body; got != "[]" {
		t.Errorf("a refused user is there: %s", got)
	}
	if got := a.get("/users/" + anna).want(200).Body; strings.Contains(got, "Other") || strings.Contains(got, "new-anna") {
		t.Errorf("a refused update changed %s", got)
	}
	a.login("r", "app", "app-secret", "anna", "p", "")

	a.put("/users/"+anna, map[string]any{"credentials": []any{secret("longenough")}}).want(204)
	a.login("r", "app", "app-secret", "anna", "longenough", "")
	a.put("/users/"+anna+"/reset-password", secret("alsolongenough")).want(204)
	a.login("r", "app", "app-secret", "anna", "alsolongenough", "")
}

func TestPasswordPolicy_History(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	reset := "/users/" + a.userID("anna") + "/reset-password"
	a.policy("passwordHistory(3)").want(204)
	for _, tt := range []struct {
		password string
		taken    bool
	}{{"p", false}, {"p1", true}, {"p", false}, {"p2", true}, {"p", false}, {"p3", true}, {"p1", false}, {"p", true}} {
		a.srv.Clock.Advance(time.Millisecond)
		if r := a.put(reset, secret(tt.password)); tt.taken {
			r.want(204)
		} else {
			r.is(400, usedBefore)
		}
	}
	a.login("r", "app", "app-secret", "anna", "p", "")
	if got := a.passwordTypes("anna"); got != "password password-history password-history" {
		t.Errorf("credentials = %s", got)
	}
	a.policy("length(1)").want(204)
	a.put(reset, secret("p3")).want(204)
	if got := a.passwordTypes("anna"); got != "password" {
		t.Errorf("credentials without the policy = %s, want the password alone", got)
	}
}

func (a *api) passwordTypes(username string) string {
	types := a.get("/users/" + a.userID(username) + "/credentials").want(200).all("type")
	slices.Sort(types)
	return strings.Join(types, " ")
}

func TestPasswordPolicy_IsCheckedItself(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.policy("length(x)").is(400, `{"errorMessage":"Invalid config for length: Not a valid number"}`)
	a.policy("nosuch").is(400, `{"errorMessage":"Password policy not found"}`)
	a.post("/admin/realms", map[string]any{"realm": "bad", "passwordPolicy": "length(x)"}).
		is(400, `{"errorMessage":"Invalid config for length: Not a valid number"}`)
	a.post("/admin/realms", map[string]any{"realm": "bad", "passwordPolicy": "length(8)", "users": []any{
		map[string]any{"username": "anna", "credentials": []any{secret("short")}},
	}}).is(400, `{"errorMessage":"users \"anna\": password policy not met: Invalid password: minimum length 8."}`)
	a.get("/admin/realms/bad").want(404)
}
