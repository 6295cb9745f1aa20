package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"

	"github.com/latchkey-id/latchkey/internal/model"
)

// How long PostgreSQL may take. A database that hangs must fail requests in
// bounded time, and hold no connection for longer.
type patience struct {
	read  time.Duration // look-ups by key and touches, with the wait for a connection
	write time.Duration // a transaction of a request, from its begin on
	long  time.Duration // lists, and transactions of callers without a deadline: jobs, imports
}

var usualPatience = patience{read: 5 * time.Second, write: 10 * time.Second, long: time.Minute}

const (
	connectTimeout = 3 * time.Second

	maxWaiting = 1024 // callers waiting for a connection; more are refused with ErrBusy
	maxTries   = 8    // of one read, write or touch
)

// sessionParams are settings of every connection, unless the DSN names them.
// Commits are synchronous whatever the server's default is.
var sessionParams = map[string]string{
	"application_name":                    "latchkey",
	"synchronous_commit":                  "on",
	"default_transaction_isolation":       "read committed",
	"statement_timeout":                   "60s",
	"lock_timeout":                        "2s",
	"idle_in_transaction_session_timeout": "30s",
	"jit":                                 "off",
	// Every statement is a few look-ups by key. Where a planner expects the
	// wrong number of rows these would read whole tables.
	"enable_hashjoin":                 "off",
	"enable_mergejoin":                "off",
	"max_parallel_workers_per_gather": "0",
}

// pgDB is PostgreSQL, or PostgreSQL spread over machines: a bounded pool of
// connections, each with its prepared statements.
type pgDB struct {
	s       *Store
	pool    *pgxpool.Pool
	hook    func(kind string)
	waiting atomic.Int64
	closed  atomic.Bool
	limits  patience

	commits, writes atomic.Int64
}

func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func parsePostgres(dsn string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err // pgx leaves the password out
	}
	params := cfg.ConnConfig.RuntimeParams
	for name, value := range sessionParams {
		if _, ok := params[name]; !ok {
			params[name] = value
		}
	}
	switch params["synchronous_commit"] {
	case "on", "remote_apply":
	default:
		return nil, fmt.Errorf("database: synchronous_commit=%s: an acknowledged write must be durable, want on or remote_apply", params["synchronous_commit"])
	}
	if cfg.ConnConfig.ConnectTimeout == 0 || cfg.ConnConfig.ConnectTimeout > time.Minute {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	// Of several hosts only the one that takes writes is of use.
	elsewhere := func(f *pgconn.FallbackConfig) bool {
		return f.Host != cfg.ConnConfig.Host || f.Port != cfg.ConnConfig.Port
	}
	if cfg.ConnConfig.ValidateConnect == nil && slices.ContainsFunc(cfg.ConnConfig.Fallbacks, elsewhere) {
		cfg.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return cfg, nil
}

func openPostgres(ctx context.Context, s *Store, dsn string, o Options) (*pgDB, error) {
	cfg, err := parsePostgres(dsn)
	if err != nil {
		return nil, err
	}
	switch {
	case o.ReadConns > 0:
		cfg.MaxConns = int32(min(o.ReadConns, math.MaxInt32))
	case !strings.Contains(dsn, "pool_max_conns="):
		cfg.MaxConns = int32(4 * runtime.NumCPU())
	}
	cfg.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		c.PgConn().CustomData()[connKey] = newConn(&pgLink{pg: c.PgConn()}, &s.statements, o.OnStatement)
		return nil
	}
	// A dead connection shows at its first statement, which is then run on a
	// fresh one: asking each first would cost a round trip.
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	d := &pgDB{s: s, hook: o.OnStatement, limits: usualPatience}
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, err
	}
	if err := d.read(ctx, func(c *conn) error { return s.checkReady(c, o) }); err != nil {
		d.pool.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return d, nil
}

// connKey is where a connection of the pool keeps its conn.
const connKey = "conn"

// acquire takes a connection of the pool; what is done on it ends with ctx's
// deadline. release gives it back.
func (d *pgDB) acquire(ctx context.Context) (*pgxpool.Conn, *conn, error) {
	if d.closed.Load() {
		return nil, nil, ErrClosed
	}
	if d.waiting.Add(1) > maxWaiting {
		d.waiting.Add(-1)
		return nil, nil, fmt.Errorf("%w: %d wait for a connection", ErrBusy, maxWaiting)
	}
	p, err := d.pool.Acquire(ctx)
	d.waiting.Add(-1)
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return nil, nil, ErrClosed
	case err != nil && ctx.Err() != nil:
		return nil, nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	case err != nil:
		return nil, nil, newConnectError(err)
	}
	c := p.Conn().PgConn().CustomData()[connKey].(*conn)
	c.link.(*pgLink).begin(ctx)
	return p, c, nil
}

// release gives a connection back. When one was lost the others that are idle
// are likely lost with it, so that all are made anew: the database is then
// served again as soon as it is back.
func (d *pgDB) release(p *pgxpool.Conn, c *conn) {
	l := c.link.(*pgLink)
	if !l.lost && !l.pg.IsClosed() && !l.pg.IsBusy() && l.pg.TxStatus() == 'I' {
		p.Release()
		return
	}
	// The pool would keep the place until the connection has said good-bye.
	p.Hijack()
	l.pg.Conn().Close()
	if l.lost || l.pg.IsClosed() {
		d.pool.Reset()
	}
}

// onConn runs fn on a connection, and once more on another when the first
// was lost before it gave a row: idle connections die with their server.
func (d *pgDB) onConn(ctx context.Context, fn func(c *conn) error) error {
	for try := 1; ; try++ {
		p, c, err := d.acquire(ctx)
		if err != nil {
			if try < maxTries && pause(ctx, try, err) {
				continue
			}
			return err
		}
		err = d.guard(p, c, fn)
		if l := c.link.(*pgLink); err == nil || !l.lost || l.rows > 0 || try >= maxTries || !isEngine(err) || ctx.Err() != nil {
			return err
		}
	}
}

// guard releases the connection also when fn panics.
func (d *pgDB) guard(p *pgxpool.Conn, c *conn, fn func(c *conn) error) error {
	defer d.release(p, c)
	return fn(c)
}

func (d *pgDB) read(ctx context.Context, fn func(c *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.limits.read)
	defer cancel()
	return d.onConn(ctx, fn)
}

func (d *pgDB) readLong(ctx context.Context, fn func(c *conn) error) error {
	return d.readUntil(ctx, func(c *conn) error {
		undo := c.link.interruptible(ctx)
		defer undo()
		return fn(c)
	})
}

func (d *pgDB) readUntil(ctx context.Context, fn func(c *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	long, cancel := context.WithTimeout(ctx, d.limits.long)
	defer cancel()
	err := d.onConn(long, fn)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// touch is one statement that commits itself.
func (d *pgDB) touch(ctx context.Context, cs *model.ClientSession) (touched bool, err error) {
	if ctx.Err() != nil {
		return false, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, d.limits.read)
	defer cancel()
	for try := 1; ; try++ {
		p, c, err := d.acquire(ctx)
		if err == nil {
			err = d.guard(p, c, func(c *conn) (err error) {
				touched, err = touchClientSession(c, cs)
				return err
			})
			if err == nil {
				d.commits.Add(1)
				d.writes.Add(1)
				return touched, nil
			}
			if outcomeOf(err) == unknown {
				return false, lostCommit(err)
			}
		}
		if try >= maxTries || !pause(ctx, try, err) {
			return false, err
		}
	}
}

func (d *pgDB) write(ctx context.Context, fn func(tx *Tx) error) error {
	for try := 1; ; try++ {
		err := d.writeOnce(ctx, fn)
		if err == nil || try >= maxTries || !pause(ctx, try, err) {
			return err
		}
	}
}

// writeOnce runs fn in a transaction of READ COMMITTED. Whatever fails before
// the commit was not applied.
func (d *pgDB) writeOnce(ctx context.Context, fn func(tx *Tx) error) error {
	limit := d.limits.long
	if _, ok := ctx.Deadline(); ok {
		limit = d.limits.write
	}
	wait, cancelWait := context.WithTimeout(ctx, limit)
	defer cancelWait()
	p, c, err := d.acquire(wait)
	if err != nil {
		return err
	}
	// From here on it is not stopped by its caller.
	run, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	c.link.(*pgLink).begin(run)
	tx := &Tx{s: d.s, c: c}
	err = d.guard(p, c, func(c *conn) (err error) {
		defer func() { tx.c = nil }()
		if err := c.command("begin"); err != nil {
			return notApplied(err)
		}
		if err := fn(tx); err != nil {
			if c.inTx() && !c.link.(*pgLink).lost {
				err = errors.Join(err, c.command("rollback"))
			}
			return notApplied(err)
		}
		err = c.command("commit")
		if outcomeOf(err) == unknown {
			return lostCommit(err)
		}
		return err
	})
	if err != nil {
		tx.undo()
		return err
	}
	d.commits.Add(1)
	d.writes.Add(1)
	if d.hook != nil {
		d.hook("commit")
	}
	for _, f := range tx.committed {
		f()
	}
	return nil
}

func (d *pgDB) stats() Stats {
	st := d.pool.Stat()
	return Stats{
		ReadConns:    int(st.TotalConns()),
		ReadConnsMax: int(st.MaxConns()),
		InUse:        int(st.AcquiredConns()),
		Waiting:      int(d.waiting.Load()),
		Waits:        st.EmptyAcquireCount(),
		Waited:       st.EmptyAcquireWaitTime(),
		WriterQueue:  int(d.waiting.Load()),
		Commits:      d.commits.Load(),
		Writes:       d.writes.Load(),
	}
}

func (d *pgDB) close() error {
	if d.closed.Swap(true) {
		return ErrClosed
	}
	d.pool.Close()
	return nil
}

// newConnectError is a connection that could not be made.
func newConnectError(err error) error {
	return &dbError{outcome: connectOutcome(err), err: err}
}
