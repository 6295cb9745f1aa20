package model_test

import (
	"encoding/json"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// guarded is a realm's rules from its members.
func guarded(t *testing.T, doc string) model.BruteForce {
	t.Helper()
	r := &model.Realm{}
	if err := json.Unmarshal([]byte(doc), &r.Extra); err != nil {
		t.Fatal(err)
	}
	return r.BruteForce()
}

func TestBruteForce_HasKeycloaksDefaults(t *testing.T) {
	t.Parallel()
	want := model.BruteForce{FailureFactor: 30, WaitIncrement: 60, MaxWait: 900, MaxDelta: 43200, QuickCheckMS: 1000, MinQuickWait: 60}
	if got := guarded(t, `{}`); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := guarded(t, `{"failureFactor":0,"waitIncrementSeconds":-5,"maxDeltaTimeSeconds":9007199254740991}`); got.FailureFactor != 1 || got.WaitIncrement != 0 || got.MaxDelta != 1<<31-1 {
		t.Errorf("out of range: %+v", got)
	}
}

// TestBruteForce_LocksAsKeycloak has what a Keycloak 26.7.2 answered: after
// each failure, at its second, until when nobody may log in (seconds from that
// failure) and how many lockouts were counted.
func TestBruteForce_LocksAsKeycloak(t *testing.T) {
	t.Parallel()
	type after struct {
		at       int64 // milliseconds from the start
		failures int
		wait     int64 // seconds; -1: for ever
		lockouts int
	}
	for _, tt := range []struct {
		name, rules string
		steps       []after
	}{
		{"MULTIPLE waits a step longer with every failureFactor", `{"failureFactor":3,"waitIncrementSeconds":4}`,
			[]after{{0, 1, 0, 0}, {9000, 2, 0, 0}, {18000, 3, 4, 1}, {27000, 4, 4, 2}, {36000, 5, 4, 3}, {45000, 6, 8, 4}}},
		{"LINEAR waits a step longer with every failure", `{"failureFactor":3,"waitIncrementSeconds":2,"bruteForceStrategy":"LINEAR"}`,
			[]after{{0, 1, 0, 0}, {9000, 2, 0, 0}, {18000, 3, 2, 1}, {27000, 4, 4, 2}, {36000, 5, 6, 3}}},
		{"no wait is longer than maxFailureWaitSeconds", `{"failureFactor":2,"waitIncrementSeconds":60,"maxFailureWaitSeconds":3}`,
			[]after{{0, 1, 0, 0}, {9000, 2, 3, 1}, {18000, 3, 3, 2}}},
		{"failures too quick for a person lock, and count as no lockout", `{"minimumQuickLoginWaitSeconds":3}`,
			[]after{{0, 1, 0, 0}, {999, 2, 3, 0}, {5000, 3, 0, 0}}},
		{"at quickLoginCheckMilliSeconds a person might", `{}`,
			[]after{{0, 1, 0, 0}, {1000, 2, 0, 0}}},
		{"a clock set back is quick", `{}`,
			[]after{{5000, 1, 0, 0}, {0, 2, 60, 0}}},
		{"failures older than maxDeltaTimeSeconds are forgotten", `{"maxDeltaTimeSeconds":3}`,
			[]after{{0, 1, 0, 0}, {3000, 2, 0, 0}, {6001, 1, 0, 0}}},
		{"permanent at failureFactor", `{"failureFactor":3,"permanentLockout":true}`,
			[]after{{0, 1, 0, 0}, {9000, 2, 0, 0}, {18000, 3, -1, 0}}},
		{"permanent after maxTemporaryLockouts", `{"failureFactor":2,"permanentLockout":true,"maxTemporaryLockouts":2,"waitIncrementSeconds":2}`,
			[]after{{0, 1, 0, 0}, {9000, 2, 2, 1}, {18000, 3, 2, 2}, {27000, 4, -1, 3}}},
		{"without a wait nothing leads to a permanent lockout", `{"failureFactor":2,"permanentLockout":true,"maxTemporaryLockouts":1,"waitIncrementSeconds":0}`,
			[]after{{0, 1, 0, 0}, {9000, 2, 0, 0}, {18000, 3, 0, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const start = 1_795_000_000
			rules, f := guarded(t, tt.rules), model.LoginFailures{}
			for i, want := range tt.steps {
				was := f.Until
				f = rules.Fail(f, start*1000+want.at, "203.0.113.9")
				second := start + want.at/1000
				until := second + want.wait
				switch want.wait {
				case -1:
					until = model.Forever
				case 0:
					until = was // which has passed
				}
				if tt.steps[i].failures == 1 && i > 0 {
					until = 0
				}
				if f.Failures != want.failures || f.Until != until || f.Lockouts != want.lockouts || f.IP != "203.0.113.9" {
					t.Fatalf("failure %d: %+v, want %+v until %d", i+1, f, want, until)
				}
				if got := f.Locked(second); got != (want.wait != 0) {
					t.Errorf("failure %d: locked %v", i+1, got)
				}
				if want.wait > 0 && f.Locked(until) {
					t.Errorf("failure %d: still locked when the wait is over", i+1)
				}
			}
		})
	}
}

func TestLockedPermanently_IsGuessingsDoing(t *testing.T) {
	t.Parallel()
	mark := map[string][]string{model.DisabledReason: {model.ReasonPermanently}}
	for _, tt := range []struct {
		name string
		user model.User
		want bool
	}{
		{"disabled by guessing", model.User{Attributes: mark}, true},
		{"enabled since", model.User{Enabled: true, Attributes: mark}, false},
		{"disabled by an administrator", model.User{}, false},
		{"for another reason", model.User{Attributes: map[string][]string{model.DisabledReason: {"other"}}}, false},
	} {
		if got := tt.user.LockedPermanently(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
