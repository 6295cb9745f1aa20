package realm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A node sees what others wrote once a second (Poll). Who must see it sooner
// has the store asked at once:
//
//	a request that names a realm, client or key unknown here ─► Find, Newer
//	an administrator's request, after one at another node    ─► Newest
//
// Callers that come while the store is asked share the next question, so that
// each sees what was written before it came, and one is under way at a time.

const (
	// strangersEvery lies between questions for strangers, who can make up
	// names: one small statement, 500 times a second at most. One after another
	// they hardly notice.
	strangersEvery = 2 * time.Millisecond
	// renewPatience bounds the wait for an answer.
	renewPatience = 3 * time.Second
)

// Find is Snapshot that asks the store for a realm this node does not know.
//
// Errors: ErrUnknownRealm; those of the store.
func (s *Service) Find(ctx context.Context, name string) (*Snapshot, error) {
	snap, err := s.Snapshot(ctx, name)
	if !errors.Is(err, ErrUnknownRealm) {
		return snap, err
	}
	if err := s.strangers.ask(ctx, strangersEvery, s.Poll); err != nil {
		return nil, err
	}
	return s.Snapshot(ctx, name)
}

// Newer is the version of a realm that another node wrote after snap, nil when
// there is none.
func (s *Service) Newer(ctx context.Context, snap *Snapshot) (*Snapshot, error) {
	if now := s.byID(snap.Realm.ID); now != snap { // polled since the request began
		return now, nil
	}
	if err := s.strangers.ask(ctx, strangersEvery, s.Poll); err != nil {
		return nil, err
	}
	if now := s.byID(snap.Realm.ID); now != snap {
		return now, nil
	}
	return nil, nil
}

// Newest brings this node up to what all nodes had written when it was called.
func (s *Service) Newest(ctx context.Context) error {
	return s.administrators.ask(ctx, 0, s.Poll)
}

// renewer asks one question at a time for all who want it answered.
type renewer struct {
	mu   sync.Mutex
	next *renewal      // has not begun: who comes may share it
	last chan struct{} // closed when the one before may be followed; nil: none was
}

type renewal struct {
	done chan struct{} // closed when err is known
	err  error
}

// ask waits for a question that begins after it was called, and not sooner
// than pace after the one before ended.
func (r *renewer) ask(ctx context.Context, pace time.Duration, question func(context.Context) error) error {
	r.mu.Lock()
	n := r.next
	if n == nil {
		n = &renewal{done: make(chan struct{})}
		r.next = n
		before, ended := r.last, make(chan struct{})
		r.last = ended
		go r.run(n, before, ended, pace, question)
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, renewPatience)
	defer cancel()
	select {
	case <-n.done:
		return n.err
	case <-ctx.Done():
		return fmt.Errorf("versions of realms: %w", ctx.Err())
	}
}

// run is not ended by the request that began it: others wait for it too.
func (r *renewer) run(n *renewal, before <-chan struct{}, ended chan<- struct{}, pace time.Duration, question func(context.Context) error) {
	defer close(ended)
	if before != nil {
		<-before
	}
	r.mu.Lock()
	r.next = nil
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), renewPatience)
	defer cancel()
	n.err = question(ctx)
	close(n.done)
	time.Sleep(pace)
}
