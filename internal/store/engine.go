package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/latchkey-id/latchkey/internal/model"
)

// database is what a Store stands on: SQLite (sqlitedb.go) or PostgreSQL
// (postgres.go), with the same statements. A function that reads or writes may
// be run more than once.
type database interface {
	read(ctx context.Context, fn func(c *conn) error) error     // look-ups by key
	readLong(ctx context.Context, fn func(c *conn) error) error // ends early when ctx does
	readOnce(ctx context.Context, fn func(c *conn) error) error // readLong, all of one moment
	readAll(ctx context.Context, fn func(c *conn) error) error  // readOnce, for as long as it takes
	write(ctx context.Context, fn func(tx *Tx) error) error     // one transaction
	touch(ctx context.Context, cs *model.ClientSession) (bool, error)
	stats() Stats
	close() error
}

// link is a connection to a database, used by one goroutine at a time.
type link interface {
	prepare(q *query) (statement, error)
	command(sql string) error                        // transaction control
	script(text string) error                        // statements that are not registered: settings and migrations
	inTx() bool                                      // tells whether a transaction is open; some failures close it
	interruptible(ctx context.Context) (undo func()) // makes long statements end when ctx does
	classify(err error) error                        // turns an error into what callers decide by
	close() error
}

// statement is a prepared statement of one link: bound, stepped through its
// rows, reset. Parameters count from 1, columns from 0. Null reads as 0, "" or
// no bytes. What is bound is copied.
type statement interface {
	bindInt(i int, v int64)
	bindText(i int, v string)
	bindNull(i int)
	bindBytes(i int, v []byte)
	step() (row bool, err error) // the first runs it
	changes() int                // rows changed, after the last step
	reset()                      // until then it holds its read of the database open
	colInt(i int) int64
	colText(i int) string
	colLen(i int) int
	colBytes(i int, buf []byte) int
	colNull(i int) bool
}

// conn is one database connection with its prepared statements, used by one
// goroutine at a time. The rest of the package binds, runs and reads
// statements through it and knows no engine.
type conn struct {
	link     link
	prepared []*cursor // by query.idx
	counter  *atomic.Int64
	hook     func(kind string)
}

func newConn(l link, counter *atomic.Int64, hook func(string)) *conn {
	return &conn{link: l, prepared: make([]*cursor, len(queries)), counter: counter, hook: hook}
}

// command runs transaction control: begin, commit, rollback and the like.
// They belong to the engine, not to the registered statements.
func (c *conn) command(sql string) error {
	if err := c.link.command(sql); err != nil {
		return fmt.Errorf("%s: %w", sql, c.link.classify(err))
	}
	return nil
}

func (c *conn) inTx() bool { return c.link.inTx() }

func (c *conn) close() error { return c.link.close() }

// errUnique is a unique key that is taken; it becomes a ConflictError where
// it is known what the key stands for.
var errUnique = errors.New("unique key taken")

// errNoTable is a table that is not there: the schema was never made.
var errNoTable = errors.New("no such table")

func (s *Store) read(ctx context.Context, fn func(c *conn) error) error { return s.db.read(ctx, fn) }

func (s *Store) readLong(ctx context.Context, fn func(c *conn) error) error {
	return s.db.readLong(ctx, fn)
}

func (s *Store) readOnce(ctx context.Context, fn func(c *conn) error) error {
	return s.db.readOnce(ctx, fn)
}
