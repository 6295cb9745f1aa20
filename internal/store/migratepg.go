package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// qSchemaLock holds the lock of migrations until its transaction ends: row 0.
var (
	qSchemaLock    = stmt("lock schema", `update schema_version set name = $1 where version = 0`)
	qSchemaLockRow = stmt("insert schema lock", `insert into schema_version (version, name) values (0, $1) on conflict do nothing`)
)

// afterMigration holds what PostgreSQL alone is told about a table: room in
// its pages, so that a touch stays on its page and no index hears of it.
var afterMigration = map[string]string{
	"0001_first": "alter table client_session set (fillfactor = 85)",
}

// pgGround is PostgreSQL while it is migrated. Statements may take as long as
// they need; locks are waited for briefly, because all who come later wait
// behind a lock that is waited for.
type pgGround struct {
	c      *conn
	cfg    *pgx.ConnConfig
	how    manners
	citus  bool // tables are distributed: new ones will be
	behind bool // the lock that was refused last is that of another migration
}

func openPgGround(ctx context.Context, dsn string, how manners) (*pgGround, error) {
	cfg, err := parsePostgres(dsn)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		cfg.ConnConfig.RuntimeParams[name] = "0"
	}
	cfg.ConnConfig.RuntimeParams["lock_timeout"] = fmt.Sprint(how.lock.Milliseconds())
	g := &pgGround{cfg: cfg.ConnConfig, how: how}
	if g.c, err = g.connect(ctx); err != nil {
		return nil, err
	}
	err = makeSchemaVersion(g.c)
	if err == nil {
		g.citus, err = isDistributed(g.c)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), g.c.close())
	}
	return g, nil
}

// connect opens a connection that ends with ctx: its statement is cancelled,
// or the server would go on with it.
func (g *pgGround) connect(ctx context.Context) (*conn, error) {
	pg, err := pgx.ConnectConfig(ctx, g.cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", newConnectError(err))
	}
	l := &pgLink{pg: pg.PgConn()}
	stop := context.AfterFunc(ctx, func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = l.pg.CancelRequest(soon) // the connection is given up either way
		l.setDeadline(time.Unix(1, 0))
	})
	l.onClose = func() { stop() }
	return newConn(l, nil, nil), nil
}

// makeSchemaVersion makes the table of versions. Two nodes that make it at
// once are told so by the catalogue; then it is there.
func makeSchemaVersion(c *conn) error {
	var err error
	for range 3 {
		if err = c.link.script(createSchemaVersion); err == nil {
			return nil
		}
	}
	return fmt.Errorf("table of schema versions: %w", c.link.classify(err))
}

// begin is refused after how.lock when another node migrates. A node that
// waited longer in one statement would keep the other one's index, which
// waits for the end of all statements, from being finished.
func (g *pgGround) begin(context.Context) error {
	if err := g.c.command("begin"); err != nil {
		return err
	}
	err := g.lock()
	g.behind = err != nil
	if err != nil && g.c.inTx() && !g.c.link.(*pgLink).lost {
		return errors.Join(err, g.c.command("rollback"))
	}
	return err
}

// lock takes row 0, which is made by the first who migrates.
func (g *pgGround) lock() error {
	n, err := g.c.on(qSchemaLock).text("lock").exec()
	if err != nil || n == 1 {
		return err
	}
	if n, err = g.c.on(qSchemaLockRow).text("lock").exec(); err == nil && n == 0 {
		err = &dbError{outcome: again, err: errors.New("another node was faster")}
	}
	return err
}

func (g *pgGround) after(m *migration) error {
	if err := g.c.link.script(afterMigration[m.name]); err != nil {
		return g.c.link.classify(err)
	}
	if !g.citus {
		return nil
	}
	_, err := distributeNew(g.c, tablesOf([]migration{*m})[1:])
	return err
}

// buildIndexes builds on a connection of its own: it must not be in a
// transaction. Of a build that failed an index is left that is not valid.
func (g *pgGround) buildIndexes(ctx context.Context, m *migration) (bool, error) {
	// The result read last in the transaction of begin keeps a snapshot, which
	// the index would wait for; a statement of the simple protocol ends it.
	if err := g.c.link.script("select 1"); err != nil {
		return false, g.c.link.classify(err)
	}
	c, err := g.connect(ctx)
	if err != nil {
		return false, err
	}
	// It waits for old transactions, and nobody for it.
	err = c.link.classify(c.link.script("set lock_timeout = 0"))
	for _, statement := range m.statements() {
		if err == nil {
			err = buildIndex(c, statement)
		}
	}
	return err == nil, errors.Join(err, c.close())
}

// buildIndex makes a "create index" concurrently, unless it is there.
func buildIndex(c *conn, statement string) error {
	name := createIndex.FindStringSubmatch(statement)[2]
	rows, err := askPg(c, fmt.Sprintf("select i.indisvalid::int from pg_index i where i.indexrelid = to_regclass('%s')", name))
	if err != nil {
		return err
	}
	if len(rows) > 0 && rows[0][0] == "1" {
		return nil
	}
	script := []string{createIndex.ReplaceAllString(statement, "create ${1}index concurrently $2 on ")}
	if len(rows) > 0 {
		script = append([]string{"drop index concurrently " + name}, script...)
	}
	for _, s := range script { // several in one message would be a transaction
		if err := c.link.script(s); err != nil {
			return c.link.classify(err)
		}
	}
	return nil
}

// askPg runs a question about PostgreSQL itself, which no statement of the
// store asks, and gives its rows as texts.
func askPg(c *conn, sql string) ([][]string, error) {
	l := c.link.(*pgLink)
	results, err := l.pg.Exec(context.Background(), sql).ReadAll()
	if err != nil {
		return nil, l.classify(err)
	}
	return texts(results), nil
}

func texts(results []*pgconn.Result) [][]string {
	var rows [][]string
	for _, r := range results {
		for _, row := range r.Rows {
			cells := make([]string, len(row))
			for i, v := range row {
				cells[i] = string(v)
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// lockHolder asks for the oldest transaction that holds a lock of a table
// here: the one a migration waits for, unless it has ended meanwhile.
const lockHolder = `select a.pid, coalesce(nullif(a.application_name, ''), 'no name'), coalesce(a.state, 'state not shown'),
 coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint, 0)
 from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a on a.pid = l.pid
 where l.granted and l.locktype = 'relation' and a.datname = current_database() and c.relnamespace = to_regnamespace(current_schema())
 and c.relkind = 'r' and a.pid <> pg_backend_pid() order by a.xact_start limit 1`

func (g *pgGround) inTheWay() string {
	if g.behind {
		return "another node that migrates"
	}
	rows, err := askPg(g.c, lockHolder)
	if err != nil || len(rows) == 0 {
		return "a lock"
	}
	r := rows[0]
	return fmt.Sprintf("a lock held by process %s (%s, %s, in a transaction for %s s)", r[0], strings.ToValidUTF8(r[1], "?"), r[2], r[3])
}
