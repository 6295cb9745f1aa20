package store

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"unicode/utf8"
)

// An export is one stream: a magic line, then frames.
//
//	frame    kind (1 byte) | length of payload (uvarint) | payload | tag (16 bytes)
//	'h'      JSON: copyHeader; the first frame
//	'r'      index of the table in the header (uvarint), then rows of it
//	'e'      JSON: rows of each table; the last frame, nothing follows it
//
// A tag is the HMAC-SHA-256, under a key derived from the instance key, of
// all magic, kinds, lengths and payloads up to there: what was cut off,
// damaged or written by somebody without the key is found before it is used.
// A row is its values in the order of the columns. An integer is a varint; a
// text or bytes are their length (uvarint) and themselves. A column that may
// be null has a byte in front: 0 for null, 1 for a value.
const (
	// ExportMagic is what every export begins with.
	ExportMagic = "LATCHKEY EXPORT\n"

	copyFormat = 1

	frameHeader = 'h'
	frameRows   = 'r'
	frameEnd    = 'e'

	frameFill = 256 << 10 // a frame of rows is written once it holds so much; it is imported in one transaction
	frameMax  = 64 << 20  // longest payload: one row of a huge document
	tagBytes  = 16
)

// Errors of reading an export; compare with errors.Is.
var (
	ErrExportDamaged = errors.New("export is cut off or damaged")
	ErrExportKey     = errors.New("export was made under another instance key")
	ErrExportFormat  = errors.New("no export of latchkey, or of a newer version")
)

// ExportSchemaError tells that an export was made with another schema version
// than this program's.
type ExportSchemaError struct{ Export, Program int }

func (e *ExportSchemaError) Error() string {
	return fmt.Sprintf("export has schema version %d, this program %d", e.Export, e.Program)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrExportDamaged, fmt.Sprintf(format, args...))
}

// copyKeys are what exports need of the instance key; it cannot be told from
// them.
type copyKeys struct {
	mac  []byte
	mark string // shows whether a database has the same key
}

func newCopyKeys(instanceKey []byte) (copyKeys, error) {
	b, err := hkdf.Key(sha256.New, instanceKey, nil, "latchkey export", 48)
	if err != nil {
		return copyKeys{}, err
	}
	return copyKeys{mac: b[:32], mark: hex.EncodeToString(b[32:])}, nil
}

// copyHeader begins an export.
type copyHeader struct {
	Format int               `json:"format"`
	Schema int               `json:"schema"`
	Key    string            `json:"key"`
	Tables []copyHeaderTable `json:"tables"`
}

type copyHeaderTable struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"` // counted before they were read
}

func newCopyHeader(keys copyKeys, rows []int64) copyHeader {
	h := copyHeader{Format: copyFormat, Schema: len(migrations), Key: keys.mark}
	for i, t := range copyTables {
		h.Tables = append(h.Tables, copyHeaderTable{t.name, t.names(), rows[i]})
	}
	return h
}

// check tells whether an export is one this program and database can take.
func (h *copyHeader) check(keys copyKeys) error {
	switch {
	case h.Format != copyFormat:
		return fmt.Errorf("%w (format %d)", ErrExportFormat, h.Format)
	case h.Schema != len(migrations):
		return &ExportSchemaError{h.Schema, len(migrations)}
	case !hmac.Equal([]byte(h.Key), []byte(keys.mark)):
		return ErrExportKey
	case len(h.Tables) != len(copyTables):
		return damaged("%d tables, want %d", len(h.Tables), len(copyTables))
	}
	for i, t := range copyTables {
		if x := h.Tables[i]; x.Name != t.name || fmt.Sprint(x.Columns) != fmt.Sprint(t.names()) || x.Rows < 0 {
			return damaged("table %q is not as this program knows it", x.Name)
		}
	}
	return nil
}

func (h *copyHeader) total() (n int64) {
	for _, t := range h.Tables {
		n += t.Rows
	}
	return n
}

// copyEnd ends an export; Rows are those of each table, in order.
type copyEnd struct {
	Rows []int64 `json:"rows"`
}

// copyWriter writes an export.
type copyWriter struct {
	w   *bufio.Writer
	mac hash.Hash
	tag [sha256.Size]byte
}

func newCopyWriter(w io.Writer, keys copyKeys) (*copyWriter, error) {
	cw := &copyWriter{w: bufio.NewWriterSize(w, 64<<10), mac: hmac.New(sha256.New, keys.mac)}
	return cw, cw.put([]byte(ExportMagic))
}

func (cw *copyWriter) put(b []byte) error {
	cw.mac.Write(b)
	_, err := cw.w.Write(b)
	return err
}

func (cw *copyWriter) frame(kind byte, payload []byte) error {
	if len(payload) > frameMax {
		return fmt.Errorf("a row of %d bytes is longer than an export takes (%d)", len(payload), frameMax)
	}
	if err := cw.put(binary.AppendUvarint([]byte{kind}, uint64(len(payload)))); err != nil {
		return err
	}
	if err := cw.put(payload); err != nil {
		return err
	}
	_, err := cw.w.Write(cw.mac.Sum(cw.tag[:0])[:tagBytes])
	return err
}

func (cw *copyWriter) json(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return cw.frame(kind, b)
}

// copyReader reads an export. After the header every frame is checked before
// it is given.
type copyReader struct {
	r       *bufio.Reader
	mac     hash.Hash
	payload bytes.Buffer
	header  copyHeader
	rows    []int64 // of each table, read so far
	last    []byte  // tag of the last frame read: it stands for all before it
}

// newCopyReader reads the header: ErrExportFormat, ErrExportKey,
// *ExportSchemaError, ErrExportDamaged.
func newCopyReader(r io.Reader, keys copyKeys) (*copyReader, error) {
	cr := &copyReader{r: bufio.NewReaderSize(r, 64<<10), mac: hmac.New(sha256.New, keys.mac), rows: make([]int64, len(copyTables))}
	magic := make([]byte, len(ExportMagic))
	if _, err := io.ReadFull(cr.r, magic); err != nil {
		return nil, notExport(err)
	}
	if string(magic) != ExportMagic {
		return nil, ErrExportFormat
	}
	cr.mac.Write(magic)
	kind, err := cr.read()
	if err != nil {
		return nil, err
	}
	// The header says under which key its tag was made.
	if err := json.Unmarshal(cr.payload.Bytes(), &cr.header); kind != frameHeader || err != nil {
		return nil, damaged("no header")
	}
	if err := cr.header.check(keys); err != nil {
		return nil, err
	}
	return cr, cr.checkTag()
}

// notExport is the error of a file that ends before it shows what it is.
func notExport(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrExportFormat
	}
	return err
}

// read reads kind and payload of the next frame.
func (cr *copyReader) read() (kind byte, err error) {
	if kind, err = cr.r.ReadByte(); err != nil {
		return 0, endsEarly(err)
	}
	n, err := binary.ReadUvarint(cr.r)
	if err != nil {
		return 0, damaged("the length of a frame: %v", err)
	}
	if n > frameMax {
		return 0, damaged("a frame of %d bytes", n)
	}
	cr.payload.Reset()
	if _, err := io.CopyN(&cr.payload, cr.r, int64(n)); err != nil { // what is there, not what the length says, takes memory
		return 0, endsEarly(err)
	}
	cr.mac.Write(binary.AppendUvarint([]byte{kind}, n))
	cr.mac.Write(cr.payload.Bytes())
	return kind, nil
}

// endsEarly is an error of reading in the middle of an export.
func endsEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends too early")
	}
	return err
}

func (cr *copyReader) checkTag() error {
	var tag [tagBytes]byte
	if _, err := io.ReadFull(cr.r, tag[:]); err != nil {
		return endsEarly(err)
	}
	cr.last = cr.mac.Sum(cr.last[:0])
	if !hmac.Equal(tag[:], cr.last[:tagBytes]) {
		return damaged("a checksum is wrong")
	}
	return nil
}

// next gives the rows of the next frame, nil at the end of the export, which
// it then has checked whole. The rows are good until the next call.
func (cr *copyReader) next() (*copyRows, error) {
	kind, err := cr.read()
	if err != nil {
		return nil, err
	}
	if err := cr.checkTag(); err != nil {
		return nil, err
	}
	switch kind {
	case frameRows:
		rows, err := parseRows(cr.payload.Bytes())
		if err == nil {
			cr.rows[rows.index] += int64(len(rows.rows))
		}
		return rows, err
	case frameEnd:
		return nil, cr.checkEnd()
	}
	return nil, damaged("a frame of kind %d", kind)
}

func (cr *copyReader) checkEnd() error {
	var end copyEnd
	if err := json.Unmarshal(cr.payload.Bytes(), &end); err != nil || len(end.Rows) != len(cr.rows) {
		return damaged("no counts at its end")
	}
	for i, n := range end.Rows {
		if n != cr.rows[i] {
			return damaged("%d rows of %s, its end says %d", cr.rows[i], copyTables[i].name, n)
		}
	}
	if _, err := cr.r.ReadByte(); !errors.Is(err, io.EOF) {
		return damaged("something follows its end")
	}
	return nil
}

// copyRows are rows of one table.
type copyRows struct {
	table *copyTable
	index int
	rows  [][]byte // encoded
}

// parseRows reads a payload of rows and checks all of their values.
func parseRows(payload []byte) (*copyRows, error) {
	index, n := binary.Uvarint(payload)
	if n <= 0 || index >= uint64(len(copyTables)) {
		return nil, damaged("rows of an unknown table")
	}
	out := &copyRows{table: copyTables[index], index: int(index)}
	values := make([]copyValue, len(out.table.columns))
	for payload = payload[n:]; len(payload) > 0; {
		rest, err := decodeRow(payload, out.table, values)
		if err != nil {
			return nil, err
		}
		out.rows = append(out.rows, payload[:len(payload)-len(rest)])
		payload = rest
	}
	return out, nil
}

// copyValue is the value of a column: n of an integer, b of the others.
type copyValue struct {
	null bool
	n    int64
	b    []byte
}

func appendRow(dst []byte, t *copyTable, values []copyValue) []byte {
	for i, c := range t.columns {
		v := values[i]
		if c.nullable {
			if v.null {
				dst = append(dst, 0)
				continue
			}
			dst = append(dst, 1)
		}
		if c.kind == copyInt {
			dst = binary.AppendVarint(dst, v.n)
		} else {
			dst = append(binary.AppendUvarint(dst, uint64(len(v.b))), v.b...)
		}
	}
	return dst
}

// decodeRow reads a row into values, which are parts of b, and returns what
// follows it.
func decodeRow(b []byte, t *copyTable, values []copyValue) (rest []byte, err error) {
	for i, c := range t.columns {
		var ok bool
		if values[i], b, ok = decodeValue(b, c); !ok {
			return nil, damaged("column %s of a row of %s", c.name, t.name)
		}
	}
	return b, nil
}

func decodeValue(b []byte, c copyColumn) (v copyValue, rest []byte, ok bool) {
	if c.nullable {
		if len(b) == 0 || b[0] > 1 {
			return v, nil, false
		}
		v.null = b[0] == 0
		if b = b[1:]; v.null {
			return v, b, true
		}
	}
	if c.kind == copyInt {
		n, size := binary.Varint(b)
		if size <= 0 {
			return v, nil, false
		}
		v.n = n
		return v, b[size:], true
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return v, nil, false
	}
	v.b, rest = b[size:size+int(n)], b[size+int(n):]
	return v, rest, c.kind == copyBytes || isText(v.b)
}

// isText tells what every database takes for a text: UTF-8 without NUL.
func isText(b []byte) bool { return utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 }
