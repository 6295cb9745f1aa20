package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/latchkey-id/latchkey/internal/store"
)

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
		return a.importFault(in, err)
	}
	st, err := a.openWith(ctx, true, store.Options{HalfImported: true})
	if err != nil {
		return err
	}
	p := a.newProgress("rows imported")
	counts, err := st.Import(ctx, in, store.ImportOptions{
		ID: in.id, Progress: p.reportOf,
		Begun: func() { in.begun = true },
		Resumed: func(done int64) {
			p.before = done
			fmt.Fprintf(a.err, "going on after %d rows that are stored already\n", done)
		},
	})
	p.clear()
	p.done = 0
	for _, c := range counts {
		p.done += c.Stored
	}
	if cerr := st.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	if terr := a.showCounts(counts); err == nil {
		err = terr
	}
	if err != nil {
		return a.importFault(in, err)
	}
	_, err = fmt.Fprintf(a.out, "%s. Every table has as many rows as were exported.\n", p.summary())
	return err
}

// exportInput is an export that is read.
type exportInput struct {
	io.Reader
	path  string
	file  *os.File // nil: it can be read once only
	id    string
	begun bool // the database is being filled from it
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
		return &exportInput{Reader: io.NopCloser(a.in), path: path}, nil
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
		return &exportInput{Reader: f, path: path}, nil
	}
	return &exportInput{Reader: f, path: path, file: f}, nil
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

// importFault says what to do about an import that failed. To remove a
// database it says of one only that an import has begun to fill.
func (a *app) importFault(in *exportInput, err error) error {
	var full *store.NotEmptyError
	var schema *store.ExportSchemaError
	var advice string
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("import %s: interrupted: %s", in.path, a.goOn(in))
	case errors.As(err, &schema):
		advice = "run latchkey migrate on the database that was exported and export it again, or import it with the program that exported it"
		if schema.Export > schema.Program {
			advice = "it is of a newer program: import it with that one"
		}
	case errors.As(err, &full):
		advice = "everything goes into an empty database only: name another with --db"
	case errors.Is(err, store.ErrExportKey):
		advice = fmt.Sprintf("than %s: name the key of the exported Latchkey with --instance-key-file, or copy it there if nothing was stored under the one that is there", a.set.instanceKeyFile())
		return fmt.Errorf("import %s: %w %s", in.path, err, advice)
	case errors.Is(err, store.ErrExportFormat):
		advice = "name what latchkey export --all wrote; a Keycloak realm document is imported without --all"
	case errors.Is(err, store.ErrExportDamaged):
		advice = "export again"
		if in.begun {
			advice += ", and start afresh: " + a.set.startAfresh()
		}
	case errors.Is(err, store.ErrOtherExport), errors.Is(err, store.ErrCounts):
		advice = "start afresh: " + a.set.startAfresh()
	case errors.Is(err, store.ErrImportTaken):
		advice = "nothing is lost, let that one finish"
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown), errors.Is(err, store.ErrReadOnly):
		advice = a.goOn(in)
	default:
		return fmt.Errorf("import %s: %w", in.path, err)
	}
	return fmt.Errorf("import %s: %w: %s", in.path, err, advice)
}

// goOn is what to do about an import that was interrupted.
func (a *app) goOn(in *exportInput) string {
	switch {
	case !in.begun:
		return "nothing was written: run the same command again"
	case in.file == nil:
		return "start afresh: " + a.set.startAfresh()
	}
	return "run the same command again to go on where it was"
}
