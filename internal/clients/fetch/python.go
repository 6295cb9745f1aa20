package fetch

import (
	"path/filepath"
	"testing"
)

// Python is the interpreter of a virtual environment with what the file
// requirements names: versions and hashes, wheels only.
func Python(t testing.TB, requirements string) string {
	t.Helper()
	python := Programs(t, "python3")[0]
	requirements, err := filepath.Abs(requirements)
	if err != nil {
		t.Fatal(err)
	}
	path := dir(t, "python", []string{requirements}, []string{python}, func(dir string) error {
		if err := run(dir, python, "-m", "venv", dir); err != nil {
			return err
		}
		return run(dir, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
			"--only-binary", ":all:", "--require-hashes", "-r", requirements)
	})
	return filepath.Join(path, "bin", "python")
}
