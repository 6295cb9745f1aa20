package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-id/latchkey/adapter"
)

// rotating is a token endpoint with rotation: each refresh token works once.
type rotating struct {
	*forge
	mu      sync.Mutex
	n       int    // successors given
	current string // the refresh token that works
	asked   int
	dead    bool
	// before and after, if set, answer instead of the endpoint: before it has
	// done anything, and after it replaced the refresh token.
	before, after http.HandlerFunc
}

func newRotating() *rotating {
	s := &rotating{forge: newForge(), current: "refresh-0"}
	s.mux.HandleFunc("/realms/shop/token_endpoint", s.token)
	return s
}

func (s *rotating) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.FormValue("refresh_token") != s.current || s.dead {
		s.dead = true // a replay ends the session
		writeJSON(w, 400, claims{"error": "invalid_grant", "error_description": "Maximum allowed refresh token reuse exceeded"})
		return
	}
	s.n++
	s.current = fmt.Sprint("refresh-", s.n)
	if s.after != nil {
		s.after(w, r)
		return
	}
	writeJSON(w, 200, claims{"access_token": fmt.Sprint("access-", s.n), "refresh_token": s.current, "token_type": "Bearer", "expires_in": 300, "scope": "offline_access"})
}

// fault sets what answers instead; nil mends it.
func (s *rotating) fault(before, after http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

func (s *rotating) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// source keeps the first refresh token, without an access token.
func (s *rotating) source(t testing.TB, store adapter.TokenStore, wire http.RoundTripper) *adapter.TokenSource {
	t.Helper()
	source := adapter.NewTokenSource(s.providerOver(t, wire), store, adapter.SourceOptions{Poll: time.Millisecond})
	if err := source.Keep(t.Context(), uma, adapter.Grant{RefreshToken: "refresh-0", Scope: []string{"offline_access"}}); err != nil {
		t.Fatal(err)
	}
	return source
}

// wire lets a test fail a request to the token endpoint in its own way.
type wire struct {
	inner http.RoundTripper
	fail  atomic.Pointer[func(*http.Request) error]
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if fail := w.fail.Load(); fail != nil {
		if err := (*fail)(r); err != nil {
			return nil, err
		}
	}
	return w.inner.RoundTrip(r)
}

// TestToken_TellsWhetherTheTokenMayBeUsedUp: when a refused refresh follows a
// failure, the error says whether the failure can be the reason.
func TestToken_TellsWhetherTheTokenMayBeUsedUp(t *testing.T) {
	t.Parallel()
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	oauthError := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, status, claims{"error": code}) }
	}
	for _, tt := range []struct {
		name          string
		before, after http.HandlerFunc
		sending       error
		discovery     int // status of the discovery document
		temporary     bool
		uncertain     bool
	}{
		{name: "refused connection", sending: &net.OpError{Op: "dial", Err: errors.New("connection refused")}, temporary: true},
		{name: "reset connection", sending: errors.New("connection reset by peer"), temporary: true, uncertain: true},
		{name: "timeout", sending: context.DeadlineExceeded, temporary: true, uncertain: true},
		{name: "no discovery document", discovery: 503, temporary: true},
		{name: "discovery of something else", discovery: 404},
		{name: "429", before: status(429), temporary: true},
		{name: "503", before: status(503), temporary: true, uncertain: true},
		{name: "504 of a proxy after the server is done", after: status(504), temporary: true, uncertain: true},
		{name: "half an answer", after: body(`{"access_token":"acc`), uncertain: true},
		{name: "a page of a proxy", after: body(`<html>`), uncertain: true},
		{name: "no access token", after: body(`{"token_type":"Bearer"}`), uncertain: true},
		{name: "wrong client secret", before: oauthError(401, "invalid_client")},
		{name: "not allowed", before: oauthError(400, "unauthorized_client")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newRotating()
			w := &wire{inner: s.forge}
			source := s.source(t, &adapter.MemoryStore{}, w)
			s.fault(tt.before, tt.after)
			if tt.discovery != 0 {
				s.answer(status(tt.discovery))
			}
			if tt.sending != nil {
				fail := func(r *http.Request) error {
					if strings.HasSuffix(r.URL.Path, "token_endpoint") {
						return tt.sending
					}
					return nil
				}
				w.fail.Store(&fail)
			}
			_, err := source.Token(t.Context(), uma)
			if _, wrong := errors.AsType[*adapter.ProtocolError](err); isTemporary(err) != tt.temporary || wrong == tt.temporary {
				t.Errorf("Token = %v, want temporary: %v", err, tt.temporary)
			}
			if state, err := source.State(t.Context(), uma); err != nil || state.Dead != nil {
				t.Errorf("State = %+v, %v, want that the token may work", state, err)
			}
			s.recover()
			w.fail.Store(nil)
			s.fault(oauthError(400, "invalid_grant"), nil)
			_, err = source.Token(t.Context(), uma)
			if gone, ok := errors.AsType[*adapter.LoginRequiredError](err); !ok || gone.Uncertain != tt.uncertain || !gone.At.Equal(epoch) {
				t.Errorf("Token = %v, want that a login is required, uncertain: %v", err, tt.uncertain)
			}
		})
	}
}

// TestToken_ConsentMissing: a scope the person never agreed to needs the person.
func TestToken_ConsentMissing(t *testing.T) {
	t.Parallel()
	s := newRotating()
	source := s.source(t, &adapter.MemoryStore{}, s.forge)
	const words = "Client no longer has requested consent from user"
	s.fault(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 400, claims{"error": "invalid_scope", "error_description": words})
	}, nil)
	_, err := source.Token(t.Context(), uma)
	if gone, ok := errors.AsType[*adapter.LoginRequiredError](err); !ok || gone.Description != words {
		t.Errorf("Token = %v, want that a login is required", err)
	}
}

// TestToken_OneRefreshForAll: of many goroutines, and of many sources on one
// store, one asks the server.
func TestToken_OneRefreshForAll(t *testing.T) {
	t.Parallel()
	s := newRotating()
	store := &adapter.MemoryStore{}
	sources := []*adapter.TokenSource{s.source(t, store, s.forge)}
	for range 3 {
		sources = append(sources, adapter.NewTokenSource(s.provider(t), store, adapter.SourceOptions{Poll: time.Millisecond}))
	}
	for round := 1; round <= 20; round++ {
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				token, err := sources[i%len(sources)].Token(t.Context(), uma)
				if err != nil || token.Value != fmt.Sprint("access-", round) {
					t.Errorf("round %d: Token = %v, %v", round, token, err)
				}
			})
		}
		wg.Wait()
		if n := s.count(); n != round {
			t.Fatalf("after round %d the server was asked %d times", round, n)
		}
		s.clock.Advance(5 * time.Minute)
	}
}

// TestToken_CallerGivesUp: a refresh goes on without who began it, and what it
// brought is kept.
func TestToken_CallerGivesUp(t *testing.T) {
	t.Parallel()
	s := newRotating()
	source := s.source(t, &adapter.MemoryStore{}, s.forge)
	ctx, cancel := context.WithCancel(t.Context())
	s.fault(nil, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		writeJSON(w, 200, claims{"access_token": "access-1", "refresh_token": "refresh-1", "token_type": "bearer", "expires_in": 300})
	})
	if _, err := source.Token(ctx, uma); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Token = %v, want nothing or that the caller gave up", err)
	}
	token, err := source.Token(t.Context(), uma)
	if err != nil || token.Value != "access-1" || s.count() != 1 {
		t.Errorf("Token = %v, %v after %d requests, want the token of the first", token, err, s.count())
	}
}

// brittle is a store whose next writes can be made to fail.
type brittle struct {
	adapter.TokenStore
	good atomic.Int64 // writes that still work; negative = all
}

func (b *brittle) Swap(ctx context.Context, key string, version int64, value []byte) (int64, error) {
	if n := b.good.Load(); n == 0 {
		return 0, errors.New("no space left on device")
	} else if n > 0 {
		b.good.Add(-1)
	}
	return b.TokenStore.Swap(ctx, key, version, value)
}

// TestToken_StoreFails: without room for a claim the server is not asked;
// without room for the successor nothing is handed out, and it is stored later
// without asking again.
func TestToken_StoreFails(t *testing.T) {
	t.Parallel()
	s := newRotating()
	store := &brittle{TokenStore: &adapter.MemoryStore{}}
	store.good.Store(-1)
	source := s.source(t, store, s.forge)
	store.good.Store(0)
	if _, err := source.Token(t.Context(), uma); !isTemporary(err) || s.count() != 0 {
		t.Errorf("no room for the claim: Token = %v after %d requests, want a TemporaryError and none", err, s.count())
	}
	store.good.Store(1)
	for range 3 {
		if token, err := source.Token(t.Context(), uma); !isTemporary(err) {
			t.Errorf("no room for the successor: Token = %v, %v, want a TemporaryError", token, err)
		}
	}
	store.good.Store(-1)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if token, err := source.Token(t.Context(), uma); err != nil || token.Value != "access-1" {
				t.Errorf("with room again: Token = %v, %v, want what the server gave", token, err)
			}
		})
	}
	wg.Wait()
	if n := s.count(); n != 1 {
		t.Errorf("the server was asked %d times, want 1", n)
	}
	again := adapter.NewTokenSource(s.provider(t), store, adapter.SourceOptions{})
	s.clock.Advance(5 * time.Minute)
	if token, err := again.Token(t.Context(), uma); err != nil || token.Value != "access-2" {
		t.Errorf("another process: Token = %v, %v, want the next", token, err)
	}
}

// TestToken_CrashBeforeTheSuccessorIsStored: the next process waits for the
// claim to end, then tries the old token, and says why it may be refused.
func TestToken_CrashBeforeTheSuccessorIsStored(t *testing.T) {
	t.Parallel()
	for _, reuse := range []bool{true, false} {
		s := newRotating()
		inner := &adapter.MemoryStore{}
		store := &brittle{TokenStore: inner}
		store.good.Store(-1)
		source := s.source(t, store, s.forge)
		store.good.Store(1) // the claim is the last thing it writes
		if _, err := source.Token(t.Context(), uma); !isTemporary(err) {
			t.Fatalf("Token = %v, want a TemporaryError", err)
		}
		if reuse {
			s.mu.Lock()
			s.current = "refresh-0"
			s.mu.Unlock()
		}
		next := adapter.NewTokenSource(s.provider(t), inner, adapter.SourceOptions{Poll: time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := next.Token(ctx, uma); !errors.Is(err, context.DeadlineExceeded) || s.count() != 1 {
			t.Errorf("while the claim lives: Token = %v after %d requests, want that it waits", err, s.count())
		}
		cancel()
		s.clock.Advance(30 * time.Second)
		token, err := next.Token(t.Context(), uma)
		gone, lost := errors.AsType[*adapter.LoginRequiredError](err)
		switch {
		case reuse && (err != nil || token.Value != "access-2"):
			t.Errorf("a token that may be used again: Token = %v, %v", token, err)
		case !reuse && (!lost || !gone.Uncertain || gone.Description == ""):
			t.Errorf("a token that was used up: Token = %v, want the server's words and Uncertain", err)
		}
	}
}

// TestToken_SlowAnswer: an answer that comes after the claim ran out is stored
// over the claim of who came next, whose own refusal changes nothing.
func TestToken_SlowAnswer(t *testing.T) {
	t.Parallel()
	s := newRotating()
	store := &adapter.MemoryStore{}
	entered, release := make(chan int, 2), [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	var n atomic.Int64
	slow := &wire{inner: s.forge}
	hold := func(r *http.Request) error {
		if strings.HasSuffix(r.URL.Path, "token_endpoint") {
			i := int(n.Add(1)) - 1
			entered <- i
			<-release[i]
		}
		return nil
	}
	first := s.source(t, store, slow)
	slow.fail.Store(&hold)
	second := adapter.NewTokenSource(s.providerOver(t, slow), store, adapter.SourceOptions{Poll: time.Millisecond})
	var wg sync.WaitGroup
	get := func(source *adapter.TokenSource, name string) {
		wg.Go(func() {
			if token, err := source.Token(t.Context(), uma); err != nil || token.Value != "access-1" {
				t.Errorf("%s: Token = %v, %v, want the successor", name, token, err)
			}
		})
	}
	get(first, "the slow one")
	<-entered
	s.clock.Advance(30 * time.Second)
	get(second, "the next")
	<-entered
	close(release[0])
	for state, err := first.State(t.Context(), uma); err != nil || state.Access.IsZero(); {
		state, err = first.State(t.Context(), uma)
	}
	close(release[1])
	wg.Wait()
	if state, err := second.State(t.Context(), uma); err != nil || state.Dead != nil {
		t.Errorf("State = %+v, %v, want that the token may work", state, err)
	}
}

// TestKeep_DuringARefresh: a new login is not written over by what a refresh of
// the old token brings.
func TestKeep_DuringARefresh(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"the old token works": false, "the old token is refused": true} {
		s := newRotating()
		source := s.source(t, &adapter.MemoryStore{}, s.forge)
		keep := func(w http.ResponseWriter, _ *http.Request) {
			login := adapter.Grant{RefreshToken: "of the new login", AccessToken: "new", Expires: epoch.Add(time.Hour)}
			if err := source.Keep(context.Background(), uma, login); err != nil {
				t.Error(err)
			}
			if refused {
				writeJSON(w, 400, claims{"error": "invalid_grant"})
				return
			}
			writeJSON(w, 200, claims{"access_token": "old", "refresh_token": "old", "token_type": "Bearer", "expires_in": 300})
		}
		s.fault(keep, nil)
		for range 2 {
			if token, err := source.Token(t.Context(), uma); err != nil || token.Value != "new" {
				t.Errorf("%s: Token = %v, %v, want that of the new login", name, token, err)
			}
		}
	}
}

// TestToken_CorruptStore: what cannot be read is told, and a new login mends it.
func TestToken_CorruptStore(t *testing.T) {
	t.Parallel()
	s := newRotating()
	inner := &adapter.MemoryStore{}
	seal := func(fill byte) adapter.TokenStore {
		store, err := adapter.Encrypted(inner, []byte(strings.Repeat(string(fill), 32)))
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	s.source(t, seal('a'), s.forge)
	source := adapter.NewTokenSource(s.provider(t), seal('b'), adapter.SourceOptions{})
	if _, err := source.Token(t.Context(), uma); !errors.Is(err, adapter.ErrCorrupt) {
		t.Errorf("Token with another secret = %v, want ErrCorrupt", err)
	}
	if err := source.Keep(t.Context(), uma, adapter.Grant{RefreshToken: "refresh-0"}); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Token(t.Context(), uma); err != nil {
		t.Errorf("Token after a new login = %v", err)
	}
}

// TestOAuth2_IsATokenSource: programs made for x/oauth2 get access tokens, no
// refresh token, and this package's errors.
func TestOAuth2_IsATokenSource(t *testing.T) {
	t.Parallel()
	s := newRotating()
	source := s.source(t, &adapter.MemoryStore{}, s.forge)
	var seen string
	base := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = r.Header.Get("Authorization")
		return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
	})}
	client := oauth2.NewClient(context.WithValue(t.Context(), oauth2.HTTPClient, base), source.OAuth2(t.Context(), uma))
	resp, err := client.Get("https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if seen != "Bearer access-1" {
		t.Errorf("Authorization %q, want the access token", seen)
	}
	token, err := source.OAuth2(t.Context(), uma).Token()
	if err != nil || token.RefreshToken != "" || !token.Expiry.Equal(epoch.Add(5*time.Minute)) {
		t.Errorf("Token = %+v, %v, want its end and no refresh token", token, err)
	}
	if _, err := source.OAuth2(t.Context(), adapter.Holder{User: "nobody"}).Token(); !isLoginRequired(err) {
		t.Errorf("Token of nobody = %v, want that a login is required", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestFormat_ShowsNoToken: what is logged by mistake holds no token.
func TestFormat_ShowsNoToken(t *testing.T) {
	t.Parallel()
	grant := adapter.Grant{RefreshToken: "s3cret", AccessToken: "s3cret"}
	access := adapter.AccessToken{Value: "s3cret"}
	for _, v := range []any{grant, &grant, access, &access, &adapter.Token{Raw: "s3cret"}, grant.LogValue(), access.LogValue()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "s3cret") || strings.Contains(got, "733363726574") {
				t.Errorf("%s of %T shows %q", verb, v, got)
			}
		}
	}
}
