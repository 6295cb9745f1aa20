package pgtest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Hang stops the server where it stands, all of its processes, as a machine
// does whose disk no longer answers. Resume ends it, at the latest when the
// test ends.
func (s *Server) Hang(t testing.TB) {
	t.Helper()
	t.Cleanup(s.Resume)
	// The first process first: stopped it starts no others.
	for _, pid := range s.processes() {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
}

// Resume lets a server that hangs go on.
func (s *Server) Resume() {
	for _, pid := range s.processes() {
		_ = syscall.Kill(pid, syscall.SIGCONT) // it may have ended
	}
}

// processes are the server's first process and its children.
func (s *Server) processes() []int {
	first := s.cmd.Process.Pid
	pids := []int{first}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		// pid (name) state ppid …; the name may hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(first) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
