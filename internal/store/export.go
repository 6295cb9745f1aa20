package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// exportShards is how many shards one statement reads: PostgreSQL may sort
// what it reads, and a table would fill its disk.
const exportShards = 128

// TableRows is how many rows a table has: in an export, and stored by its
// import.
type TableRows struct {
	Table          string
	Export, Stored int64
}

// Export writes everything the store holds to w, as of one moment; sealed
// values stay sealed. Two exports of the same content are the same bytes,
// whichever databases they are of. progress, if not nil, is told how many of
// how many rows are written. Memory does not grow with rows.
//
// On PostgreSQL spread over machines each machine has a moment of its own:
// there nothing must write meanwhile.
func (s *Store) Export(ctx context.Context, w io.Writer, progress func(done, total int64)) ([]TableRows, error) {
	var counts []TableRows
	err := s.db.readAll(ctx, func(c *conn) error {
		e := &exporter{ctx: ctx, s: s, c: c, progress: progress}
		if err := e.run(w); err != nil {
			return err
		}
		for i, t := range copyTables {
			counts = append(counts, TableRows{Table: t.name, Export: e.rows[i]})
		}
		return nil
	})
	return counts, err
}

// exporter writes an export from one connection, inside a transaction.
type exporter struct {
	ctx         context.Context
	s           *Store
	c           *conn
	w           *copyWriter
	progress    func(done, total int64)
	done, total int64
	rows        []int64 // written, of each table

	payload []byte // of the frame that is filled
	start   int    // where its rows begin
	group   [][]byte
	values  []copyValue
	scratch []byte
}

func (e *exporter) run(w io.Writer) (err error) {
	// Counting comes first: after a row was given, a lost connection is not
	// silently replaced, and w would get everything twice.
	counts, err := countTables(e.ctx, e.c)
	if err != nil {
		return err
	}
	if e.w, err = newCopyWriter(w, e.s.copyKeys); err != nil {
		return err
	}
	header := newCopyHeader(e.s.copyKeys, counts)
	e.total, e.rows = header.total(), make([]int64, len(copyTables))
	if err := e.w.json(frameHeader, header); err != nil {
		return err
	}
	for i, t := range copyTables {
		if err := e.table(i, t); err != nil {
			return fmt.Errorf("export %s: %w", t.name, err)
		}
	}
	if err := e.w.json(frameEnd, copyEnd{Rows: e.rows}); err != nil {
		return err
	}
	return e.w.w.Flush()
}

func countTables(ctx context.Context, c *conn) ([]int64, error) {
	counts := make([]int64, len(copyTables))
	for i, t := range copyTables {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if counts[i], err = c.on(t.count).number(); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// table writes the rows of a table, some shards at a time.
func (e *exporter) table(index int, t *copyTable) error {
	e.payload = append(e.payload[:0], byte(index))
	e.start = len(e.payload)
	e.values = make([]copyValue, len(t.columns))
	read := func(u *cursor) error {
		return u.each(func(u *cursor) error { return e.row(index, t, u) })
	}
	if !t.sharded {
		if err := read(e.c.on(t.read)); err != nil {
			return err
		}
	}
	for sk := int64(0); t.sharded && sk < model.Shards; sk += exportShards {
		if err := read(e.c.on(t.read).int(sk).int(sk + exportShards - 1)); err != nil {
			return err
		}
	}
	if err := e.flushGroup(); err != nil {
		return err
	}
	return e.flush()
}

// row takes the row the cursor stands on.
func (e *exporter) row(index int, t *copyTable, u *cursor) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	sk := e.values[0].n
	e.read(t, u)
	if err := e.s.checkSealed(t, e.values); err != nil {
		return err
	}
	e.rows[index]++
	if !t.sorts {
		e.payload = appendRow(e.payload, t, e.values)
		return e.full()
	}
	// A group is the rows of a shard, or those of a table of configuration.
	if t.sharded && sk != e.values[0].n {
		if err := e.flushGroup(); err != nil {
			return err
		}
	}
	e.group = append(e.group, appendRow(nil, t, e.values))
	return nil
}

// read reads the row's values exactly as they are stored.
func (e *exporter) read(t *copyTable, u *cursor) {
	e.scratch = e.scratch[:0]
	for i, c := range t.columns {
		v := copyValue{null: u.s.colNull(i)}
		switch {
		case v.null:
		case c.kind == copyInt:
			v.n = u.s.colInt(i)
		default:
			from, n := len(e.scratch), u.s.colLen(i)
			e.scratch = slices.Grow(e.scratch, n)[:from+n]
			v.b = e.scratch[from : from+n : from+n]
			u.s.colBytes(i, v.b)
		}
		e.values[i] = v
	}
}

// flushGroup puts the rows of a group in order.
func (e *exporter) flushGroup() error {
	slices.SortFunc(e.group, bytes.Compare)
	for _, row := range e.group {
		e.payload = append(e.payload, row...)
		if err := e.full(); err != nil {
			return err
		}
	}
	clear(e.group)
	e.group = e.group[:0]
	return nil
}

// full counts a row, and writes the frame when it holds enough.
func (e *exporter) full() error {
	if e.done++; e.progress != nil && e.done%256 == 0 {
		e.progress(e.done, max(e.done, e.total))
	}
	if len(e.payload) < frameFill {
		return nil
	}
	return e.flush()
}

func (e *exporter) flush() error {
	if len(e.payload) == e.start {
		return nil
	}
	err := e.w.frame(frameRows, e.payload)
	e.payload = e.payload[:e.start]
	return err
}

// checkSealed opens what is sealed in a row of realm_object: it must be under
// the instance key at hand.
func (s *Store) checkSealed(t *copyTable, values []copyValue) error {
	if t.name != "realm_object" {
		return nil
	}
	var realmID, kind, id string
	var sealed []byte
	for i, c := range t.columns {
		switch c.name {
		case "realm_id":
			realmID = string(values[i].b)
		case "kind":
			kind = string(values[i].b)
		case "id":
			id = string(values[i].b)
		case "sealed":
			sealed = values[i].b
		}
	}
	_, err := s.seal.open(sealed, realmID, kind, id)
	return err
}
