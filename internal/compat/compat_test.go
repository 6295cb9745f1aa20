package compat_test

import (
	"testing"
)

// scenarios are the recordings that every step of must be equal.
var scenarios = []string{
	"documents",
	"password-regular",
	"password-offline",
	"two-offline-logins",
	"rotation-once",
	"rotation-immediate-replay",
	"rotation-reuse-one",
	"rotation-regular",
	"logout-by-regular-token",
	"logout-by-offline-token",
	"revoke-endpoint",
	"consents-without-consent",
	"admin-user-logout",
	"admin-delete-sessions",
	"admin-logout-all",
	"not-before-realm",
	"not-before-client",
	"role-removed-later",
	"scope-removed-later",
	"service-accounts",
	"disabled-things",
	"bad-token-requests",
	"idle-realm",
	"max-realm",
	"client-overrides",
	"lightweight",
	"role-missing",
	"cors",
	"admin-shapes",
	"admin-writes",
	"events",
	"browser-offline",
	"browser-consent",
	"wrong-code-uses",
	"response-modes",
	"par",
	"device-flow",
	"browser-online-then-offline",
	"documents",
	"account-rest",
	"token-exchange-standard",
}

// TestReplay replays every recording against a server of its own, in process
// and on a fake clock.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := loadScenario(t, name)
			for _, failure := range report(t, replayInProcess(t, sc)) {
				t.Errorf("scenario %s %s", sc.Name, failure)
			}
		})
	}
}

func replayInProcess(t *testing.T, sc *scenario) []result {
	t.Helper()
	r := newReplay(newServer(t), "r-"+sc.Name, wantHere)
	if err := r.makeRealm(t.Context(), realmDocument(t, r.realm)); err != nil {
		t.Fatal(err)
	}
	return r.run(t.Context(), sc)
}

// report returns the failures among results. Where there are some it logs the
// answers that nothing was recorded for and that tell of an error: they are
// often the cause.
func report(t *testing.T, results []result) []string {
	t.Helper()
	var failures []string
	checked := 0
	for i := range results {
		if results[i].checked || results[i].err != nil {
			checked++
		}
		if !results[i].ok() {
			failures = append(failures, results[i].String())
		}
	}
	t.Logf("%d of %d steps equal", checked-len(failures), checked)
	if len(failures) == 0 {
		return nil
	}
	for i := range results {
		if r := &results[i]; !r.checked && r.status >= 400 {
			t.Logf("step %d (not recorded; %s %s) answered %d", r.step.N, r.step.Method, r.step.Path, r.status)
		}
	}
	return failures
}
