package crash_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// TestTwoNodes: two servers on one PostgreSQL.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, "fsync=off").DSN("postgres")
	args := newPostgres(t, db)
	a, b := startServer(t, db, args...), startServer(t, db, args...)
	left := oneWins(t, a, b)
	changesArrive(t, a, b)
	oneDies(t, db, args, a, b, left)
}

// both refreshes a chain at two nodes at the same time.
func both(t *testing.T, c *chain, nodes ...*process) [2]answer {
	t.Helper()
	var answers [2]answer
	var start, all sync.WaitGroup
	start.Add(1)
	for i, p := range nodes {
		all.Go(func() {
			start.Wait()
			var err error
			if answers[i], err = p.refresh(c); err != nil {
				t.Errorf("refresh: %v", err)
			}
		})
	}
	start.Done()
	all.Wait()
	return answers
}

// oneWins: of two uses of one token at two nodes at once, with rotation exactly
// one succeeds; the other is a replay, and ends the chain as in Keycloak.
// Without rotation both succeed, and so do their successors, on the chain that
// is left.
func oneWins(t *testing.T, a, b *process) (left *chain) {
	t.Helper()
	won := [2]int{}
	for range 40 {
		c, err := a.login(rotating)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.advance(c); err != nil { // a chain that wanders between the nodes
			t.Fatal(err)
		}
		answers := both(t, c, a, b)
		winner := 0
		if answers[1].Status == http.StatusOK {
			winner = 1
		}
		if answers[winner].Status != http.StatusOK || !answers[1-winner].refused("Maximum allowed refresh token reuse exceeded") {
			t.Fatalf("two uses at once: %v and %v", answers[0], answers[1])
		}
		won[winner]++
		c.token = answers[winner].Refresh
		if over, err := b.refresh(c); err != nil || !over.refused("Session doesn't have required client") {
			t.Fatalf("the chain after its replay: %v %v", over, err)
		}
	}
	t.Logf("won: %d at the first node, %d at the second", won[0], won[1])
	c, err := a.login(plain)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		for _, got := range both(t, c, a, b) {
			if got.Status != http.StatusOK {
				t.Fatalf("two uses at once without rotation: %v", got)
			}
			c.token = got.Refresh
		}
	}
	return c
}

// changesArrive: what an administrator changes at one node the other knows at
// its next poll at the latest, once a second; a new client at once.
func changesArrive(t *testing.T, a, b *process) {
	t.Helper()
	const life = 77
	adminSend(t, a, http.MethodPut, plain, "", fmt.Sprintf(`{"accessTokenLifespan":%d}`, life))
	changed := time.Now()
	eventually(t, "the realm's change at the other node", func() bool {
		got, err := b.post(plain, "token", "grant_type", "password", "username", "alice", "password", "pw")
		return err == nil && got.ExpiresIn == life
	})
	t.Logf("a realm's change was seen after %v", time.Since(changed))
	adminSend(t, a, http.MethodPost, plain, "/clients", `{"clientId":"kiosk","secret":"k","directAccessGrantsEnabled":true}`)
	got, err := b.post(plain, "token", "client_id", "kiosk", "client_secret", "k", "grant_type", "password", "username", "alice", "password", "pw")
	if err != nil || got.Status != http.StatusOK {
		t.Errorf("a client just made at the other node: %v %v", got, err)
	}
}

// adminSend changes something by way of admin REST.
func adminSend(t *testing.T, p *process, method, realm, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.base+"/admin/realms/"+realm+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.adminToken(t))
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %d", method, path, resp.StatusCode)
	}
}

// oneDies: a node is killed in the middle of rotations. The other goes on
// without an error, and honours at once what the dead one acknowledged.
func oneDies(t *testing.T, db string, args []string, a, b *process, others ...*chain) {
	t.Helper()
	survivor := startLoad(t, b, 2)
	crews := []*crew{{realm: rotating}, {realm: plain}}
	for range 3 {
		loadUntilKilled(t, a, crews)
		for _, c := range crews {
			c.each(func(ch *chain) { b.verify(t, ch) })
		}
		survivor.reaches("refreshes at the survivor", &survivor.done, 20)
		if t.Failed() {
			t.FailNow()
		}
		a = startServer(t, db, args...)
	}
	survivor.stop()
	survivor.verify(a)
	for _, c := range crews {
		c.checkCounts(t, a, append(others, survivor.chains...)...)
	}
}
