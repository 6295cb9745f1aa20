package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

const migrateLong = `Brings the database to the schema of this program and says what it did. With
nothing to do it says so: it may run before every start. A new database is made
when there is none.

Nodes may serve meanwhile, also those of the version before. A step that needs
a lock waits half a second for it, lets others pass and tries again until it
is done; stopped with Ctrl-C it goes on where it was when it is run again.

Steps go forward only: make a backup first (docs/operations.md).

With --citus the tables are then spread over the machines of a Citus cluster,
whose coordinator --db names: those of users and sessions by shard, the small
ones of the configuration copied to every machine. It may be run again at any
time and goes on where it was stopped. An empty database takes seconds. While
the rows of a filled one are copied nobody can write to it: stop all nodes,
else it refuses.

--citus-shards is how many pieces there are: Citus moves whole pieces between
machines, so it is also the most machines that can share the sessions, and is
changed later only by copying everything (alter_distributed_table). Users have
4,096 shard values: of 64 pieces the largest is a fifth above the average, of
128 a half.`

func newMigrate(a *app) *cobra.Command {
	var citus bool
	var shards int
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to the schema of this program",
		Long:  migrateLong,
		Example: `  latchkey migrate --db sqlite:./latchkey-data/latchkey.db
  latchkey serve --db sqlite:./latchkey-data/latchkey.db

  # A PostgreSQL database, empty or of an older version:
  latchkey migrate --db postgres://latchkey@db.example.org/latchkey --instance-key-file /etc/latchkey/instance.key

  # The same on the coordinator of a Citus cluster:
  latchkey migrate --citus --db postgres://latchkey@coordinator.example.org/latchkey --instance-key-file /etc/latchkey/instance.key`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !citus && cmd.Flags().Changed("citus-shards"):
				return usagef("--citus-shards goes with --citus")
			case citus && !a.set.postgres():
				return usagef("--citus goes with a PostgreSQL database: --db postgres://USER@HOST/DATABASE")
			case shards < 1 || shards > model.Shards:
				return usagef("--citus-shards %d: want a number from 1 to %d", shards, model.Shards)
			case !citus:
				shards = 0
			}
			return a.migrate(cmd.Context(), shards)
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().BoolVar(&citus, "citus", false, "spread the tables over the machines of a Citus cluster")
	cmd.Flags().IntVar(&shards, "citus-shards", store.DefaultCitusShards, "`NUMBER` of pieces the sessions are cut into, at first only")
	return cmd
}

// migrate also distributes the tables, if shards is not 0. An interrupt stops
// it between two statements or in the middle of one: either way it can be run
// again.
func (a *app) migrate(ctx context.Context, shards int) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	exists, err := a.set.databaseExists()
	if err != nil {
		return err
	}
	key, err := a.migrationKey(!exists)
	if err != nil {
		return err
	}
	fresh := false
	tell := func(step, news string) {
		fresh = fresh || strings.HasPrefix(step, firstMigration) && news == store.StepDone
		fmt.Fprintf(a.err, "%s: %s\n", step, news)
	}
	n, err := store.Migrate(ctx, a.set.DB, store.Options{InstanceKey: key}, tell)
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
	if shards > 0 {
		tables, err := store.Distribute(ctx, a.set.DB, shards, tell)
		if err != nil {
			return fmt.Errorf("after %d tables: %w", tables, err)
		}
		n += tables
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
