package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// Two nodes on one PostgreSQL database: what one acknowledges the other knows,
// a logout acts at once, and what an administrator ends beside them too.
func TestServe_TwoNodesOnPostgreSQL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := pgtest.New(t, "fsync = off").DSN("postgres")
	out := must(t, dir, "migrate", "--db", dsn)
	if !strings.Contains(out, "Done") {
		t.Fatalf("migrate said %q", out)
	}
	if out := must(t, dir, "migrate", "--db", dsn); !strings.Contains(out, "Nothing to do") {
		t.Errorf("migrate again said %q", out)
	}
	node := func() *process {
		t.Helper()
		return serveIssuer(t, dir, "--db", dsn, "--demo")
	}
	a, b := node(), node()
	token := a.offlineToken(t, "openid offline_access").text("refresh_token")
	for _, p := range []*process{b, a} {
		if r := p.refresh(t, token); r.status != http.StatusOK {
			t.Fatalf("refresh at another node = %d %s", r.status, r.raw)
		}
	}
	must(t, dir, "session", "revoke", "--db", dsn, "--realm", "demo", "--user", "user1")
	refuses(t, b, token)
	refuses(t, a, token)
	a.stop(t)
	second := b.offlineToken(t, "openid offline_access").text("refresh_token")
	if r := b.refresh(t, second); r.status != http.StatusOK {
		t.Errorf("refresh after the other node stopped = %d %s", r.status, r.raw)
	}
}

func TestMigrate_LostKeyOfPostgreSQLIsNotReplaced(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, "fsync = off").DSN("postgres")
	must(t, t.TempDir(), "migrate", "--db", dsn)
	r := latchkey(t, t.TempDir(), "", "migrate", "--db", dsn)
	if r.code != exitFailed || !strings.Contains(r.err, "instance key") {
		t.Errorf("migrate without the key = %d %q", r.code, r.err)
	}
}
