package adapter_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/adapter"
)

func verifier(h *house, client string, rules adapter.Rules) *adapter.Verifier {
	h.t.Helper()
	v, err := adapter.NewVerifier(h.provider(client, nil), rules)
	h.must(err)
	return v
}

// reason is why a token was refused, "" if it was not.
func reason(t *testing.T, err error) adapter.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	bad, ok := errors.AsType[*adapter.TokenError](err)
	if !ok {
		t.Fatalf("error %v, want a TokenError", err)
	}
	return bad.Reason
}

// tokensOfOtherKinds: a service takes access tokens and no others.
func tokensOfOtherKinds(t *testing.T, h *house) {
	v := verifier(h, "portal", adapter.Rules{AnyAudience: true})
	answer := h.form(h.issuer()+"/protocol/openid-connect/token", "grant_type", "password", "client_id", "portal", "client_secret", "s3cret",
		"username", "uma", "password", "pw", "scope", "openid offline_access")
	for name, want := range map[string]adapter.Reason{"access_token": "", "id_token": adapter.ReasonType, "refresh_token": adapter.ReasonAlgorithm} {
		raw, _ := answer[name].(string)
		if _, err := v.Verify(t.Context(), raw); reason(t, err) != want {
			t.Errorf("Verify of the %s = %v, want %q", name, err, want)
		}
	}
	h.clock.Advance(5*time.Minute + 11*time.Second)
	raw, _ := answer["access_token"].(string)
	if _, err := v.Verify(t.Context(), raw); reason(t, err) != adapter.ReasonExpired {
		t.Errorf("Verify after the end and the leeway = %v, want that it expired", err)
	}
}

// rolesAndAudience: what the server puts into a token is what a service sees.
func rolesAndAudience(t *testing.T, h *house) {
	raw := h.direct("portal", "openid email").AccessToken
	token, err := verifier(h, "api", adapter.Rules{AuthorizedParties: []string{"portal"}}).Verify(t.Context(), raw)
	h.must(err)
	if token.Subject != h.uma() || token.Username != "uma" || token.AuthorizedParty != "portal" || token.SessionID == "" || token.Issuer != h.issuer() {
		t.Errorf("token %v of session %q, want uma's of portal", token, token.SessionID)
	}
	if !token.HasRealmRole("member") || !token.HasClientRole("api", "reader") || token.HasRealmRole("reader") || token.HasClientRole("api", "member") {
		t.Error("roles are not those of realm and client")
	}
	if !token.HasScope("email") || token.HasScope("offline_access") {
		t.Errorf("scope %v, want email", token.Scope)
	}
	var claims struct {
		Email string `json:"email"`
	}
	if err := token.Claims(&claims); err != nil || claims.Email != "uma@example.org" {
		t.Errorf("claims %+v, %v", claims, err)
	}
	for _, tt := range []struct {
		name, client string
		rules        adapter.Rules
		want         adapter.Reason
	}{
		{"a service it is not for", "steward", adapter.Rules{}, adapter.ReasonAudience},
		{"a named audience", "steward", adapter.Rules{Audience: "api"}, ""},
		{"another client's", "api", adapter.Rules{AuthorizedParties: []string{"public"}}, adapter.ReasonParty},
		{"another algorithm", "api", adapter.Rules{Algorithms: []string{"ES256"}}, adapter.ReasonAlgorithm},
	} {
		if _, err := verifier(h, tt.client, tt.rules).Verify(t.Context(), raw); reason(t, err) != tt.want {
			t.Errorf("%s: Verify = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// ask sends a request with a token through a middleware.
func ask(t *testing.T, v *adapter.Verifier, need adapter.Access, authorization ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	for _, a := range authorization {
		r.Header.Add("Authorization", a)
	}
	w := httptest.NewRecorder()
	v.Middleware(need)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if adapter.FromContext(r.Context()) == nil {
			t.Error("no token in the context of an admitted request")
		}
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
	return w
}

// onlineCheck: an ended session acts before the access token ends, at once or
// when the cache's time is over.
func onlineCheck(t *testing.T, h *house) {
	calls := &counted{}
	v, err := adapter.NewVerifier(h.provider("api", calls), adapter.Rules{})
	h.must(err)
	checks := map[string]*adapter.OnlineCheck{
		"userinfo, each time":      {},
		"introspection, each time": {Introspect: true},
		"userinfo, cached":         {CacheFor: time.Minute},
		"introspection, cached":    {Introspect: true, CacheFor: time.Minute},
	}
	raw := h.direct("portal", "openid").AccessToken
	for range 3 {
		for name, check := range checks {
			if w := ask(t, v, adapter.Access{Online: check}, "Bearer "+raw); w.Code != http.StatusNoContent {
				t.Fatalf("%s: %d %s, want it admitted", name, w.Code, w.Header().Get("WWW-Authenticate"))
			}
		}
	}
	if u, i := calls.count("userinfo"), calls.count("introspect"); u != 3+1 || i != 3+1 {
		t.Errorf("userinfo was asked %d times, introspection %d, want 3 and 1 for the cache each", u, i)
	}
	h.must(steward(h).LogoutUser(t.Context(), h.uma()))
	for name, check := range checks {
		want := http.StatusUnauthorized
		if check.CacheFor > 0 {
			want = http.StatusNoContent
		}
		if w := ask(t, v, adapter.Access{Online: check}, "Bearer "+raw); w.Code != want {
			t.Errorf("%s: right after the logout %d, want %d", name, w.Code, want)
		}
	}
	h.clock.Advance(time.Minute)
	for name, check := range checks {
		if w := ask(t, v, adapter.Access{Online: check}, "Bearer "+raw); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: a minute after the logout %d, want 401", name, w.Code)
		}
	}
	if w := ask(t, v, adapter.Access{}, "Bearer "+raw); w.Code != http.StatusNoContent {
		t.Errorf("a route without the check: %d, want the token's own word", w.Code)
	}
}

// notBeforePolled: the realm's not-before refuses what was issued earlier.
func notBeforePolled(t *testing.T, h *house) {
	p, notBefore := h.provider("api", nil), &adapter.NotBefore{}
	v, err := adapter.NewVerifier(p, adapter.Rules{NotBefore: notBefore})
	h.must(err)
	raw := h.direct("portal", "openid").AccessToken
	h.must(notBefore.Poll(t.Context(), p))
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("Verify without a not-before = %v", err)
	}
	at := h.clock.Now().Add(2 * time.Second).Truncate(time.Second)
	h.admin(http.MethodPut, h.realmPath(""), map[string]any{"notBefore": at.Unix()}, nil)
	h.must(notBefore.Poll(t.Context(), p))
	if !notBefore.Time().Equal(at) {
		t.Errorf("polled %v, want %v", notBefore.Time(), at)
	}
	if _, err := v.Verify(t.Context(), raw); reason(t, err) != adapter.ReasonRevoked {
		t.Errorf("Verify = %v, want that the token was revoked", err)
	}
}

// notBeforePushed: the server posts the not-before to the client's admin URL.
func notBeforePushed(t *testing.T, h *house) {
	p, notBefore := h.provider("portal", nil), &adapter.NotBefore{}
	h.pages.Handle("/push/k_push_not_before", notBefore.Push(p))
	at := h.clock.Now().Truncate(time.Second)
	h.admin(http.MethodPut, h.realmPath(""), map[string]any{"notBefore": at.Unix()}, nil)
	var said struct {
		Done []string `json:"successRequests"`
	}
	h.admin(http.MethodPost, h.realmPath("/push-revocation"), nil, &said)
	if len(said.Done) != 1 || !notBefore.Time().Equal(at) {
		t.Errorf("pushed to %v, known is %v, want %v", said.Done, notBefore.Time(), at)
	}
}
