// Package server is the composition root: it builds the services and doors
// from a Config, runs the background jobs and knows how to stop. Everything
// below gets its clock, randomness and store from here.
//
//	Config ─► New ─► Handler (the doors)         ─► public listener
//	              ├► Management (health, metrics) ─► management listener
//	              └► Run (version poll, sweeper, purge), until the context ends
package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/latchkey-id/latchkey/internal/account"
	"github.com/latchkey-id/latchkey/internal/admin"
	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/login"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/oidc"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Config is what a server is made of. Every field but Store has a usable zero
// value.
type Config struct {
	Store        *store.Store // open and migrated; required
	PublicURL    string       // issuer base; "" serves loopback hosts only, from their Host
	RelativePath string       // path prefix, e.g. /auth; "" or "/" for none
	ProxyHeaders string       // of a proxy in front: "xforwarded", "forwarded"; any other for none
	Signer       token.SignerMode
	HashWorkers  int // concurrent password hashes; 0: one a CPU
	Log          *slog.Logger
	Now          func() time.Time // nil: time.Now
	Rand         io.Reader        // nil: crypto/rand
	PresetRSAKey func() string    // for tests: see realm.Service
}

// Server serves one node.
type Server struct {
	Realms   *realm.Service
	Sessions *session.Service

	cfg        Config
	handler    http.Handler
	management http.Handler
	ready      atomic.Bool
	callbacks  web.Callbacks

	node         string       // this process, as holder of leases
	sweeperUntil atomic.Int64 // Unix seconds until when this node sweeps
	swept        atomic.Int64 // Unix seconds of the last sweep that found an end
}

// New builds the services and loads every realm. It makes the master realm in
// an empty store.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.HashWorkers <= 0 {
		cfg.HashWorkers = runtime.GOMAXPROCS(0)
	}
	base, err := web.NewBaseURL(cfg.PublicURL, cfg.RelativePath)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	hasher := credential.NewHasher(cfg.HashWorkers)
	s := &Server{
		cfg: cfg,
		Realms: &realm.Service{
			Store: cfg.Store, Rand: cfg.Rand, Now: cfg.Now, Signer: cfg.Signer, Hasher: hasher, Log: cfg.Log,
			PresetRSAKey: cfg.PresetRSAKey,
		},
		Sessions: &session.Service{Store: cfg.Store, Rand: cfg.Rand, Now: cfg.Now},
	}
	if n, err := cfg.Store.DropInvisibleRealms(ctx, cfg.Now().Unix()); err != nil {
		return nil, fmt.Errorf("remove unfinished imports: %w", err)
	} else if n > 0 {
		cfg.Log.Warn("removed realms whose import never finished", "realms", n)
	}
	if s.node, err = model.NewUUID(cfg.Rand); err != nil {
		return nil, err
	}
	if err := s.Realms.Load(ctx); err != nil {
		return nil, err
	}
	s.logNotices()
	if err := s.Realms.EnsureMaster(ctx); err != nil {
		return nil, fmt.Errorf("make realm master: %w", err)
	}
	pages, err := ui.New(cfg.RelativePath)
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	metrics := newMetrics(s)
	mux := web.NewMux()
	mux.Handle(ui.StaticPattern, pages.Static)
	protocol := &oidc.Endpoints{
		Realms: s.Realms, Sessions: s.Sessions, Store: cfg.Store, Hasher: hasher, Rand: cfg.Rand, Now: cfg.Now, Base: base, UI: pages,
		OnRefresh: metrics.refreshed, Callbacks: &s.callbacks, Log: cfg.Log,
	}
	people := &login.Pages{
		Realms: s.Realms, Sessions: s.Sessions, Store: cfg.Store, UI: pages, Rand: cfg.Rand, Now: cfg.Now, Base: base,
		Begin: protocol.Begin, Complete: protocol.Complete, Deny: protocol.Deny, Ended: protocol.Ended,
	}
	protocol.Pages = people.Show
	protocol.Routes(mux)
	people.Routes(mux)
	mux.ErrorPage = people.ErrorPage
	(&admin.API{
		Realms: s.Realms, Sessions: s.Sessions, Store: cfg.Store, Now: cfg.Now, Base: base, Log: cfg.Log,
		Ended: protocol.Ended, Example: protocol.Example,
	}).Routes(mux)
	(&account.API{
		Realms: s.Realms, Sessions: s.Sessions, Store: cfg.Store, Rand: cfg.Rand, Now: cfg.Now, Base: base,
		Bearer: protocol.Bearer, Ended: protocol.Ended,
	}).Routes(mux)
	s.handler = web.StripRelativePath(cfg.RelativePath, web.Chain(mux, web.ChainOptions{
		Log: cfg.Log, Now: cfg.Now, Rand: cfg.Rand, Observe: metrics.observe,
		Proxy: &web.ProxyHeaders{Header: cfg.ProxyHeaders},
	}))
	s.management = s.managementHandler(metrics)
	s.ready.Store(true)
	return s, nil
}

// Handler serves the protocol, the pages, the admin and the account REST API.
func (s *Server) Handler() http.Handler { return s.handler }

// Management serves health and metrics; it belongs on a port of its own.
func (s *Server) Management() http.Handler { return s.management }

// Drain makes the readiness check fail, so that a load balancer sends nothing
// new before the listener closes.
func (s *Server) Drain() { s.ready.Store(false) }
