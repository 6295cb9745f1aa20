// Package fetch brings the programs nobody here wrote that tests run: packages
// of npm, PyPI and Maven, each at the versions and with the hashes that lock
// files in testdata name. They are kept in the user's cache, so that a second
// run, or the same run under the race detector, finds them there.
//
//	lock files ─► name of a folder in the cache ─► filled once, then only read
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// errOther: what came is not what the hashes say. No machine lacks anything then.
var errOther = errors.New("other files than expected")

// patience is for one command of a package manager, on a slow line.
const patience = 10 * time.Minute

// filling is held while a folder is filled: package managers of one kind share
// a cache of their own, and two JVMs at once are enough.
var filling sync.Mutex

// dir is the folder of the cache that holds what of inputs (paths of files)
// and versions describe. fill makes what is not there yet in a folder beside
// it, whose name then changes: another process sees all of it or nothing. A
// test whose programs or packages are missing fails if CI is set, else it is
// skipped.
func dir(t testing.TB, name string, inputs, versions []string, fill func(dir string) error) string {
	t.Helper()
	path, err := cached(name, inputs, versions, fill)
	switch {
	case errors.Is(err, errOther):
		t.Fatal(err)
	case err != nil:
		Absent(t, fmt.Errorf("%s: %w", name, err))
	}
	return path
}

// Absent ends a test for want of what err says: it fails if CI is set, else it
// is skipped.
func Absent(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "" {
		t.Skipf("not run, %v (.ci/clients installs the programs)", err)
	}
	t.Fatal(err)
}

func cached(name string, inputs, versions []string, fill func(dir string) error) (string, error) {
	key, err := digest(inputs, versions)
	if err != nil {
		return "", err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	base = filepath.Join(base, "latchkey", "clients")
	path := filepath.Join(base, name+"-"+key)
	filling.Lock()
	defer filling.Unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(base, "part-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(part) }()
	if err := fill(part); err != nil {
		return "", err
	}
	if err := os.Rename(part, path); err != nil {
		if _, there := os.Stat(path); there != nil { // no other process was first
			return "", err
		}
	}
	return path, nil
}

// digest names the contents of files and versions together.
func digest(files, versions []string) (string, error) {
	h := sha256.New()
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d\n%s", len(b), b)
	}
	fmt.Fprintf(h, "%q", versions)
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// run runs a program in folder, and returns with its error what it printed.
func run(folder, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, out)
	}
	return nil
}

// Programs are the paths of programs by their names. A test that lacks one
// fails if CI is set, else it is skipped.
func Programs(t testing.TB, names ...string) (paths []string) {
	t.Helper()
	var missing error
	for _, name := range names {
		path, err := exec.LookPath(name)
		paths, missing = append(paths, path), errors.Join(missing, err)
	}
	if missing != nil {
		Absent(t, missing)
	}
	return paths
}
