package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// TestExitCodes: one clear line, no stack trace, and the code that --help
// promises.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	must(t, base, "migrate")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(base, "file")
	openKey := filepath.Join(base, "open.key")
	for path, mode := range map[string]os.FileMode{file: 0o600, openKey: 0o644} {
		if err := os.WriteFile(path, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"done", []string{"version"}, exitOK, ""},
		{"nothing to migrate", []string{"migrate"}, exitOK, ""},
		{"port in use", []string{"serve", "--listen", taken.Addr().String()}, exitFailed, "address already in use"},
		{"management port in use", []string{"serve", "--listen", "127.0.0.1:0", "--management-listen", taken.Addr().String()}, exitFailed, "--management-listen " + taken.Addr().String()},
		{"no directory can be made", freely("--db", "sqlite:"+file+"/x/l.db"), exitFailed, "not a directory"},
		{"key that others may read", []string{"session", "list", "--realm", "x", "--instance-key-file", openKey}, exitFailed, "others may read it"},
		{"key gone", []string{"user", "list", "--realm", "x", "--instance-key-file", "gone.key"}, exitFailed, "put the key back from the backup"},
		{"document with a fault", []string{"import", file}, exitFailed, file + ": "},
		{"unknown command", []string{"sevre"}, exitUsage, "did you mean serve?"},
		{"unknown sub command", []string{"session", "lits"}, exitUsage, "did you mean list?"},
		{"unknown flag", []string{"serve", "--port", "1"}, exitUsage, "unknown flag: --port"},
		{"bad value", []string{"session", "list", "--max", "many"}, exitUsage, "--max"},
		{"Citus on SQLite", []string{"migrate", "--citus"}, exitUsage, "--citus goes with a PostgreSQL database"},
		{"shards without Citus", []string{"migrate", "--citus-shards", "8"}, exitUsage, "--citus-shards goes with --citus"},
		{"more shards than there are values", []string{"migrate", "--citus", "--citus-shards", "4097", "--db", "postgres://h/d"}, exitUsage, "want a number from 1 to 4096"},
		{"too many arguments", []string{"migrate", "now"}, exitUsage, "one argument too many"},
		{"too few arguments", []string{"import"}, exitUsage, "give the realm document FILE"},
		{"revoke nothing", []string{"session", "revoke"}, exitUsage, "give a session ID, --user or --client"},
		{"PostgreSQL without a key", freely("--db", "postgres://u:secret@127.0.0.1:1/d", "--instance-key-file", "none/instance.key"), exitFailed, "run latchkey migrate first"},
		{"PostgreSQL that is not there", freely("--db", "postgres://u:secret@127.0.0.1:1/d"), exitFailed, "database postgres://u:xxxxx@127.0.0.1:1/d: "},
		{"PostgreSQL without a name", []string{"serve", "--db", "postgres:d"}, exitUsage, "want postgres://USER@HOST/DATABASE"},
		{"realm left out", []string{"user", "list"}, exitUsage, "name the realm with --realm"},
		{"no such database", []string{"user", "list", "--realm", "x", "--db", "sqlite:none.db"}, exitNotFound, "no database at none.db"},
		{"no such realm", []string{"user", "list", "--realm", "x"}, exitNotFound, `no realm "x"`},
		{"no such file", []string{"import", "none.json"}, exitNotFound, "no file none.json"},
		{"no such session", []string{"session", "revoke", "AAAAAAAAAAAAAAAAAAAAAAAA"}, exitNotFound, "no session"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := latchkey(t, base, "", tt.args...)
			if r.code != tt.code || !strings.Contains(r.err, tt.says) {
				t.Errorf("exit code %d, want %d, with %q:\n%s", r.code, tt.code, tt.says, r.err)
			}
			want := map[int]int{exitOK: 0, exitFailed: 1, exitUsage: 2, exitNotFound: 1}[tt.code]
			if got := strings.Count(r.err, "\n"); got != want || strings.Contains(r.err, "goroutine") {
				t.Errorf("%d lines, want %d:\n%s", got, want, r.err)
			}
		})
	}
}

// TestServe_RefusesAnOlderSchema: upgrading is a step of its own.
func TestServe_RefusesAnOlderSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, dir, "migrate")
	older := filepath.Join(dir, "older.db")
	c, err := sqlite.OpenConn(older)
	if err == nil {
		err = sqlitex.ExecuteTransient(c, `create table something (x integer)`, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"--db", "sqlite:" + older, "--instance-key-file", filepath.Join(dir, "latchkey-data", "instance.key")}
	r := latchkey(t, dir, "", freely(args...)...)
	if r.code != exitFailed || !strings.Contains(r.err, "run latchkey migrate --db sqlite:"+older) {
		t.Errorf("serve = %d %s", r.code, r.err)
	}
	if got := must(t, dir, append([]string{"migrate"}, args...)...); !strings.HasPrefix(got, "Done: ") {
		t.Errorf("migrate = %q", got)
	}
	if got := must(t, dir, append([]string{"migrate"}, args...)...); !strings.HasPrefix(got, "Nothing to do") {
		t.Errorf("second migrate = %q", got)
	}
}

func sessionsOf(t *testing.T, dir string, args ...string) []sessionDocument {
	t.Helper()
	var list []sessionDocument
	out := must(t, dir, append([]string{"session", "list", "--realm", "demo", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("session list --json: %v\n%s", err, out)
	}
	return list
}

// TestSession_ListAndRevokeBesideAServer: what the command line ends, the
// running server refuses with the next request.
func TestSession_ListAndRevokeBesideAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	var tokens []string
	for range 3 {
		tokens = append(tokens, p.offlineToken(t, "offline_access").text("refresh_token"))
	}
	online := p.offlineToken(t, "openid").text("refresh_token")
	all := sessionsOf(t, dir)
	if len(all) != 3 {
		t.Fatalf("offline sessions = %v, want 3", all)
	}
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"of the user", []string{"--user", "user1"}, 3},
		{"of the client", []string{"--client", demoClient}, 3},
		{"of both", []string{"--user", "user1", "--client", demoClient}, 3},
		{"of a client without any", []string{"--client", "account"}, 0},
		{"online", []string{"--online"}, 1},
		{"first page", []string{"--max", "2"}, 2},
		{"second page", []string{"--first", "2", "--max", "2"}, 1},
		{"second page of the user", []string{"--user", "user1", "--first", "2", "--max", "2"}, 1},
		{"beyond the end", []string{"--first", "3"}, 0},
	} {
		if got := sessionsOf(t, dir, tt.args...); len(got) != tt.want {
			t.Errorf("%s: %d sessions, want %d", tt.name, len(got), tt.want)
		}
	}
	if r := latchkey(t, dir, "", "session", "list", "--realm", "demo", "--max", "2"); strings.Count(r.out, "\n") != 3 || !strings.Contains(r.err, "--first 2") {
		t.Errorf("page of a table = %q, %q, want a header, 2 lines and the next page", r.out, r.err)
	}
	id := sessionOf(t, tokens[0])
	if out := must(t, dir, "session", "revoke", id, "--dry-run"); !strings.HasPrefix(out, "Would end offline session "+id) {
		t.Errorf("dry run = %q", out)
	}
	if a := p.refresh(t, tokens[0]); a.status != http.StatusOK {
		t.Fatalf("refresh after a dry run = %d %s", a.status, a.raw)
	}
	if out := must(t, dir, "session", "explain", id); !strings.HasPrefix(out, "offline session "+id+" of user1 with "+demoClient) || !strings.Contains(out, "Lives until ") || !strings.Contains(out, "realm idle") {
		t.Errorf("explain of a live one = %q", out)
	}
	if out := must(t, dir, "session", "revoke", id); !strings.HasPrefix(out, "Ended offline session "+id) {
		t.Errorf("revoke = %q", out)
	}
	if out := must(t, dir, "session", "explain", id); !strings.Contains(out, "Ended at ") || !strings.Contains(out, "by latchkey command: an administrator ended it") {
		t.Errorf("explain of an ended one = %q", out)
	}
	var explained []explanationDocument
	if err := json.Unmarshal([]byte(must(t, dir, "session", "explain", id, "--json")), &explained); err != nil || len(explained) == 0 ||
		explained[0].State != "ended" || explained[0].Ended.Reason != "admin" || explained[0].Realm != "demo" || explained[0].Kind != "offline" {
		t.Errorf("explain --json = %+v, %v", explained, err)
	}
	if r := latchkey(t, dir, "", "session", "explain", id, "--client", "account"); r.code != exitNotFound {
		t.Errorf("explain of another client's part = %d %q", r.code, r.err)
	}
	refuses(t, p, tokens[0])
	if r := latchkey(t, dir, "", "session", "revoke", id); r.code != exitNotFound || !strings.Contains(r.err, "(admin)") {
		t.Errorf("second revoke = %d %q, want %d and the reason", r.code, r.err, exitNotFound)
	}
	if out := must(t, dir, "session", "revoke", "--realm", "demo", "--user", "user1"); strings.Count(out, "Ended offline") != 2 || strings.Count(out, "Ended online") != 1 {
		t.Errorf("revoke of a user = %q, want 2 offline and 1 online", out)
	}
	refuses(t, p, tokens[1], tokens[2], online)
	last := p.offlineToken(t, "offline_access").text("refresh_token")
	if out := must(t, dir, "session", "revoke", "--realm", "demo", "--client", demoClient); !strings.Contains(out, "1 offline, 0 online") {
		t.Errorf("revoke of a client = %q", out)
	}
	refuses(t, p, last)
	if left := sessionsOf(t, dir); len(left) != 0 {
		t.Errorf("sessions left: %v", left)
	}
}

// TestSessionRevoke_OneClientOfAUser ends only what both name.
func TestSessionRevoke_OneClientOfAUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	token := p.offlineToken(t, "offline_access").text("refresh_token")
	if out := must(t, dir, "session", "revoke", "--realm", "demo", "--user", "user1", "--client", "account"); !strings.HasPrefix(out, "Nothing to end") {
		t.Errorf("revoke with another client = %q", out)
	}
	if a := p.refresh(t, token); a.status != http.StatusOK {
		t.Fatalf("refresh = %d %s", a.status, a.raw)
	}
	must(t, dir, "session", "revoke", "--realm", "demo", "--user", "user1", "--client", demoClient)
	refuses(t, p, token)
	other := p.offlineToken(t, "offline_access").text("refresh_token")
	must(t, dir, "session", "revoke", sessionOf(t, other), "--client", demoClient)
	refuses(t, p, other)
}

func refuses(t *testing.T, p *process, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		if a := p.refresh(t, token); a.status != http.StatusBadRequest || a.text("error") != "invalid_grant" {
			t.Errorf("refresh of a revoked session = %d %s, want 400 invalid_grant", a.status, a.raw)
		}
	}
}

func TestUser_ChangesBesideAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	login := func(password string) int {
		return p.post(t, "token", url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {password}}).status
	}
	run := func(stdin string, args ...string) {
		t.Helper()
		if r := latchkey(t, dir, stdin, append([]string{"user"}, args...)...); r.code != exitOK {
			t.Fatalf("user %v = %d %s", args, r.code, r.err)
		}
	}
	run("first\n", "create", "--realm", "demo", "ada", "--email", "ada@example.org", "--first-name", "Ada", "--last-name", "L", "--role", "offline_access", "--password")
	if got := login("first"); got != http.StatusOK {
		t.Errorf("login of a new user = %d", got)
	}
	run("second\r\nrest is not read\n", "set-password", "--realm", "demo", "ada")
	if first, second := login("first"), login("second"); first == http.StatusOK || second != http.StatusOK {
		t.Errorf("login with the old and the new password = %d, %d", first, second)
	}
	run("", "disable", "--realm", "demo", "ada")
	if got := login("second"); got == http.StatusOK {
		t.Errorf("login of a disabled user = %d", got)
	}
	run("", "enable", "--realm", "demo", "Ada")
	if got := login("second"); got != http.StatusOK {
		t.Errorf("login of an enabled user = %d", got)
	}
	if out := must(t, dir, "user", "list", "--realm", "demo", "--search", "ada"); !strings.Contains(out, "ada@example.org") {
		t.Errorf("user list = %q", out)
	}
	if r := latchkey(t, dir, "", "user", "create", "--realm", "demo", "ada"); r.code != exitFailed || !strings.Contains(r.err, "exists already") {
		t.Errorf("second create = %d %s", r.code, r.err)
	}
	if r := latchkey(t, dir, "\n", "user", "set-password", "--realm", "demo", "ada"); r.code != exitUsage {
		t.Errorf("empty password = %d %s", r.code, r.err)
	}
	run("", "delete", "--realm", "demo", "ada")
	if r := latchkey(t, dir, "", "user", "delete", "--realm", "demo", "ada"); r.code != exitNotFound {
		t.Errorf("second delete = %d %s", r.code, r.err)
	}
}

func TestClient_NewSecretReachesAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	if got := must(t, dir, "client", "secret", "--realm", "demo", demoClient); got != demoPassword+"\n" {
		t.Errorf("secret = %q", got)
	}
	if out := must(t, dir, "client", "show", "--realm", "demo", demoClient); strings.Contains(out, `"password"`) || !strings.Contains(out, `"clientId": "`+demoClient+`"`) {
		t.Errorf("client show tells the secret, or is no client:\n%s", out)
	}
	if out := must(t, dir, "client", "list", "--realm", "demo"); !strings.Contains(out, "database-service") {
		t.Errorf("client list = %s", out)
	}
	if renewed := must(t, dir, "client", "secret", "--realm", "demo", demoClient, "--new"); len(renewed) < 32 {
		t.Errorf("new secret = %q", renewed)
	}
	form := url.Values{"grant_type": {"password"}, "username": {"user1"}, "password": {"password"}}
	eventually(t, "the old secret is refused", func() bool { return p.post(t, "token", form).status == http.StatusUnauthorized })
	if r := latchkey(t, dir, "", "client", "secret", "--realm", "demo", "database-service"); r.code != exitFailed || !strings.Contains(r.err, "bearer-only") {
		t.Errorf("secret of a bearer-only client = %d %s", r.code, r.err)
	}
}

func TestKey_ChangesReachAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil, "--demo")
	certs := p.url + "/realms/demo/protocol/openid-connect/certs"
	old := chosenKey(t, dir)
	if r := latchkey(t, dir, "", "key", "disable", "--realm", "demo", old); r.code != exitFailed || !strings.Contains(r.err, "add another one first") {
		t.Errorf("disabling the only key = %d %s", r.code, r.err)
	}
	must(t, dir, "key", "add", "--realm", "demo", "--algorithm", "RS256")
	renewed := chosenKey(t, dir)
	if renewed == old {
		t.Fatal("the new key is not chosen")
	}
	eventually(t, "the new key is published", func() bool { return strings.Contains(get(t, certs, "").raw, renewed) })
	must(t, dir, "key", "disable", "--realm", "demo", old, "--passive")
	if a := get(t, certs, ""); !strings.Contains(a.raw, old) {
		t.Error("a passive key is not published any more")
	}
	must(t, dir, "key", "disable", "--realm", "demo", old)
	eventually(t, "the disabled key is gone", func() bool { return !strings.Contains(get(t, certs, "").raw, old) })
	if r := latchkey(t, dir, "", "key", "add", "--realm", "demo", "--algorithm", "RS1"); r.code != exitUsage {
		t.Errorf("unknown algorithm = %d %s", r.code, r.err)
	}
}

// chosenKey is the kid that key list says signs RS256.
func chosenKey(t *testing.T, dir string) string {
	t.Helper()
	for line := range strings.SplitSeq(must(t, dir, "key", "list", "--realm", "demo"), "\n") {
		if f := strings.Fields(line); len(f) > 4 && f[1] == "RS256" && f[4] == "yes" {
			return f[0]
		}
	}
	t.Fatal("no RS256 key is chosen")
	return ""
}

func TestVersion_NamesGo(t *testing.T) {
	t.Parallel()
	if out := must(t, t.TempDir(), "version"); !strings.HasPrefix(out, "latchkey ") || !strings.Contains(out, "go1.") {
		t.Errorf("version = %q", out)
	}
}
