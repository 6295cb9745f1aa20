package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// pgLink is a connection to PostgreSQL. It and pgStmt speak its binary
// protocol; every parameter and column is an integer, a text or bytes.
type pgLink struct {
	pg      *pgconn.PgConn
	rows    int  // rows given since begin
	lost    bool // it must not be used again
	onClose func()
}

// begin readies the connection for a caller, whose statements end at ctx's
// deadline. A connection that misses one is lost: what it still does is not
// known.
func (l *pgLink) begin(ctx context.Context) {
	l.rows = 0
	t, _ := ctx.Deadline()
	l.setDeadline(t)
}

// setDeadline fails on a closed connection only, which its next use tells.
func (l *pgLink) setDeadline(t time.Time) { _ = l.pg.Conn().SetDeadline(t) }

// interruptible loses the connection when ctx ends.
func (l *pgLink) interruptible(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, func() { l.setDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

func (l *pgLink) prepare(q *query) (statement, error) {
	sd, err := l.pg.Prepare(context.Background(), fmt.Sprintf("s%d", q.idx), q.sql, nil)
	if err != nil {
		if err = l.classify(err); outcomeOf(err) == unknown {
			err = &dbError{outcome: again, err: err} // it was not run
		}
		return nil, err
	}
	return &pgStmt{
		l: l, sd: sd, run: &pgconn.StatementDescription{Name: sd.Name, Fields: make([]pgconn.FieldDescription, 1)},
		values: make([][]byte, len(sd.ParamOIDs)), buf: make([]byte, 0, 256),
	}, nil
}

func (l *pgLink) script(text string) error {
	return l.pg.Exec(context.Background(), text).Close()
}

// command runs transaction control. A commit that became a rollback, because
// a statement before it failed, was not applied.
func (l *pgLink) command(sql string) error {
	if err := l.usable(); err != nil {
		return err
	}
	results, err := l.pg.Exec(context.Background(), sql).ReadAll()
	if err != nil || len(results) != 1 {
		return err
	}
	if tag := results[0].CommandTag.String(); sql == "commit" && tag != "COMMIT" {
		return &dbError{outcome: again, err: fmt.Errorf("the server answered %s", strings.ToLower(tag))}
	}
	return nil
}

// usable is asked before anything is sent: what fails later may have been
// applied, whatever pgconn says of it.
func (l *pgLink) usable() error {
	if l.lost || l.pg.IsClosed() {
		l.lost = true
		return &dbError{outcome: again, err: errLost}
	}
	return nil
}

var errLost = errors.New("the connection is closed")

func (l *pgLink) inTx() bool { return l.pg.TxStatus() != 'I' }

func (l *pgLink) close() error {
	if l.onClose != nil {
		l.onClose()
	}
	return l.pg.Close(context.Background())
}

// classify also notes when the connection is not to be used any more.
func (l *pgLink) classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*dbError](err); ok {
		return err
	}
	if errors.Is(err, errParameter) {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		l.lost = true
		return &dbError{outcome: unknown, err: err}
	}
	o, reason := outcomeOfCode(e.Code)
	switch {
	case e.Code == "0A000" && !strings.Contains(e.Message, "cached plan"):
		o = final
	case e.Code == "0A000", e.Code == "26000", e.Code == "25006", e.Code == "57P01", e.Code == "57P02", e.Code == "57P05", e.Code == "25P03":
		l.lost = true
	}
	return &dbError{outcome: o, reason: reason, err: err}
}

// errParameter is a parameter that is not of the type the statement wants.
var errParameter = errors.New("parameter of another type")

// binaryFormat asks for the binary form of all parameters or columns.
var binaryFormat = []int16{1}

// pgStmt is a prepared statement of a connection to PostgreSQL.
type pgStmt struct {
	l      *pgLink
	sd     *pgconn.StatementDescription
	run    *pgconn.StatementDescription // sd with one column: none would have the server describe them at every run, all would be copied
	values [][]byte                     // bound, in buf
	buf    []byte
	rows   *pgconn.ResultReader // while it runs
	row    [][]byte
	tag    pgconn.CommandTag
	err    error
}

func (s *pgStmt) bind(i int, v []byte) { s.values[i-1] = v }

// at is the end of buf, behind from.
func (s *pgStmt) at(from int) []byte { return s.buf[from:len(s.buf):len(s.buf)] }

func (s *pgStmt) bindInt(i int, v int64) {
	from := len(s.buf)
	switch oid := s.sd.ParamOIDs[i-1]; {
	case oid == pgtype.Int8OID:
		s.buf = binary.BigEndian.AppendUint64(s.buf, uint64(v))
	case oid == pgtype.Int4OID && v >= math.MinInt32 && v <= math.MaxInt32:
		s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(v))
	default:
		s.err = fmt.Errorf("$%d = %d: %w (%d)", i, v, errParameter, oid)
	}
	s.bind(i, s.at(from))
}

func (s *pgStmt) bindText(i int, v string) {
	if oid := s.sd.ParamOIDs[i-1]; oid != pgtype.TextOID {
		s.err = fmt.Errorf("$%d is a text: %w (%d)", i, errParameter, oid)
	}
	from := len(s.buf)
	s.buf = append(s.buf, v...)
	s.bind(i, s.at(from))
}

func (s *pgStmt) bindBytes(i int, v []byte) {
	if oid := s.sd.ParamOIDs[i-1]; oid != pgtype.ByteaOID {
		s.err = fmt.Errorf("$%d is bytes: %w (%d)", i, errParameter, oid)
	}
	from := len(s.buf)
	s.buf = append(s.buf, v...)
	s.bind(i, s.at(from))
}

func (s *pgStmt) bindNull(i int) { s.bind(i, nil) }

func (s *pgStmt) step() (bool, error) {
	if s.rows == nil {
		if err := s.err; err != nil {
			s.reset()
			return false, err
		}
		if err := s.l.usable(); err != nil {
			return false, err
		}
		s.rows = s.l.pg.ExecStatement(context.Background(), s.run, s.values, binaryFormat, binaryFormat)
		s.buf = s.buf[:0]
	}
	if s.rows.NextRow() {
		s.l.rows++
		s.row = s.rows.Values()
		return true, nil
	}
	var err error
	s.tag, err = s.rows.Close()
	s.rows, s.row = nil, nil
	return false, err
}

func (s *pgStmt) changes() int { return int(s.tag.RowsAffected()) }

// reset reads what is left of the rows. An error among them is not lost: the
// transaction or the connection has it.
func (s *pgStmt) reset() {
	if s.rows != nil {
		if _, err := s.rows.Close(); err != nil {
			_ = s.l.classify(err) // notes a lost connection
		}
		s.rows, s.row = nil, nil
	}
	s.buf, s.err = s.buf[:0], nil
}

func (s *pgStmt) colNull(i int) bool { return s.row[i] == nil }

func (s *pgStmt) colText(i int) string { return string(s.row[i]) }

func (s *pgStmt) colLen(i int) int { return len(s.row[i]) }

func (s *pgStmt) colBytes(i int, buf []byte) int { return copy(buf, s.row[i]) }

func (s *pgStmt) colInt(i int) int64 {
	b := s.row[i]
	switch {
	case len(b) == 0:
		return 0
	case s.sd.Fields[i].DataTypeOID == pgtype.NumericOID:
		return numericInt(b)
	case len(b) == 8:
		return int64(binary.BigEndian.Uint64(b))
	case len(b) == 4:
		return int64(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

// numericInt reads a whole number from the binary form of numeric, which is
// what PostgreSQL's sum of bigint is: count of digits, weight of the first,
// sign, scale, then digits to the base 10,000.
func numericInt(b []byte) (n int64) {
	if len(b) < 8 {
		return 0
	}
	digits, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	for i := range weight + 1 {
		n *= 10_000
		if i < digits && len(b) >= 10+2*i {
			n += int64(binary.BigEndian.Uint16(b[8+2*i:]))
		}
	}
	if binary.BigEndian.Uint16(b[4:]) == 0x4000 {
		n = -n
	}
	return n
}
