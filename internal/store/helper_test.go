package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

const day = 24 * 3600

var testOptions = Options{InstanceKey: bytes.Repeat([]byte{7}, InstanceKeyBytes)}

// openTest opens an empty store of the engine under test (engine_test.go).
func openTest(t testing.TB) *Store {
	t.Helper()
	return openAt(t, testDSN(t))
}

// testDSN is a new database of the engine under test; Open may have to
// migrate it.
func testDSN(t testing.TB) string {
	t.Helper()
	if engine := os.Getenv(engineEnv); engine != "" {
		return engineDSN(t, engine)
	}
	return liteDSN(t)
}

func liteDSN(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") }

// openLiteTest is openTest for rules of SQLite alone.
func openLiteTest(t testing.TB) *Store {
	t.Helper()
	return openAt(t, liteDSN(t))
}

// openAt migrates and opens a database until the test ends.
func openAt(t testing.TB, dsn string) *Store {
	t.Helper()
	s, err := OpenAndMigrate(t.Context(), dsn, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustMigrate(t testing.TB, dsn string) {
	t.Helper()
	if _, err := Migrate(t.Context(), dsn, testOptions, nil); err != nil {
		t.Fatal(err)
	}
}

// liteMigrator migrates a connection to SQLite.
func liteMigrator(c *conn) *migrator {
	return &migrator{c: c, ground: liteGround{c}, how: usualManners, told: func(string, string) {}}
}

// testUUID is the n-th of a fixed row of ids.
func testUUID(n int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n)*2654435761, n)
}

func testUser(n int) *model.User {
	return &model.User{ID: testUUID(n), RealmNum: 1, Username: fmt.Sprintf("user%07d", n), Enabled: true, CreatedMS: 1,
		Grants: model.Grants{Roles: []string{testUUID(1_000_001), testUUID(1_000_002)}}}
}

func mustWrite(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}
