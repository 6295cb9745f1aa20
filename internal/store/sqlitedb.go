package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

const defaultReadConns = 4

// liteDB is a SQLite file: readers in parallel beside one writer.
type liteDB struct {
	s       *Store
	path    string
	readers *readers
	writer  *writer
}

// openLite opens the file; the errors of checkReady.
func openLite(s *Store, path string, o Options) (*liteDB, error) {
	if err := createFile(path); err != nil {
		return nil, err
	}
	c, err := openSQLite(path, true, &s.statements, o.OnStatement)
	if err != nil {
		return nil, err
	}
	if err := s.checkReady(c, o); err != nil {
		return nil, errors.Join(err, c.close())
	}
	n := o.ReadConns
	if n <= 0 {
		n = defaultReadConns
	}
	d := &liteDB{s: s, path: path}
	d.readers = newReaders(n, o.Now, func() (*conn, error) { return openSQLite(path, false, &s.statements, o.OnStatement) })
	d.writer = newWriter(s, c)
	return d, nil
}

// read is for look-ups by key, which are too short to be interrupted.
func (d *liteDB) read(ctx context.Context, fn func(c *conn) error) error {
	c, err := d.readers.get(ctx)
	if err != nil {
		return err
	}
	defer d.readers.put(c)
	return fn(c)
}

func (d *liteDB) readLong(ctx context.Context, fn func(c *conn) error) error {
	return d.read(ctx, func(c *conn) error {
		undo := c.link.interruptible(ctx)
		err := fn(c)
		undo()
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

func (d *liteDB) readOnce(ctx context.Context, fn func(c *conn) error) error {
	return d.read(ctx, func(c *conn) error {
		if err := c.command("begin"); err != nil {
			return err
		}
		undo := c.link.interruptible(ctx)
		err := fn(c)
		undo()
		if c.inTx() {
			err = errors.Join(err, c.command("rollback"))
		}
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

func (d *liteDB) readAll(ctx context.Context, fn func(c *conn) error) error {
	return d.readOnce(ctx, fn)
}

func (d *liteDB) write(ctx context.Context, fn func(tx *Tx) error) error {
	w := writePool.Get().(*write)
	w.fn = fn
	_, err := d.writer.do(ctx, w)
	return err
}

func (d *liteDB) touch(ctx context.Context, cs *model.ClientSession) (bool, error) {
	w := writePool.Get().(*write)
	w.touch = cs
	return d.writer.do(ctx, w)
}

func (d *liteDB) close() error {
	err := d.writer.close()
	if errors.Is(err, ErrClosed) {
		return err
	}
	return errors.Join(err, d.readers.close())
}

func (d *liteDB) stats() Stats {
	size := func(path string) int64 {
		if info, err := os.Stat(path); err == nil {
			return info.Size()
		}
		return 0
	}
	return Stats{
		ReadConns:    int(d.readers.opened.Load()),
		ReadConnsMax: cap(d.readers.places),
		InUse:        len(d.readers.places),
		Waiting:      int(d.readers.waiting.Load()),
		Waits:        d.readers.waits.Load(),
		Waited:       time.Duration(d.readers.waited.Load()),
		WriterQueue:  len(d.writer.queue),
		Commits:      d.writer.commits.Load(),
		Writes:       d.writer.writes.Load(),
		FileBytes:    size(d.path),
		WALBytes:     size(d.path + "-wal"),
	}
}

func sqlitePath(dsn string) (string, error) {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok || path == "" {
		return "", fmt.Errorf("database %q: want sqlite:PATH or postgres://…", hideDSN(dsn))
	}
	return filepath.Abs(path)
}

// hideDSN shortens what may hold a password to its scheme.
func hideDSN(dsn string) string {
	scheme, _, ok := strings.Cut(dsn, ":")
	if !ok {
		return dsn
	}
	return scheme + ":…"
}

// createFile makes the database file before SQLite does, which would let
// others read it; the files beside it take its mode.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("database directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("database file: %w", err)
	}
	return f.Close()
}
