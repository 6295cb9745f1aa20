//go:build !linux

package pgtest

import "testing"

// Hang needs Linux: it skips the test.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	t.Skip("finds a server's processes in /proc")
}

// Resume lets a server that hangs go on.
func (s *Server) Resume() {}
