package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// shardCount is how many servers hold rows of users.
const shardCount = 3

// Shards are stock PostgreSQL servers that look like one: a gateway whose
// tables are all foreign, joined by postgres_fdw. Tables with sk are spread by
// its hash, the others are on the first shard. It is the poorest database the
// statements must run on: no unique keys at the gateway, every other server a
// transaction of its own at REPEATABLE READ, commits that are not atomic.
type Shards struct {
	Gateway string // URLs of databases
	Servers []string

	started []*Server
}

// StartShards starts a gateway and its shards. Stop must be called.
func StartShards(settings ...string) (*Shards, error) {
	c := &Shards{started: make([]*Server, shardCount+1)}
	errs := make([]error, shardCount+1)
	var wg sync.WaitGroup
	for i := range c.started {
		wg.Go(func() { c.started[i], errs[i] = Start(settings...) })
	}
	wg.Wait()
	err := errors.Join(errs...)
	if err == nil {
		c.Gateway = c.started[0].DSN("postgres")
		for _, s := range c.started[1:] {
			c.Servers = append(c.Servers, s.DSN("postgres"))
		}
		err = c.join()
	}
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends all servers and removes what they stored.
func (c *Shards) Stop() {
	for _, s := range c.started {
		if s != nil {
			s.Stop()
		}
	}
}

// Shard is the server that holds a share of the users, the first is 1.
func (c *Shards) Shard(n int) *Server { return c.started[n] }

func (c *Shards) join() error {
	var script strings.Builder
	script.WriteString("create extension postgres_fdw;")
	for i, s := range c.started[1:] {
		fmt.Fprintf(&script, `create server s%d foreign data wrapper postgres_fdw options (host '127.0.0.1', port '%d', dbname 'postgres', async_capable 'true', connect_timeout '%d');
 create user mapping for postgres server s%d options (user 'postgres');`, i+1, s.Port, ConnectTimeout, i+1)
	}
	return Exec(context.Background(), c.Gateway, script.String())
}

// Schema makes a schema on every server, with the tables that migrate makes,
// and returns the URL of the one that spans them.
func (c *Shards) Schema(t testing.TB, migrate func(dsn string)) string {
	t.Helper()
	return SpannedSchema(t, c.Gateway, c.Servers, migrate)
}

// SpannedSchema is Schema of a cluster that another process started.
func SpannedSchema(t testing.TB, gateway string, servers []string, migrate func(dsn string)) string {
	t.Helper()
	name := schemaName()
	t.Cleanup(func() {
		for _, dsn := range append([]string{gateway}, servers...) {
			if err := Exec(context.Background(), dsn, "set client_min_messages = error; drop schema if exists "+name+" cascade; drop schema if exists "+name+"_far cascade"); err != nil {
				t.Errorf("drop schema: %v", err)
			}
		}
	})
	for _, dsn := range servers {
		if err := Exec(t.Context(), dsn, "create schema "+name); err != nil {
			t.Fatal(err)
		}
		migrate(WithSchema(dsn, name))
	}
	script, err := span(t.Context(), servers, name)
	if err == nil {
		err = Exec(t.Context(), gateway, script)
	}
	if err != nil {
		t.Fatal(err)
	}
	return WithSchema(gateway, name)
}

// span is the script that makes the gateway's tables.
func span(ctx context.Context, servers []string, schema string) (string, error) {
	spread, plain, err := tables(ctx, servers[0], schema)
	if err != nil {
		return "", err
	}
	var script strings.Builder
	fmt.Fprintf(&script, "create schema %[1]s; create schema %[1]s_far; import foreign schema %[1]s from server s1 into %[1]s_far;\n", schema)
	for _, table := range spread {
		fmt.Fprintf(&script, "create table %[1]s.%[2]s (like %[1]s_far.%[2]s including defaults) partition by hash (sk);\n", schema, table)
		for i := range servers {
			fmt.Fprintf(&script, "create foreign table %[1]s.%[2]s_s%[3]d partition of %[1]s.%[2]s for values with (modulus %[4]d, remainder %[5]d) server s%[3]d options (schema_name '%[1]s', table_name '%[2]s');\n",
				schema, table, i+1, len(servers), i)
		}
	}
	for _, table := range plain {
		fmt.Fprintf(&script, "alter foreign table %[1]s_far.%[2]s set schema %[1]s;\n", schema, table)
	}
	return script.String(), nil
}

// tables lists a schema's tables: those spread by sk and the others.
func tables(ctx context.Context, dsn, schema string) (spread, plain []string, err error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	rows, err := c.Query(ctx, `select t.table_name::text, exists (select 1 from information_schema.columns c
 where c.table_schema = t.table_schema and c.table_name = t.table_name and c.column_name = 'sk')
 from information_schema.tables t where t.table_schema = $1 order by 1`, schema)
	if err != nil {
		return nil, nil, err
	}
	var name string
	var sharded bool
	_, err = pgx.ForEachRow(rows, []any{&name, &sharded}, func() error {
		if sharded {
			spread = append(spread, name)
		} else {
			plain = append(plain, name)
		}
		return nil
	})
	return spread, plain, err
}

// EnvCitus names the coordinator of a Citus cluster that tests may use.
const EnvCitus = "LATCHKEY_TEST_CITUS"
