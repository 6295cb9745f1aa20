package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// readers are the read connections: opened when first needed, at most as many
// as there are places, the last used first, so that few caches are kept warm.
type readers struct {
	open   func() (*conn, error)
	places chan struct{} // one taken per connection in use
	opened atomic.Int64
	now    func() time.Time // nil: waits are not timed

	waiting, waits, waited atomic.Int64 // callers now; ever; nanoseconds in all

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func newReaders(n int, now func() time.Time, open func() (*conn, error)) *readers {
	return &readers{open: open, now: now, places: make(chan struct{}, n)}
}

// place waits for a place that another caller gives back.
func (r *readers) place(ctx context.Context) error {
	r.waits.Add(1)
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	if r.now != nil {
		begun := r.now()
		defer func() { r.waited.Add(int64(max(0, r.now().Sub(begun)))) }()
	}
	select {
	case r.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *readers) get(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r.places <- struct{}{}:
	default:
		if err := r.place(ctx); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		<-r.places
		return nil, ErrClosed
	}
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	c, err := r.open()
	if err != nil {
		<-r.places
		return nil, err
	}
	r.opened.Add(1)
	return c, nil
}

func (r *readers) put(c *conn) {
	r.mu.Lock()
	r.idle = append(r.idle, c)
	r.mu.Unlock()
	<-r.places
}

// close waits for the connections in use and closes all.
func (r *readers) close() error {
	for range cap(r.places) {
		r.places <- struct{}{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, c := range r.idle {
		errs = append(errs, c.close())
	}
	r.idle = nil
	for range cap(r.places) {
		<-r.places
	}
	return errors.Join(errs...)
}
