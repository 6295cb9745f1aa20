package main

import (
	"net/http"
	"os"
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

// migrate --citus says what is missing, distributes every table once, and
// finds nothing to do afterwards. The stand-in for Citus is that of the store.
func TestMigrate_Citus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := pgtest.New(t, "fsync = off").DSN("postgres")
	r := latchkey(t, dir, "", "migrate", "--citus", "--db", dsn)
	if r.code != exitFailed || !strings.Contains(r.err, "the database has no Citus: install the Citus extension") {
		t.Errorf("without Citus = %d %q", r.code, r.err)
	}
	standIn, err := os.ReadFile("../../internal/store/testdata/citus.sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := pgtest.Exec(t.Context(), dsn, string(standIn)); err != nil {
		t.Fatal(err)
	}
	dsn = pgtest.WithSchema(dsn, "public,citus_stand_in")
	r = latchkey(t, dir, "", "migrate", "--citus", "--citus-shards", "16", "--db", dsn)
	if r.code != exitOK || !strings.HasPrefix(r.out, "Done: ") ||
		!strings.Contains(r.err, "users: distributed by sk over 16 shards\n") ||
		!strings.Contains(r.err, "client_session: distributed by sk with users\n") ||
		!strings.Contains(r.err, "realm: copied to every machine\n") {
		t.Errorf("migrate --citus = %d %q %q", r.code, r.out, r.err)
	}
	for _, args := range [][]string{{"migrate", "--citus", "--db", dsn}, {"migrate", "--db", dsn}} {
		if out := must(t, dir, args...); !strings.HasPrefix(out, "Nothing to do") {
			t.Errorf("%q said %q", args, out)
		}
	}
}
