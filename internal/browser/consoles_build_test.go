package browser_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// consoleSources are what Keycloak's consoles are built from: exact versions of
// their packages, and the pages that hold them.
var consoleSources = []string{"package.json", "package-lock.json", "build.js", "common.js", "admin.js", "account.js"}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// consoles is a folder with the scripts and style sheets of both consoles. They
// are built once for each state of their sources and kept in the user's cache.
// Without npm the test fails if CI is set, else it is skipped.
func consoles(t *testing.T) string {
	t.Helper()
	built.once.Do(func() { built.dir, built.err = buildConsoles() })
	switch {
	case built.err != nil && os.Getenv("CI") == "":
		t.Skipf("the consoles cannot be built: %v (apt-get install npm)", built.err)
	case built.err != nil:
		t.Fatal(built.err)
	}
	return built.dir
}

func buildConsoles() (string, error) {
	sources, sum := map[string][]byte{}, sha256.New()
	for _, name := range consoleSources {
		b, err := os.ReadFile(filepath.Join("testdata", "console", name))
		if err != nil {
			return "", err
		}
		sources[name] = b
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "latchkey-test", "consoles-"+hex.EncodeToString(sum.Sum(nil))[:16])
	if _, err := os.Stat(filepath.Join(dir, "account.css")); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	for name, b := range sources {
		if err := os.WriteFile(filepath.Join(work, name), b, 0o644); err != nil {
			return "", err
		}
	}
	for _, step := range [][]string{
		{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"},
		{"node", "build.js", "out"},
	} {
		cmd := exec.Command(step[0], step[1:]...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", step[0], err, out)
		}
	}
	// Whole or not at all: another run may build the same at the same time.
	if err := os.Rename(filepath.Join(work, "out"), dir); err != nil {
		if _, there := os.Stat(filepath.Join(dir, "account.css")); there != nil {
			return "", err
		}
	}
	return dir, nil
}
