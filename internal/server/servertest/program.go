package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// RunWithProgram is the TestMain of a package that tests the program itself: it
// builds it, writes its path to *program, runs the tests and exits.
func RunWithProgram(m *testing.M, program *string) {
	dir, err := os.MkdirTemp("", "latchkey-test-")
	if err == nil {
		*program = filepath.Join(dir, "latchkey")
		var out []byte
		if out, err = exec.Command("go", "build", "-buildvcs=false", "-o", *program, "github.com/latchkey-id/latchkey/cmd/latchkey").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "build latchkey:", err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
