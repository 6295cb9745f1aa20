package store

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// liteLink is a connection to a SQLite file. It and liteStmt are all that
// knows SQLite's API.
type liteLink struct{ c *sqlite.Conn }

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
	return newConn(&liteLink{c}, counter, hook), nil
}

func openError(err error) error { return fmt.Errorf("open database: %w", classifyLite(err)) }

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

func (l *liteLink) prepare(q *query) (statement, error) {
	s, err := l.c.Prepare(q.sql)
	if err != nil {
		return nil, err
	}
	return liteStmt{s, l.c}, nil
}

func (l *liteLink) script(text string) error { return runScript(l.c, text) }

func (l *liteLink) command(sql string) error {
	s, err := l.c.Prepare(sql)
	if err == nil {
		_, err = s.Step()
		s.Reset()
	}
	return err
}

func (l *liteLink) inTx() bool { return !l.c.AutocommitEnabled() }

func (l *liteLink) close() error { return l.c.Close() }

// interruptible costs as much as a look-up by key takes.
func (l *liteLink) interruptible(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	l.c.SetInterrupt(ctx.Done())
	return func() { l.c.SetInterrupt(nil) }
}

// liteStmt is a statement of a SQLite connection.
type liteStmt struct {
	s *sqlite.Stmt
	c *sqlite.Conn
}

func (s liteStmt) bindInt(i int, v int64)         { s.s.BindInt64(i, v) }
func (s liteStmt) bindText(i int, v string)       { s.s.BindText(i, v) }
func (s liteStmt) bindNull(i int)                 { s.s.BindNull(i) }
func (s liteStmt) bindBytes(i int, v []byte)      { s.s.BindBytes(i, v) }
func (s liteStmt) step() (bool, error)            { return s.s.Step() }
func (s liteStmt) changes() int                   { return s.c.Changes() }
func (s liteStmt) reset()                         { s.s.Reset() }
func (s liteStmt) colInt(i int) int64             { return s.s.ColumnInt64(i) }
func (s liteStmt) colText(i int) string           { return s.s.ColumnText(i) }
func (s liteStmt) colLen(i int) int               { return s.s.ColumnLen(i) }
func (s liteStmt) colBytes(i int, buf []byte) int { return s.s.ColumnBytes(i, buf) }
func (s liteStmt) colNull(i int) bool             { return s.s.ColumnIsNull(i) }

func (l *liteLink) classify(err error) error { return classifyLite(err) }

func classifyLite(err error) error {
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return fmt.Errorf("%w (%w)", ErrBusy, err)
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultReadOnly, sqlite.ResultCantOpen, sqlite.ResultPerm, sqlite.ResultAuth:
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	case sqlite.ResultConstraint:
		return fmt.Errorf("%w (%w)", errUnique, err)
	case sqlite.ResultInterrupt:
		return context.Canceled
	case sqlite.ResultError:
		if strings.Contains(err.Error(), errNoTable.Error()) {
			return fmt.Errorf("%w (%w)", errNoTable, err)
		}
	}
	return err
}
