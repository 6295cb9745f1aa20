package main

import (
	"context"
	"errors"
	"fmt"

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
  latchkey serve --db sqlite:./latchkey-data/latchkey.db`,
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
	key, err := a.instanceKey(!exists)
	if err != nil {
		return err
	}
	n, err := store.Migrate(ctx, a.set.DB, store.Options{InstanceKey: key}, func(name string) {
		fmt.Fprintf(a.err, "%s done\n", name)
	})
	switch {
	case errors.Is(err, store.ErrSchemaNew):
		return fmt.Errorf("database %s has a newer schema than this program: nothing was changed", a.set.databaseFile())
	case err != nil:
		return fmt.Errorf("after %d steps: %w", n, err)
	case n == 0:
		_, err = fmt.Fprintln(a.out, "Nothing to do: the schema is up to date.")
	default:
		_, err = fmt.Fprintf(a.out, "Done: %d steps.\n", n)
	}
	return err
}
