package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The realm's policy holds for passwords set at the command line too.
func TestUserPassword_KeepsTheRealmsPolicy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.json")
	const doc = `{"realm":"shop","enabled":true,"passwordPolicy":"length(8)","users":[{"username":"ada","enabled":true}]}`
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "import", path)
	for _, args := range [][]string{
		{"user", "set-password", "--realm", "shop", "ada"},
		{"user", "create", "--realm", "shop", "bob", "--password"},
	} {
		if r := latchkey(t, dir, "short\n", args...); r.code != exitFailed || !strings.Contains(r.err, "Invalid password: minimum length 8.") {
			t.Errorf("%v with a short password = exit code %d, %s", args, r.code, r.err)
		}
		if r := latchkey(t, dir, "longenough\n", args...); r.code != exitOK {
			t.Errorf("%v = exit code %d, %s", args, r.code, r.err)
		}
	}
}
