package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// DefaultCitusShards is how many pieces the tables of users are cut into.
// Citus moves whole shards between machines, so that it is also the most
// machines that can share them. sk has 4,096 values: of 64 shards the largest
// holds 78 of them, a fifth above the average of 64, the largest of 128 half
// above its 32 (hashint4 over equal ranges, as Citus cuts).
const DefaultCitusShards = 64

// Distribute spreads the tables of a migrated database over the machines of
// a Citus cluster, whose coordinator dsn names: tables with sk by it, all in
// one colocation group of that many shards, the others copied to every
// machine. Each table is a transaction; what was distributed before is left as
// it is, so that a Distribute that was stopped is simply run again. It returns
// how many tables it distributed.
//
// Writes to a table wait while its rows are copied, and what is half
// distributed must not be served: tables with rows of users are distributed
// only while no node is connected. ErrNoCitus, ErrNodesServe; ErrSchemaOld.
//
// Citus 13, create_distributed_table, create_reference_table and
// pg_dist_partition.
func Distribute(ctx context.Context, dsn string, shards int, progress func(table, news string)) (done int, err error) {
	if !isPostgres(dsn) {
		return 0, fmt.Errorf("%w: it is a SQLite file", ErrNoCitus)
	}
	m, err := openMigrator(ctx, dsn, usualManners, progress)
	if err != nil {
		return 0, err
	}
	defer func() { err = m.end(ctx, err) }()
	if err := hasCitus(m.c); err != nil {
		return 0, err
	}
	if v, err := schemaVersion(m.c); err != nil || v < int64(len(migrations)) {
		return 0, errors.Join(err, ErrSchemaOld)
	}
	for {
		var name, how string
		err := m.insist(ctx, "distribute", func() error {
			return m.inTx(ctx, func() (err error) {
				name, how, err = distributeNext(m.c, shards, m.told)
				if err == nil && name == "" {
					err = errRollback
				}
				return err
			})
		})
		if err != nil || name == "" {
			return done, err
		}
		done++
		m.told(name, how)
	}
}

// Errors of Distribute.
var (
	ErrNoCitus    = errors.New("the database has no Citus")
	ErrNodesServe = errors.New("nodes serve this database: stop them, distribute, start them again")
)

// hasCitus says what is missing: ErrNoCitus.
func hasCitus(c *conn) error {
	rows, err := askPg(c, `select to_regproc('citus_version') is not null, exists (select 1 from pg_available_extensions where name = 'citus')`)
	switch {
	case err != nil:
		return err
	case rows[0][0] == "t":
		return nil
	case rows[0][1] == "t":
		return fmt.Errorf(`%w in this database: run "create extension citus" in it, with citus in shared_preload_libraries, here and on every worker, and add the workers with citus_add_node`, ErrNoCitus)
	}
	return fmt.Errorf("%w: install the Citus extension on this server and on every worker, put citus into shared_preload_libraries and restart them", ErrNoCitus)
}

// citusTable is a table as Citus knows it.
type citusTable struct {
	name   string
	spread bool // it has sk
	kind   byte // 'h': by a column, 'n': by none, 0: Citus does not know it
	model  byte // replication: 't' tells a reference table from one Citus keeps on the coordinator
	column string
	group  int64
	bytes  int64
	rows   bool
}

// citusTables reads what is distributed of the tables named, in their order.
func citusTables(c *conn, names []string) ([]citusTable, error) {
	rows, err := askPg(c, fmt.Sprintf(`select c.relname, exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'sk' and not a.attisdropped),
 coalesce(p.partmethod::text, ''), coalesce(p.repmodel::text, ''), coalesce(case when p.partkey is not null then column_to_column_name(p.logicalrelid, p.partkey) end, ''),
 coalesce(p.colocationid, 0), pg_table_size(c.oid)
 from pg_class c left join pg_dist_partition p on p.logicalrelid = c.oid
 where c.relkind = 'r' and c.relnamespace = to_regnamespace(current_schema()) and c.relname in ('%s')`, strings.Join(names, "', '")))
	if err != nil {
		return nil, err
	}
	var all []citusTable
	for _, name := range names {
		i := slices.IndexFunc(rows, func(r []string) bool { return r[0] == name })
		if i < 0 {
			continue // a later migration removed it
		}
		r := rows[i]
		t := citusTable{name: name, spread: r[1] == "t", kind: firstByte(r[2]), model: firstByte(r[3]), column: r[4]}
		var err1, err2 error
		t.group, err1 = strconv.ParseInt(r[5], 10, 64)
		t.bytes, err2 = strconv.ParseInt(r[6], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func firstByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// distributed tells whether nothing is left to do for the table. A table that
// Citus keeps on the coordinator ('n' without two-phase commits) is what a
// create_distributed_table_concurrently that failed leaves.
func (t *citusTable) distributed() bool {
	return t.kind == 'h' || t.kind == 'n' && t.model == 't'
}

// fault is a distribution that Latchkey's statements cannot work with.
func (t *citusTable) fault(group int64) error {
	switch {
	case t.spread && t.kind == 'h' && (t.column != "sk" || t.group != group):
		return fmt.Errorf("table %s is distributed by %s in colocation group %d, want sk in %d: run select undistribute_table('%s') first", t.name, t.column, t.group, group, t.name)
	case t.spread && t.distributed() && t.kind != 'h', !t.spread && t.kind == 'h':
		return fmt.Errorf("table %s is distributed in another way than by Latchkey: run select undistribute_table('%s') first", t.name, t.name)
	}
	return nil
}

// distributeNext distributes one table, in the transaction that is open, and
// says how; "" when none is left. The table of versions comes last: once it is
// distributed all are.
func distributeNext(c *conn, shards int, told func(table, news string)) (name, how string, err error) {
	names := tablesOf(migrations)
	all, err := citusTables(c, append(names[1:len(names):len(names)], names[0]))
	if err != nil {
		return "", "", err
	}
	anchor, err := anchorOf(all)
	if err != nil {
		return "", "", err
	}
	i := slices.IndexFunc(all, func(t citusTable) bool { return !t.distributed() })
	if i < 0 {
		return "", "", nil
	}
	t := &all[i]
	if err := t.readRows(c); err != nil {
		return "", "", err
	}
	if t.spread && t.rows {
		if err := noNodes(c); err != nil {
			return "", "", err
		}
		told(t.name, fmt.Sprintf("copying %d MB to the shards, writes to it wait", t.bytes>>20))
	}
	how, err = t.distribute(c, anchor, shards)
	return t.name, how, err
}

// anchorOf is the table whose colocation group the others join; "" when none
// is distributed yet.
func anchorOf(all []citusTable) (string, error) {
	i := slices.IndexFunc(all, func(t citusTable) bool { return t.spread && t.kind == 'h' })
	if i < 0 {
		i = 0
	}
	for _, t := range all {
		if err := t.fault(all[i].group); err != nil {
			return "", err
		}
	}
	if all[i].kind != 'h' {
		return "", nil
	}
	return all[i].name, nil
}

func (t *citusTable) readRows(c *conn) error {
	rows, err := askPg(c, "select exists (select 1 from "+t.name+")")
	if err == nil {
		t.rows = rows[0][0] == "t"
	}
	return err
}

// noNodes is ErrNodesServe while others of this name are connected.
func noNodes(c *conn) error {
	rows, err := askPg(c, `select count(*) from pg_stat_activity where datname = current_database()
 and application_name = current_setting('application_name') and pid <> pg_backend_pid()`)
	if err == nil && rows[0][0] != "0" {
		err = fmt.Errorf("%w (%s connections)", ErrNodesServe, rows[0][0])
	}
	return err
}

// distribute calls Citus for the table. shard_count goes with a new group
// only, a table that joins one has the group's.
func (t *citusTable) distribute(c *conn, anchor string, shards int) (how string, err error) {
	call := fmt.Sprintf("create_reference_table('%s')", t.name)
	how = "copied to every machine"
	switch {
	case t.spread && anchor == "":
		call = fmt.Sprintf("create_distributed_table('%s', 'sk', colocate_with => 'none', shard_count => %d)", t.name, shards)
		how = fmt.Sprintf("distributed by sk over %d shards", shards)
	case t.spread:
		call = fmt.Sprintf("create_distributed_table('%s', 'sk', colocate_with => '%s')", t.name, anchor)
		how = "distributed by sk with " + anchor
	}
	_, err = askPg(c, "select "+call)
	if err != nil {
		err = fmt.Errorf("distribute table %s: %w", t.name, err)
	}
	return how, err
}

// isDistributed tells whether Distribute was completed on the database.
func isDistributed(c *conn) (bool, error) {
	rows, err := askPg(c, "select to_regclass('pg_dist_partition') is not null")
	if err != nil || rows[0][0] != "t" {
		return false, err
	}
	all, err := citusTables(c, tablesOf(nil))
	return err == nil && len(all) == 1 && all[0].distributed(), err
}

// distributeNew distributes tables that a migration has just made, in its
// transaction, as all others are.
func distributeNew(c *conn, names []string) (done int, err error) {
	if len(names) == 0 {
		return 0, nil
	}
	old, err := citusTables(c, tablesOf(migrations))
	if err != nil {
		return 0, err
	}
	anchor, err := anchorOf(old)
	if err != nil {
		return 0, err
	}
	all, err := citusTables(c, names)
	if err != nil {
		return 0, err
	}
	for _, t := range all {
		if t.distributed() {
			continue
		}
		if _, err := t.distribute(c, anchor, DefaultCitusShards); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}
