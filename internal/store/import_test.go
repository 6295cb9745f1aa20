package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
)

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

// A file that is another one by the time it is imported opens no database.
func TestImport_OfAFileThatChanged(t *testing.T) {
	t.Parallel()
	from, dsn := openLiteTest(t), testDSN(t)
	id := checkedID(t, exported(t, from))
	fillUsers(t, from, 3)
	to := openImport(t, dsn)
	if _, err := to.Import(t.Context(), bytes.NewReader(exported(t, from)), ImportOptions{ID: id}); !errors.Is(err, ErrOtherExport) {
		t.Errorf("import = %v", err)
	}
	if _, err := Open(t.Context(), dsn, testOptions); !errors.Is(err, ErrHalfImported) {
		t.Errorf("Open = %v", err)
	}
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
