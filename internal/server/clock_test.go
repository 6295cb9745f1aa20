package server_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// works fails unless every kind of use of an answer's tokens succeeds, and
// returns the answer of a refresh.
func works(t *testing.T, s *servertest.Server, what string, of tokens) tokens {
	t.Helper()
	if w := send(s, http.MethodGet, protocolPath+"/userinfo", "", "", "Authorization", "Bearer "+of.Access); w.Code != http.StatusOK {
		t.Errorf("%s: userinfo: %d %s", what, w.Code, w.Header().Get("WWW-Authenticate"))
	}
	refreshed(t, s, what, &of)
	return of
}

// TestClock_StepBackEndsNothing: the clock is set back by five minutes and
// forward again. Chains begun just before or long before go on, through as many
// refreshes as anyone likes, whatever the sweeper does meanwhile.
func TestClock_StepBackEndsNothing(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]string{"rotation off": "", "rotation on": `"revokeRefreshToken":true,`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, settings+`"offlineSessionIdleTimeout":600,`)
			old := login(t, s)
			s.Clock.Advance(9 * time.Minute)
			refreshed(t, s, "before", &old)
			chains := map[string]tokens{"begun long before": old, "begun just before": login(t, s)}
			for _, step := range []time.Duration{-5 * time.Minute, time.Second, 5 * time.Minute, 9 * time.Minute} {
				s.Clock.Advance(step)
				if err := s.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				for chain, of := range chains {
					what := chain + ", clock moved by " + step.String()
					if step > 5*time.Minute { // the access token has expired by then
						refreshed(t, s, what, &of)
					}
					next := works(t, s, what, of)
					chains[chain] = works(t, s, what+", once more", next)
				}
			}
			for range 2 { // the idle limit holds as ever: ten minutes, and a slot of the sweeper
				s.Clock.Advance(20 * time.Minute)
				if err := s.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for chain, of := range chains {
				if a := refresh(t, s, of.Refresh); a.Status != http.StatusBadRequest {
					t.Errorf("%s: idle for long: %d", chain, a.Status)
				}
			}
		})
	}
}

// refreshed moves a chain on.
func refreshed(t *testing.T, s *servertest.Server, what string, of *tokens) {
	t.Helper()
	a := refresh(t, s, of.Refresh)
	if a.Status != http.StatusOK {
		t.Fatalf("%s: refresh: %d %s %s", what, a.Status, a.Error, a.Description)
	}
	*of = a
}

// TestClock_NodesOfDifferentTimes: a chain that wanders between nodes whose
// clocks differ by seconds goes on, and a replay is a replay at each.
func TestClock_NodesOfDifferentTimes(t *testing.T) {
	t.Parallel()
	ahead := newShop(t, `"revokeRefreshToken":true,`)
	const apart = 7 * time.Second
	behind := servertest.New(t, servertest.WithConfig(func(c *server.Config) {
		c.Store, c.Now = ahead.Store, func() time.Time { return ahead.Clock.Now().Add(-apart) }
	}))
	for _, first := range []*servertest.Server{ahead, behind} {
		of := login(t, first)
		for range 3 {
			of = works(t, behind, "at the node behind", of)
			of = works(t, behind, "at the node behind, again", of)
			of = works(t, ahead, "at the node ahead", of)
			ahead.Clock.Advance(time.Second)
		}
		used := of.Refresh
		of = works(t, behind, "at the node behind", of)
		if a := refresh(t, ahead, used); a.Status != http.StatusBadRequest {
			t.Errorf("a replay at the node ahead: %d", a.Status)
		}
		if a := refresh(t, behind, of.Refresh); a.Status != http.StatusBadRequest {
			t.Errorf("its chain afterwards: %d", a.Status)
		}
	}
}

// TestSweep_LeaseAfterAStepBack: a lease held until what is now the future is
// renewed by its holder, and free for others once lease and step have passed.
func TestSweep_LeaseAfterAStepBack(t *testing.T) {
	t.Parallel()
	a := servertest.New(t)
	b := servertest.Beside(t, a)
	const step = 5 * time.Minute
	if !sweeps(t, a) {
		t.Fatal("node a does not get a free lease")
	}
	a.Clock.Advance(-step)
	if sweeps(t, b) || !sweeps(t, a) {
		t.Fatal("want node a to go on after the step")
	}
	a.Clock.Advance(61 * time.Second) // node a, which renewed, is gone
	if !sweeps(t, b) || sweeps(t, a) {
		t.Error("want node b to take over a lease's length after the renewal")
	}
	a.Clock.Advance(-step) // node b is gone, and did not renew
	a.Clock.Advance(step + 61*time.Second)
	if !sweeps(t, a) {
		t.Error("want node a to take over once lease and step have passed")
	}
}
