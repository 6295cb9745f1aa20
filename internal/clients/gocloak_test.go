package clients_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/latchkey-id/latchkey/internal/clients/fetch"
)

// TestGo: gocloak, in a module of its own so that this one has not its dependencies.
func TestGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	program := filepath.Join(t.TempDir(), "gocloak")
	build := h.command("testdata/gocloak", "go", "build", "-o", program, ".")
	build.Env = append(build.Env, "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		fetch.Absent(t, fmt.Errorf("go build: %w\n%s", err, out))
	}
	h.drive(h.command(t.TempDir(), program))
}
