package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/latchkey-id/latchkey/internal/web"
)

// Intervals of the jobs. The poll decides how fast another node's change of
// configuration is seen; sweeping lags are invisible to clients.
const (
	pollEvery  = time.Second
	sweepEvery = 5 * time.Second
	sweepBatch = 200
)

// The sweeper runs on one node at a time, under a lease row. It is renewed
// well before it ends, and another node takes over when it has.
const (
	sweepLease      = "sweeper"
	sweepLeaseLasts = 60 // seconds
	sweepLeaseRenew = 30 // seconds left
)

// Run runs the background jobs until ctx ends: every node polls for changes of
// configuration, one node sweeps. It returns when the clients that are being
// told of a logout have been told, which takes no longer than two tries.
func (s *Server) Run(ctx context.Context) {
	var jobs sync.WaitGroup
	jobs.Go(func() { s.every(ctx, pollEvery, "poll", s.Realms.Poll) })
	jobs.Go(func() { s.every(ctx, sweepEvery, "sweep", s.sweepUnderLease) })
	jobs.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*web.CallbackTimeout)
	defer cancel()
	if err := s.callbacks.Wait(last); err != nil {
		s.cfg.Log.Warn("stopped before every client was told of a logout", "err", err)
	}
}

// every runs a job again and again; a failure is logged and the next turn
// tries again. A job that fails in the same way is logged once a minute.
func (s *Server) every(ctx context.Context, interval time.Duration, name string, job func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var last string
	var logged time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := job(ctx)
		switch {
		case err == nil, errors.Is(err, context.Canceled):
			last = ""
		case err.Error() != last || s.cfg.Now().Sub(logged) >= time.Minute:
			last, logged = err.Error(), s.cfg.Now()
			s.cfg.Log.Error("background job failed", "job", name, "err", err)
		}
	}
}

// sweepUnderLease sweeps when this node holds the lease.
func (s *Server) sweepUnderLease(ctx context.Context) error {
	held, err := s.holdSweeper(ctx)
	if err != nil || !held {
		return err
	}
	return s.Sweep(ctx)
}

// holdSweeper takes or renews the sweeper's lease; between renewals it costs
// nothing.
func (s *Server) holdSweeper(ctx context.Context) (bool, error) {
	now := s.cfg.Now().Unix()
	// More than a whole lease left: the clock was set back, and others may see
	// the lease end sooner than this node does.
	if left := s.sweeperUntil.Load() - now; left > sweepLeaseRenew && left <= sweepLeaseLasts {
		return true, nil
	}
	held, err := s.cfg.Store.Lease(ctx, sweepLease, s.node, now, now+sweepLeaseLasts)
	if err != nil || !held {
		s.sweeperUntil.Store(0)
		return false, err
	}
	s.sweeperUntil.Store(now + sweepLeaseLasts)
	return true, nil
}

// Sweep ends expired sessions and removes what is over for good, old events
// too, in small batches, until nothing is due.
func (s *Server) Sweep(ctx context.Context) error {
	for {
		n, err := s.Sessions.Sweep(ctx, s.Realms.ConfigByNum, sweepBatch)
		if err != nil {
			return fmt.Errorf("sweep sessions: %w", err)
		}
		m, err := s.Realms.SweepEvents(ctx, sweepBatch)
		if err != nil {
			return fmt.Errorf("sweep events: %w", err)
		}
		if max(n, m) < sweepBatch {
			s.swept.Store(s.cfg.Now().Unix())
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
