//go:build !windows

package adapter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/adapter"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// asChild is set in the processes a test starts of itself: the issuer for
// TestTwoProcesses, anything for TestFullDisk.
const asChild = "ADAPTER_TEST_CHILD"

// child runs a test of this binary in a process of its own.
func child(t *testing.T, test string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// TestTwoProcesses_RefreshAtOnce: two processes on one directory of files, each
// of which wants a new token a thousand times, with rotation on and no reuse
// allowed: each gets them all, and the last one works.
func TestTwoProcesses_RefreshAtOnce(t *testing.T) {
	t.Parallel()
	if issuer := os.Getenv(asChild); issuer != "" {
		renewInChild(t, issuer)
		return
	}
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	s := servertest.New(t)
	var asked atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/realms/adapter-") && strings.HasSuffix(r.URL.Path, "/token") {
			asked.Add(1)
		}
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	h := &house{t: t, base: front.URL, clock: s.Clock}
	h.open()
	dir := filepath.Join(t.TempDir(), "tokens")
	store, err := adapter.NewFileStore(dir)
	h.must(err)
	source := h.source(h.provider("portal", nil), store)
	before := asked.Load()
	var wg sync.WaitGroup
	for range 2 {
		cmd := child(t, "TestTwoProcesses_RefreshAtOnce", asChild+"="+h.issuer(), "ADAPTER_TEST_DIR="+dir, fmt.Sprint("ADAPTER_TEST_ROUNDS=", rounds))
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
				t.Errorf("a process: %v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	if n := asked.Load() - before; n < int64(rounds) {
		t.Errorf("%d refreshes, want %d at least", n, rounds)
	} else {
		t.Logf("%d refreshes by two processes", n)
	}
	last, err := source.Token(t.Context(), uma)
	h.must(err)
	if next, err := source.Renew(t.Context(), uma, last.Value); err != nil || next.Value == last.Value {
		t.Errorf("Renew after all that = %v, want a new token", err)
	}
}

// renewInChild wants a new token again and again.
func renewInChild(t *testing.T, issuer string) {
	t.Helper()
	p, err := adapter.NewProvider(adapter.Config{
		Issuer: issuer, ClientID: "portal", ClientSecret: "s3cret", Clock: func() time.Time { return servertest.Epoch },
		HTTPClient: &http.Client{Timeout: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	store, err := adapter.NewFileStore(os.Getenv("ADAPTER_TEST_DIR"))
	if err != nil {
		t.Fatal(err)
	}
	var rounds int
	if _, err := fmt.Sscan(os.Getenv("ADAPTER_TEST_ROUNDS"), &rounds); err != nil {
		t.Fatal(err)
	}
	source := adapter.NewTokenSource(p, store, adapter.SourceOptions{Poll: 2 * time.Millisecond})
	token, err := source.Token(t.Context(), uma)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		next, err := source.Renew(t.Context(), uma, token.Value)
		if err != nil || next.Value == token.Value {
			t.Fatalf("round %d: %v, %v, want another token", i, next, err)
		}
		token = next
	}
}

// TestFullDisk: when files cannot grow, nothing that was stored is lost, nothing
// is handed out that is not stored, and it goes on when there is room again. The
// limit holds for a whole process, so it has one of its own.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getenv(asChild) == "" {
		if out, err := child(t, "TestFullDisk", asChild+"=1").CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("the process: %v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // a write over the limit is an error then
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	full := func(is bool) {
		limit := free
		if is {
			limit.Cur = 64 // bytes a file may have
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Error(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "tokens")
	store, err := adapter.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := newRotating()
	source := s.source(t, store, s.forge)
	full(true)
	if _, err := source.Token(t.Context(), uma); !isTemporary(err) || s.count() != 0 {
		t.Errorf("no room for the claim: %v after %d requests, want a TemporaryError and none", err, s.count())
	}
	full(false)
	s.fault(nil, func(w http.ResponseWriter, _ *http.Request) {
		full(true)
		writeJSON(w, 200, claims{"access_token": "access-1", "refresh_token": "refresh-1", "token_type": "Bearer", "expires_in": 300})
	})
	if _, err := source.Token(t.Context(), uma); !isTemporary(err) {
		t.Errorf("no room for the successor: %v, want a TemporaryError", err)
	}
	other := adapter.NewTokenSource(s.provider(t), store, adapter.SourceOptions{})
	if state, err := other.State(t.Context(), uma); err != nil || state.Dead != nil {
		t.Errorf("what was stored: %+v, %v, want it whole", state, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	full(false)
	for _, s := range []*adapter.TokenSource{source, other} {
		if token, err := s.Token(t.Context(), uma); err != nil || token.Value != "access-1" {
			t.Errorf("with room again: %v, %v, want what the server gave", token, err)
		}
	}
	if s.count() != 1 {
		t.Errorf("the server was asked %d times, want 1", s.count())
	}
}
