package compat_test

import (
	"context"
	"os"
	"slices"
	"testing"
)

// TestReplayAgainstKeycloak proves the replayer: a real Keycloak 26.7.2 at
// KEYCLOAK_BASE must give every recorded answer again, browser steps too. It
// waits in real time.
func TestReplayAgainstKeycloak(t *testing.T) {
	t.Parallel()
	base := os.Getenv("KEYCLOAK_BASE")
	if base == "" {
		t.Skip("KEYCLOAK_BASE is not set")
	}
	replayOverHTTP(t, base, slices.Concat(scenarios, later), nil, wantKeycloak)
}

// TestReplayAgainstLatchkey replays against a Latchkey that was started
// elsewhere, at LATCHKEY_BASE. It waits in real time.
func TestReplayAgainstLatchkey(t *testing.T) {
	t.Parallel()
	base := os.Getenv("LATCHKEY_BASE")
	if base == "" {
		t.Skip("LATCHKEY_BASE is not set")
	}
	replayOverHTTP(t, base, scenarios, browserStepsLater, wantHere)
}

// unordered names the recordings that take one item, by its place, of a list
// Keycloak keeps in no order: it is the wanted item only by chance, so a real
// Keycloak gets more than one try.
var unordered = map[string]int{
	"role-removed-later":  10, // role-mappings/realm: default-roles or user first
	"scope-removed-later": 20, // optional-client-scopes: offline_access third or fourth
}

// replayOverHTTP replays each scenario in a realm that it makes and deletes.
func replayOverHTTP(t *testing.T, base string, names []string, leaveOut map[string][]string, expect func(*step) any) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := loadScenario(t, name)
			leave, err := sc.without(leaveOut[name])
			if err != nil {
				t.Fatal(err)
			}
			tries := 1
			if leaveOut == nil {
				tries = max(1, unordered[name])
			}
			var failures []string
			for range tries {
				if failures = replayOnce(t, base, sc, leave, expect); len(failures) == 0 {
					return
				}
			}
			for _, failure := range failures {
				t.Errorf("scenario %s %s", sc.Name, failure)
			}
		})
	}
}

func replayOnce(t *testing.T, base string, sc *scenario, leave map[int]bool, expect func(*step) any) []string {
	t.Helper()
	r := newReplay(httpWire(base), "r-"+sc.Name, expect)
	if err := r.dropRealm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.makeRealm(t.Context(), realmDocument(t, r.realm)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.dropRealm(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	return report(t, r.run(t.Context(), sc, leave))
}
