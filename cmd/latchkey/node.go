package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/store"
)

// finishWithin is how long requests may go on after the signal to stop.
const finishWithin = 20 * time.Second

// node is a server with its ports.
type node struct {
	log                *slog.Logger
	store              *store.Store
	server             *server.Server
	public, management net.Listener
}

// run serves both ports until ctx ends, then lets requests finish. Health
// stays up until the end, so that readiness is seen to fail.
func (n node) run(ctx context.Context, ready func()) error {
	public, management := httpServer(n.server.Handler(), n.log), httpServer(n.server.Management(), n.log)
	jobs, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	failed := make(chan error, 2)
	running.Go(func() { n.server.Run(jobs) })
	serve := func(s *http.Server, l net.Listener) {
		running.Go(func() {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
		})
	}
	serve(public, n.public)
	serve(management, n.management)
	ready()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	n.server.Drain()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	if public.Shutdown(limit) != nil {
		err = errors.Join(err, fmt.Errorf("some requests did not finish within %v and were cut off", finishWithin), public.Close())
	}
	stopJobs()
	err = errors.Join(err, management.Close())
	running.Wait()
	return err
}

// untilSignal ends the context at the first SIGINT or SIGTERM and the program
// at the second: whoever asks twice does not want to wait.
func (a *app) untilSignal(ctx context.Context, log *slog.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		s, first := <-signals
		if !first {
			return
		}
		log.Info("stopping: requests may finish", "signal", s.String(), "within", finishWithin.String())
		cancel()
		if _, second := <-signals; second {
			log.Warn("stopped at once")
			os.Exit(exitFailed)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}
