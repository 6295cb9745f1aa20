package store

import (
	"errors"
	"fmt"
)

// cursor is a prepared statement of one connection while it is bound, run and
// read. Binding and reading go from left to right, each call one step, so that
// a statement's parameters and columns are named in one place only, its text:
//
//	n, err := c.on(qTouch).int(now).id(jti).exec()
//
// A cursor must not be used again before its rows are read to the end.
type cursor struct {
	s        statement
	c        *conn
	q        *query
	arg, col int
	err      error
	scratch  [128]byte // ids on their way in and out
}

// on readies the statement q on this connection.
func (c *conn) on(q *query) *cursor {
	u := c.prepared[q.idx]
	if u == nil {
		u = &cursor{c: c, q: q}
		c.prepared[q.idx] = u
	}
	u.arg, u.col, u.err = 0, 0, nil
	if u.s == nil {
		u.s, u.err = c.link.prepare(q)
	}
	if c.counter != nil {
		c.counter.Add(1)
	}
	if c.hook != nil {
		c.hook(q.kind)
	}
	return u
}

func (u *cursor) bind() (int, bool) {
	u.arg++
	return u.arg, u.err == nil
}

func (u *cursor) int(v int64) *cursor {
	if i, ok := u.bind(); ok {
		u.s.bindInt(i, v)
	}
	return u
}

// flag binds 0 or 1.
func (u *cursor) flag(v bool) *cursor {
	if v {
		return u.int(1)
	}
	return u.int(0)
}

func (u *cursor) text(v string) *cursor {
	if i, ok := u.bind(); ok {
		u.s.bindText(i, v)
	}
	return u
}

// opt binds a text, or null when it is empty.
func (u *cursor) opt(v string) *cursor {
	if v == "" {
		return u.null()
	}
	return u.text(v)
}

func (u *cursor) null() *cursor {
	if i, ok := u.bind(); ok {
		u.s.bindNull(i)
	}
	return u
}

// bytes binds a blob, or null when it is empty.
func (u *cursor) bytes(v []byte) *cursor {
	if len(v) == 0 {
		return u.null()
	}
	if i, ok := u.bind(); ok {
		u.s.bindBytes(i, v)
	}
	return u
}

// raw binds a blob as it is, empty or not.
func (u *cursor) raw(v []byte) *cursor {
	if i, ok := u.bind(); ok {
		u.s.bindBytes(i, v)
	}
	return u
}

// id binds an id in compact form, "" included.
func (u *cursor) id(v string) *cursor {
	return u.bytes(appendID(u.scratch[:0], v))
}

// optID binds an id in compact form, or null when it is empty.
func (u *cursor) optID(v string) *cursor {
	if v == "" {
		return u.null()
	}
	return u.id(v)
}

// sid binds a session id in the compact form it has within its shard.
func (u *cursor) sid(shard int64, v string) *cursor {
	return u.bytes(appendSessionID(u.scratch[:0], shard, v))
}

// exec runs the statement and tells how many rows it changed.
func (u *cursor) exec() (int, error) {
	if _, err := u.step(); err != nil {
		return 0, err
	}
	n := u.s.changes()
	u.reset()
	return n, nil
}

// each runs the statement and calls fn for every row; it stops at an error.
func (u *cursor) each(fn func(u *cursor) error) error {
	defer u.reset()
	for {
		more, err := u.step()
		if err != nil || !more {
			return err
		}
		u.col = 0
		if err := fn(u); err != nil {
			return err
		}
	}
}

// errEnough ends the reading of rows without an error.
var errEnough = errors.New("enough")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// first runs the statement and calls fn for its first row, if there is one.
func (u *cursor) first(fn func(u *cursor) error) (bool, error) {
	defer u.reset()
	ok, err := u.step()
	if err != nil || !ok {
		return false, err
	}
	return true, fn(u)
}

// number runs a statement of one row and one column; 0 without a row.
func (u *cursor) number() (n int64, err error) {
	_, err = u.first(func(u *cursor) error {
		n = u.rInt()
		return nil
	})
	return n, err
}

func (u *cursor) step() (bool, error) {
	if u.err == nil {
		var more bool
		if more, u.err = u.s.step(); u.err == nil {
			return more, nil
		}
	}
	return false, fmt.Errorf("%s: %w", u.q.name, u.c.link.classify(u.err))
}

// reset ends the statement: until then it holds its read of the database open.
func (u *cursor) reset() {
	if u.s != nil {
		u.s.reset()
	}
}

func (u *cursor) next() int {
	u.col++
	return u.col - 1
}

// skip passes over n columns.
func (u *cursor) skip(n int) { u.col += n }

func (u *cursor) rInt() int64 { return u.s.colInt(u.next()) }

func (u *cursor) rFlag() bool { return u.rInt() != 0 }

// rText reads a text; null is "".
func (u *cursor) rText() string { return u.s.colText(u.next()) }

// rID reads an id from its compact form; null is "".
func (u *cursor) rID() string {
	return decodeID(u.blob(u.next(), u.scratch[:]))
}

// rSID reads a session id of a shard from its compact form.
func (u *cursor) rSID(shard int64) string {
	return decodeSessionID(shard, u.blob(u.next(), u.scratch[:]))
}

// rBytes reads a blob into fresh memory; null is nil.
func (u *cursor) rBytes() []byte {
	b := u.blob(u.next(), nil)
	if len(b) == 0 {
		return nil
	}
	return b
}

// blob reads a column into buf, or into fresh memory when buf is too small.
func (u *cursor) blob(i int, buf []byte) []byte {
	n := u.s.colLen(i)
	if n > len(buf) {
		buf = make([]byte, n)
	}
	return buf[:u.s.colBytes(i, buf[:n])]
}

// isNull tells whether the next column is null; it does not pass over it.
func (u *cursor) isNull() bool { return u.s.colNull(u.col) }
