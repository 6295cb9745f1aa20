package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// readers are the read connections: opened when first needed, at most as many
// as there are places, the last used first, so that few caches are kept warm.
type readers struct {
	open   func() (*conn, error)
	places chan struct{} // one taken per connection in use
	opened atomic.Int64

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func newReaders(n int, open func() (*conn, error)) *readers {
	return &readers{open: open, places: make(chan struct{}, n)}
}

func (r *readers) get(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case r.places <- struct{}{}:
	default:
		select {
		case r.places <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
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

// read runs fn on a read connection: for look-ups by key, which are too short
// to be interrupted.
func (s *Store) read(ctx context.Context, fn func(c *conn) error) error {
	c, err := s.readers.get(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	return fn(c)
}

// readLong is read for statements that end early when ctx does.
func (s *Store) readLong(ctx context.Context, fn func(c *conn) error) error {
	return s.read(ctx, func(c *conn) error {
		undo := c.interruptible(ctx)
		err := fn(c)
		undo()
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

// readOnce is readLong in one transaction: everything fn reads is of one moment.
func (s *Store) readOnce(ctx context.Context, fn func(c *conn) error) error {
	return s.readLong(ctx, func(c *conn) error {
		if err := c.command("begin"); err != nil {
			return err
		}
		err := fn(c)
		if c.inTx() {
			c.c.SetInterrupt(nil)
			err = errors.Join(err, c.command("rollback"))
		}
		return err
	})
}
