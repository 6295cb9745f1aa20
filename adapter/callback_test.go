package adapter_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/adapter"
)

// logout are the claims of a good logout token, with changes; nil removes.
func logout(changes claims) claims {
	c := access(claims{"typ": "Logout", "exp": epoch.Add(2 * time.Minute).Unix(), "events": claims{"http://schemas.openid.net/event/backchannel-logout": claims{}}})
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func send(h http.Handler, method, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const formType = "application/x-www-form-urlencoded"

// TestBackChannelLogout_ChecksTheToken: OpenID Connect Back-Channel Logout 1.0
// §2.6.
func TestBackChannelLogout_ChecksTheToken(t *testing.T) {
	t.Parallel()
	f := newForge()
	var notices []adapter.LogoutNotice
	h := adapter.BackChannelLogout(f.provider(t), func(_ context.Context, n adapter.LogoutNotice) error {
		notices = append(notices, n)
		return nil
	})
	both := claims{"http://schemas.openid.net/event/backchannel-logout": claims{}, "revoke_offline_access": true}
	for _, tt := range []struct {
		name, raw string
		status    int
		notice    adapter.LogoutNotice
	}{
		{"a session", sign(logout(claims{"jti": "a"})), 200, adapter.LogoutNotice{Subject: "user-1", SessionID: "session-1"}},
		{"a user", sign(logout(claims{"jti": "b", "sid": nil})), 200, adapter.LogoutNotice{Subject: "user-1"}},
		{"offline access too", sign(logout(claims{"jti": "c", "events": both})), 200, adapter.LogoutNotice{Subject: "user-1", SessionID: "session-1", Offline: true}},
		{"the same once more", sign(logout(claims{"jti": "a"})), 200, adapter.LogoutNotice{}},
		{"neither session nor user", sign(logout(claims{"jti": "d", "sid": nil, "sub": nil})), 400, adapter.LogoutNotice{}},
		{"no event", sign(logout(claims{"jti": "e", "events": nil})), 400, adapter.LogoutNotice{}},
		{"an ID token", sign(access(claims{"typ": "ID"})), 400, adapter.LogoutNotice{}},
		{"with a nonce", sign(logout(claims{"jti": "f", "nonce": "n"})), 400, adapter.LogoutNotice{}},
		{"without an id", sign(logout(claims{"jti": nil})), 400, adapter.LogoutNotice{}},
		{"another audience", sign(logout(claims{"jti": "g", "aud": "other"})), 400, adapter.LogoutNotice{}},
		{"another issuer", sign(logout(claims{"jti": "h", "iss": "https://evil.example"})), 400, adapter.LogoutNotice{}},
		{"another key", rs256(otherKey(), claims{"alg": "RS256", "kid": "rsa"}, logout(claims{"jti": "i"})), 400, adapter.LogoutNotice{}},
		{"an old one", sign(logout(claims{"jti": "j", "iat": epoch.Add(-3 * time.Minute).Unix()})), 400, adapter.LogoutNotice{}},
		{"expired", sign(logout(claims{"jti": "k", "exp": epoch.Add(-time.Minute).Unix()})), 400, adapter.LogoutNotice{}},
		{"nothing", "", 400, adapter.LogoutNotice{}},
	} {
		notices = nil
		w := send(h, http.MethodPost, formType, url.Values{"logout_token": {tt.raw}}.Encode())
		if w.Code != tt.status || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, want %d that is not stored", tt.name, w.Code, tt.status)
		}
		if want := tt.notice != (adapter.LogoutNotice{}); want != (len(notices) == 1) || want && notices[0] != tt.notice {
			t.Errorf("%s: notices %+v, want %+v", tt.name, notices, tt.notice)
		}
	}
	if w := send(h, http.MethodGet, "", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d, want 405", w.Code)
	}
	if w := send(h, http.MethodPost, formType, "logout_token=a&logout_token=b"); w.Code != 400 {
		t.Errorf("two tokens: %d, want 400", w.Code)
	}
}

// TestBackChannelLogout_IsTriedAgain: what could not be done or checked is not
// taken for done.
func TestBackChannelLogout_IsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newForge()
	var fail error
	h := adapter.BackChannelLogout(f.provider(t), func(context.Context, adapter.LogoutNotice) error { return fail })
	body := url.Values{"logout_token": {sign(logout(nil))}}.Encode()
	f.answer(status(http.StatusBadGateway))
	if w := send(h, http.MethodPost, formType, body); w.Code != 503 {
		t.Errorf("without keys: %d, want 503", w.Code)
	}
	f.recover()
	f.clock.Advance(10 * time.Second)
	fail = errors.New("the application's database is away")
	if w := send(h, http.MethodPost, formType, body); w.Code != 500 || strings.Contains(w.Body.String(), "database") {
		t.Errorf("a failed end: %d %s, want 500 and no more", w.Code, w.Body)
	}
	fail = nil
	if w := send(h, http.MethodPost, formType, body); w.Code != 200 {
		t.Errorf("once more: %d, want 200", w.Code)
	}
}

// TestNotBefore_Pushed: the time moves by the issuer's word for this client, and
// never back.
func TestNotBefore_Pushed(t *testing.T) {
	t.Parallel()
	f := newForge()
	p, n := f.provider(t), &adapter.NotBefore{}
	h := n.Push(p)
	push := func(changes claims) claims {
		c := claims{"id": "1", "action": "PUSH_NOT_BEFORE", "resource": "shop", "expiration": epoch.Add(30 * time.Second).Unix(), "notBefore": epoch.Unix()}
		for k, v := range changes {
			c[k] = v
		}
		return c
	}
	for _, tt := range []struct {
		name, raw string
		status    int
		want      time.Time
	}{
		{"for another client", sign(push(claims{"resource": "other"})), 400, time.Time{}},
		{"expired", sign(push(claims{"expiration": epoch.Unix()})), 400, time.Time{}},
		{"another action", sign(push(claims{"action": "LOGOUT"})), 400, time.Time{}},
		{"another key", rs256(otherKey(), claims{"alg": "RS256", "kid": "rsa"}, push(nil)), 400, time.Time{}},
		{"no JWT", "{}", 400, time.Time{}},
		{"good", sign(push(nil)), 204, epoch},
		{"an earlier time", sign(push(claims{"notBefore": epoch.Add(-time.Hour).Unix()})), 204, epoch},
		{"a later time", sign(push(claims{"notBefore": epoch.Add(time.Second).Unix()})), 204, epoch.Add(time.Second)},
	} {
		if w := send(h, http.MethodPost, "text/plain", tt.raw); w.Code != tt.status || !n.Time().Equal(tt.want) {
			t.Errorf("%s: %d, not before %v, want %d and %v", tt.name, w.Code, n.Time(), tt.status, tt.want)
		}
	}
	if w := send(h, http.MethodGet, "", sign(push(nil))); w.Code != 400 {
		t.Errorf("GET: %d, want 400", w.Code)
	}
	v, err := adapter.NewVerifier(p, adapter.Rules{NotBefore: n})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), sign(access(nil))); reason(t, err) != adapter.ReasonRevoked {
		t.Errorf("Verify of an earlier token = %v, want that it was revoked", err)
	}
	if _, err := v.Verify(t.Context(), sign(access(claims{"iat": epoch.Add(time.Second).Unix()}))); err != nil {
		t.Errorf("Verify of a later token = %v", err)
	}
}
