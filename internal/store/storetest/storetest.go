// Package storetest opens migrated stores for tests.
package storetest

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/store"
)

// Key is the fixed instance key of test stores.
var Key = bytes.Repeat([]byte{7}, 32)

// Open gives a migrated, empty store on a temporary file; it is closed when
// the test ends.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "latchkey.db"))
}

// OpenAt is Open for a file of the caller's choice.
func OpenAt(t testing.TB, path string) *store.Store {
	t.Helper()
	return OpenWith(t, "sqlite:"+path, store.Options{})
}

// OpenWith is Open for a database of any kind, which is migrated, with options
// that need no instance key.
func OpenWith(t testing.TB, dsn string, o store.Options) *store.Store {
	t.Helper()
	o.InstanceKey = Key
	s, err := store.OpenAndMigrate(t.Context(), dsn, o)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return s
}
