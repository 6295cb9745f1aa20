package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// databaseFile is the path in --db; empty for PostgreSQL.
func (s *settings) databaseFile() string {
	path, _ := strings.CutPrefix(s.DB, "sqlite:")
	if s.postgres() {
		return ""
	}
	return path
}

// postgres tells whether --db names a PostgreSQL database.
func (s *settings) postgres() bool { return !strings.HasPrefix(s.DB, "sqlite:") }

// databaseName is --db as messages show it: without a password.
func (s *settings) databaseName() string {
	if !s.postgres() {
		return s.databaseFile()
	}
	u, err := url.Parse(s.DB)
	if err != nil {
		return "postgres"
	}
	return u.Redacted()
}

// databaseShown is --db for the log, without a password.
func (s *settings) databaseShown() string {
	if s.postgres() {
		return s.databaseName()
	}
	return s.DB
}

// instanceKeyFile is beside the database file; a PostgreSQL database has
// ./latchkey-data for it, and all nodes need the same.
func (s *settings) instanceKeyFile() string {
	if s.InstanceKeyFile != "" {
		return s.InstanceKeyFile
	}
	dir := filepath.Dir(s.databaseFile())
	if s.postgres() {
		dir = "latchkey-data"
	}
	return filepath.Join(dir, "instance.key")
}

// databaseExists tells whether the database file is there and not empty. A
// PostgreSQL database always is: migrate makes what is in it.
func (s *settings) databaseExists() (bool, error) {
	if s.postgres() {
		return true, nil
	}
	info, err := os.Stat(s.databaseFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("database: %w", err)
	case info.IsDir():
		return false, fmt.Errorf("database %s: is a directory", s.databaseFile())
	}
	return info.Size() > 0, nil
}

// instanceKey reads the instance key; only for a new database it makes one,
// because what is sealed in an old one opens with its own key alone.
func (a *app) instanceKey(newDatabase bool) ([]byte, error) {
	path := a.set.instanceKeyFile()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !newDatabase {
		return nil, fmt.Errorf("instance key %s: missing, but database %s exists: put the key back from the backup or another node, or name it with --instance-key-file%s", path, a.set.databaseName(), a.set.migrateFirst())
	}
	return store.LoadOrCreateInstanceKey(path)
}

// migrateFirst is what to do with a PostgreSQL database nothing is in yet.
func (s *settings) migrateFirst() string {
	if !s.postgres() {
		return ""
	}
	return "; for an empty database run latchkey migrate first"
}

// startAfresh is how a database that is of no use becomes an empty one.
func (s *settings) startAfresh() string {
	if !s.postgres() {
		return fmt.Sprintf("remove %[1]s, %[1]s-wal and %[1]s-shm, not the instance key", s.databaseFile())
	}
	return "drop the database, create it again and run latchkey migrate with the same instance key"
}

// openStore opens the database. A new one is made, and migrated, only with
// create. An older schema is refused: `latchkey migrate` is a step of its own,
// so that an upgrade happens when the operator says so.
func (a *app) openStore(ctx context.Context, create bool, log *slog.Logger) (*store.Store, error) {
	return a.openWith(ctx, create, store.Options{Log: log})
}

// openWith is openStore with options that need no instance key.
func (a *app) openWith(ctx context.Context, create bool, o store.Options) (*store.Store, error) {
	exists, err := a.set.databaseExists()
	if err != nil {
		return nil, err
	}
	if !exists && !create {
		return nil, notFoundf("no database at %s: name it with --db, or make one with latchkey serve", a.set.databaseFile())
	}
	if o.InstanceKey, err = a.instanceKey(!exists); err != nil {
		return nil, err
	}
	o.Now = a.now
	open := store.Open
	if !exists {
		open = store.OpenAndMigrate
	}
	st, err := open(ctx, a.set.DB, o)
	switch {
	case errors.Is(err, store.ErrHalfImported):
		return nil, fmt.Errorf("database %s: an import into it is not finished: run latchkey import --all with the same file again, or start afresh: %s", a.set.databaseName(), a.set.startAfresh())
	case errors.Is(err, store.ErrSchemaOld):
		return nil, fmt.Errorf("database %s has an older schema than this program: run latchkey migrate --db %s", a.set.databaseName(), a.set.databaseShown())
	case errors.Is(err, store.ErrSchemaNew):
		return nil, fmt.Errorf("database %s has a newer schema than this program: use the version that migrated it, or a later one", a.set.databaseName())
	case err != nil && a.set.postgres(): // several lines, one for each host
		return nil, fmt.Errorf("database %s: %s", a.set.databaseName(), strings.Join(strings.Fields(err.Error()), " "))
	case err != nil:
		return nil, err
	}
	return st, nil
}

// tools are the services a command works with beside a running server.
type tools struct {
	store    *store.Store
	realms   *realm.Service
	sessions *session.Service
}

// withTools opens the database, runs f and closes it again.
func (a *app) withTools(ctx context.Context, create bool, f func(*tools) error) error {
	log := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	st, err := a.openStore(ctx, create, log)
	if err != nil {
		return err
	}
	t := &tools{
		store: st,
		realms: &realm.Service{
			Store: st, Rand: rand.Reader, Now: a.now, Signer: token.SignerGo, Hasher: credential.NewHasher(1), Log: log,
		},
		sessions: &session.Service{Store: st, Rand: rand.Reader, Now: a.now},
	}
	if err = t.realms.Load(ctx); err == nil {
		err = f(t)
	}
	if cerr := st.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	return err
}

// realm finds a realm by name.
func (t *tools) realm(ctx context.Context, name string) (*realm.Snapshot, error) {
	var known []string
	for _, s := range t.realms.Snapshots(ctx) {
		known = append(known, s.Realm.Name)
	}
	there := " (there are none yet)"
	if len(known) > 0 {
		there = " (there are: " + strings.Join(known, ", ") + ")"
	}
	if name == "" {
		return nil, usagef("name the realm with --realm%s", there)
	}
	snap, err := t.realms.Snapshot(ctx, name)
	if errors.Is(err, realm.ErrUnknownRealm) {
		return nil, notFoundf("no realm %q%s", name, there)
	}
	return snap, err
}
