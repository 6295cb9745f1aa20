package compat_test

import (
	"context"
	"os"
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
	replayOverHTTP(t, base, unordered, wantKeycloak)
}

// TestReplayAgainstLatchkey replays against a Latchkey that was started
// elsewhere, at LATCHKEY_BASE. It waits in real time.
func TestReplayAgainstLatchkey(t *testing.T) {
	t.Parallel()
	base := os.Getenv("LATCHKEY_BASE")
	if base == "" {
		t.Skip("LATCHKEY_BASE is not set")
	}
	replayOverHTTP(t, base, nil, wantHere)
}

// unordered names the recordings that take one item, by its place, of a list
// Keycloak keeps in no order: it is the wanted item only by chance, so a real
// Keycloak gets more than one try.
var unordered = map[string]int{
	"role-removed-later":  10, // role-mappings/realm: default-roles or user first
	"scope-removed-later": 20, // optional-client-scopes: offline_access third or fourth
}

// replayOverHTTP replays each scenario in a realm that it makes and deletes,
// as often as tries says until it is equal, once where it says nothing.
func replayOverHTTP(t *testing.T, base string, tries map[string]int, expect func(*step) any) {
	t.Helper()
	for _, name := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sc := loadScenario(t, name)
			var failures []string
			for range max(1, tries[name]) {
				if failures = replayOnce(t, base, sc, expect); len(failures) == 0 {
					return
				}
			}
			for _, failure := range failures {
				t.Errorf("scenario %s %s", sc.Name, failure)
			}
		})
	}
}

func replayOnce(t *testing.T, base string, sc *scenario, expect func(*step) any) []string {
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
	return report(t, r.run(t.Context(), sc))
}
