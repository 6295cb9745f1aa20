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

	"github.com/latchkey-id/latchkey/internal/store"
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

// importAll imports what exportAll wrote.
func (a *app) importAll(ctx context.Context, path string) error {
	ctx, stop := untilInterrupt(ctx)
	defer stop()
	in, err := a.openExport(path)
	if err != nil {
		return err
	}
	defer in.close()
	if in.id, err = a.checkExport(ctx, in); err != nil {
		return a.importFault(path, err)
	}
	st, err := a.openWith(ctx, true, store.Options{HalfImported: true})
	if err != nil {
		return err
	}
	p := a.newProgress("rows imported")
	counts, err := st.Import(ctx, in, store.ImportOptions{ID: in.id, Progress: p.reportOf, Resumed: func(done int64) {
		p.before = done
		fmt.Fprintf(a.err, "going on after %d rows that are stored already\n", done)
	}})
	p.clear()
	p.done = 0
	for _, c := range counts {
		p.done += c.Stored
	}
	if cerr := st.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	return errors.Join(a.showCounts(counts), a.importFault(path, err), a.sayImported(err, p))
}

func (a *app) sayImported(err error, p *progress) error {
	if err != nil {
		return nil
	}
	_, err = fmt.Fprintf(a.out, "%s. Every table has as many rows as were exported.\n", p.summary())
	return err
}

// exportInput is an export that is read.
type exportInput struct {
	io.Reader
	file *os.File // nil: it can be read once only
	id   string
}

func (in *exportInput) close() {
	if c, ok := in.Reader.(io.Closer); ok {
		_ = c.Close()
	}
}

func (a *app) openExport(path string) (*exportInput, error) {
	if path == standardStream {
		if terminal(a.in) {
			return nil, usagef("standard input is a terminal: pipe latchkey export --all - into it, or name a file")
		}
		return &exportInput{Reader: io.NopCloser(a.in)}, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFoundf("no file %s", path)
	} else if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(err, f.Close())
	case info.IsDir():
		return nil, errors.Join(usagef("%s is a directory: name the file that latchkey export --all wrote", path), f.Close())
	case !info.Mode().IsRegular():
		return &exportInput{Reader: f}, nil
	}
	return &exportInput{Reader: f, file: f}, nil
}

// checkExport reads a file whole before anything is written.
func (a *app) checkExport(ctx context.Context, in *exportInput) (id string, err error) {
	path := a.set.instanceKeyFile()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("instance key %s: missing: copy that of the exported Latchkey there, with mode 0600, or name it with --instance-key-file", path)
	}
	key, err := a.instanceKey(false)
	if err != nil || in.file == nil {
		return "", err
	}
	p := a.newProgress("rows checked")
	defer p.clear()
	if id, err = store.CheckExport(ctx, key, in, p.reportOf); err == nil {
		_, err = in.file.Seek(0, io.SeekStart)
	}
	return id, err
}

// showCounts is the table of what is stored beside what was exported.
func (a *app) showCounts(counts []store.TableRows) error {
	if counts == nil {
		return nil
	}
	rows := [][]string{}
	for _, c := range counts {
		same := ""
		if c.Export != c.Stored {
			same = "DIFFERENT"
		}
		rows = append(rows, []string{c.Table, fmt.Sprint(c.Export), fmt.Sprint(c.Stored), same})
	}
	return writeTable(a.out, []string{"TABLE", "EXPORTED", "STORED", ""}, rows)
}

// importFault says what to do about an import that failed.
func (a *app) importFault(path string, err error) error {
	var full *store.NotEmptyError
	var schema *store.ExportSchemaError
	advice := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("import %s: interrupted: %s", path, a.goOn(path))
	case errors.As(err, &schema):
		advice = "run latchkey migrate on the database that was exported and export it again, or import it with the program that exported it"
		if schema.Export > schema.Program {
			advice = "it is of a newer program: import it with that one"
		}
	case errors.As(err, &full):
		advice = "everything goes into an empty database only: name another with --db, or " + a.set.startAfresh()
	case errors.Is(err, store.ErrExportKey):
		advice = fmt.Sprintf("than %s: name the key of the exported Latchkey with --instance-key-file, or copy it there if nothing was stored under the one that is there", a.set.instanceKeyFile())
		return fmt.Errorf("import %s: %w %s", path, err, advice)
	case errors.Is(err, store.ErrExportFormat):
		advice = "name what latchkey export --all wrote; a Keycloak realm document is imported without --all"
	case errors.Is(err, store.ErrExportDamaged):
		advice = "export again"
		if path == standardStream {
			advice += ", and start afresh: " + a.set.startAfresh()
		}
	case errors.Is(err, store.ErrOtherExport), errors.Is(err, store.ErrCounts):
		advice = "start afresh: " + a.set.startAfresh()
	case errors.Is(err, store.ErrImportTaken):
		advice = "nothing is lost, let that one finish"
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrReadOnly):
		advice = a.goOn(path)
	default:
		return fmt.Errorf("import %s: %w", path, err)
	}
	return fmt.Errorf("import %s: %w: %s", path, err, advice)
}

// goOn is what to do about an import that was interrupted.
func (a *app) goOn(path string) string {
	if path == standardStream {
		return "start afresh: " + a.set.startAfresh()
	}
	return "run the same command again to go on where it was"
}
