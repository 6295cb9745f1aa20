package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

const kindPushed = "pushed"

// pushedRequest is a pushed authorization request as it is stored.
type pushedRequest struct {
	Values map[string]string `json:"values"`
	Until  int64             `json:"until"` // Unix seconds: opens no login from then on
}

// Push stores the parameters of a pushed authorization request, checked
// before, for lifespan seconds. The handle stands for them, as often as the
// person reloads the page, until a login that it began is complete.
// RFC 9126 §2.2, §4.
func (s *Service) Push(ctx context.Context, r *model.Realm, values map[string]string, now, lifespan int64) (handle string, err error) {
	if handle, err = s.handle(""); err != nil {
		return "", err
	}
	// A login that began in time may end later: the row is kept so long that the
	// first to end can forbid it to the others.
	req := pushedRequest{Values: values, Until: now + lifespan}
	p, err := newPending(kindPushed, r.Num, handle, req, now+lifespan+r.AccessCodeLifespanLogin())
	if err != nil {
		return "", err
	}
	return handle, s.Store.Write(ctx, func(tx *store.Tx) error { return tx.InsertPending(p) })
}

// Pushed reads the parameters a handle stands for.
//
// Errors: store.ErrNotFound, also when it was used or expired.
func (s *Service) Pushed(ctx context.Context, realm int64, handle string, now int64) (map[string]string, error) {
	var req pushedRequest
	p, err := s.pending(ctx, kindPushed, realm, handle, now, &req)
	if err != nil {
		return nil, err
	}
	if p.Used || req.Until <= now {
		return nil, fmt.Errorf("pushed request used or expired: %w", store.ErrNotFound)
	}
	return req.Values, nil
}

// ErrPushedUsed is a login whose pushed request another login has used up.
var ErrPushedUsed = errors.New("pushed authorization request is used")

// usePushed reads the pushed request of a login that completes; mark uses it up
// in the transaction of the completion, so that of several logins one wins.
// Without a handle there is nothing to mark.
//
// Errors: ErrPushedUsed, of mark too.
func (s *Service) usePushed(ctx context.Context, realm int64, handle string, now int64) (mark func(tx *store.Tx) error, err error) {
	if handle == "" {
		return func(*store.Tx) error { return nil }, nil
	}
	p, err := s.Store.Pending(ctx, kindPushed, realm, handle, now)
	if errors.Is(err, store.ErrNotFound) || err == nil && p.Used {
		return nil, ErrPushedUsed
	} else if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		used := *p
		used.Used = true
		err := tx.UpdatePending(&used)
		if errors.Is(err, store.ErrStale) {
			return ErrPushedUsed
		}
		return err
	}, nil
}
