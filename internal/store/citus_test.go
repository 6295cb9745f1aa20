package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// citusStandIn is what these tests run against. The real thing is tested
// where LATCHKEY_TEST_CITUS names it: TestStore_OnCitus.
//
//go:embed testdata/citus.sql
var citusStandIn string

// openCitus makes a server with the stand-in, and the URL of its database; ""
// where the suite runs on another engine.
func openCitus(t *testing.T) string {
	t.Helper()
	if os.Getenv(engineEnv) != "" {
		return ""
	}
	dsn := pgtest.New(t, "fsync=off").DSN("postgres")
	if err := pgtest.Exec(t.Context(), dsn, citusStandIn); err != nil {
		t.Fatal(err)
	}
	return pgtest.WithSchema(dsn, "public,citus_stand_in")
}

// citusCalls are the calls there were, in their order.
func citusCalls(t *testing.T, dsn string) []string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := c.Query(t.Context(), "select call from calls order by n")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// wantCalls are the calls that distribute the schema, in the order of its
// tables, the one of versions last.
func wantCalls(t *testing.T, shards int) []string {
	t.Helper()
	var want []string
	sharded, first := shardedTables(t), ""
	for _, table := range tablesOf(migrations)[1:] {
		switch {
		case !sharded[table]:
			want = append(want, "copy "+table)
		case first == "":
			first = table
			want = append(want, fmt.Sprintf("distribute %s by sk with none over %d", table, shards))
		default:
			want = append(want, fmt.Sprintf("distribute %s by sk with %s", table, first))
		}
	}
	return append(want, "copy schema_version")
}

func TestDistribute_EveryTableOnce(t *testing.T) {
	t.Parallel()
	dsn := openCitus(t)
	if dsn == "" {
		return
	}
	if _, err := Distribute(t.Context(), dsn, 8, nil); !errors.Is(err, ErrSchemaOld) {
		t.Errorf("an empty database: %v, want ErrSchemaOld", err)
	}
	mustMigrate(t, dsn)
	want := wantCalls(t, 8)
	if len(want) < 20 {
		t.Fatalf("only %d tables: %q", len(want), want)
	}
	var news []string
	n, err := Distribute(t.Context(), dsn, 8, func(table, text string) { news = append(news, table+" "+text) })
	if err != nil || n != len(want) || len(news) != n {
		t.Fatalf("%d tables of %d, %v; told %q", n, len(want), err, news)
	}
	if calls := citusCalls(t, dsn); !slices.Equal(calls, want) {
		t.Errorf("called\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
	if n, err := Distribute(t.Context(), dsn, 99, nil); n != 0 || err != nil {
		t.Errorf("again: %d tables, %v", n, err)
	}
	if calls := citusCalls(t, dsn); len(calls) != len(want) {
		t.Errorf("again: called %q", calls[len(want):])
	}
}

// A Distribute that was stopped between two tables goes on with the next, and
// takes over what a create_distributed_table_concurrently left half done.
func TestDistribute_GoesOn(t *testing.T) {
	t.Parallel()
	dsn := openCitus(t)
	if dsn == "" {
		return
	}
	mustMigrate(t, dsn)
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	n, err := Distribute(ctx, dsn, 8, func(string, string) {
		if told++; told == 9 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || n != 9 {
		t.Fatalf("stopped after %d tables with %v", n, err)
	}
	if err := pgtest.Exec(t.Context(), dsn, "insert into pg_dist_partition values ('client_session', 'n', null, 0, 's')"); err != nil {
		t.Fatal(err)
	}
	want := wantCalls(t, 8)
	if m, err := Distribute(t.Context(), dsn, 99, nil); err != nil || n+m != len(want) {
		t.Errorf("then %d tables, %v; want %d in all", m, err, len(want))
	}
	if calls := citusCalls(t, dsn); !slices.Equal(calls, want) {
		t.Errorf("called\n%s", strings.Join(calls, "\n"))
	}
}

// Rows are copied only while nobody serves: a node would wait, and join
// tables of which one half is elsewhere.
func TestDistribute_FilledWantsNoNodes(t *testing.T) {
	t.Parallel()
	dsn := openCitus(t)
	if dsn == "" {
		return
	}
	s := openAt(t, dsn)
	fillUsers(t, s, 10)
	fillSessions(t, s, 10)
	if _, err := Distribute(t.Context(), dsn, 8, nil); !errors.Is(err, ErrNodesServe) {
		t.Errorf("beside a node: %v, want ErrNodesServe", err)
	}
	s.Close()
	var news []string
	if _, err := Distribute(t.Context(), dsn, 8, func(table, text string) { news = append(news, table+": "+text) }); err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(news, func(s string) bool { return strings.HasPrefix(s, "client_session: copying") }) {
		t.Errorf("nothing tells that client_session is copied: %q", news)
	}
	if calls := citusCalls(t, dsn); !slices.Equal(calls, wantCalls(t, 8)) {
		t.Errorf("called\n%s", strings.Join(calls, "\n"))
	}
}

// What a later version adds is distributed with it, while nodes serve, and
// the index is built through the coordinator.
func TestMigrate_OnDistributed(t *testing.T) {
	t.Parallel()
	dsn := openCitus(t)
	if dsn == "" {
		return
	}
	mustMigrate(t, dsn)
	if _, err := Distribute(t.Context(), dsn, 8, nil); err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, openAt(t, dsn))
	before := len(citusCalls(t, dsn))
	all := nextVersion(t, "-- A table of the configuration.\ncreate table extra_setting (\n  name text not null primary key\n);")
	if n, err := migrate(t.Context(), dsn, all, quick, nil); err != nil || n != 5 {
		t.Fatal(n, err)
	}
	l.more(t, 50)
	want := []string{"distribute extra_thing by sk with users", "copy extra_setting"}
	if calls := citusCalls(t, dsn)[before:]; !slices.Equal(calls, want) {
		t.Errorf("called %q, want %q", calls, want)
	}
}

// A table that cannot be distributed undoes the migration that makes it.
func TestMigrate_OnDistributedRefusesKeysWithoutShard(t *testing.T) {
	t.Parallel()
	dsn := openCitus(t)
	if dsn == "" {
		return
	}
	mustMigrate(t, dsn)
	if _, err := Distribute(t.Context(), dsn, 8, nil); err != nil {
		t.Fatal(err)
	}
	all := append(slices.Clone(migrations), migration{name: "0002_bad", script: "create table bad (\n  sk integer not null,\n  id bytea not null primary key\n);"})
	if _, err := migrate(t.Context(), dsn, all, quick, nil); err == nil || !strings.Contains(err.Error(), `cannot create constraint on "bad"`) {
		t.Errorf("migrate: %v", err)
	}
	if n, err := migrate(t.Context(), dsn, migrations, quick, nil); n != 0 || err != nil {
		t.Errorf("the schema moved on: %d, %v", n, err)
	}
}

func TestDistribute_Refuses(t *testing.T) {
	t.Parallel()
	dsn := openCitus(t)
	if dsn == "" {
		return
	}
	mustMigrate(t, dsn)
	for _, tt := range []struct{ name, before, says string }{
		{"tables by another column", "insert into pg_dist_partition values ('users', 'h', 'realm', 7, 's')", "users is distributed by realm"},
		{"tables apart", "insert into pg_dist_partition values ('users', 'h', 'sk', 7, 's'), ('client_session', 'h', 'sk', 8, 's')", "client_session is distributed by sk in colocation group 8, want sk in 7"},
		{"sessions copied to every machine", "insert into pg_dist_partition values ('client_session', 'n', null, 1, 't')", "client_session is distributed in another way"},
	} {
		if err := pgtest.Exec(t.Context(), dsn, "delete from pg_dist_partition; "+tt.before); err != nil {
			t.Fatal(err)
		}
		if n, err := Distribute(t.Context(), dsn, 8, nil); n != 0 || err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "undistribute_table") {
			t.Errorf("%s: %d tables, %v; want it to say %q", tt.name, n, err, tt.says)
		}
	}
	plain, _, _ := strings.Cut(dsn, "?")
	if _, err := Distribute(t.Context(), plain, 8, nil); !errors.Is(err, ErrNoCitus) || !strings.Contains(err.Error(), "shared_preload_libraries") {
		t.Errorf("without Citus: %v", err)
	}
	if _, err := Distribute(t.Context(), "sqlite:x.db", 8, nil); !errors.Is(err, ErrNoCitus) {
		t.Errorf("a SQLite file: %v", err)
	}
}
