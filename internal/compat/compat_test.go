package compat_test

import (
	"flag"
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

// later are recordings of what is not built yet; TestLater reports on them.
var later = []string{}

// browserStepsLater names, by scenario, the steps that need pages Latchkey does
// not have yet. They are left out, and the steps that need their results too.
var browserStepsLater = map[string][]string{}

var runLater = flag.Bool("later", false, "replay the scenarios that are not built yet and report")

// TestReplay replays every recording against a server of its own, in process
// and on a fake clock.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := loadScenario(t, name)
			leave, err := sc.without(browserStepsLater[name])
			if err != nil {
				t.Fatal(err)
			}
			for _, failure := range report(t, replayInProcess(t, sc, leave)) {
				t.Errorf("scenario %s %s", sc.Name, failure)
			}
		})
	}
}

// TestLater tells how far the recordings are that are not built yet; no
// difference fails it.
func TestLater(t *testing.T) {
	t.Parallel()
	if !*runLater {
		t.Skip("only with -later")
	}
	for _, name := range later {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := loadScenario(t, name)
			for _, failure := range report(t, replayInProcess(t, sc, nil)) {
				t.Logf("scenario %s %s", sc.Name, failure)
			}
		})
	}
}

// TestStepsLeftOutExist keeps browserStepsLater true: a scenario in it is
// replayed, and so are most of its steps.
func TestStepsLeftOutExist(t *testing.T) {
	t.Parallel()
	known := members("")
	for _, name := range scenarios {
		known[name] = true
	}
	for name, steps := range browserStepsLater {
		if !known[name] {
			t.Errorf("browserStepsLater names scenario %s, which is not replayed", name)
			continue
		}
		sc := loadScenario(t, name)
		left, err := sc.without(steps)
		if err != nil {
			t.Error(err)
		}
		if 2*len(left) >= len(sc.Steps) {
			t.Errorf("scenario %s: %d of %d steps are left out", name, len(left), len(sc.Steps))
		}
	}
}

func replayInProcess(t *testing.T, sc *scenario, leave map[int]bool) []result {
	t.Helper()
	r := newReplay(newServer(t), "r-"+sc.Name, wantHere)
	if err := r.makeRealm(t.Context(), realmDocument(t, r.realm)); err != nil {
		t.Fatal(err)
	}
	return r.run(t.Context(), sc, leave)
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
