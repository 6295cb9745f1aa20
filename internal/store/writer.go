package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	writeQueue = 1024 // writes waiting; more are refused with ErrBusy
	groupMax   = 256  // writes committed together at most, so that the first does not wait for ever
)

// Tx is one write in progress: what a function given to Store.Write may use,
// until it returns and on its own goroutine only.
type Tx struct {
	s         *Store
	c         *conn
	committed []func() // what holds once the write is durable
	undone    []func() // what must be taken back when it is not
	ends      []EndedSessions
}

// write states: a caller whose context ends takes back a write that is queued;
// one that has started reports its outcome.
const (
	writeQueued = iota
	writeStarted
	writeDropped
)

// write is a queued write: fn, or the touch of one session.
type write struct {
	fn       func(*Tx) error
	touch    *model.ClientSession
	touched  bool
	tx       *Tx
	err      error
	panicked any
	state    atomic.Int32
	done     chan struct{} // one token when the outcome is known
}

func (w *write) start() bool { return w.state.CompareAndSwap(writeQueued, writeStarted) }

// writer owns the one connection that writes. Writes that wait while another
// group commits are committed together, each undone alone if it fails; a lone
// write is not delayed.
type writer struct {
	s       *Store
	c       *conn
	queue   chan *write
	mu      sync.RWMutex // guards closed against sends on queue
	closed  bool
	stopped chan struct{}
	group   []*write

	commits, writes atomic.Int64
}

func newWriter(s *Store, c *conn) *writer {
	w := &writer{s: s, c: c, queue: make(chan *write, writeQueue), stopped: make(chan struct{})}
	go w.run()
	return w
}

var writePool = sync.Pool{New: func() any { return &write{done: make(chan struct{}, 1)} }}

// do queues a write and waits for its outcome. The write belongs to the pool
// afterwards.
func (wr *writer) do(ctx context.Context, w *write) (touched bool, err error) {
	if ctx.Err() != nil {
		return false, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	w.state.Store(writeQueued)
	if err := wr.send(w); err != nil {
		w.recycle()
		return false, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.state.CompareAndSwap(writeQueued, writeDropped) {
			return false, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx)) // the writer still holds w
		}
		<-w.done
	}
	touched, err = w.touched, w.err
	panicked := w.panicked
	w.recycle()
	if panicked != nil {
		panic(panicked)
	}
	return touched, err
}

func (w *write) recycle() {
	w.fn, w.touch, w.touched, w.tx, w.err, w.panicked = nil, nil, false, nil, nil, nil
	writePool.Put(w)
}

func (wr *writer) send(w *write) error {
	wr.mu.RLock()
	defer wr.mu.RUnlock()
	if wr.closed {
		return ErrClosed
	}
	select {
	case wr.queue <- w:
		return nil
	default:
		return fmt.Errorf("%w: %d writes are waiting", ErrBusy, writeQueue)
	}
}

// close lets the queued writes finish and closes the connection.
func (wr *writer) close() error {
	wr.mu.Lock()
	if wr.closed {
		wr.mu.Unlock()
		return ErrClosed
	}
	wr.closed = true
	close(wr.queue)
	wr.mu.Unlock()
	<-wr.stopped
	return wr.c.close()
}

func (wr *writer) run() {
	defer close(wr.stopped)
	for w := range wr.queue {
		// Another process may hold the database for long: w starts only when a
		// transaction is open, so that its caller's deadline counts until then.
		err := beginWrite(wr.c, func() error {
			if w.state.Load() == writeDropped {
				return context.Canceled
			}
			return nil
		})
		switch started := w.start(); {
		case started && err != nil:
			w.err = err
			w.done <- struct{}{}
		case started:
			wr.runGroup(w)
		default:
			if err == nil {
				_ = wr.c.command("rollback") // empty: whether it goes well changes nothing
			}
			w.recycle()
		}
	}
}

// untilApplied lets beginWrite wait for as long as it ever does.
func untilApplied() error { return nil }

// runGroup runs w and what waits behind it in the open transaction.
func (wr *writer) runGroup(w *write) {
	wr.group = append(wr.group[:0], w)
	intact := wr.apply(w, false)
	for intact && len(wr.group) < groupMax {
		next := wr.waiting()
		if next == nil {
			break
		}
		wr.group = append(wr.group, next)
		intact = wr.apply(next, true)
	}
	if intact {
		wr.commit(wr.group)
	} else {
		wr.runAlone(wr.group)
	}
	for i, w := range wr.group {
		wr.group[i] = nil
		w.done <- struct{}{}
	}
}

// waiting takes the next queued write, nil when there is none.
func (wr *writer) waiting() *write {
	for {
		select {
		case w, ok := <-wr.queue:
			if !ok {
				return nil
			}
			if w.start() {
				return w
			}
			w.recycle()
		default:
			return nil
		}
	}
}

// apply runs one write inside the open transaction and undoes it if it fails.
// A savepoint keeps those before it; the first has none before it, and a
// touch is a single statement, which undoes itself. It returns false when the
// failure closed the transaction, with all that was in it.
func (wr *writer) apply(w *write, savepoint bool) (intact bool) {
	if w.touch != nil {
		w.touched, w.err = touchClientSession(wr.c, w.touch)
		return wr.c.inTx()
	}
	if savepoint {
		if w.err = wr.c.command("savepoint w"); w.err != nil {
			return wr.c.inTx()
		}
	}
	w.tx = &Tx{s: wr.s, c: wr.c}
	w.panicked, w.err = call(w.fn, w.tx)
	w.tx.c = nil
	failed := w.err != nil || w.panicked != nil
	if !wr.c.inTx() {
		return false
	}
	var err error
	switch {
	case failed && savepoint:
		err = errors.Join(wr.c.command("rollback to w"), wr.c.command("release w"))
	case failed:
		err = errors.Join(wr.c.command("rollback"), beginWrite(wr.c, untilApplied))
	case savepoint:
		err = wr.c.command("release w")
	}
	if failed {
		w.tx.undo()
	}
	if err != nil && w.err == nil {
		w.err = err
	}
	return err == nil && wr.c.inTx()
}

func call(fn func(*Tx) error, tx *Tx) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, fn(tx)
}

// commit makes the group durable, or fails all that did not fail already.
func (wr *writer) commit(group []*write) {
	err := wr.c.command("commit")
	if err == nil {
		wr.commits.Add(1)
		wr.writes.Add(int64(len(group)))
		if wr.c.hook != nil {
			wr.c.hook("commit")
		}
	} else if wr.c.inTx() {
		err = errors.Join(err, wr.c.command("rollback"))
	}
	for _, w := range group {
		switch {
		case w.err != nil || w.panicked != nil:
		case err != nil:
			w.err, w.touched = err, false
			w.tx.undo()
		case w.tx != nil:
			for _, f := range w.tx.committed {
				f()
			}
		}
	}
}

// rollback ends the open transaction; when even that fails, the next write's
// begin tells.
func (wr *writer) rollback() {
	if err := wr.c.command("rollback"); err != nil {
		wr.s.log.Error("rollback failed", "err", err)
	}
}

// runAlone gives each write of a group a transaction of its own, after a
// failure of one (a full disk, an I/O error) closed the one they shared.
func (wr *writer) runAlone(group []*write) {
	wr.s.log.Debug("a write closed the transaction it shared: each runs alone", "writes", len(group))
	if wr.c.inTx() {
		wr.rollback()
	}
	for _, w := range group {
		w.tx.undo()
		w.err, w.panicked, w.touched = nil, nil, false
		if w.err = beginWrite(wr.c, untilApplied); w.err != nil {
			continue
		}
		if wr.apply(w, false) {
			wr.commit([]*write{w})
		} else if w.tx.undo(); wr.c.inTx() {
			wr.rollback()
		}
	}
}

// undo takes back what the write left in memory.
func (tx *Tx) undo() {
	if tx == nil {
		return
	}
	for _, f := range tx.undone {
		f()
	}
	tx.undone = nil
}
