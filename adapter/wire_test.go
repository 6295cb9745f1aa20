package adapter_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/adapter"
)

func newLogin(h *house, client string) (*adapter.Login, *adapter.Provider) {
	h.t.Helper()
	p := h.provider(client, nil)
	l, err := adapter.NewLogin(p, adapter.LoginConfig{RedirectURL: h.app.URL + "/cb"})
	h.must(err)
	return l, p
}

// loginForOfflineAccess: ?scope=offline_access of the application's own URL
// brings an offline token, which works after the person signed out.
func loginForOfflineAccess(t *testing.T, h *house) {
	l, p := newLogin(h, "portal")
	target, pending, err := l.Begin(t.Context(), url.Values{"scope": {"offline_access admin"}, "login_hint": {"uma"}})
	h.must(err)
	u, err := url.Parse(target)
	h.must(err)
	if got := u.Query(); got.Get("scope") != "openid offline_access" || got.Get("login_hint") != "uma" || got.Get("code_challenge_method") != "S256" {
		t.Errorf("the request asks %v, want openid and offline_access alone, the hint and PKCE", got)
	}
	b := newBrowser(h)
	id, grant, err := l.Finish(t.Context(), pending, b.login(target))
	h.must(err)
	if id.Username != "uma" || id.Subject != h.uma() || id.SessionID == "" || id.Email != "uma@example.org" {
		t.Errorf("identity %+v, want uma's", id)
	}
	if grant.RefreshToken == "" || !slices.Contains(grant.Scope, "offline_access") {
		t.Fatalf("%v, want an offline token", grant)
	}
	out, err := l.LogoutURL(t.Context(), id.IDToken, h.app.URL+"/bye", "st4te")
	h.must(err)
	if _, arrived := b.visit(http.MethodGet, out, nil); arrived == nil || arrived.Path != "/bye" || arrived.Query().Get("state") != "st4te" {
		t.Errorf("logout arrives at %v, want /bye with the state", arrived)
	}
	source := adapter.NewTokenSource(p, &adapter.MemoryStore{}, adapter.SourceOptions{})
	h.must(source.Keep(t.Context(), uma, *grant))
	first, err := source.Token(t.Context(), uma)
	h.must(err)
	if first.Value != grant.AccessToken {
		t.Error("Token refreshed while the access token of the login was fresh")
	}
	h.clock.Advance(6 * time.Minute)
	next, err := source.Token(t.Context(), uma)
	h.must(err)
	if next.Value == first.Value || !next.Expires.After(h.clock.Now().Add(4*time.Minute)) {
		t.Errorf("after its end the access token is the same, or ends at %v", next.Expires)
	}
	state, err := source.State(t.Context(), uma)
	h.must(err)
	if !state.Offline() || state.Dead != nil || !state.Used.Equal(h.clock.Now().UTC()) && !h.keycloak {
		t.Errorf("state %+v, want an offline token used now", state)
	}
}

// loginRefused: who does not consent comes back with access_denied.
func loginRefused(t *testing.T, h *house) {
	l, _ := newLogin(h, "asking")
	target, pending, err := l.Begin(t.Context(), nil)
	h.must(err)
	b := newBrowser(h)
	page, _ := b.visit(http.MethodGet, target, nil)
	page, _ = b.submit(page, url.Values{"username": {"uma"}, "password": {"pw"}})
	_, arrived := b.submit(page, url.Values{"cancel": {"No"}})
	if arrived == nil {
		t.Fatal("the refusal did not arrive at the application")
	}
	_, _, err = l.Finish(t.Context(), pending, arrived.Query())
	if said, ok := errors.AsType[*adapter.LoginError](err); !ok || said.Code != "access_denied" {
		t.Errorf("Finish = %v, want access_denied", err)
	}
}

// codeOfAnotherLogin: answers that are not this login's are dropped, and a code
// is worth nothing with another login's PKCE verifier or without its nonce.
func codeOfAnotherLogin(t *testing.T, h *house) {
	l, _ := newLogin(h, "portal")
	begin := func() (string, *adapter.Pending) {
		target, pending, err := l.Begin(t.Context(), nil)
		h.must(err)
		return target, pending
	}
	target, pending := begin()
	_, other := begin()
	b := newBrowser(h)
	answer := b.login(target)
	change := func(name string, values ...string) url.Values {
		q := url.Values{}
		for k, v := range answer {
			q[k] = v
		}
		q[name] = values
		return q
	}
	for name, query := range map[string]url.Values{
		"another state":       change("state", other.State),
		"no state":            change("state"),
		"a state twice":       change("state", pending.State, pending.State),
		"another server":      change("iss", "https://evil.example"),
		"no server":           change("iss"),
		"neither code nor no": change("code"),
	} {
		if _, _, err := l.Finish(t.Context(), pending, query); !errors.Is(err, adapter.ErrForged) {
			t.Errorf("%s: Finish = %v, want ErrForged", name, err)
		}
	}
	if _, _, err := l.Finish(t.Context(), nil, answer); !errors.Is(err, adapter.ErrForged) {
		t.Errorf("no login began: Finish = %v, want ErrForged", err)
	}
	mixed := *other
	mixed.State = pending.State // the code of one login in the session of another
	if _, _, err := l.Finish(t.Context(), &mixed, answer); err == nil {
		t.Error("a code worked with another login's PKCE verifier")
	}
	target, pending = begin()
	answer = b.login(target)
	pending.Nonce = "another"
	if _, _, err := l.Finish(t.Context(), pending, answer); !errors.Is(err, adapter.ErrForged) {
		t.Errorf("another nonce: Finish = %v, want ErrForged", err)
	}
	target, pending = begin()
	answer = b.login(target)
	pending.Began = pending.Began.Add(-2 * time.Hour)
	_, _, err := l.Finish(t.Context(), pending, answer)
	if said, ok := errors.AsType[*adapter.LoginError](err); !ok || said.Code != "expired" {
		t.Errorf("two hours later Finish = %v, want that it expired", err)
	}
}

// backChannelLogout: the server tells the application which login ended.
func backChannelLogout(t *testing.T, h *house) {
	l, p := newLogin(h, "portal")
	notices := make(chan adapter.LogoutNotice, 4)
	h.pages.Handle("/out", adapter.BackChannelLogout(p, func(_ context.Context, n adapter.LogoutNotice) error {
		notices <- n
		return nil
	}))
	target, pending, err := l.Begin(t.Context(), nil)
	h.must(err)
	b := newBrowser(h)
	id, _, err := l.Finish(t.Context(), pending, b.login(target))
	h.must(err)
	out, err := l.LogoutURL(t.Context(), id.IDToken, "", "")
	h.must(err)
	b.visit(http.MethodGet, out, nil)
	select {
	case n := <-notices:
		if n.SessionID != id.SessionID || n.Subject != id.Subject || n.Offline {
			t.Errorf("notice %+v, want session %q of %q", n, id.SessionID, id.Subject)
		}
	case <-time.After(time.Minute):
		t.Error("no logout token came")
	}
}

// successorIsStored: with rotation each refresh token works once; the store
// always has the one that works.
func successorIsStored(t *testing.T, h *house) {
	p := h.provider("portal", nil)
	store, err := adapter.NewFileStore(t.TempDir() + "/tokens")
	h.must(err)
	source := h.source(p, store)
	seen := map[string]bool{}
	for range 4 {
		h.clock.Advance(6 * time.Minute)
		source = adapter.NewTokenSource(p, store, adapter.SourceOptions{}) // the application was started anew
		token, err := source.Token(t.Context(), uma)
		h.must(err)
		if seen[token.Value] {
			t.Error("an access token came twice")
		}
		seen[token.Value] = true
	}
	renewed, err := source.Renew(t.Context(), uma, "not the token that is stored")
	h.must(err)
	if !seen[renewed.Value] {
		t.Error("Renew refreshed although a newer token than the refused one was stored")
	}
	if renewed, err = source.Renew(t.Context(), uma, renewed.Value); err != nil || seen[renewed.Value] {
		t.Errorf("Renew of the stored token = %v, want a new one", err)
	}
}

// lossy loses the answer of the next request to the token endpoint, after the
// server has given it.
type lossy struct{ lose atomic.Bool }

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/token") && l.lose.CompareAndSwap(true, false) {
		resp.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return resp, err
}

// answerLost: the answer to a refresh is lost after the server committed. Where
// a token may be used again nobody is lost; where not, the error says why.
func answerLost(t *testing.T, h *house) {
	for _, tt := range []struct {
		name   string
		revoke bool
		reuse  int
		lost   bool
	}{{"rotation off", false, 0, false}, {"one reuse allowed", true, 1, false}, {"no reuse allowed", true, 0, true}} {
		h.admin(http.MethodPut, h.realmPath(""), map[string]any{"revokeRefreshToken": tt.revoke, "refreshTokenMaxReuse": tt.reuse}, nil)
		wire := &lossy{}
		source := h.source(h.provider("portal", wire), &adapter.MemoryStore{})
		h.clock.Advance(6 * time.Minute)
		wire.lose.Store(true)
		if _, err := source.Token(t.Context(), uma); !isTemporary(err) {
			t.Errorf("%s: lost answer: Token = %v, want a TemporaryError", tt.name, err)
		}
		token, err := source.Token(t.Context(), uma)
		gone, lost := errors.AsType[*adapter.LoginRequiredError](err)
		switch {
		case lost != tt.lost || !lost && err != nil:
			t.Errorf("%s: Token = %v, want lost: %v", tt.name, err, tt.lost)
		case lost && (!gone.Uncertain || gone.Description == ""):
			t.Errorf("%s: %+v, want the server's words and Uncertain", tt.name, gone)
		case !lost && token.Value == "":
			t.Errorf("%s: no token", tt.name)
		}
	}
}

func isTemporary(err error) bool {
	_, ok := errors.AsType[*adapter.TemporaryError](err)
	return ok
}

// sessionEnded: an ended offline session is told in the server's words, and the
// server is asked once only.
func sessionEnded(t *testing.T, h *house) {
	calls := &counted{}
	source := h.source(h.provider("portal", calls), &adapter.MemoryStore{})
	admin := steward(h)
	portal, _, err := admin.Client(t.Context(), "portal")
	h.must(err)
	if n, err := admin.EndClientSessions(t.Context(), portal.ID, true); n != 1 || err != nil {
		t.Fatalf("EndClientSessions = %d, %v, want 1", n, err)
	}
	h.clock.Advance(6 * time.Minute)
	for range 3 {
		_, err := source.Token(t.Context(), uma)
		gone, ok := errors.AsType[*adapter.LoginRequiredError](err)
		if !ok || gone.Description != "Offline user session not found" || gone.Uncertain || gone.MayReturn {
			t.Fatalf("Token = %v, want the server's word that the session is gone", err)
		}
	}
	if n := calls.count("token"); n != 1 {
		t.Errorf("the token endpoint was asked %d times, want 1", n)
	}
	h.must(source.Keep(t.Context(), uma, h.direct("portal", "offline_access")))
	if _, err := source.Token(t.Context(), uma); err != nil {
		t.Errorf("Token after a new login = %v", err)
	}
	h.must(source.Forget(t.Context(), uma))
	if _, err := source.Token(t.Context(), uma); !isLoginRequired(err) {
		t.Errorf("Token after Forget = %v, want that a login is required", err)
	}
}

func isLoginRequired(err error) bool {
	_, ok := errors.AsType[*adapter.LoginRequiredError](err)
	return ok
}

// userDisabledForAWhile: what an administrator takes and gives back is not lost.
func userDisabledForAWhile(t *testing.T, h *house) {
	calls := &counted{}
	source := h.source(h.provider("portal", calls), &adapter.MemoryStore{})
	id := h.uma()
	enable := func(on bool) {
		var user map[string]any
		h.admin(http.MethodGet, h.realmPath("/users/"+id), nil, &user)
		user["enabled"] = on
		h.admin(http.MethodPut, h.realmPath("/users/"+id), user, nil)
	}
	enable(false)
	h.clock.Advance(6 * time.Minute)
	for range 2 {
		_, err := source.Token(t.Context(), uma)
		if gone, ok := errors.AsType[*adapter.LoginRequiredError](err); !ok || !gone.MayReturn || gone.Description != "User disabled" {
			t.Errorf("Token of a disabled user = %v, want that it may return", err)
		}
	}
	enable(true)
	if n := calls.count("token"); n != 1 {
		t.Errorf("the token endpoint was asked %d times within a minute, want 1", n)
	}
	h.clock.Advance(61 * time.Second)
	if _, err := source.Token(t.Context(), uma); err != nil {
		t.Errorf("Token of a user enabled again = %v", err)
	}
}

// revokedByItsHolder: Revoke ends the token at the server.
func revokedByItsHolder(t *testing.T, h *house) {
	source := h.source(h.provider("portal", nil), &adapter.MemoryStore{})
	admin, id := steward(h), h.uma()
	portal, _, err := admin.Client(t.Context(), "portal")
	h.must(err)
	h.must(source.Revoke(t.Context(), uma))
	h.must(source.Revoke(t.Context(), uma)) // nothing left is no error
	for s, err := range admin.UserOfflineSessions(t.Context(), id, portal.ID) {
		t.Errorf("an offline session is left: %+v, %v", s, err)
	}
	if _, err := source.State(t.Context(), uma); !errors.Is(err, adapter.ErrNoToken) {
		t.Errorf("State = %v, want ErrNoToken", err)
	}
}
