package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

const defaultReadConns = 4

// Store is the database. Its methods may be called from many goroutines.
type Store struct {
	path       string
	seal       sealer
	log        *slog.Logger
	statements atomic.Int64
	readers    *readers
	writer     *writer
	scopes     scopeTexts
}

// Open opens a database; dsn is "sqlite:PATH". A missing directory is made
// with mode 0700, a missing file with 0600. It does not migrate: ErrSchemaOld
// (also of a new, empty database) and ErrSchemaNew.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := sqlitePath(dsn)
	if err != nil {
		return nil, err
	}
	sl, err := newSealer(o.InstanceKey)
	if err != nil {
		return nil, err
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	s := &Store{path: path, seal: sl, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	c, err := openSQLite(path, true, &s.statements, o.OnStatement)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	n := o.ReadConns
	if n <= 0 {
		n = defaultReadConns
	}
	s.readers = newReaders(n, func() (*conn, error) { return openSQLite(path, false, &s.statements, o.OnStatement) })
	s.writer = newWriter(s, c)
	return s, nil
}

// OpenAndMigrate is Migrate and Open.
func OpenAndMigrate(ctx context.Context, dsn string, o Options) (*Store, error) {
	if _, err := Migrate(ctx, dsn, o, nil); err != nil {
		return nil, err
	}
	return Open(ctx, dsn, o)
}

// Close waits for running reads and queued writes and closes the database.
// Calls after it get ErrClosed.
func (s *Store) Close() error {
	err := s.writer.close()
	if errors.Is(err, ErrClosed) {
		return err
	}
	return errors.Join(err, s.readers.close())
}

// Stats is what an operator wants to see now.
func (s *Store) Stats() Stats {
	size := func(path string) int64 {
		if info, err := os.Stat(path); err == nil {
			return info.Size()
		}
		return 0
	}
	return Stats{
		ReadConns:    int(s.readers.opened.Load()),
		ReadConnsMax: cap(s.readers.places),
		WriterQueue:  len(s.writer.queue),
		Commits:      s.writer.commits.Load(),
		Writes:       s.writer.writes.Load(),
		Statements:   s.statements.Load(),
		FileBytes:    size(s.path),
		WALBytes:     size(s.path + "-wal"),
	}
}

func sqlitePath(dsn string) (string, error) {
	path, ok := strings.CutPrefix(dsn, "sqlite:")
	if !ok || path == "" {
		return "", fmt.Errorf("database %q: want sqlite:PATH", dsn)
	}
	return filepath.Abs(path)
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
