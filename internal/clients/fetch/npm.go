package fetch

import (
	"os"
	"path/filepath"
	"testing"
)

// NPM is the folder node_modules of what package-lock.json in folder lock names.
// No package's own scripts are run.
func NPM(t testing.TB, lock string) string {
	t.Helper()
	files := []string{filepath.Join(lock, "package.json"), filepath.Join(lock, "package-lock.json")}
	path := dir(t, "npm", files, nil, func(dir string) error {
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o644); err != nil {
				return err
			}
		}
		return run(dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	})
	return filepath.Join(path, "node_modules")
}
