package store

import (
	"errors"
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

// openEngine opens a store in a schema of its own.
func openEngine(t testing.TB, engine string) *Store {
	t.Helper()
	dsn := os.Getenv(dsnEnv)
	return openAt(t, pgtest.Schema(t, dsn))
}

func TestStore_OnPostgreSQL(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	runSuite(t, "postgres", postgresDSN(t))
}

// postgresDSN is the PostgreSQL that LATCHKEY_TEST_POSTGRES names, or one that
// is started until the test ends.
func postgresDSN(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv(pgtest.Env); dsn != "" && dsn != "start" {
		return dsn
	}
	return startPostgres(t, "fsync=off", "full_page_writes=off").DSN("postgres")
}

func startPostgres(t testing.TB, settings ...string) *pgtest.Server {
	t.Helper()
	s, err := pgtest.Start(settings...)
	if errors.Is(err, pgtest.ErrMissing) {
		pgtest.Missing(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// runSuite runs this test binary once more, on another engine, and shows what
// failed there.
func runSuite(t *testing.T, engine, dsn string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.timeout=5m")
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
