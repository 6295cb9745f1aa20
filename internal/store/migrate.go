package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

var (
	qSchemaVersion   = stmt("schema version", `select version from schema_version order by version desc limit 1`)
	qSchemaAdd       = stmt("schema step", `insert into schema_version (version, name) values ($1, $2)`)
	qSchemaOldest    = stmt("oldest schema", `select name from schema_version where version = -1`)
	qSchemaOldestRow = stmt("insert oldest schema", `insert into schema_version (version, name) values (-1, $1) on conflict do nothing`)
	qSchemaOldestSet = stmt("set oldest schema", `update schema_version set name = $1 where version = -1`)
)

// Row N of schema_version is migration N. Row 0 is the lock of those who
// migrate PostgreSQL; row -1 holds the oldest schema whose programs may serve,
// row -2 how far a backfill is.
const createSchemaVersion = `create table if not exists schema_version (version integer not null primary key, name text not null)`

// schemaVersion is the number of migrations that ran; 0 for a new database.
func schemaVersion(c *conn) (int64, error) {
	v, err := c.on(qSchemaVersion).number()
	if errors.Is(err, errNoTable) {
		c.prepared[qSchemaVersion.idx] = nil
		return 0, nil
	}
	return max(v, 0), err
}

// checkSchema tells whether a program that knows these migrations may serve
// the database, and the version it is at: ErrSchemaOld; ErrSchemaNew unless
// the newer schema says that it serves older programs (decisions/0005).
func checkSchema(c *conn, known []migration) (version int64, err error) {
	version, err = schemaVersion(c)
	switch {
	case err != nil:
		return 0, err
	case version < int64(len(known)):
		return version, ErrSchemaOld
	case version == int64(len(known)):
		return version, nil
	}
	var oldest string
	found, err := c.on(qSchemaOldest).first(func(u *cursor) error {
		oldest = u.rText()
		return nil
	})
	if err != nil {
		return version, err
	}
	if n, nerr := strconv.Atoi(oldest); !found || nerr != nil || len(known) < n {
		return version, ErrSchemaNew
	}
	return version, nil
}

// Migrate brings the database up to this program's schema. Nodes may serve
// meanwhile: a step that waits for a lock waits briefly, lets others pass and
// is tried again until it is done or ctx ends. What was done stays done, so
// that a Migrate that was stopped is simply run again.
//
// progress, if not nil, is told of each step: StepDone, or why it waits and
// how far it is. ErrSchemaNew when the database is ahead. Several processes
// may call it. On a database whose tables are distributed (Distribute) new
// tables are distributed with the step that makes them.
func Migrate(ctx context.Context, dsn string, o Options, progress func(step, news string)) (applied int, err error) {
	return migrate(ctx, dsn, migrations, usualManners, progress)
}

// StepDone is what progress is told of a step that was done.
const StepDone = "done"

// manners are how a migration behaves among those who serve.
type manners struct {
	lock  time.Duration // a step waits no longer than this for a lock, since all others wait behind it
	pause time.Duration // until the next try
	batch int64         // rows that one transaction of a backfill is to change, about
	rest  time.Duration // between two of them: others want to write too
}

var usualManners = manners{lock: 500 * time.Millisecond, pause: 2 * time.Second, batch: 1000, rest: 5 * time.Millisecond}

func migrate(ctx context.Context, dsn string, all []migration, how manners, progress func(step, news string)) (applied int, err error) {
	m, err := openMigrator(ctx, dsn, how, progress)
	if err != nil {
		return 0, err
	}
	defer func() { err = m.end(ctx, err) }()
	for {
		var name string
		err := m.insist(ctx, "schema", func() (err error) {
			name, err = m.step(ctx, all)
			return err
		})
		if err != nil || name == "" {
			return applied, err
		}
		applied++
		m.told(name, StepDone)
	}
}

// migrator runs steps on one connection.
type migrator struct {
	c      *conn
	ground ground
	how    manners
	told   func(step, news string)
	fresh  bool // the database was empty when it began
}

// ground is what differs between the databases that are migrated.
type ground interface {
	// begin opens a transaction that no other process migrates beside.
	// ErrBusy: one does.
	begin(ctx context.Context) error
	// after is run in a step's transaction, behind its script.
	after(m *migration) error
	// buildIndexes makes indexes while others write, beside the transaction of
	// begin, and may find what a killed one left. false: run the script.
	buildIndexes(ctx context.Context, m *migration) (bool, error)
	// inTheWay describes who holds the locks of an ErrBusy.
	inTheWay() string
}

func openMigrator(ctx context.Context, dsn string, how manners, progress func(step, news string)) (*migrator, error) {
	if progress == nil {
		progress = func(string, string) {}
	}
	if isPostgres(dsn) {
		g, err := openPgGround(ctx, dsn, how)
		if err != nil {
			return nil, err
		}
		return &migrator{c: g.c, ground: g, how: how, told: progress}, nil
	}
	path, err := sqlitePath(dsn)
	if err != nil {
		return nil, err
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	c, err := openSQLite(path, true, nil, nil)
	if err != nil {
		return nil, err
	}
	return &migrator{c: c, ground: liteGround{c}, how: how, told: progress}, nil
}

// end closes the connection; a step that ctx ended says so.
func (m *migrator) end(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if cerr := m.c.close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	return err
}

// insist runs fn until it is not refused for a lock. Between two tries it
// holds none, so that those who waited behind it pass.
func (m *migrator) insist(ctx context.Context, what string, fn func() error) error {
	for try := 2; ; try++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := fn()
		if !errors.Is(err, ErrBusy) || m.lost() || ctx.Err() != nil {
			return err
		}
		m.told(what, fmt.Sprintf("waiting for %s, try %d follows", m.ground.inTheWay(), try))
		if !sleep(ctx, m.how.pause) {
			return err
		}
	}
}

func (m *migrator) lost() bool {
	l, ok := m.c.link.(*pgLink)
	return ok && (l.lost || l.pg.IsClosed())
}

// sleep is false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// step runs the next migration of all; "" when there is none left.
func (m *migrator) step(ctx context.Context, all []migration) (name string, err error) {
	var next *migration
	err = m.inTx(ctx, func() error {
		v, err := schemaVersion(m.c)
		switch {
		case err != nil:
			return err
		case v > int64(len(all)):
			return ErrSchemaNew
		case v == int64(len(all)):
			return errRollback
		}
		m.fresh = m.fresh || v == 0
		next = &all[v]
		if next.kind == inBatches && !m.fresh {
			return errRollback // it has transactions of its own
		}
		return m.run(ctx, all[:v+1])
	})
	if next == nil {
		return "", err
	}
	if err == nil && next.kind == inBatches && !m.fresh {
		err = m.backfill(ctx, all[:slices.IndexFunc(all, func(x migration) bool { return x.name == next.name })+1])
	}
	if err != nil {
		err = fmt.Errorf("migration %s: %w", next.name, err)
	}
	return next.name, err
}

// errRollback ends a transaction of inTx without an error and without effect.
var errRollback = errors.New("roll back")

// inTx runs fn in a transaction that nobody migrates beside.
func (m *migrator) inTx(ctx context.Context, fn func() error) error {
	if err := m.ground.begin(ctx); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		return m.c.command("commit")
	}
	if errors.Is(err, errRollback) {
		err = nil
	}
	if m.c.inTx() && !m.lost() {
		err = errors.Join(err, m.c.command("rollback"))
	}
	return err
}

// run does the last of done in the transaction that is open, and notes it.
func (m *migrator) run(ctx context.Context, done []migration) error {
	next := &done[len(done)-1]
	if next.kind == online {
		if built, err := m.ground.buildIndexes(ctx, next); err != nil {
			return err
		} else if built {
			return m.note(done)
		}
	}
	scripts := []string{createSchemaVersion, next.script}
	if next.kind == inBatches {
		scripts = scripts[:1] // a new database has nothing to fill
	}
	for _, script := range scripts {
		if err := m.c.link.script(script); err != nil {
			return m.c.link.classify(err)
		}
	}
	if err := m.ground.after(next); err != nil {
		return err
	}
	return m.note(done)
}

// note writes down that the last of done was done.
func (m *migrator) note(done []migration) error {
	if _, err := m.c.on(qSchemaAdd).int(int64(len(done))).text(done[len(done)-1].name).exec(); err != nil {
		return err
	}
	oldest := strconv.Itoa(oldestServed(done))
	if _, err := m.c.on(qSchemaOldestRow).text(oldest).exec(); err != nil {
		return err
	}
	_, err := m.c.on(qSchemaOldestSet).text(oldest).exec()
	return err
}

// liteGround is a SQLite file: whoever migrates it is the only one to write.
// Indexes are built in the step's transaction, and writers wait for it.
type liteGround struct{ c *conn }

func (g liteGround) begin(ctx context.Context) error { return beginWrite(g.c, ctx.Err) }

func (g liteGround) after(*migration) error { return nil }

func (g liteGround) buildIndexes(context.Context, *migration) (bool, error) { return false, nil }

func (g liteGround) inTheWay() string { return "another process that writes" }
