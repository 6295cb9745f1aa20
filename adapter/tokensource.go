package adapter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// TokenSource gives access tokens for people who may be away. Of many
// goroutines and of many processes on one store, one refreshes and the others
// wait for what it stores. It may be used by many goroutines.
//
// A refresh is three steps: a claim is stored (so that nobody else uses the same
// refresh token), the server is asked, the successor is stored. A crash between
// them leaves a claim that ends by itself after ClaimFor; who comes next uses
// the refresh token again, and where the server had already replaced it and
// allows no reuse, that is the loss LoginRequiredError.Uncertain tells of. A
// refresh that began goes on, ClaimFor at most, when its caller gives up.
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
	// 0 = 30 s. The server is given two thirds of it to answer.
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

// Keep stores the tokens of a login for a holder, in place of what was there.
//
// Errors: no refresh token in g; *TemporaryError when the store fails.
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
			if err == nil {
				s.forget(h.key(), nil)
			}
			return storeError("store", err)
		}
	}
}

// Token gives an access token that lives a while yet, and refreshes for it if it
// must: once a call at most, it never loops.
//
// Errors: *LoginRequiredError (nothing stored, or the server refused the token),
// *TemporaryError (try again later), *ProtocolError (the client or the server is
// set up wrongly), ErrCorrupt (what is stored is lost: a new login writes over
// it), ctx.Err().
func (s *TokenSource) Token(ctx context.Context, h Holder) (*AccessToken, error) {
	return s.get(ctx, h.key(), "")
}

// Renew is Token for a caller whose access token a service refused: it
// refreshes unless a newer one than that is stored already. Errors: as Token's.
func (s *TokenSource) Renew(ctx context.Context, h Holder, refused string) (*AccessToken, error) {
	return s.get(ctx, h.key(), refused)
}

// OAuth2 is the holder's access tokens for programs that take an
// oauth2.TokenSource, such as oauth2.NewClient. Its tokens hold no refresh
// token, and its errors are Token's. ctx is used for every token.
func (s *TokenSource) OAuth2(ctx context.Context, h Holder) oauth2.TokenSource {
	return oauth2Source{ctx, s, h}
}

type oauth2Source struct {
	ctx    context.Context // oauth2.TokenSource passes none
	source *TokenSource
	holder Holder
}

// Token is TokenSource.Token.
func (o oauth2Source) Token() (*oauth2.Token, error) {
	t, err := o.source.Token(o.ctx, o.holder)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: t.Value, TokenType: "Bearer", Expiry: t.Expires}, nil
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
func (s *State) Offline() bool { return slices.Contains(s.Scope, "offline_access") }

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
//
// Errors: *TemporaryError.
func (s *TokenSource) Forget(ctx context.Context, h Holder) error {
	s.forget(h.key(), nil)
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
	if !rec.refusedAt(s.now()) {
		if err := s.provider.Revoke(ctx, rec.Refresh); err != nil {
			return err
		}
	}
	return s.Forget(ctx, h)
}

func (s *TokenSource) now() time.Time { return s.provider.cfg.Clock().UTC() }
