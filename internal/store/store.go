package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// Store is the database. Its methods may be called from many goroutines.
type Store struct {
	db         database
	seal       sealer
	copyKeys   copyKeys
	log        *slog.Logger
	statements atomic.Int64
	scopes     scopeTexts
	readOnly   atomic.Bool // the last write was ErrReadOnly
	notice     atomic.Pointer[Notice]
}

// Open opens a database; dsn is "sqlite:PATH" or "postgres://…" as pgx reads
// it (several hosts, target_session_attrs, pool_max_conns). A missing SQLite
// directory is made with mode 0700, a missing file with 0600. It does not
// migrate: ErrSchemaOld (also of a new, empty database) and ErrSchemaNew, when a
// newer schema does not serve this program any more. ErrHalfImported while an
// import of everything into it is not finished.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sl, err := newSealer(o.InstanceKey)
	if err != nil {
		return nil, err
	}
	keys, err := newCopyKeys(o.InstanceKey)
	if err != nil {
		return nil, err
	}
	s := &Store{seal: sl, copyKeys: keys, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if isPostgres(dsn) {
		s.db, err = openPostgres(ctx, s, dsn, o)
	} else {
		var path string
		if path, err = sqlitePath(dsn); err == nil {
			s.db, err = openLite(s, path, o)
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// checkSchema is checkSchema of this program's migrations. A newer schema that
// it may serve is logged.
func (s *Store) checkSchema(c *conn) error {
	version, err := checkSchema(c, migrations)
	if err == nil && version > int64(len(migrations)) {
		s.log.Warn("the database's schema is newer than this program, which may serve it until it is replaced", "schema", version, "program", len(migrations))
	}
	return err
}

// OpenAndMigrate is Migrate and Open.
func OpenAndMigrate(ctx context.Context, dsn string, o Options) (*Store, error) {
	if _, err := Migrate(ctx, dsn, o, nil); err != nil {
		return nil, err
	}
	return Open(ctx, dsn, o)
}

// Write runs fn in one transaction and returns when it is durable; when fn
// returns an error nothing of it is kept. fn must be quick, may run more than
// once, and must use tx only, not the Store.
//
// Errors: those of fn; ErrBusy when nothing was applied (with the cause of
// ctx, if that ended); ErrUnknown when the connection broke while it was
// committed (PostgreSQL only): it may be applied or not; ErrReadOnly,
// ErrClosed. A write that has started is not stopped by ctx: what Write
// returns is what happened.
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	err := s.db.write(ctx, fn)
	s.noteWrite(err)
	return err
}

// Close waits for running reads and queued writes and closes the database.
// Calls after it get ErrClosed.
func (s *Store) Close() error { return s.db.close() }

// Stats is what an operator wants to see now.
func (s *Store) Stats() Stats {
	st := s.db.stats()
	st.Statements = s.statements.Load()
	return st
}
