package store

import (
	"fmt"
	"os"
	"testing"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// openPair opens a store on a server and its synchronous standby, named both
// in one URL.
func openPair(t *testing.T) (s *Store, primary, standby *pgtest.Server) {
	t.Helper()
	primary = pgtest.New(t)
	standby = primary.NewStandby(t)
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?target_session_attrs=read-write&connect_timeout=%d", standby.Port, primary.Port, pgtest.ConnectTimeout)
	return openAt(t, dsn), primary, standby
}

// The server is killed under load and its standby promoted: the store that is
// open goes on with the first call after it, and no rotation that was
// acknowledged is undone, since commits waited for the standby.
func TestPostgres_FailoverLosesNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	s, primary, standby := openPair(t)
	const n = 8
	fillUsers(t, s, n)
	r := startRotations(t, s, fillSessions(t, s, n))
	r.more(t, 200)
	primary.Kill()
	standby.Promote(t)
	r.served(t)
	r.more(t, 200)
	r.check(t)
}

// A server that becomes a standby under its connections refuses their writes
// with 25006: they are given up, and the writes done where they are taken.
func TestPostgres_ReadOnlyConnectionIsGivenUp(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	s, primary, standby := openPair(t)
	fillUsers(t, s, 1)
	if err := primary.Set(t.Context(), "synchronous_standby_names", ""); err != nil { // nobody is left to wait for
		t.Fatal(err)
	}
	standby.Promote(t)
	if err := primary.Set(t.Context(), "default_transaction_read_only", "on"); err != nil {
		t.Fatal(err)
	}
	there := openAt(t, standby.DSN("postgres"))
	for i := 1; ; i++ { // a connection hears of the setting when it is idle
		mustWrite(t, s, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(i)}) })
		if _, err := there.UserByID(t.Context(), 1, testUUID(i)); err == nil {
			return
		}
	}
}
