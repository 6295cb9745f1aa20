package adapter

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
)

// flight is a refresh that others of this process wait for.
type flight struct {
	done  chan struct{}
	stale string // the access token it replaces
	rec   *record
	err   error
}

// get reads, and joins or begins this process' refresh of the key.
func (s *TokenSource) get(ctx context.Context, key, refused string) (*AccessToken, error) {
	rec, _, err := s.read(ctx, key)
	switch {
	case errors.Is(err, ErrNoToken):
		return nil, &LoginRequiredError{}
	case err != nil:
		return nil, err
	case rec.refusedAt(s.now()):
		return nil, rec.dead()
	case rec.Dead == nil && s.fresh(rec) && (refused == "" || rec.Access != refused):
		return rec.token(), nil
	}
	f := s.join(ctx, key, rec.Access)
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.rec.token(), nil
}

// join is the key's refresh that goes on, or a new one for the access token
// stale.
func (s *TokenSource) join(ctx context.Context, key, stale string) *flight {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flying[key]
	if f == nil || f.stale != stale {
		f = &flight{done: make(chan struct{}), stale: stale}
		s.flying[key] = f
		// Who began it may go away; those who joined must not lose by that.
		go s.fly(context.WithoutCancel(ctx), key, f)
	}
	return f
}

// fly refreshes and tells all who wait.
func (s *TokenSource) fly(ctx context.Context, key string, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.opts.ClaimFor)
	defer cancel()
	f.rec, f.err = s.renew(ctx, key, f.stale)
	s.mu.Lock()
	if s.flying[key] == f {
		delete(s.flying, key)
	}
	s.mu.Unlock()
	close(f.done)
}

// fresh tells whether the access token of rec can still be handed out.
func (s *TokenSource) fresh(rec *record) bool {
	early := min(s.opts.Early, rec.Expires.Sub(rec.Issued)/2)
	return rec.Access != "" && s.now().Before(rec.Expires.Add(-early))
}

// renew replaces the access token stale: it claims the refresh token or waits
// for who has. It asks the server once at most.
func (s *TokenSource) renew(ctx context.Context, key, stale string) (*record, error) {
	for pause := s.opts.Poll; ; pause = min(2*pause, time.Second) {
		rec, version, err := s.read(ctx, key)
		switch {
		case errors.Is(err, ErrNoToken):
			return nil, &LoginRequiredError{}
		case err != nil:
			return nil, err
		case rec.refusedAt(s.now()):
			return nil, rec.dead()
		case rec.Dead == nil && rec.Access != stale && s.fresh(rec):
			return rec, nil
		case rec.Claim == "" || !s.now().Before(rec.Until):
			next, version, err := s.claim(ctx, key, version, rec)
			if err == nil {
				return s.refresh(ctx, key, version, next)
			}
			if !errors.Is(err, ErrConflict) {
				return nil, storeError("store", err)
			}
		default:
			if err := sleep(ctx, pause); err != nil {
				return nil, &TemporaryError{Op: "refresh", Err: errors.New("another process holds the refresh token")}
			}
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim stores that this call uses the refresh token now. A claim of somebody
// else that has run out leaves it open whether the token was used.
func (s *TokenSource) claim(ctx context.Context, key string, version int64, rec *record) (*record, int64, error) {
	next := *rec
	next.Uncertain = rec.Uncertain || rec.Claim != ""
	next.Claim, next.Until = rand.Text(), s.now().Add(s.opts.ClaimFor)
	version, err := s.write(ctx, key, version, &next)
	return &next, version, err
}

// refresh asks the server and stores what it said.
func (s *TokenSource) refresh(ctx context.Context, key string, version int64, rec *record) (*record, error) {
	asking, cancel := context.WithTimeout(ctx, s.opts.ClaimFor*2/3)
	defer cancel()
	tokens, used, err := s.provider.refresh(asking, rec.Refresh)
	next := *rec
	next.Claim, next.Until = "", time.Time{}
	gone, refused := errors.AsType[*LoginRequiredError](err)
	switch {
	case refused:
		next.Dead = &death{gone.Description, gone.At, gone.MayReturn}
	case err != nil:
		// The claim is given back if it is still this call's and the store works;
		// else it ends by itself.
		next.Uncertain = next.Uncertain || used
		_, _ = s.write(ctx, key, version, &next)
		return nil, err
	default:
		next.renewed(tokens, s.now())
	}
	stored, serr := s.settle(ctx, key, version, rec.Refresh, &next)
	switch {
	case errors.Is(serr, ErrNoToken): // removed while the server was asked
		return nil, &LoginRequiredError{}
	case serr != nil:
		return nil, s.unstored(key, &successor{&next, rec.Refresh, version}, serr)
	case stored == &next && refused:
		return nil, next.dead()
	case stored == &next:
		return stored, nil
	case stored.Dead == nil && s.fresh(stored): // a newer login, or another's successor
		return stored, nil
	}
	return nil, &TemporaryError{Op: "refresh", Err: ErrConflict}
}

// renewed takes over what a refresh brought. What an answer leaves out
// stays: the refresh token and the scope (RFC 6749 §6, §5.1).
func (r *record) renewed(g *Grant, now time.Time) {
	r.Access, r.Issued, r.Used, r.Expires = g.AccessToken, now, now, g.Expires
	r.Uncertain, r.Dead = false, nil
	if len(g.Scope) > 0 {
		r.Scope = strings.Join(g.Scope, " ")
	}
	if g.RefreshToken != "" {
		r.Refresh = g.RefreshToken
	}
}

// unstored keeps an answer that the store did not take in memory, so that the
// next call stores it. It is not handed out before.
func (s *TokenSource) unstored(key string, next *successor, err error) error {
	if _, ok := errors.AsType[*TemporaryError](err); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unkept[key] = next
	}
	return err
}
