package clients_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/clients/fetch"
)

// TestJavaScript: Keycloak's own client for its admin API from npm.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	node := fetch.Programs(t, "node", "npm")[0]
	modules := fetch.NPM(t, "testdata/npm")
	h, folder := newHouse(t), t.TempDir()
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("testdata/npm/main.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.mjs"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	h.drive(h.command(folder, node, "main.mjs"))
}
