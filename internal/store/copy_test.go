package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
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

var errCut = errors.New("the connection was cut")

// cutReader fails after n bytes.
func cutReader(b []byte, n int) io.Reader {
	return io.MultiReader(bytes.NewReader(b[:n]), failingReader{})
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errCut }

// An import that was cut off goes on where it was; until then nobody opens
// the database, and no other export gets in.
func TestImport_GoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	from, dsn := openLiteTest(t), testDSN(t)
	fillCopy(t, from, copySize)
	export := exported(t, from)
	mustWrite(t, from, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(1)}) })
	other := exported(t, from)

	to := openImport(t, dsn)
	id := checkedID(t, export)
	if _, err := to.Import(t.Context(), cutReader(export, len(export)*2/3), ImportOptions{ID: id}); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), dsn, testOptions); !errors.Is(err, ErrHalfImported) {
		t.Fatalf("Open of half an import = %v, %v", s, err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(other), ImportOptions{ID: checkedID(t, other)}); !errors.Is(err, ErrOtherExport) {
		t.Errorf("import of another export = %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{}); !errors.Is(err, ErrOtherExport) {
		t.Errorf("import from a pipe = %v", err)
	}
	// Where commits of several machines are not one, rows may be stored ahead
	// of the position.
	setDone(t, to, func(done int64) int64 { return done - 1 })
	writes, stored := to.Stats().Writes, int64(0)
	if _, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{ID: id, Resumed: func(done int64) { stored = done }}); err != nil {
		t.Fatal(err)
	}
	if n, frames := to.Stats().Writes-writes, int64(countFrames(t, to, export)); n > frames/2 || stored == 0 {
		t.Errorf("going on took %d writes behind %d rows, all the export has %d frames", n, stored, frames)
	}
	s := openAt(t, dsn)
	if !bytes.Equal(exported(t, s), export) {
		t.Error("what was imported in two goes is not what was exported")
	}
}

// setDone changes the position of the import in progress.
func setDone(t *testing.T, s *Store, f func(int64) int64) {
	t.Helper()
	mustWrite(t, s, func(tx *Tx) error {
		m, err := readMarker(tx.c)
		if err != nil || m == nil {
			return fmt.Errorf("marker %v: %w", m, err)
		}
		to := *m
		to.done = f(m.done)
		return tx.moveImport(*m, to)
	})
}

func countFrames(t *testing.T, s *Store, export []byte) (n int) {
	t.Helper()
	cr, err := newCopyReader(bytes.NewReader(export), s.copyKeys)
	for err == nil {
		var rows *copyRows
		if rows, err = cr.next(); rows == nil {
			break
		}
		n++
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Of two imports of one export the one that began last goes on.
func TestImport_OneAtATime(t *testing.T) {
	t.Parallel()
	from, to := openLiteTest(t), openImport(t, testDSN(t))
	fillCopy(t, from, copySize)
	export := exported(t, from)
	id := checkedID(t, export)
	started := false
	_, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{ID: id, Progress: func(int64, int64) {
		if started {
			return
		}
		started = true
		if _, err := to.Import(t.Context(), cutReader(export, len(export)/2), ImportOptions{ID: id}); !errors.Is(err, errCut) {
			t.Error(err)
		}
	}})
	if !errors.Is(err, ErrImportTaken) {
		t.Errorf("the first import ended with %v", err)
	}
}

func TestImport_OnlyIntoAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	from, to := openLiteTest(t), openTest(t)
	export := exported(t, from)
	fillUsers(t, to, 1)
	before := exported(t, to)
	_, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{})
	if e, ok := errors.AsType[*NotEmptyError](err); !ok || e.Table != "users" {
		t.Errorf("import into a database with a user = %v", err)
	}
	if !bytes.Equal(before, exported(t, to)) {
		t.Error("the refused import changed something")
	}
}

// A database whose counts are not those of the export stays closed.
func TestImport_ComparesCounts(t *testing.T) {
	t.Parallel()
	from, dsn := openLiteTest(t), testDSN(t)
	fillUsers(t, from, 3)
	to := openImport(t, dsn)
	stray := false
	counts, err := to.Import(t.Context(), bytes.NewReader(exported(t, from)), ImportOptions{Progress: func(int64, int64) {
		if !stray {
			stray = true
			mustWrite(t, to, func(tx *Tx) error { return tx.InsertUser(NewUser{User: testUser(77)}) })
		}
	}})
	i := slices.IndexFunc(counts, func(c TableRows) bool { return c.Table == "users" })
	if !errors.Is(err, ErrCounts) || i < 0 || counts[i].Export != 3 || counts[i].Stored != 4 {
		t.Errorf("import beside a stray write = %+v, %v", counts, err)
	}
	if _, err := Open(t.Context(), dsn, testOptions); !errors.Is(err, ErrHalfImported) {
		t.Errorf("Open = %v", err)
	}
}

// Whatever is cut off or changed is found, and before it is stored.
func TestCheckExport_FindsDamage(t *testing.T) {
	t.Parallel()
	s := openLiteTest(t)
	fillCopy(t, s, 30)
	export := exported(t, s)
	check := func(name string, b []byte) {
		t.Helper()
		_, err := CheckExport(t.Context(), testOptions.InstanceKey, bytes.NewReader(b), nil)
		if !errors.Is(err, ErrExportDamaged) && !errors.Is(err, ErrExportFormat) && !errors.Is(err, ErrExportKey) && !isSchemaError(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := 0; n < len(export); n += 1 + n/50 {
		check(fmt.Sprintf("cut at %d", n), export[:n])
		changed := bytes.Clone(export)
		changed[n] ^= 0x10
		check(fmt.Sprintf("bit of byte %d", n), changed)
	}
	check("cut before its last byte", export[:len(export)-1])
	check("longer", append(bytes.Clone(export), 0))
	check("twice", append(bytes.Clone(export), export...))
	long := append([]byte(ExportMagic), frameHeader)
	check("huge frame", append(long, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f))
	if checkedID(t, export) != checkedID(t, exported(t, s)) {
		t.Error("one content, two ids")
	}
}

func isSchemaError(err error) bool {
	_, ok := errors.AsType[*ExportSchemaError](err)
	return ok
}

// A stream that breaks off leaves a database nobody opens.
func TestImport_OfACutStream(t *testing.T) {
	t.Parallel()
	from, dsn := openLiteTest(t), testDSN(t)
	fillUsers(t, from, 100)
	export := exported(t, from)
	to := openImport(t, dsn)
	if _, err := to.Import(t.Context(), bytes.NewReader(export[:len(export)-1]), ImportOptions{}); !errors.Is(err, ErrExportDamaged) {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dsn, testOptions); !errors.Is(err, ErrHalfImported) {
		t.Errorf("Open = %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{}); !errors.Is(err, ErrOtherExport) {
		t.Errorf("the same stream again = %v", err)
	}
}

func TestCheckExport_WantsItsKeyAndSchema(t *testing.T) {
	t.Parallel()
	from := openLiteTest(t)
	fillCopy(t, from, 10)
	export := exported(t, from)
	o := Options{InstanceKey: bytes.Repeat([]byte{8}, InstanceKeyBytes)}
	to, err := OpenAndMigrate(t.Context(), liteDSN(t), o)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := CheckExport(t.Context(), o.InstanceKey, bytes.NewReader(export), nil); !errors.Is(err, ErrExportKey) {
		t.Errorf("under another key = %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{}); !errors.Is(err, ErrExportKey) {
		t.Errorf("import under another key = %v", err)
	}
	older := newCopyHeader(from.copyKeys, make([]int64, len(copyTables)))
	older.Schema--
	if _, err := CheckExport(t.Context(), testOptions.InstanceKey, bytes.NewReader(streamOf(t, from, older)), nil); !isSchemaError(err) {
		t.Errorf("of an older schema = %v", err)
	}
	newer := newCopyHeader(from.copyKeys, make([]int64, len(copyTables)))
	newer.Format++
	if _, err := CheckExport(t.Context(), testOptions.InstanceKey, bytes.NewReader(streamOf(t, from, newer)), nil); !errors.Is(err, ErrExportFormat) {
		t.Errorf("of a newer format = %v", err)
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

// streamOf is a stream of frames with their tags: the header, then payloads
// of rows, then the end.
func streamOf(t testing.TB, s *Store, h copyHeader, payloads ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	cw, err := newCopyWriter(&b, s.copyKeys)
	err = errors.Join(err, cw.json(frameHeader, h))
	for _, p := range payloads {
		err = errors.Join(err, cw.frame(frameRows, p))
	}
	if err = errors.Join(err, cw.json(frameEnd, copyEnd{Rows: make([]int64, len(copyTables))}), cw.w.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Rows with right tags and wrong values are refused too.
func TestParseRows_RefusesFaults(t *testing.T) {
	t.Parallel()
	name := appendRow([]byte{1}, copyTables[1], []copyValue{{b: []byte("a")}, {b: []byte("b")}})
	for _, tt := range []struct {
		name    string
		payload []byte
		ok      bool
	}{
		{"a row", name, true},
		{"two rows", append(bytes.Clone(name), name[1:]...), true},
		{"nothing", nil, false},
		{"unknown table", []byte{200, 1}, false},
		{"half a row", name[:len(name)-1], false},
		{"text that is none", appendRow([]byte{1}, copyTables[1], []copyValue{{b: []byte("\xff")}, {}}), false},
		{"NUL in a text", appendRow([]byte{1}, copyTables[1], []copyValue{{b: []byte("a\x00")}, {}}), false},
		{"length beyond the end", []byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f}, false},
		{"a null that is none", []byte{2, 0, 0, 0, 2}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := parseRows(tt.payload); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrExportDamaged) {
				t.Errorf("parseRows = %v", err)
			}
		})
	}
}

func FuzzParseRows(f *testing.F) {
	for i, t := range copyTables {
		values := make([]copyValue, len(t.columns))
		for j, c := range t.columns {
			values[j] = copyValue{null: c.nullable && j%2 == 0, n: int64(j) << 40, b: []byte("x")}
		}
		f.Add(appendRow([]byte{byte(i)}, t, values))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		rows, err := parseRows(payload)
		if err != nil {
			return
		}
		values := make([]copyValue, len(rows.table.columns))
		for _, row := range rows.rows {
			rest, err := decodeRow(row, rows.table, values)
			if err != nil || len(rest) > 0 {
				t.Fatalf("row %x: %d bytes more, %v", row, len(rest), err)
			}
			again := make([]copyValue, len(values))
			if _, err := decodeRow(appendRow(nil, rows.table, values), rows.table, again); err != nil || cmp.Diff(fmt.Sprint(values), fmt.Sprint(again)) != "" {
				t.Fatalf("row %x: %v, written and read %v, %v", row, values, again, err)
			}
		}
	})
}

func FuzzCheckExport(f *testing.F) {
	s := openLiteTest(f)
	whole := exported(f, s)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	h, err := json.Marshal(copyHeader{Format: 1, Schema: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte(ExportMagic+"h"), h...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, err := CheckExport(t.Context(), testOptions.InstanceKey, bytes.NewReader(b), nil); err == nil && !bytes.Equal(b, whole) {
			t.Errorf("an export nobody wrote is whole: %s", id)
		}
	})
}
