package adapter

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Grant is the tokens of a login, or what is left of them in a store.
type Grant struct {
	RefreshToken string    // of type Offline or Refresh
	AccessToken  string    // may be empty
	Expires      time.Time // of the access token
	Scope        []string
}

// Holder says whose token it is: a user of the application and one of his
// devices, or "" where the application keeps one token for all of them. Both are
// the application's own names.
type Holder struct{ User, Device string }

// key is the name under which a store keeps the holder's token.
func (h Holder) key() string { return url.QueryEscape(h.User) + "/" + url.QueryEscape(h.Device) }

// TokenSource gives access tokens for people who may be away. Of many
// goroutines and of many processes on one store, one refreshes and the others
// wait for what it stores. It may be used by many goroutines.
//
// A refresh is three steps: a claim is stored (so that nobody else uses the same
// refresh token), the server is asked, the successor is stored. A crash between
// them leaves a claim that ends by itself after ClaimFor; who comes next uses
// the refresh token again, and where the server had already replaced it and
// allows no reuse, that is the loss LoginRequiredError.Uncertain tells of.
type TokenSource struct {
	provider *Provider
	store    TokenStore
	opts     SourceOptions

	mu     sync.Mutex
	flying map[string]*flight    // refreshes of this process by key
	unkept map[string]*successor // answers the store did not take
}

// SourceOptions adjust a TokenSource; the zero value is good.
type SourceOptions struct {
	// Early is how long before its end an access token is replaced; 0 = 30 s, but
	// never more than half of its life.
	Early time.Duration
	// ClaimFor is how long one process may take to refresh before another tries;
	// 0 = 30 s. It must be longer than the HTTP client's timeout.
	ClaimFor time.Duration
	// Poll is how often a process looks whether another one has finished;
	// 0 = 50 ms, doubling up to a second.
	Poll time.Duration
}

// NewTokenSource makes a source over a store.
func NewTokenSource(p *Provider, store TokenStore, opts SourceOptions) *TokenSource {
	if opts.Early == 0 {
		opts.Early = 30 * time.Second
	}
	if opts.ClaimFor == 0 {
		opts.ClaimFor = 30 * time.Second
	}
	if opts.Poll == 0 {
		opts.Poll = 50 * time.Millisecond
	}
	return &TokenSource{provider: p, store: store, opts: opts, flying: map[string]*flight{}, unkept: map[string]*successor{}}
}

// record is what is stored for a holder.
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

type death struct {
	Description string    `json:"description"`
	At          time.Time `json:"at"`
}

// version tells apart what was read; successor is an answer of the server that
// could not be stored yet.
type successor struct {
	record  *record
	version int64
}

// flight is a refresh that others of this process wait for.
type flight struct {
	done chan struct{}
	rec  *record
	err  error
}

// Keep stores the tokens of a login for a holder, in place of what was there.
//
// Errors: *TemporaryError when the store fails.
func (s *TokenSource) Keep(ctx context.Context, h Holder, g Grant) error {
	if g.RefreshToken == "" {
		return errors.New("keep: the grant has no refresh token")
	}
	now := s.now()
	rec := &record{Refresh: g.RefreshToken, Access: g.AccessToken, Issued: now, Expires: g.Expires, Scope: strings.Join(g.Scope, " "), Kept: now, Used: now}
	for {
		_, version, err := s.store.Load(ctx, h.key())
		if err != nil && !errors.Is(err, ErrNoToken) && !errors.Is(err, ErrCorrupt) {
			return storeError("load", err)
		}
		if _, err = s.write(ctx, h.key(), version, rec); !errors.Is(err, ErrConflict) {
			s.forget(h.key())
			return storeError("store", err)
		}
	}
}

// Token gives an access token that lives a while yet, and refreshes for it if it
// must: once a call at most, it never loops.
//
// Errors: *LoginRequiredError (nothing stored, or the server refused the token
// for good), *TemporaryError (try again later), *ProtocolError (the client or
// the server is set up wrongly), ErrCorrupt, ctx.Err().
func (s *TokenSource) Token(ctx context.Context, h Holder) (*Grant, error) {
	return s.get(ctx, h.key(), "")
}

// Renew is Token for a caller whose access token a service refused: it
// refreshes unless a newer one than that is stored already.
func (s *TokenSource) Renew(ctx context.Context, h Holder, refused string) (*Grant, error) {
	return s.get(ctx, h.key(), refused)
}

// State is what is known about a holder's token without asking the server.
type State struct {
	Kept   time.Time // when the login was
	Used   time.Time // the last refresh, or Kept
	Scope  []string
	Access time.Time           // until when the stored access token lives, zero if there is none
	Dead   *LoginRequiredError // nil while the token may work
}

// Offline tells whether the login was for offline access.
func (s *State) Offline() bool {
	for _, scope := range s.Scope {
		if scope == "offline_access" {
			return true
		}
	}
	return false
}

// State reads what is stored for a holder. Errors: ErrNoToken, ErrCorrupt,
// *TemporaryError.
func (s *TokenSource) State(ctx context.Context, h Holder) (*State, error) {
	rec, _, err := s.read(ctx, h.key())
	if err != nil {
		return nil, err
	}
	return &State{Kept: rec.Kept, Used: rec.Used, Scope: strings.Fields(rec.Scope), Access: rec.Expires, Dead: rec.dead()}, nil
}

// Forget removes what is stored for a holder, and asks the server nothing: see
// Revoke.
func (s *TokenSource) Forget(ctx context.Context, h Holder) error {
	s.forget(h.key())
	return storeError("delete", s.store.Delete(ctx, h.key()))
}

// Revoke ends the holder's token at the server (RFC 7009) and removes it.
//
// Errors: as Token's; a token that is stored stays when the server could not be
// asked.
func (s *TokenSource) Revoke(ctx context.Context, h Holder) error {
	rec, _, err := s.read(ctx, h.key())
	if errors.Is(err, ErrNoToken) {
		return nil
	} else if err != nil {
		return err
	}
	if rec.Dead == nil {
		if err := s.provider.Revoke(ctx, rec.Refresh); err != nil {
			return err
		}
	}
	return s.Forget(ctx, h)
}

func (s *TokenSource) now() time.Time { return s.provider.cfg.Clock().UTC() }

// forget drops an answer that waits for the store.
func (s *TokenSource) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unkept, key)
}

// get reads, and joins or begins this process' refresh of the key.
func (s *TokenSource) get(ctx context.Context, key, refused string) (*Grant, error) {
	rec, _, err := s.read(ctx, key)
	switch {
	case errors.Is(err, ErrNoToken):
		return nil, &LoginRequiredError{}
	case err != nil:
		return nil, err
	case rec.Dead != nil:
		return nil, rec.dead()
	case s.fresh(rec) && (refused == "" || rec.Access != refused):
		return rec.grant(), nil
	}
	s.mu.Lock()
	f := s.flying[key]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.flying[key] = f
		// Who began it may go away; those who joined must not lose by that.
		go s.fly(context.WithoutCancel(ctx), key, rec.Access, f)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.rec.grant(), nil
}

// fly refreshes and tells all who wait.
func (s *TokenSource) fly(ctx context.Context, key, stale string, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.opts.ClaimFor)
	defer cancel()
	f.rec, f.err = s.renew(ctx, key, stale)
	s.mu.Lock()
	delete(s.flying, key)
	s.mu.Unlock()
	close(f.done)
}

// fresh tells whether the access token of rec can still be handed out.
func (s *TokenSource) fresh(rec *record) bool {
	early := min(s.opts.Early, rec.Expires.Sub(rec.Issued)/2)
	return rec.Access != "" && s.now().Before(rec.Expires.Add(-early))
}

// renew replaces the access token stale: it claims the refresh token or waits
// for who has.
func (s *TokenSource) renew(ctx context.Context, key, stale string) (*record, error) {
	for pause := s.opts.Poll; ; pause = min(2*pause, time.Second) {
		rec, version, err := s.read(ctx, key)
		switch {
		case errors.Is(err, ErrNoToken):
			return nil, &LoginRequiredError{}
		case err != nil:
			return nil, err
		case rec.Dead != nil:
			return nil, rec.dead()
		case rec.Access != stale && s.fresh(rec):
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
	next := *rec
	next.Claim, next.Until = "", time.Time{}
	tokens, err := s.provider.refresh(ctx, rec.Refresh)
	var gone *LoginRequiredError
	var later *TemporaryError
	switch {
	case errors.As(err, &gone):
		next.Dead = &death{gone.Description, s.now()}
	case errors.As(err, &later):
		// It may have reached the server: whether the refresh token was used is open
		// unless the server itself answered that it did nothing.
		next.Uncertain = next.Uncertain || later.Status == 0
	case err == nil:
		next.Access, next.Issued, next.Used = tokens.AccessToken, s.now(), s.now()
		next.Expires, next.Uncertain = tokens.Expires, false
		next.Scope = strings.Join(tokens.Scope, " ")
		if tokens.RefreshToken != "" {
			next.Refresh = tokens.RefreshToken
		}
	}
	if _, werr := s.write(ctx, key, version, &next); werr != nil {
		return nil, s.unstored(key, version, &next, err, werr)
	}
	if next.Dead != nil {
		return nil, next.dead()
	}
	return &next, err
}

// unstored is an answer the store did not take. A successor is kept in memory,
// so that the next call stores it: it exists nowhere else. It is not handed
// out before.
func (s *TokenSource) unstored(key string, version int64, next *record, err, werr error) error {
	if err == nil && !errors.Is(werr, ErrConflict) {
		s.mu.Lock()
		s.unkept[key] = &successor{next, version}
		s.mu.Unlock()
	}
	if err != nil {
		return err
	}
	return storeError("store", werr)
}

// read loads a record, after it has stored a successor that still waits.
func (s *TokenSource) read(ctx context.Context, key string) (*record, int64, error) {
	s.mu.Lock()
	waiting := s.unkept[key]
	s.mu.Unlock()
	if waiting != nil {
		_, err := s.write(ctx, key, waiting.version, waiting.record)
		if err != nil && !errors.Is(err, ErrConflict) {
			return nil, 0, storeError("store", err)
		}
		s.forget(key)
	}
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

func (s *TokenSource) write(ctx context.Context, key string, version int64, rec *record) (int64, error) {
	raw, err := json.Marshal(rec)
	if err != nil {
		return 0, fmt.Errorf("token record: %w", err)
	}
	return s.store.Swap(ctx, key, version, raw)
}

// storeError makes a failure of the store one that may pass.
func storeError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &TemporaryError{Op: "token store: " + op, Err: err}
}

func (r *record) dead() *LoginRequiredError {
	if r.Dead == nil {
		return nil
	}
	return &LoginRequiredError{Description: r.Dead.Description, At: r.Dead.At, Uncertain: r.Uncertain}
}

func (r *record) grant() *Grant {
	return &Grant{RefreshToken: r.Refresh, AccessToken: r.Access, Expires: r.Expires, Scope: strings.Fields(r.Scope)}
}
