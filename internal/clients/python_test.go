package clients_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/clients/fetch"
)

// TestPython: python-keycloak, its OpenID Connect and its admin classes.
func TestPython(t *testing.T) {
	t.Parallel()
	python := fetch.Python(t, "testdata/python/requirements.txt")
	h := newHouse(t)
	h.drive(h.command(t.TempDir(), python, abs(t, "testdata/python/main.py")))
}
