package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// database is where measured servers keep what they store: an SQLite file in
// dir, or a PostgreSQL server of its own. dir has the instance key of both.
type database struct {
	dir      string
	postgres *pgtest.Server // nil for SQLite
}

// newPostgres starts PostgreSQL with its default settings, durability included.
func newPostgres(dir string) (*database, error) {
	s, err := pgtest.Start("shared_buffers=128MB", "max_connections=100", "max_locks_per_transaction=64")
	if err != nil {
		return nil, err
	}
	return &database{dir: dir, postgres: s}, nil
}

func (d *database) stop() {
	if d.postgres != nil {
		d.postgres.Stop()
	}
}

func (d *database) name() string {
	if d.postgres == nil {
		return "SQLite"
	}
	return "PostgreSQL"
}

func (d *database) file() string { return filepath.Join(d.dir, "latchkey.db") }

func (d *database) dsn() string {
	if d.postgres == nil {
		return "sqlite:" + d.file()
	}
	return d.postgres.DSN("postgres")
}

func (d *database) keyFile() string { return filepath.Join(d.dir, "instance.key") }

// flags name the database to a command of latchkey.
func (d *database) flags() []string {
	return []string{"--db", d.dsn(), "--instance-key-file", d.keyFile()}
}

// cpu is what all processes of PostgreSQL have used: those that run, and those
// that have ended, which count as children of the first.
func (d *database) cpu() (sum time.Duration, err error) {
	if d.postgres == nil {
		return 0, nil
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	first := d.postgres.PID()
	for _, dir := range processes {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return 0, err
		}
		st, err := readStat(pid)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) { // it may just have ended
			return 0, err
		}
		if pid == first || st.parent == first {
			sum += st.own + st.children
		}
	}
	return sum, nil
}

// wal is how many bytes PostgreSQL has written to its write-ahead log.
func (d *database) wal() (int64, error) {
	return d.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
}

// number asks PostgreSQL; 0 on SQLite.
func (d *database) number(sql string) (int64, error) {
	if d.postgres == nil {
		return 0, nil
	}
	return pgtest.Number(context.Background(), d.dsn(), sql)
}
