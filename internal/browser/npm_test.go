package browser_test

import (
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/clients/fetch"
)

// module is the path of a file in a package of npm.
func module(t *testing.T, path string) string {
	t.Helper()
	fetch.Programs(t, "npm")
	return filepath.Join(fetch.NPM(t, "testdata/npm"), filepath.FromSlash(path))
}
