package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sessionOf is the sid of a token.
func sessionOf(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Sid string }
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Sid == "" {
		t.Fatalf("claims = %s, %v", raw, err)
	}
	return claims.Sid
}

// realmFile writes a realm document with users and returns its path.
func realmFile(t *testing.T, dir, name string, users int) string {
	t.Helper()
	list := []map[string]any{}
	for i := range users {
		list = append(list, map[string]any{"username": fmt.Sprintf("u%d", i), "enabled": true})
	}
	raw, err := json.Marshal(map[string]any{"users": list, "enabled": true, "realm": name})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name+".json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestImport_RealmAppearsOnARunningServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serve(t, dir, nil)
	path := realmFile(t, t.TempDir(), "shop", 1200)
	if out := must(t, dir, "import", path); !strings.HasPrefix(out, `Imported realm "shop": 1200 users in `) {
		t.Errorf("import = %q", out)
	}
	eventually(t, "the realm is served", func() bool { return get(t, p.url+"/realms/shop", "").status == http.StatusOK })
	if out := must(t, dir, "user", "list", "--realm", "shop", "--first", "1100", "--max", "500"); strings.Count(out, "\n") != 101 {
		t.Errorf("last page of users has %d lines, want 101", strings.Count(out, "\n"))
	}
	r := latchkey(t, dir, "", "import", path)
	if r.code != exitFailed || !strings.Contains(r.err, `realm "shop" exists already: nothing was changed`) {
		t.Errorf("second import = %d %s", r.code, r.err)
	}
}

func TestImport_FaultLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "bad.json")
	doc := `{"realm": "bad", "users": [{"username": "a", "enabled": true}, {"username": [7]}]}`
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	r := latchkey(t, dir, "", "import", path)
	if r.code != exitFailed || !strings.Contains(r.err, path+": users[1].username: must be a string") {
		t.Errorf("import = %d %s, want the place of the fault", r.code, r.err)
	}
	if r := latchkey(t, dir, "", "user", "list", "--realm", "bad"); r.code != exitNotFound {
		t.Errorf("the realm is there: %d %s%s", r.code, r.out, r.err)
	}
}

func TestServe_ImportsADirectoryOnce(t *testing.T) {
	t.Parallel()
	dir, docs := t.TempDir(), t.TempDir()
	realmFile(t, docs, "one", 2)
	realmFile(t, docs, "two", 0)
	p := serve(t, dir, nil, "--import-realm", docs)
	for _, name := range []string{"one", "two"} {
		if a := get(t, p.url+"/realms/"+name, ""); a.status != http.StatusOK {
			t.Errorf("realm %s = %d", name, a.status)
		}
	}
	p.stop(t)
	again := serve(t, dir, nil, "--import-realm", docs)
	if n := strings.Count(again.log.String(), `"msg":"realm exists, not imported"`); n != 2 {
		t.Errorf("second start skipped %d realms and said so, want 2:\n%s", n, again.log)
	}
}

func TestDocumentsIn_RefusesUsersApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	realmFile(t, dir, "shop-realm", 0)
	realmFile(t, dir, "shop-users-0", 1)
	if _, err := documentsIn(dir); err == nil || !strings.Contains(err.Error(), "--users same_file") {
		t.Errorf("documentsIn = %v, want advice", err)
	}
	if _, err := documentsIn(t.TempDir()); err == nil {
		t.Error("documentsIn of an empty directory = nil, want an error")
	}
}

func TestReadRealmName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, doc, want string }{
		{"first", `{"realm":"a","users":[]}`, "a"},
		{"last, after deeper ones", `{"clients":[{"realm":"no"},["realm","no"]],"x":{"realm":"no"},"y":null,"z":[],"realm":"a"}`, "a"},
		{"as a value", `{"id":"realm","realm":"a"}`, "a"},
		{"the rest is not read", `{"realm":"a",`, "a"},
		{"absent", `{"id":"a"}`, ""},
		{"empty", `{}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := readRealmName(json.NewDecoder(strings.NewReader(tt.doc)))
			if err != nil || got != tt.want {
				t.Errorf("readRealmName = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
	for _, doc := range []string{``, `[]`, `"realm"`, `{"realm":1}`, `{"realm":{}}`, `{"realm":[]}`, `{"id":`, `nonsense`, `{]`} {
		if got, err := readRealmName(json.NewDecoder(strings.NewReader(doc))); err == nil && got != "" {
			t.Errorf("readRealmName(%s) = %q, want none", doc, got)
		}
	}
}

func FuzzReadRealmName(f *testing.F) {
	f.Add(`{"x":[{"realm":1}],"realm":"a"}`)
	f.Add(`{"realm":{"realm":"b"}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := readRealmName(json.NewDecoder(strings.NewReader(doc)))
		var whole map[string]any
		if err != nil || json.Unmarshal([]byte(doc), &whole) != nil {
			return
		}
		// Of a member that stands twice the first counts here, the last there.
		if want, ok := whole["realm"].(string); got == "" && ok && want != "" && strings.Count(doc, "realm") == 1 {
			t.Errorf("readRealmName(%q) = %q, want %q", doc, got, want)
		}
	})
}

// TestProgress_SaysNowAndThen: a line every few seconds in a log, one line
// rewritten on a terminal.
func TestProgress_SaysNowAndThen(t *testing.T) {
	t.Parallel()
	terminal := ""
	for i := range 11 {
		terminal += fmt.Sprintf("\r\x1b[K%d users done, 100/s", 100*(i+1))
	}
	for _, tt := range []struct {
		name    string
		rewrite bool
		want    string
	}{
		{"log", false, "500 users done, 100/s\n1000 users done, 100/s\n"},
		{"terminal", true, terminal + "\r\x1b[K"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			start := time.Unix(0, 0)
			now := start
			p := &progress{w: &out, rewrite: tt.rewrite, now: func() time.Time { return now }, what: "users", start: start, said: start}
			for i := int64(1); i <= 11; i++ {
				now = now.Add(time.Second)
				p.report(100 * i)
			}
			p.clear()
			if got := out.String(); got != tt.want {
				t.Errorf("wrote %q, want %q", got, tt.want)
			}
			if got := p.summary(); got != "1100 users in 11s, 100/s" {
				t.Errorf("summary = %q", got)
			}
		})
	}
}

func TestWriteTable_HidesControlCharacters(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := writeTable(&out, []string{"A", "B"}, [][]string{{"x\x1b[2J\ny", ""}}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "A         B\nx?[2J?y   -\n"; strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("table = %q, want %q", got, want)
	}
}
