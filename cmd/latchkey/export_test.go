package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// demoData is a directory of a server that was stopped: realm demo with a
// session, and its offline token.
func demoData(t *testing.T) (dir, token string) {
	t.Helper()
	dir = t.TempDir()
	p := serveIssuer(t, dir, "--demo")
	token = p.offlineToken(t, "openid offline_access").text("refresh_token")
	if r := p.refresh(t, token); r.status != http.StatusOK {
		t.Fatalf("refresh = %d %s", r.status, r.raw)
	}
	p.stop(t)
	return dir, token
}

// serveIssuer starts a server whose tokens do not name its port.
func serveIssuer(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := serve(t, dir, nil, append(args, "--public-url", "http://localhost:8080")...)
	var ready struct{ Listen string }
	if err := json.Unmarshal([]byte(p.line(t, p.log, `"msg":"ready"`)), &ready); err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + ready.Listen
	return p
}

// A whole Latchkey goes from SQLite to PostgreSQL and back: the export of what
// was imported is the same file, and a session lives on at each place.
func TestCopy_SessionsLiveOn(t *testing.T) {
	t.Parallel()
	dir, token := demoData(t)
	key := filepath.Join(dir, "latchkey-data", "instance.key")
	dsn := pgtest.New(t, "fsync = off").DSN("postgres")
	there := []string{"--db", dsn, "--instance-key-file", key}
	file := func(name string) string { return filepath.Join(dir, name) }

	if out := must(t, dir, "export", "--all", file("first")); !strings.Contains(out, " rows exported in ") || !strings.Contains(out, "instance.key") {
		t.Errorf("export said %q", out)
	}
	if info, err := os.Stat(file("first")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the export = %v, %v", info.Mode(), err)
	}
	if r := latchkey(t, dir, "", append([]string{"import", "--all", file("first")}, there...)...); r.code != exitFailed || !strings.Contains(r.err, "run latchkey migrate") {
		t.Errorf("import into an empty database = %d %s", r.code, r.err)
	}
	must(t, dir, append([]string{"migrate"}, there...)...)
	out := must(t, dir, append([]string{"import", "--all", file("first")}, there...)...)
	if !strings.Contains(out, "client_session") || strings.Contains(out, "DIFFERENT") || !strings.Contains(out, "Every table has as many rows as were exported.") {
		t.Errorf("import said %q", out)
	}
	must(t, dir, append([]string{"export", "--all", file("second")}, there...)...)
	sameFile(t, file("first"), file("second"))

	p := serveIssuer(t, dir, there...)
	if r := p.refresh(t, token); r.status != http.StatusOK {
		t.Errorf("refresh on PostgreSQL = %d %s", r.status, r.raw)
	}
	p.stop(t)

	// Back without a file: one process writes, the other reads.
	back := t.TempDir()
	end := []string{"--db", "sqlite:" + filepath.Join(back, "latchkey.db"), "--instance-key-file", key}
	pipe(t, dir, append([]string{"export", "--all", "-"}, there...), append([]string{"import", "--all", "-"}, end...))
	must(t, dir, append([]string{"export", "--all", file("third")}, there...)...)
	must(t, dir, append([]string{"export", "--all", file("fourth")}, end...)...)
	sameFile(t, file("third"), file("fourth"))
	p = serveIssuer(t, back, end...)
	if r := p.refresh(t, token); r.status != http.StatusOK {
		t.Errorf("refresh back on SQLite = %d %s", r.status, r.raw)
	}
	if n := len(sessionsOf(t, back, append(end, "--realm", "demo", "--user", "user1")...)); n != 1 {
		t.Errorf("%d sessions of user1, want 1", n)
	}
}

func sameFile(t *testing.T, a, b string) {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(x) == 0 || !bytes.Equal(x, y) {
		t.Errorf("%s has %d bytes, %s %d, want the same ones", filepath.Base(a), len(x), filepath.Base(b), len(y))
	}
}

// pipe runs two commands, the output of the first into the second.
func pipe(t *testing.T, dir string, from, to []string) {
	t.Helper()
	source, sink := exec.CommandContext(t.Context(), binary, from...), exec.CommandContext(t.Context(), binary, to...)
	var said, heard bytes.Buffer
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	source.Stdout, sink.Stdin = w, r
	source.Stderr, sink.Stderr = &said, &heard
	for _, cmd := range []*exec.Cmd{source, sink} {
		cmd.Dir, cmd.Env = dir, environ()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	r.Close()
	if err := source.Wait(); err != nil {
		t.Errorf("%v: %v\n%s", from, err, said.String())
	}
	if err := sink.Wait(); err != nil {
		t.Fatalf("%v: %v\n%s", to, err, heard.String())
	}
}

// largeExport writes an export of some 50 MB, which takes more than a moment
// to import.
func largeExport(t *testing.T, dir string) (path string) {
	t.Helper()
	must(t, dir, "migrate")
	key, err := store.LoadOrCreateInstanceKey(filepath.Join(dir, "latchkey-data", "instance.key"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "latchkey-data", "latchkey.db"), store.Options{InstanceKey: key})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	details := map[string]string{"filler": strings.Repeat("0123456789", 2000)}
	err = st.Write(t.Context(), func(tx *store.Tx) error {
		for i := range 2500 {
			e := &model.Event{ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", i*2654435761%(1<<32), i), RealmNum: 1, TimeMS: int64(i), Type: "LOGIN", Details: details}
			if err := tx.InsertEvent(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "large.export")
	must(t, dir, "export", "--all", path)
	return path
}

// importPosition is how far the import into a database file is; -1 before it
// began or when it is done.
func importPosition(path string) int {
	done := -1
	if _, err := os.Stat(path); err != nil {
		return done
	}
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return done
	}
	defer c.Close()
	_ = sqlitex.ExecuteTransient(c, "select holder from lease where name = 'import'", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		if parts := strings.Fields(s.ColumnText(0)); len(parts) == 3 {
			done, _ = strconv.Atoi(parts[1])
		}
		return nil
	}}) // the file may be without tables yet
	return done
}

// An import that is killed goes on where it was; until it is done no command
// and no node takes the database.
func TestImportAll_GoesOnAfterKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := largeExport(t, dir)
	target := filepath.Join(dir, "target", "latchkey.db")
	into := []string{"--db", "sqlite:" + target, "--instance-key-file", filepath.Join(dir, "latchkey-data", "instance.key")}
	again := append([]string{"import", "--all", path}, into...)

	cmd := exec.CommandContext(t.Context(), binary, again...)
	cmd.Dir, cmd.Env = dir, environ()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the import is under way", func() bool { return importPosition(target) > 5 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	position := importPosition(target)
	if position < 0 {
		t.Fatal("the import was done before it was killed")
	}
	for _, args := range [][]string{
		freely(into...),
		append([]string{"user", "list", "--realm", "demo"}, into...),
		append([]string{"export", "--all", filepath.Join(dir, "half")}, into...),
	} {
		if r := latchkey(t, dir, "", args...); r.code != exitFailed || !strings.Contains(r.err, "is not finished: run latchkey import --all with the same file again, or start afresh: remove "+target) {
			t.Errorf("%v = %d %s", args, r.code, r.err)
		}
	}
	must(t, dir, "export", "--all", filepath.Join(dir, "again.export"))
	sameFile(t, path, filepath.Join(dir, "again.export"))
	r := latchkey(t, dir, "", again...)
	if r.code != exitOK || !strings.Contains(r.err, "going on after ") || !strings.Contains(r.out, "Every table has as many rows") {
		t.Fatalf("import again = %d %s%s", r.code, r.out, r.err)
	}
	must(t, dir, append([]string{"export", "--all", filepath.Join(dir, "target.export")}, into...)...)
	sameFile(t, path, filepath.Join(dir, "target.export"))
	if r := latchkey(t, dir, "", again...); r.code != exitFailed || !strings.Contains(r.err, "not empty") {
		t.Errorf("import once more = %d %s", r.code, r.err)
	}
}

// Every refusal says what to do, and changes nothing.
func TestImportAll_Refusals(t *testing.T) {
	t.Parallel()
	dir, _ := demoData(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, dir, "export", "--all", at("whole"))
	whole, err := os.ReadFile(at("whole"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)*3/4] ^= 1
	for name, content := range map[string][]byte{"cut": whole[:len(whole)-3], "flipped": flipped, "realm.json": []byte(`{"realm":"a"}`)} {
		if err := os.WriteFile(at(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "migrate", "--db", "sqlite:"+at("other/latchkey.db"))
	key := at("latchkey-data/instance.key")
	for _, tt := range []struct {
		name  string
		args  []string
		stdin []byte
		code  int
		says  string
	}{
		{"cut off", []string{"import", "--all", at("cut")}, nil, exitFailed, "ends too early: export again"},
		{"damaged", []string{"import", "--all", at("flipped")}, nil, exitFailed, "a checksum is wrong: export again"},
		{"a realm document", []string{"import", "--all", at("realm.json")}, nil, exitFailed, "imported without --all"},
		{"an export without --all", []string{"import", at("whole")}, nil, exitUsage, "import it with --all"},
		{"no such file", []string{"import", "--all", at("none")}, nil, exitNotFound, "no file"},
		{"a directory", []string{"import", "--all", dir}, nil, exitUsage, "is a directory"},
		{"another key", []string{"import", "--all", at("whole"), "--instance-key-file", at("other/instance.key")}, nil, exitFailed, "name the key of the exported Latchkey"},
		{"no key", []string{"import", "--all", at("whole"), "--instance-key-file", at("none.key")}, nil, exitFailed, "copy that of the exported Latchkey there"},
		{"cut off in a pipe", []string{"import", "--all", "-", "--instance-key-file", key}, whole[:len(whole)-3], exitFailed, "start afresh: remove"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := filepath.Join(t.TempDir(), "sub", "latchkey.db")
			args := append(tt.args, "--db", "sqlite:"+target)
			if !strings.Contains(strings.Join(args, " "), "instance-key-file") {
				args = append(args, "--instance-key-file", key)
			}
			r := latchkey(t, dir, string(tt.stdin), args...)
			if r.code != tt.code || !strings.Contains(r.err, tt.says) {
				t.Errorf("= %d %s, want %d with %q", r.code, r.err, tt.code, tt.says)
			}
			if _, err := os.Stat(target); err == nil && tt.stdin == nil {
				t.Error("the database was made")
			}
		})
	}
	// Nobody is told to remove a database that is in use.
	for stdin, path := range map[string]string{"": at("whole"), string(whole): "-", string(whole[:9]): "-"} {
		r := latchkey(t, dir, stdin, "import", "--all", path)
		if full := len(stdin) != 9; r.code != exitFailed || strings.Contains(r.err, "the database is not empty") != full || strings.Contains(r.err, "remove") {
			t.Errorf("import of %d bytes at %s into what was exported = %d %s", len(stdin), path, r.code, r.err)
		}
	}
}

func TestExportAll_Refusals(t *testing.T) {
	t.Parallel()
	dir, _ := demoData(t)
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.key")
	if _, err := store.LoadOrCreateInstanceKey(other); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"file exists", []string{"export", "--all", "there"}, exitFailed, "the file exists"},
		{"no directory", []string{"export", "--all", "none/there"}, exitFailed, "no such file or directory"},
		{"nothing said", []string{"export", "file"}, exitUsage, "say what to export"},
		{"both", []string{"export", "--all", "--realm", "demo", "file"}, exitUsage, "say what to export"},
		{"no such realm", []string{"export", "--realm", "none", "file"}, exitNotFound, `no realm "none"`},
		{"realm into a file that exists", []string{"export", "--realm", "demo", "there"}, exitFailed, "the file exists"},
		{"no file", []string{"export", "--all"}, exitUsage, "give the FILE"},
		{"no database", []string{"export", "--all", "file", "--db", "sqlite:none.db"}, exitNotFound, "no database"},
		{"another key", []string{"export", "--all", "file", "--instance-key-file", other}, exitFailed, "wrong instance key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := latchkey(t, dir, "", tt.args...)
			if r.code != tt.code || !strings.Contains(r.err, tt.says) {
				t.Errorf("= %d %s, want %d with %q", r.code, r.err, tt.code, tt.says)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if _, err := os.Stat(filepath.Join(dir, "file")); err == nil {
				t.Error("the file was made")
			}
		})
	}
}

// What writeFile is told to write into a file is there whole or not at all.
func TestWriteFile_FailureLeavesNothing(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp(nil)
	dir := t.TempDir()
	err := a.writeFile(filepath.Join(dir, "file"), func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return os.ErrDeadlineExceeded
	})
	if left, _ := os.ReadDir(dir); err == nil || len(left) > 0 {
		t.Errorf("writeFile = %v, left %v", err, left)
	}
}

// A realm's document, imported elsewhere, is exported as the same document;
// its users log in there.
func TestExportRealm_IsImportedAsItWas(t *testing.T) {
	t.Parallel()
	dir, _ := demoData(t)
	there := t.TempDir()
	first, second := filepath.Join(dir, "demo.json"), filepath.Join(there, "demo.json")
	if out := must(t, dir, "export", "--realm", "demo", first); !strings.HasPrefix(out, `Exported realm "demo": `) {
		t.Errorf("export said %q", out)
	}
	must(t, there, "import", first)
	must(t, there, "export", "--realm", "demo", second)
	sameFile(t, first, second)
	if out := must(t, there, "export", "--realm", "demo", "-"); !json.Valid([]byte(out)) {
		t.Error("what is written to standard output is no document")
	}
	p := serve(t, there, nil)
	p.offlineToken(t, "openid offline_access")
}
