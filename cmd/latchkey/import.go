package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

const importLong = `Imports a realm from a Keycloak realm document: what kc.sh export --users
same_file writes, what the admin console exports, or one written by hand.
Settings, clients, scopes, roles, groups, keys and users with their passwords
come along. The realm appears when everything is in; a document with a fault
leaves nothing behind.

A realm of that name must not exist. A server that runs on the database serves
the new realm within about a second. A new database is made when there is none.
What a killed import left is removed when a server starts ten minutes later.

The console's export leaves out users and masks secrets: prefer kc.sh export.

With --all FILE is what latchkey export --all wrote, or - for standard input,
and everything goes into an empty database: a new SQLite file, or a PostgreSQL
database after latchkey migrate. The instance key is not in the file: copy it
first. The file is checked whole before anything is written. An import that was
interrupted, even killed, goes on where it was when the same command runs
again; one from standard input cannot, then start afresh. No node serves the
database until all rows are in and the counts of every table were compared.`

func newImport(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import a realm from a Keycloak realm document, or everything",
		Long:  importLong,
		Example: `  # On the Keycloak host, then here:
  kc.sh export --realm shop --users same_file --file shop.json
  latchkey import shop.json
  latchkey client list --realm shop

  # Everything, from an SQLite file to PostgreSQL, with the nodes stopped:
  latchkey export --all latchkey.export --db sqlite:/var/lib/latchkey/latchkey.db
  latchkey migrate --db postgres://latchkey@db.example.org/latchkey --instance-key-file /var/lib/latchkey/instance.key
  latchkey import --all latchkey.export --db postgres://latchkey@db.example.org/latchkey --instance-key-file /var/lib/latchkey/instance.key`,
		Args: exactly("the realm document FILE, or --all and what latchkey export --all wrote"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all {
				return a.importAll(cmd.Context(), args[0])
			}
			return a.importFile(cmd.Context(), args[0])
		},
	}
	a.takes(cmd, databaseSettings...)
	cmd.Flags().BoolVar(&all, "all", false, "import everything that latchkey export --all wrote, into an empty database")
	return cmd
}

func (a *app) importFile(ctx context.Context, path string) error {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return notFoundf("no file %s", path)
	} else if err == nil && info.IsDir() {
		return usagef("%s is a directory: latchkey import takes one file, serve --import-realm a directory", path)
	}
	name, err := realmNameIn(path)
	if err != nil {
		return err
	}
	// A signal undoes what is stored so far; killed, it is undone by the next start of a server.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return a.withTools(ctx, true, func(t *tools) error {
		if err := t.realms.EnsureMaster(ctx); err != nil {
			return err
		}
		if _, err := t.realms.Snapshot(ctx, name); err == nil {
			return fmt.Errorf("realm %q exists already: nothing was changed", name)
		}
		done, err := a.importRealm(ctx, t.realms, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "Imported realm %q: %s.\n", name, done)
		return err
	})
}

// importRealm imports one document and shows its progress; done sums it up.
func (a *app) importRealm(ctx context.Context, realms *realm.Service, path string) (done string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	p := a.newProgress("users")
	_, err = realms.CreateRealm(ctx, f, realm.ImportOptions{Progress: p.report})
	p.clear()
	var doc *keycloak.DocumentError
	var conflict *store.ConflictError
	switch {
	case errors.As(err, &doc):
		return "", fmt.Errorf("%s: %w", path, doc)
	case errors.As(err, &conflict):
		return "", fmt.Errorf("%s: %w", path, conflict)
	case errors.Is(err, context.Canceled):
		return "", fmt.Errorf("import %s: interrupted, nothing was imported", path)
	case err != nil:
		return "", fmt.Errorf("import %s: %w", path, err)
	}
	return p.summary(), nil
}

// usersFile is how Keycloak names the files that hold users in an export to a
// directory.
var usersFile = regexp.MustCompile(`-users-[0-9]+\.json$`)

// documentsIn lists the realm documents at path: itself, or the .json files of
// a directory by name.
func documentsIn(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*.json"))
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(files, usersFile.MatchString); i >= 0 {
		return nil, fmt.Errorf("%s holds users apart from their realm, which is not supported yet: export with kc.sh export --users same_file", files[i])
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no .json file", path)
	}
	return files, nil
}

// realmNameIn reads the realm's name out of a document without keeping the
// rest of it, which may be large.
func realmNameIn(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReader(f)
	if start, _ := r.Peek(len(store.ExportMagic)); string(start) == store.ExportMagic {
		return "", usagef("%s is what latchkey export --all wrote: import it with --all", path)
	}
	name, err := readRealmName(json.NewDecoder(r))
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("not JSON: ends too early")
	case err == nil && name == "":
		err = errors.New(`no realm document: it has no member "realm"`)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return name, nil
}

func readRealmName(dec *json.Decoder) (string, error) {
	depth, key := 0, true // key: the next token on the top level is a member's name
	wanted := false
	for {
		tok, err := dec.Token()
		if err != nil {
			return "", err
		}
		if depth == 0 && tok != json.Delim('{') {
			return "", errors.New("no realm document: want one JSON object")
		}
		delim, isDelim := tok.(json.Delim)
		if depth == 1 && !isDelim {
			text, isText := tok.(string)
			switch {
			case key:
				wanted = text == "realm"
			case wanted && !isText:
				return "", errors.New(`member "realm": want a string`)
			case wanted:
				return text, nil
			}
			key = !key
			continue
		}
		switch delim {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return "", nil
			}
			if depth == 1 {
				key = true
			}
		}
	}
}
