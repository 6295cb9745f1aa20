package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

const exportLong = `With --all it writes everything to FILE, or to standard output for -: all
realms, users, credentials, sessions, counters and events, as of one moment.
latchkey import --all puts it into an empty database of any kind: so a Latchkey
moves between SQLite and PostgreSQL without losing a session.

Nodes may serve meanwhile, but what they write after the moment it began is not
in it: for a move stop them first. On PostgreSQL spread over machines each
machine has a moment of its own, so stop them there always.

Secrets and realm keys stay sealed under the instance key, which is not in the
file: it is needed to import it, copy it apart. Password hashes, user data and
sessions are not sealed: keep the file as safe as the database. The same
content is the same bytes, whichever database it came from, so that two exports
can be compared with cmp.

With --realm it writes one realm as a Keycloak realm document, with its users,
as kc.sh export --users same_file does: for latchkey import FILE, or for a
Keycloak. Sessions and events are not in it; client secrets and realm keys are,
in plain: keep it as safe as the database and its key together.`

func newExport(a *app) *cobra.Command {
	var all bool
	var realmName string
	cmd := &cobra.Command{
		Use:   "export {--all | --realm NAME} FILE",
		Short: "Export everything, or a realm as a Keycloak realm document",
		Long:  exportLong,
		Example: `  # From an SQLite file to PostgreSQL, with the nodes stopped:
  latchkey export --all latchkey.export --db sqlite:/var/lib/latchkey/latchkey.db
  latchkey migrate --db postgres://latchkey@db.example.org/latchkey --instance-key-file /var/lib/latchkey/instance.key
  latchkey import --all latchkey.export --db postgres://latchkey@db.example.org/latchkey --instance-key-file /var/lib/latchkey/instance.key

  # Without a file; if it breaks off, it starts afresh:
  latchkey export --all - --db sqlite:latchkey.db | latchkey import --all - --db postgres://latchkey@db.example.org/latchkey --instance-key-file instance.key

  # One realm:
  latchkey export --realm shop shop.json
  latchkey import shop.json --db sqlite:other.db`,
		Args: exactly("the FILE to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case all == (realmName != ""):
				return usagef("%s: say what to export: --all or --realm NAME", cmd.CommandPath())
			case all:
				return a.exportAll(cmd.Context(), args[0])
			}
			return a.exportRealm(cmd.Context(), realmName, args[0])
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().BoolVar(&all, "all", false, "export everything the database holds")
	cmd.Flags().StringVar(&realmName, "realm", "", "export the realm `NAME` as a Keycloak realm document")
	return cmd
}

// standardStream is the FILE that stands for standard input or output.
const standardStream = "-"

func (a *app) exportAll(ctx context.Context, path string) error {
	if path == standardStream && terminal(a.out) {
		return usagef("standard output is a terminal: name a file, or pipe it into latchkey import --all -")
	}
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	st, err := a.openStore(ctx, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	p := a.newProgress("rows exported")
	err = a.writeFile(path, func(w io.Writer) error {
		counts, err := st.Export(ctx, w, p.reportOf)
		p.done = 0
		for _, c := range counts {
			p.done += c.Export
		}
		return err
	})
	p.clear()
	if cerr := st.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	if err != nil {
		return exportFault(path, err)
	}
	_, err = fmt.Fprintf(a.beside(path), "%s.\nThe instance key is not in it, and is needed to import it: %s\n", p.summary(), a.set.instanceKeyFile())
	return err
}

func exportFault(path string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("export %s: interrupted, nothing was kept", path)
	}
	return fmt.Errorf("export %s: %w", path, err)
}

// beside is where to talk when path is written.
func (a *app) beside(path string) io.Writer {
	if path == standardStream {
		return a.err
	}
	return a.out
}

// exportRealm writes one realm as a Keycloak realm document.
func (a *app) exportRealm(ctx context.Context, name, path string) error {
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	return a.withTools(ctx, false, func(t *tools) error {
		snap, err := t.realm(ctx, name)
		if err != nil {
			return err
		}
		p := a.newProgress("users")
		err = a.writeFile(path, func(w io.Writer) error {
			return t.store.ReadRealm(ctx, snap.Realm.ID, func(cfg *model.Config, users iter.Seq2[store.NewUser, error]) error {
				return keycloak.WriteExport(w, cfg, documents(users, p.report))
			})
		})
		p.clear()
		if err != nil {
			return exportFault(path, err)
		}
		_, err = fmt.Fprintf(a.beside(path), "Exported realm %q: %s.\n", name, p.summary())
		return err
	})
}

// documents are stored users as Keycloak's documents have them.
func documents(users iter.Seq2[store.NewUser, error], progress func(int64)) iter.Seq2[*keycloak.UserDocument, error] {
	return func(yield func(*keycloak.UserDocument, error) bool) {
		var done int64
		for u, err := range users {
			d := &keycloak.UserDocument{User: u.User, Consents: u.Consents}
			for _, c := range u.Credentials {
				d.Credentials = append(d.Credentials, keycloak.CredentialInput{Credential: c})
			}
			if !yield(d, err) {
				return
			}
			done++
			progress(done)
		}
	}
}

// untilInterrupt ends the context at the first SIGINT or SIGTERM; the second
// ends the program, which may wait for a pipe.
func untilInterrupt(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// writeFile makes a file that is for its owner only, and there whole or not at
// all; one that exists is left alone. "-" is standard output.
func (a *app) writeFile(path string, write func(io.Writer) error) error {
	if path == standardStream {
		return write(a.out)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("the file exists: remove it, or name another")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when it was renamed
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
