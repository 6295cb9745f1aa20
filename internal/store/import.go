package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// An import of everything is marked by a row of lease, "import", from its
// first write until the counts were compared. While it is there no Store opens
// the database but with Options.HalfImported. Its holder is
//
//	ID POSITION RUN
//
// the export, the frames of rows that are stored for certain, and the process
// that works. Each transaction writes the rows of one frame and moves the
// position to the frame before it, which is committed: so the position never
// runs ahead of the rows, not even where a transaction over several machines
// commits on some of them only. What an interrupted import stored behind its
// position is met again as rows that are there already.
const importLease = "import"

// streamID stands for an export that came through a pipe: it cannot be told
// whether another stream is the same.
const streamID = "-"

// Errors of Open and Import; compare with errors.Is.
var (
	ErrHalfImported = errors.New("an import into this database is not finished")
	ErrOtherExport  = errors.New("the import that is not finished is of another export")
	ErrImportTaken  = errors.New("another import works on this database")
	ErrCounts       = errors.New("rows stored are not as many as exported")
)

// NotEmptyError tells that a database holds rows already.
type NotEmptyError struct{ Table string }

func (e *NotEmptyError) Error() string { return "the database is not empty: rows in table " + e.Table }

var (
	qImportMarker = stmt("import marker", `select holder from lease where name = $1`)
	qImportMove   = stmt("move import", `update lease set holder = $1 where name = $2 and (holder = $3 or holder = $1)`)
	qImportEnd    = stmt("end import", `delete from lease where name = $1 and holder = $2`)
)

// importMarker is what is known of an import that is not finished.
type importMarker struct {
	id   string
	done int64 // frames of rows
	run  string
}

func (m importMarker) String() string { return fmt.Sprintf("%s %d %s", m.id, m.done, m.run) }

// readMarker gives nil when no import is under way.
func readMarker(c *conn) (*importMarker, error) {
	var holder string
	found, err := c.on(qImportMarker).text(importLease).first(func(u *cursor) error {
		holder = u.rText()
		return nil
	})
	if err != nil || !found {
		return nil, err
	}
	parts := strings.Split(holder, " ")
	if len(parts) == 3 {
		if done, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			return &importMarker{parts[0], done, parts[2]}, nil
		}
	}
	return nil, fmt.Errorf("import marker %q: %w", holder, ErrHalfImported)
}

// checkReady tells whether a database may be opened: the errors of
// checkSchema, ErrHalfImported.
func (s *Store) checkReady(c *conn, o Options) error {
	if err := s.checkSchema(c); err != nil || o.HalfImported {
		return err
	}
	m, err := readMarker(c)
	if err == nil && m != nil {
		err = ErrHalfImported
	}
	return err
}

// CheckExport reads an export to its end and returns what Import calls it by:
// the same for the same content only. progress, if not nil, is told how many
// of how many rows were read.
//
// Errors: ErrExportFormat, ErrExportKey, *ExportSchemaError, ErrExportDamaged.
func CheckExport(ctx context.Context, instanceKey []byte, r io.Reader, progress func(done, total int64)) (id string, err error) {
	keys, err := newCopyKeys(instanceKey)
	if err != nil {
		return "", err
	}
	cr, err := newCopyReader(r, keys)
	if err != nil {
		return "", err
	}
	var done int64
	for {
		rows, err := cr.next()
		switch {
		case err != nil:
			return "", err
		case rows == nil:
			return hex.EncodeToString(cr.last), nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
		if done += int64(len(rows.rows)); progress != nil {
			progress(done, max(done, cr.header.total()))
		}
	}
}

// ImportOptions tell Import what it reads.
type ImportOptions struct {
	ID       string                  // from CheckExport: an interrupted import goes on where it was; "": r can be read once only
	Begun    func()                  // the database is marked: it is of no use until an import is done; may be nil
	Resumed  func(done int64)        // rows the interrupted import had stored; may be nil
	Progress func(done, total int64) // rows stored, of how many; may be nil
}

// Import stores an export into an empty database, or goes on with the import
// of the same export that was interrupted. No Store opens the database until
// it is done and the rows of every table were counted; counts are those of the
// export and of the database, also with ErrCounts.
//
// Errors: those of CheckExport; *NotEmptyError, ErrOtherExport,
// ErrImportTaken, ErrCounts, those of Write.
func (s *Store) Import(ctx context.Context, r io.Reader, o ImportOptions) (counts []TableRows, err error) {
	cr, err := newCopyReader(r, s.copyKeys)
	if err != nil {
		return nil, err
	}
	if o.ID == "" {
		o.ID = streamID
	}
	im := &importer{s: s, resumed: o.Resumed, progress: o.Progress, total: cr.header.total()}
	if err := im.begin(ctx, o.ID); err != nil {
		return nil, err
	}
	if o.Begun != nil {
		o.Begun()
	}
	for frame := int64(1); ; frame++ {
		rows, err := cr.next()
		if err != nil {
			return nil, err
		}
		if rows == nil {
			break
		}
		if err := im.frame(ctx, frame, rows); err != nil {
			return nil, err
		}
	}
	if o.ID != streamID && o.ID != hex.EncodeToString(cr.last) { // it changed since it was checked
		return nil, ErrOtherExport
	}
	return im.finish(ctx, cr.rows)
}

// importer stores an export.
type importer struct {
	s           *Store
	marker      importMarker // as it is stored
	skip        int64        // frames that are stored already
	resumed     func(done int64)
	progress    func(done, total int64)
	done, total int64
	values      []copyValue
}

// begin marks the database as being imported, or takes over from an import
// that was interrupted.
func (im *importer) begin(ctx context.Context, id string) error {
	mine := importMarker{id: id, run: rand.Text()}
	return im.write(ctx, func(tx *Tx) error {
		m, err := readMarker(tx.c)
		switch {
		case err != nil:
			return err
		case m == nil:
			err = tx.beginImport(mine)
		case m.run == mine.run:
		case m.id != id || id == streamID:
			return ErrOtherExport
		default:
			mine.done = m.done
			err = tx.moveImport(*m, mine)
		}
		im.marker, im.skip = mine, mine.done
		return err
	})
}

// beginImport marks an empty database.
func (tx *Tx) beginImport(m importMarker) error {
	for _, t := range copyTables {
		found, err := tx.c.on(t.any).first(func(*cursor) error { return nil })
		if err != nil {
			return err
		}
		if found {
			return &NotEmptyError{t.name}
		}
	}
	n, err := tx.c.on(qLeaseInsert).text(importLease).text(m.String()).int(math.MaxInt64).exec()
	if err == nil && n == 0 {
		err = ErrImportTaken
	}
	if err == nil {
		_, err = tx.c.on(qForgetNumbers).exec()
	}
	return err
}

func (tx *Tx) moveImport(from, to importMarker) error {
	n, err := tx.c.on(qImportMove).text(to.String()).text(importLease).text(from.String()).exec()
	if err == nil && n == 0 {
		err = ErrImportTaken
	}
	return err
}

// frame stores the rows of a frame, unless they are.
func (im *importer) frame(ctx context.Context, frame int64, rows *copyRows) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if frame == im.skip+1 && im.skip > 0 && im.resumed != nil {
		im.resumed(im.done)
	}
	if frame > im.skip {
		to := im.marker
		to.done = frame - 1
		err := im.write(ctx, func(tx *Tx) error {
			if err := tx.moveImport(im.marker, to); err != nil {
				return err
			}
			return im.store(tx, rows)
		})
		if err != nil {
			return err
		}
		im.marker = to
	}
	if im.done += int64(len(rows.rows)); im.progress != nil && frame > im.skip {
		im.progress(im.done, max(im.done, im.total))
	}
	return nil
}

// write is Store.Write of what may be done twice.
func (im *importer) write(ctx context.Context, fn func(tx *Tx) error) error {
	for try := 1; ; try++ {
		err := im.s.Write(ctx, fn)
		if !errors.Is(err, ErrUnknown) || try >= maxTries {
			return err
		}
	}
}

// store inserts rows, many at a time.
func (im *importer) store(tx *Tx, rows *copyRows) error {
	t := rows.table
	for rest := rows.rows; len(rest) > 0; {
		q, n := t.insert, 1
		if len(rest) >= t.many {
			q, n = t.insertMany, t.many
		}
		u := tx.c.on(q)
		for _, row := range rest[:n] {
			if err := im.bind(u, t, row); err != nil {
				return err
			}
		}
		if _, err := u.exec(); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func (im *importer) bind(u *cursor, t *copyTable, row []byte) error {
	if len(im.values) < len(t.columns) {
		im.values = make([]copyValue, len(t.columns))
	}
	values := im.values[:len(t.columns)]
	if _, err := decodeRow(row, t, values); err != nil {
		return err
	}
	if err := im.s.checkSealed(t, values); err != nil {
		return err
	}
	for i, c := range t.columns {
		switch v := values[i]; {
		case v.null:
			u.null()
		case c.kind == copyInt:
			u.int(v.n)
		case c.kind == copyText:
			u.text(string(v.b))
		default:
			u.raw(v.b)
		}
	}
	return nil
}

// finish compares what is stored with the export, and opens the database to
// all if it is the same.
func (im *importer) finish(ctx context.Context, exported []int64) ([]TableRows, error) {
	var counts []TableRows
	same := true
	err := im.s.db.readAll(ctx, func(c *conn) error {
		stored, err := countTables(ctx, c)
		for i, n := range stored {
			counts = append(counts, TableRows{copyTables[i].name, exported[i], n})
			same = same && n == exported[i]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !same {
		return counts, ErrCounts
	}
	return counts, im.write(ctx, func(tx *Tx) error {
		_, err := tx.c.on(qImportEnd).text(importLease).text(im.marker.String()).exec()
		return err
	})
}
