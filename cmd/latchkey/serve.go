package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

const serveLong = `Serves the protocol and the admin REST API on --listen, health and metrics on
--management-listen. A new database is made and migrated; an older schema is
refused, see latchkey migrate.

With --demo it imports a realm to try things with and prints three curl lines to
copy. Without it no password is built in: give the first administrator of realm
master with --bootstrap-admin-username and LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD; a
user of that name is left as it is.

Without --public-url only requests to localhost, 127.0.0.1 or [::1] are served,
with the issuer taken from their Host. Behind a proxy or for other machines
give the whole URL that clients use, the relative path included:
--relative-path /auth --public-url https://id.example.org/auth

SIGTERM or SIGINT: the readiness check fails, no new connection is taken,
requests have 20 seconds to finish, then the database is closed. A second signal
ends the program at once.`

func newServe(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve realms, with --demo one to try",
		Long:  serveLong,
		Example: `  # Try it, then copy the curl lines it prints:
  latchkey serve --demo

  # A realm exported from Keycloak, under the paths of older Keycloaks:
  LATCHKEY_BOOTSTRAP_ADMIN_USERNAME=boss LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD=changeit \
    latchkey serve --import-realm shop.json --relative-path /auth

  # Next, in another terminal:
  curl -s http://127.0.0.1:9000/health/ready
  latchkey session list --realm demo`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context()) },
	}
	a.takes(cmd, append(databaseSettings,
		"listen", "management-listen", "public-url", "proxy-headers", "relative-path", "signer", "log-format",
		"import-realm", "bootstrap-admin-username", "bootstrap-admin-password", "demo")...)
	return cmd
}

func (a *app) logger() *slog.Logger {
	if a.set.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.err, nil))
	}
	return slog.New(slog.NewTextHandler(a.err, nil))
}

// serve runs a node until a signal or ctx ends it.
func (a *app) serve(ctx context.Context) error {
	begun, log := a.now(), a.logger()
	ctx, stop := a.untilSignal(ctx, log)
	defer stop()
	tuneMemory(a.getenv)
	signer, err := token.ProbeSigner(token.SignerMode(a.set.Signer))
	if err != nil {
		return fmt.Errorf("--signer %s: %w", a.set.Signer, err)
	}
	// Before the database, so that a port in use changes nothing.
	public, management, err := a.listen()
	if err != nil {
		return err
	}
	defer func() { _ = public.Close() }() // unless it served: then it is closed already
	defer func() { _ = management.Close() }()
	st, err := a.openStore(ctx, true, log)
	if err != nil {
		return err
	}
	err = a.serveStore(ctx, node{log: log, store: st, public: public, management: management}, func() {
		log.Info("ready", "url", a.baseURL(public.Addr()), "listen", public.Addr().String(), "management", "http://"+management.Addr().String(),
			"signer", signer, "database", a.set.databaseShown(), "version", readBuild().version, "took", a.now().Sub(begun).Round(time.Millisecond).String())
	})
	if cerr := st.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close database: %w", cerr)
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// serveStore serves an open store until ctx ends; ready is called when
// requests are answered.
func (a *app) serveStore(ctx context.Context, n node, ready func()) error {
	srv, err := server.New(ctx, server.Config{
		Store: n.store, PublicURL: a.set.PublicURL, RelativePath: a.set.RelativePath, ProxyHeaders: a.set.ProxyHeaders,
		Signer: token.SignerMode(a.set.Signer), Log: n.log, Now: a.now,
	})
	if err != nil {
		return err
	}
	if err := a.prepare(ctx, srv.Realms, n); err != nil {
		return err
	}
	n.server = srv
	return n.run(ctx, func() {
		ready()
		if a.set.Demo {
			fmt.Fprint(a.out, demoLines(ctx, srv.Realms, n.store, a.baseURL(n.public.Addr())))
		}
	})
}

// prepare puts into the store what the settings ask for.
func (a *app) prepare(ctx context.Context, realms *realm.Service, n node) error {
	if err := a.refuseDemoData(ctx, realms, n.store); err != nil {
		return err
	}
	if err := a.bootstrap(ctx, realms, n); err != nil {
		return err
	}
	if a.set.Demo {
		imported, err := ensureDemo(ctx, realms)
		if err != nil {
			return err
		}
		if imported {
			n.log.Info("imported the demo realm")
		} else {
			n.log.Info("found the demo realm, left as it is")
		}
	}
	for _, path := range a.set.ImportRealm {
		if err := a.importAtStart(ctx, realms, n, path); err != nil {
			return fmt.Errorf("--import-realm: %w", err)
		}
	}
	return nil
}

func (a *app) bootstrap(ctx context.Context, realms *realm.Service, n node) error {
	name := a.set.AdminUsername
	if name == "" {
		return nil
	}
	master, err := realms.Snapshot(ctx, realm.Master)
	if err != nil {
		return err
	}
	_, err = n.store.UserByUsername(ctx, master.Realm.Num, strings.ToLower(name))
	if err == nil {
		n.log.Info("administrator exists, left as it is", "username", name)
		return nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := realms.Bootstrap(ctx, strings.ToLower(name), a.set.AdminPassword); err != nil {
		return fmt.Errorf("bootstrap administrator: %w", err)
	}
	n.log.Info("created administrator of realm master", "username", name)
	return nil
}

func (a *app) importAtStart(ctx context.Context, realms *realm.Service, n node, path string) error {
	files, err := documentsIn(path)
	if err != nil {
		return err
	}
	for _, file := range files {
		name, err := realmNameIn(file)
		if err != nil {
			return err
		}
		if _, err := realms.Snapshot(ctx, name); err == nil {
			n.log.Info("realm exists, not imported", "realm", name, "file", file)
			continue
		}
		done, err := a.importRealm(ctx, realms, file)
		if err != nil {
			return err
		}
		n.log.Info("imported realm", "realm", name, "file", file, "done", done)
	}
	return nil
}

// listen opens both ports.
func (a *app) listen() (public, management net.Listener, err error) {
	if public, err = net.Listen("tcp", a.set.Listen); err != nil {
		return nil, nil, fmt.Errorf("--listen %s: %w", a.set.Listen, shortNet(err))
	}
	if management, err = net.Listen("tcp", a.set.ManagementListen); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--management-listen %s: %w", a.set.ManagementListen, shortNet(err)), public.Close())
	}
	return public, management, nil
}

// shortNet is what went wrong, without the address that was just named.
func shortNet(err error) error {
	var call *os.SyscallError
	var op *net.OpError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// baseURL is where clients on this machine find the server at addr.
func (a *app) baseURL(addr net.Addr) string {
	if a.set.PublicURL != "" {
		return strings.TrimRight(a.set.PublicURL, "/")
	}
	base := "http://" + addr.String()
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		base = fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return base + strings.TrimRight(a.set.RelativePath, "/")
}

// httpServer sets every timeout: nobody may hold a connection for nothing.
// Reading and writing allow for a realm document sent to admin REST over a
// slow line; a larger one is for latchkey import.
func httpServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
