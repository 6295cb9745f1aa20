package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

const exportLong = `Writes everything to FILE, or to standard output for -: all realms, users,
credentials, sessions, counters and events, as of one moment. latchkey import
--all puts it into an empty database of any kind: so a Latchkey moves between
SQLite and PostgreSQL without losing a session.

Nodes may serve meanwhile, but what they write after the moment it began is not
in it: for a move stop them first. On PostgreSQL spread over machines each
machine has a moment of its own, so stop them there always.

Secrets and realm keys stay sealed under the instance key, which is not in the
file: it is needed to import it, copy it apart. Password hashes, user data and
sessions are not sealed: keep the file as safe as the database. The same
content is the same bytes, whichever database it came from, so that two exports
can be compared with cmp.`

func newExport(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "export --all FILE",
		Short: "Export everything, for latchkey import --all",
		Long:  exportLong,
		Example: `  # From an SQLite file to PostgreSQL, with the nodes stopped:
  latchkey export --all latchkey.export --db sqlite:/var/lib/latchkey/latchkey.db
  latchkey migrate --db postgres://latchkey@db.example.org/latchkey --instance-key-file /var/lib/latchkey/instance.key
  latchkey import --all latchkey.export --db postgres://latchkey@db.example.org/latchkey --instance-key-file /var/lib/latchkey/instance.key

  # Without a file; if it breaks off, it starts afresh:
  latchkey export --all - --db sqlite:latchkey.db | latchkey import --all - --db postgres://latchkey@db.example.org/latchkey --instance-key-file instance.key`,
		Args: exactly("the FILE to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !all {
				return usagef("%s: say what to export: --all", cmd.CommandPath())
			}
			return a.exportAll(cmd.Context(), args[0])
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().BoolVar(&all, "all", false, "export everything the database holds")
	return cmd
}

// standardStream is the FILE that stands for standard input or output.
const standardStream = "-"

func (a *app) exportAll(ctx context.Context, path string) error {
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
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("export %s: interrupted, nothing was kept", path)
	case err != nil:
		return fmt.Errorf("export %s: %w", path, err)
	}
	out := a.out
	if path == standardStream {
		out = a.err
	}
	_, err = fmt.Fprintf(out, "%s.\nThe instance key is not in it, and is needed to import it: %s\n", p.summary(), a.set.instanceKeyFile())
	return err
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
		if terminal(a.out) {
			return usagef("standard output is a terminal: name a file, or pipe it into latchkey import --all -")
		}
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
