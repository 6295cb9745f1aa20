package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/store"
)

const migrateLong = `Brings the database to the schema of this program and says what it did. With
nothing to do it says so: it may run before every start. A new database is made
when there is none.

Steps go forward only: make a backup first (docs/operations.md), an older
program refuses the newer schema.`

func newMigrate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to the schema of this program",
		Long:  migrateLong,
		Example: `  latchkey migrate --db sqlite:./latchkey-data/latchkey.db
  latchkey serve --db sqlite:./latchkey-data/latchkey.db

  # A PostgreSQL database, empty or of an older version:
  latchkey migrate --db postgres://latchkey@db.example.org/latchkey --instance-key-file /etc/latchkey/instance.key`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.migrate(cmd.Context()) },
	}
	a.takes(cmd, databaseSettings...)
	return cmd
}

func (a *app) migrate(ctx context.Context) error {
	exists, err := a.set.databaseExists()
	if err != nil {
		return err
	}
	key, err := a.migrationKey(!exists)
	if err != nil {
		return err
	}
	fresh := false
	n, err := store.Migrate(ctx, a.set.DB, store.Options{InstanceKey: key}, func(name string) {
		fresh = fresh || strings.HasPrefix(name, firstMigration)
		fmt.Fprintf(a.err, "%s done\n", name)
	})
	switch {
	case errors.Is(err, store.ErrSchemaNew):
		return fmt.Errorf("database %s has a newer schema than this program: nothing was changed", a.set.databaseName())
	case err != nil:
		return fmt.Errorf("after %d steps: %w", n, err)
	}
	// What was empty has sealed nothing yet: its key is made now.
	if _, err := a.instanceKey(fresh); err != nil {
		return err
	}
	if n == 0 {
		_, err = fmt.Fprintln(a.out, "Nothing to do: the schema is up to date.")
	} else {
		_, err = fmt.Fprintf(a.out, "Done: %d steps.\n", n)
	}
	return err
}

// firstMigration begins the name of the migration of an empty database.
const firstMigration = "0001"

// migrationKey is the key to migrate with. Migrations seal nothing, so a
// PostgreSQL database whose key is not there, because it is new or by mistake,
// gets one for the time being: which of the two it is shows afterwards.
func (a *app) migrationKey(newDatabase bool) ([]byte, error) {
	if a.set.postgres() {
		if _, err := os.Stat(a.set.instanceKeyFile()); errors.Is(err, fs.ErrNotExist) {
			key := make([]byte, store.InstanceKeyBytes)
			_, err := rand.Read(key)
			return key, err
		}
	}
	return a.instanceKey(newDatabase)
}
