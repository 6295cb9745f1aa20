package compat_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// newServer makes a server of the test's own, with a clock of its own.
func newServer(t testing.TB) wire {
	t.Helper()
	s := servertest.New(t)
	return handlerWire(s.BaseURL, s.Handler(), s.Clock.Now, s.Clock.Advance)
}
