package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	index := byte(slices.IndexFunc(copyTables, func(t *copyTable) bool { return t.name == "realm_name" }))
	table := copyTables[index]
	row := func(name string) []byte {
		return appendRow([]byte{index}, table, []copyValue{{b: []byte(name)}, {b: []byte("id")}})
	}
	name := row("a")
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
		{"text that is none", row("\xff"), false},
		{"NUL in a text", row("a\x00"), false},
		{"length beyond the end", []byte{index, 0xff, 0xff, 0xff, 0xff, 0x0f}, false},
		{"a null that is none", []byte{0, 0, 0, 0, 2}, false},
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

// FuzzCheckExport changes an export: n bytes from a place on are others.
func FuzzCheckExport(f *testing.F) {
	whole := exported(f, openLiteTest(f))
	f.Add(0, len(whole), []byte(ExportMagic+"h\x02{}"))
	f.Add(len(ExportMagic), 3, []byte("h\xff\xff\xff\xff\x0f"))
	f.Add(len(whole)-10, 10, []byte{})
	f.Fuzz(func(t *testing.T, at, n int, b []byte) {
		at = min(max(at, 0), len(whole))
		changed := slices.Concat(whole[:at], b, whole[at+min(max(n, 0), len(whole)-at):])
		id, err := CheckExport(t.Context(), testOptions.InstanceKey, bytes.NewReader(changed), nil)
		if err == nil && !bytes.Equal(changed, whole) {
			t.Errorf("an export nobody wrote is whole: %s", id)
		}
	})
}
