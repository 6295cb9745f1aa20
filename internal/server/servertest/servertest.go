// Package servertest is the whole server in one call, for tests: a real store
// on a temporary file, a fake clock, an administrator admin/admin.
package servertest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

// Epoch is where every fake clock starts.
var Epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Clock is a clock that only Advance moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the fake time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward, or back with a negative d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Server is a server under test.
type Server struct {
	*server.Server
	BaseURL string
	Clock   *Clock
	Store   *store.Store
}

// Handler serves requests in-process, as from 127.0.0.1.
func (s *Server) Handler() http.Handler {
	h := s.Server.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RemoteAddr == "192.0.2.1:1234" { // httptest's, an address from outside
			r.RemoteAddr = "127.0.0.1:1234"
		}
		h.ServeHTTP(w, r)
	})
}

// rsaKey is one RSA key for all realms of a test process, made anew in each.
var rsaKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key))
})

// Option changes how the server under test is made.
type Option func(*options)

type options struct {
	config server.Config
}

// WithConfig lets a test change the configuration before the server is made.
func WithConfig(f func(*server.Config)) Option { return func(o *options) { f(&o.config) } }

// Beside makes another node of a server, on its store and clock.
func Beside(t testing.TB, s *Server) *Server {
	t.Helper()
	return New(t, WithConfig(func(c *server.Config) { c.Store, c.Now = s.Store, s.Clock.Now }))
}

// New makes a server with realm master and its administrator admin/admin.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	clock := &Clock{now: Epoch}
	st := storetest.Open(t)
	o := options{config: server.Config{Store: st, Now: clock.Now, Log: slog.New(slog.DiscardHandler), PresetRSAKey: rsaKey}}
	for _, f := range opts {
		f(&o)
	}
	srv, err := server.New(context.Background(), o.config)
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	if err := srv.Realms.Bootstrap(context.Background(), "admin", "admin"); err != nil {
		t.Fatalf("bootstrap administrator: %v", err)
	}
	return &Server{Server: srv, BaseURL: "http://localhost:8080", Clock: clock, Store: st}
}

// TempDB is the DSN of a fresh database file in the test's directory.
func TempDB(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "latchkey.db")
}
