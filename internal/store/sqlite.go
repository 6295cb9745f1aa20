package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// conn is one database connection with its prepared statements, used by one
// goroutine at a time. It, cursor and classify are all that knows SQLite: the
// rest of the package binds, runs and reads statements through them.
type conn struct {
	c        *sqlite.Conn
	prepared []*cursor // by query.idx
	counter  *atomic.Int64
	hook     func(kind string)
}

// openSQLite opens the file with the settings every connection has. Page
// caches are small and nothing is mapped: memory must not grow with sessions,
// the system's file cache does the rest.
func openSQLite(path string, writer bool, counter *atomic.Int64, hook func(string)) (*conn, error) {
	c, err := sqlite.OpenConn((&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String(), sqlite.OpenReadWrite, sqlite.OpenURI)
	if err != nil {
		return nil, openError(err)
	}
	pragmas := []string{"temp_store = memory", "mmap_size = 0", "foreign_keys = off", "trusted_schema = off"}
	if writer {
		// A short wait: the writer itself asks again while a caller still waits.
		pragmas = append(pragmas, "busy_timeout = 100", "journal_mode = wal", "synchronous = full", "cache_size = -4000",
			"wal_autocheckpoint = 1000", "journal_size_limit = 67108864")
	} else {
		pragmas = append(pragmas, "busy_timeout = 5000", "cache_size = -2000", "query_only = on")
	}
	for _, p := range pragmas {
		if err := runScript(c, "pragma "+p); err != nil {
			c.Close()
			return nil, openError(err)
		}
	}
	return &conn{c: c, prepared: make([]*cursor, len(queries)), counter: counter, hook: hook}, nil
}

func openError(err error) error { return fmt.Errorf("open database: %w", classify(err)) }

// runScript runs statements that are not registered: pragmas and migrations.
func runScript(c *sqlite.Conn, script string) error {
	for strings.TrimSpace(script) != "" {
		s, trailing, err := c.PrepareTransient(script)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			more, err = s.Step()
		}
		if ferr := s.Finalize(); err == nil {
			err = ferr
		}
		if err != nil {
			return err
		}
		script = script[len(script)-trailing:]
	}
	return nil
}

// command runs transaction control: begin, commit, savepoint and the like.
// They belong to the engine, not to the registered statements.
func (c *conn) command(sql string) error {
	s, err := c.c.Prepare(sql)
	if err == nil {
		_, err = s.Step()
		s.Reset()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", sql, classify(err))
	}
	return nil
}

// inTx tells whether a transaction is open; some failures close it.
func (c *conn) inTx() bool { return !c.c.AutocommitEnabled() }

func (c *conn) close() error { return c.c.Close() }

// interruptible makes long statements end when ctx does. The result undoes it.
// Look-ups by key do without: they take microseconds, and this takes as long.
func (c *conn) interruptible(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	c.c.SetInterrupt(ctx.Done())
	return func() { c.c.SetInterrupt(nil) }
}

// classify turns an error of the engine into what callers decide by.
func classify(err error) error {
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultReadOnly, sqlite.ResultCantOpen, sqlite.ResultPerm, sqlite.ResultAuth:
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	case sqlite.ResultConstraint:
		return fmt.Errorf("%w (%w)", errUnique, err)
	case sqlite.ResultInterrupt:
		return context.Canceled
	}
	return err
}

// errUnique is a unique key that is taken; it becomes a ConflictError where
// it is known what the key stands for.
var errUnique = errors.New("unique key taken")
