package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// liveColumn is a column as the database knows it.
type liveColumn struct {
	Kind     copyKind
	Nullable bool
}

var liveKinds = map[string]copyKind{"integer": copyInt, "bigint": copyInt, "text": copyText, "bytea": copyBytes}

// liveSchema reads all tables and columns of the database under test.
func liveSchema(t *testing.T, s *Store) map[string]map[string]liveColumn {
	t.Helper()
	schema := map[string]map[string]liveColumn{}
	add := func(table, column, kind string, nullable bool) {
		if schema[table] == nil {
			schema[table] = map[string]liveColumn{}
		}
		k, ok := liveKinds[strings.ToLower(kind)]
		if !ok {
			t.Errorf("%s.%s is of type %s", table, column, kind)
		}
		schema[table][column] = liveColumn{k, nullable}
	}
	if d, ok := s.db.(*pgDB); ok {
		rows, err := d.pool.Query(t.Context(), `select c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable = 'YES'
 from information_schema.columns c where c.table_schema = current_schema() and c.table_name not similar to '%_s[0-9]+'`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var table, column, kind string
			var nullable bool
			if err := rows.Scan(&table, &column, &kind, &nullable); err != nil {
				t.Fatal(err)
			}
			add(table, column, kind, nullable)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return schema
	}
	st, _, err := s.db.(*liteDB).writer.c.link.(*liteLink).c.PrepareTransient(
		`select m.name, c.name, c.type, c."notnull" from sqlite_master m, pragma_table_info(m.name) c where m.type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Finalize()
	for {
		more, err := st.Step()
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return schema
		}
		add(st.ColumnText(0), st.ColumnText(1), st.ColumnText(2), st.ColumnInt(3) == 0)
	}
}

// Whoever adds a table or a column by a migration adds it to copyTables, or
// the table to notCopied with a reason.
func TestCopyTables_AreTheSchema(t *testing.T) {
	t.Parallel()
	live := liveSchema(t, openTest(t))
	want := map[string]map[string]liveColumn{}
	for _, table := range copyTables {
		want[table.name] = map[string]liveColumn{}
		for _, c := range table.columns {
			want[table.name][c.name] = liveColumn{c.kind, c.nullable}
		}
	}
	for table, why := range notCopied {
		if live[table] == nil || want[table] != nil || why == "" {
			t.Errorf("notCopied: %s: %q", table, why)
		}
		delete(live, table)
	}
	if diff := cmp.Diff(want, live); diff != "" {
		t.Error("copyTables (-) and the database (+):", diff)
	}
}

// copySize is how many rows each table gets: more than one frame of sessions.
const copySize = 4000

// fillCopy fills every column of every table, with nulls, empty values and
// the largest.
func fillCopy(t *testing.T, s *Store, n int) {
	t.Helper()
	for _, table := range copyTables {
		mustWrite(t, s, func(tx *Tx) error {
			for i := range rowsOf(table, n) {
				u := tx.c.on(table.insert)
				for j, c := range table.columns {
					bindTest(s, u, table, c, j < table.keys, i)
				}
				if changed, err := u.exec(); err != nil || changed != 1 {
					return fmt.Errorf("row %d: %d, %w", i, changed, err)
				}
			}
			return nil
		})
	}
}

func rowsOf(t *copyTable, n int) int {
	if t.sharded {
		return n
	}
	return 20
}

func bindTest(s *Store, u *cursor, t *copyTable, c copyColumn, key bool, i int) {
	text := fmt.Sprintf("%s %d, é\n", c.name, i)
	if !key && c.name != "name" && i%5 == 1 {
		text = ""
	}
	switch {
	case c.nullable && i%3 == 0:
		u.null()
	case c.name == "sealed":
		id := func(column string) string { return fmt.Sprintf("%s %d, é\n", column, i) }
		u.raw(s.seal.seal([]byte("secret"), id("realm_id"), id("kind"), id("id")))
	case c.name == "sk":
		u.int(int64(i*37) % 4096)
	case c.name == "scope" || t.name == "scope_text" && c.kind == copyInt:
		u.int([]int64{math.MinInt64 + int64(i), int64(i), math.MaxInt64 - int64(i)}[i%3])
	case c.kind == copyInt:
		u.int(int64(i))
	case c.kind == copyText:
		u.text(text)
	default:
		u.raw([]byte(text + "\x00\xff")[min(len(text), 2):])
	}
}

// exported is an export of everything in s.
func exported(t testing.TB, s *Store) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Export(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// openImport opens a database that may be half imported until the test ends.
func openImport(t *testing.T, dsn string) *Store {
	t.Helper()
	o := testOptions
	o.HalfImported = true
	s, err := OpenAndMigrate(t.Context(), dsn, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// checkedID is the id of an export that is whole.
func checkedID(t *testing.T, export []byte) string {
	t.Helper()
	id, err := CheckExport(t.Context(), testOptions.InstanceKey, bytes.NewReader(export), nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// From SQLite to the database under test and back, every value of every
// column is kept: the exports are the same bytes.
func TestCopy_ThereAndBackIsIdentical(t *testing.T) {
	t.Parallel()
	from, there, back := openLiteTest(t), openTest(t), openLiteTest(t)
	fillCopy(t, from, copySize)
	first := exported(t, from)
	for _, to := range []*Store{there, back} {
		var last int64
		counts, err := to.Import(t.Context(), bytes.NewReader(first), ImportOptions{Progress: func(done, total int64) {
			if done <= last || done > total {
				t.Errorf("progress %d after %d of %d", done, last, total)
			}
			last = done
		}})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range counts {
			want := int64(rowsOf(copyTables[i], copySize))
			if c.Table == "number" {
				want += 2 // those of the first migration
			}
			if c.Export != want || c.Stored != want {
				t.Errorf("%s: %d exported, %d stored, want %d", c.Table, c.Export, c.Stored, want)
			}
		}
		if again := exported(t, to); !bytes.Equal(again, first) {
			t.Errorf("exported again: %d bytes, want the same %d", len(again), len(first))
		}
	}
}

// An export is of one moment: what is written meanwhile is not in it.
func TestExport_IsOfOneMoment(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) == "shards" {
		return // each machine has a moment of its own
	}
	s := openTest(t)
	fillUsers(t, s, 600)
	before := exported(t, s)
	var b bytes.Buffer
	wrote := false
	_, err := s.Export(t.Context(), &b, func(int64, int64) {
		if !wrote {
			wrote = true
			mustWrite(t, s, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(9999)}) })
		}
	})
	if err != nil || !wrote {
		t.Fatal(wrote, err)
	}
	if !bytes.Equal(b.Bytes(), before) {
		t.Error("an export beside a write is not as one before it")
	}
	if bytes.Equal(exported(t, s), before) {
		t.Error("an export after the write is as one before it")
	}
}

// A key that does not open what is sealed makes no export.
func TestExport_OpensWhatIsSealed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	fillCopy(t, openAt(t, "sqlite:"+path), 10)
	s, err := Open(t.Context(), "sqlite:"+path, Options{InstanceKey: bytes.Repeat([]byte{8}, InstanceKeyBytes)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Export(t.Context(), io.Discard, nil); err == nil || !strings.Contains(err.Error(), "wrong instance key") {
		t.Errorf("export under another key = %v", err)
	}
}

func TestExport_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	fillUsers(t, s, 600)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := s.Export(ctx, io.Discard, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("export = %v", err)
	}
}
