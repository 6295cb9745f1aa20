package store

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// The whole suite of this package runs on every engine: by itself on SQLite,
// and once more in a process for each of the others, which finds the engine
// and where it is in these variables.
const (
	engineEnv = "LATCHKEY_STORE_ENGINE" // "postgres", "shards" or "citus"
	dsnEnv    = "LATCHKEY_STORE_DSN"
)

// engineDSN is a schema of its own.
func engineDSN(t testing.TB, engine string) string {
	t.Helper()
	dsn, migrate := os.Getenv(dsnEnv), func(dsn string) { mustMigrate(t, dsn) }
	switch servers := strings.Split(dsn, " "); engine {
	case "postgres":
		dsn = pgtest.Schema(t, dsn)
	case "shards":
		dsn = pgtest.SpannedSchema(t, servers[0], servers[1:], migrate)
	case "citus":
		dsn = pgtest.Schema(t, dsn)
		migrate(dsn)
		if _, err := Distribute(t.Context(), dsn, DefaultCitusShards, nil); err != nil {
			t.Fatal(err)
		}
	default:
		t.Fatalf("%s=%q", engineEnv, engine)
	}
	return dsn
}

func TestStore_OnPostgreSQL(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	runSuite(t, "postgres", pgtest.DSN(t))
}

func TestStore_OnShards(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	c := pgtest.NewShards(t)
	runSuite(t, "shards", strings.Join(append([]string{c.Gateway}, c.Servers...), " "))
}

func TestStore_OnCitus(t *testing.T) {
	t.Parallel()
	dsn := os.Getenv(pgtest.EnvCitus)
	if os.Getenv(engineEnv) != "" || dsn == "" {
		return
	}
	runSuite(t, "citus", dsn)
}

// newShards are shards with a schema that spans them, at dsn.
func newShards(t *testing.T) (c *pgtest.Shards, dsn string) {
	t.Helper()
	c = pgtest.NewShards(t)
	return c, c.Schema(t, func(dsn string) { mustMigrate(t, dsn) })
}

// runSuite runs this test binary once more, on another engine, and shows what
// failed there.
func runSuite(t *testing.T, engine, dsn string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.timeout="+timeLeft(t).String())
	if testing.Short() {
		cmd.Args = append(cmd.Args, "-test.short")
	}
	cmd.Env = append(os.Environ(), engineEnv+"="+engine, dsnEnv+"="+dsn)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err == nil && !strings.Contains(string(out), "--- SKIP") {
		return
	}
	for line := range strings.Lines(string(out)) {
		if text := strings.TrimSpace(line); !strings.HasPrefix(text, "=== ") && !strings.HasPrefix(text, "--- PASS") {
			t.Log(strings.TrimRight(line, "\n"))
		}
	}
	t.Errorf("the suite on %s: %v", engine, err)
}

// timeLeft is how long this process may still take; 0 = as long as it wants.
func timeLeft(t *testing.T) time.Duration {
	deadline, ok := t.Deadline()
	if !ok {
		return 0
	}
	return max(time.Second, time.Until(deadline)-10*time.Second) // to tell what failed there
}

// askPostgres asks the database a question it answers with one number.
func askPostgres(t testing.TB, s *Store, sql string) (n int64) {
	t.Helper()
	if err := s.db.(*pgDB).pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
