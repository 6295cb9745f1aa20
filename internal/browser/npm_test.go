package browser_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// packages are fetched by name when a test needs them; nothing of them is kept
// in the repository.
var packages = []string{"keycloak-js@26.2.4", "axe-core@4.14.1"}

var fetched struct {
	once sync.Once
	dir  string
	err  error
	out  []byte
}

// fetch installs the packages into a directory of the test run.
func fetch() {
	if fetched.dir, fetched.err = os.MkdirTemp("", "latchkey-npm-"); fetched.err != nil {
		return
	}
	args := append([]string{"install", "--prefix", fetched.dir, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"}, packages...)
	fetched.out, fetched.err = exec.Command("npm", args...).CombinedOutput()
}

// module is the path of a file in a package of npm. Without npm, or what it
// fetches from, the test fails if CI is set, else it is skipped.
func module(t *testing.T, path string) string {
	t.Helper()
	fetched.once.Do(fetch)
	switch {
	case fetched.err != nil && os.Getenv("CI") == "":
		t.Skipf("npm fetches no packages: %v (apt-get install npm)", fetched.err)
	case fetched.err != nil:
		t.Fatalf("npm install: %v\n%s", fetched.err, fetched.out)
	}
	return filepath.Join(fetched.dir, "node_modules", filepath.FromSlash(path))
}
