package crash_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// TestPostgresKilled_LosesNothingAcknowledged: PostgreSQL, with its durable
// defaults, is killed under load and started again. Errors come only while it
// is away and until the same server serves again, and every chain gets what its
// last answer promised.
func TestPostgresKilled_LosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	db := server.DSN("postgres")
	p := startServer(t, db, newPostgres(t, db)...)
	tokens, err := p.post(plain, "token", "grant_type", "password", "username", "alice", "password", "pw", "scope", "openid offline_access")
	if err != nil || tokens.Status != http.StatusOK {
		t.Fatal(tokens, err)
	}
	l := startLoad(t, p, 4)
	for range 2 {
		l.reaches("refreshes", &l.done, 100)
		l.away()
		server.Kill()
		l.reaches("refusals", &l.busy, 20)
		p.busyEverywhere(t, tokens)
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		eventually(t, "served again", func() bool { _, err := p.login(plain); return err == nil })
		t.Logf("served again after %v", time.Since(back))
		l.back(2 * time.Second) // other connections may still find that theirs is gone
		l.reaches("refreshes afterwards", &l.done, 100)
	}
	l.stop()
	l.verify(p)
	p.stop(t)
}

// busyEverywhere wants every endpoint that reads the database to say 503 with
// Retry-After, and the others to go on.
func (p *process) busyEverywhere(t *testing.T, tokens answer) {
	t.Helper()
	for _, ask := range [][]string{
		{"userinfo", "access_token", tokens.Access},
		{"token/introspect", "token", tokens.Access},
		{"revoke", "token", tokens.Access},
		{"logout", "refresh_token", tokens.Refresh},
		{"token", "grant_type", "password", "username", "alice", "password", "pw"},
		{"token", "grant_type", "refresh_token", "refresh_token", tokens.Refresh, "client_id", "made-a-moment-ago"},
	} {
		if a, err := p.post(plain, ask[0], ask[1:]...); err != nil || !a.busy() {
			t.Errorf("%s without a database: %v %v", ask[0], a, err)
		}
	}
	for _, path := range []string{"/realms/on", "/realms/on/.well-known/openid-configuration", "/realms/on/protocol/openid-connect/certs"} {
		resp, err := p.client.Get(p.base + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s without a database: %d", path, resp.StatusCode)
		}
	}
}

// TestPostgresHangs_EndsRequestsInTime: every process of the database is
// stopped where it stands. Requests end in bounded time, thousands of them cost
// no memory, the node says that it is not ready, and all goes on when the
// database does.
func TestPostgresHangs_EndsRequestsInTime(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, "fsync=off")
	db := server.DSN("postgres")
	p := startServer(t, db, newPostgres(t, db)...)
	retried, err := p.login(plain)
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, p, 32)
	l.reaches("refreshes", &l.done, 100)
	l.away()
	server.Hang(t)
	tried := p.impatient(t, retried, 64, 3000)
	if got := p.health(t, "live"); got != http.StatusOK {
		t.Errorf("/health/live while the database hangs = %d", got)
	}
	if got := p.health(t, "ready"); got != http.StatusServiceUnavailable {
		t.Errorf("/health/ready while the database hangs = %d", got)
	}
	l.reaches("refusals", &l.busy, 32)
	if got := p.resident(t); got > 150<<20 {
		t.Errorf("%d MB resident after %d requests to a database that hangs", got>>20, tried)
	} else {
		t.Logf("%d MB resident after %d requests", got>>20, tried)
	}
	server.Resume()
	eventually(t, "served again", func() bool { _, err := p.login(plain); return err == nil })
	eventually(t, "ready again", func() bool { return p.health(t, "ready") == http.StatusOK })
	l.back(0)
	l.reaches("refreshes afterwards", &l.done, 100)
	l.stop()
	l.verify(p)
}

// impatient has that many clients refresh a chain without rotation, give up
// after a moment and try again. It returns how often they tried.
func (p *process) impatient(t *testing.T, c *chain, clients int, atLeast int64) int64 {
	t.Helper()
	var tried atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for tried.Add(1) < atLeast {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				if a, err := p.postWithin(ctx, c.realm, "token", "grant_type", "refresh_token", "refresh_token", c.token); err == nil && !a.busy() {
					t.Errorf("refresh: %v", a)
				}
				cancel()
			}
		})
	}
	all.Wait()
	return tried.Load()
}

// health is the status of a health check.
func (p *process) health(t *testing.T, check string) int {
	t.Helper()
	status, _ := p.manage(t, "/health/"+check)
	return status
}

// manage reads a page of the management port, which answers in time whatever
// the database does.
func (p *process) manage(t *testing.T, path string) (int, string) {
	t.Helper()
	begun := time.Now()
	resp, err := p.client.Get(p.management + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > patience {
		t.Errorf("%s after %v", path, took)
	}
	return resp.StatusCode, string(body)
}

var residentLine = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

// resident is the memory of the server's process, in bytes.
func (p *process) resident(t *testing.T) int64 {
	t.Helper()
	_, body := p.manage(t, "/metrics")
	found := residentLine.FindStringSubmatch(body)
	if found == nil {
		t.Skip("the process's memory is not known on this system")
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(n)
}
