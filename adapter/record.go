package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// record is what is stored for a holder, as JSON.
type record struct {
	Refresh   string    `json:"refresh,omitempty"`
	Access    string    `json:"access,omitempty"`
	Issued    time.Time `json:"issued,omitzero"`
	Expires   time.Time `json:"expires,omitzero"` // of Access
	Scope     string    `json:"scope,omitempty"`
	Kept      time.Time `json:"kept,omitzero"` // when the login was
	Used      time.Time `json:"used,omitzero"` // the last refresh
	Claim     string    `json:"claim,omitempty"`
	Until     time.Time `json:"until,omitzero"` // of Claim
	Uncertain bool      `json:"uncertain,omitempty"`
	Dead      *death    `json:"dead,omitempty"`
}

// death is the server's word that a refresh token is refused.
type death struct {
	Description string    `json:"description"`
	At          time.Time `json:"at"`
	MayReturn   bool      `json:"may_return,omitempty"`
}

// askAgain is how long a refusal is believed that an administrator can undo.
const askAgain = time.Minute

// dead is nil while the token may work.
func (r *record) dead() *LoginRequiredError {
	if r.Dead == nil {
		return nil
	}
	return &LoginRequiredError{Description: r.Dead.Description, At: r.Dead.At, MayReturn: r.Dead.MayReturn, Uncertain: r.Uncertain}
}

// refusedAt tells whether the server need not be asked: it has refused the token
// for good, or a moment ago.
func (r *record) refusedAt(now time.Time) bool {
	return r.Dead != nil && (!r.Dead.MayReturn || now.Before(r.Dead.At.Add(askAgain)))
}

func (r *record) token() *AccessToken {
	return &AccessToken{Value: r.Access, Expires: r.Expires, Scope: strings.Fields(r.Scope)}
}

// successor is an answer of the server that could not be stored yet, to the use
// of the refresh token used. It exists nowhere else.
type successor struct {
	record  *record
	used    string
	version int64
}

// read loads a record, after it has stored a successor that still waits.
func (s *TokenSource) read(ctx context.Context, key string) (*record, int64, error) {
	s.mu.Lock()
	waiting := s.unkept[key]
	s.mu.Unlock()
	if waiting != nil {
		if _, err := s.settle(ctx, key, waiting.version, waiting.used, waiting.record); err != nil && !errors.Is(err, ErrNoToken) {
			return nil, 0, err
		}
		s.forget(key, waiting)
	}
	return s.load(ctx, key)
}

func (s *TokenSource) load(ctx context.Context, key string) (*record, int64, error) {
	raw, version, err := s.store.Load(ctx, key)
	switch {
	case errors.Is(err, ErrNoToken), errors.Is(err, ErrCorrupt):
		return nil, version, err
	case err != nil:
		return nil, 0, storeError("load", err)
	}
	rec := &record{}
	if err := json.Unmarshal(raw, rec); err != nil || rec.Refresh == "" {
		return nil, version, ErrCorrupt
	}
	return rec, version, nil
}

// settle stores what became of the refresh token used, and returns what the
// store holds in the end. Who only claimed the token meanwhile, because this
// process took too long, is written over; a newer login or successor stays.
//
// Errors: ErrNoToken when the token was removed meanwhile, *TemporaryError.
func (s *TokenSource) settle(ctx context.Context, key string, version int64, used string, next *record) (*record, error) {
	for {
		_, err := s.write(ctx, key, version, next)
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, storeError("store", err)
		}
		stored, now, err := s.load(ctx, key)
		switch {
		case errors.Is(err, ErrCorrupt): // what is here is good
		case err != nil:
			return nil, err
		case stored.Refresh != used || stored.Used.After(next.Used):
			return stored, nil
		}
		version = now
	}
}

func (s *TokenSource) write(ctx context.Context, key string, version int64, rec *record) (int64, error) {
	raw, err := json.Marshal(rec)
	if err != nil {
		return 0, fmt.Errorf("token record: %w", err)
	}
	return s.store.Swap(ctx, key, version, raw)
}

// forget drops an answer that waits for the store: this one, or with nil any.
func (s *TokenSource) forget(key string, waiting *successor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting == nil || s.unkept[key] == waiting {
		delete(s.unkept, key)
	}
}

// storeError makes a failure of the store one that may pass.
func storeError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &TemporaryError{Op: "token store: " + op, Err: err}
}
