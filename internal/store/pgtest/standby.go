package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// NewStandby starts a server that follows s as a hot standby, until the test
// ends, and makes s wait for it at every commit: what is acknowledged is on
// both.
func (s *Server) NewStandby(t testing.TB) *Server {
	t.Helper()
	standby, err := s.startStandby()
	if standby != nil {
		t.Cleanup(standby.Stop)
	}
	if err == nil {
		err = s.waitForStandby(t.Context())
	}
	if err != nil {
		t.Fatalf("start a standby: %v", err)
	}
	return standby
}

func (s *Server) startStandby() (*Server, error) {
	dir, err := os.MkdirTemp("", "latchkey-postgres-")
	if err != nil {
		return nil, err
	}
	standby := &Server{dir: dir, bin: s.bin}
	// -R writes what makes it follow.
	err = standby.make("pg_basebackup", "-D", standby.data(), "-d", s.DSN("postgres"), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err == nil {
		err = standby.configure(nil)
	}
	if err == nil {
		err = standby.Run()
	}
	return standby, err
}

// waitForStandby returns when commits wait for the standby.
func (s *Server) waitForStandby(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := s.Set(ctx, "synchronous_standby_names", "*"); err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	for state := ""; state != "sync" && err == nil; {
		err = c.QueryRow(ctx, "select coalesce((select sync_state from pg_stat_replication limit 1), '')").Scan(&state)
	}
	return errors.Join(err, c.Close(context.Background()))
}

// Set changes a setting of the running server; its connections hear of it
// when they next have nothing to do.
func (s *Server) Set(ctx context.Context, name, value string) error {
	for _, sql := range []string{fmt.Sprintf("alter system set %s = '%s'", name, value), "select pg_reload_conf()"} {
		if err := Exec(ctx, s.DSN("postgres"), sql); err != nil {
			return err
		}
	}
	return nil
}

// Promote makes a standby the server that takes writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if err := Exec(t.Context(), s.DSN("postgres"), "select pg_promote()"); err != nil {
		t.Fatalf("promote: %v", err)
	}
}
