package oidc_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// listener is the server of clients that are told of logouts, a path each.
type listener struct {
	url string

	mu     sync.Mutex
	tokens map[string][]string // by path, without the slash
}

// listen answers with status what it is told.
func listen(t *testing.T, status int) *listener {
	t.Helper()
	l := &listener{tokens: map[string][]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		path := r.URL.Path[1:]
		l.tokens[path] = append(l.tokens[path], r.PostFormValue("logout_token"))
		w.Header().Set("Location", "/followed")
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// told are the clients that were told, by what they got; it waits until there
// are n, since a logout does not wait for ever.
func (l *listener) told(t *testing.T, n int) (names []string, tokens map[string][]string) {
	t.Helper()
	eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		names, tokens = slices.Sorted(maps.Keys(l.tokens)), maps.Clone(l.tokens)
		return len(names) >= n
	})
	return names, tokens
}

// eventually waits for a condition.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("did not happen within a minute")
		}
	}
}

// client is a client of the listener; attributes are JSON members.
func (l *listener) client(id string, attributes ...string) string {
	all := append([]string{`"backchannel.logout.url":"` + l.url + "/" + id + `"`}, attributes...)
	return `{"clientId":"` + id + `","secret":"s","redirectUris":["http://localhost:9999/*"],"directAccessGrantsEnabled":true,"attributes":{` + strings.Join(all, ",") + `}}`
}

const (
	namesSession   = `"backchannel.logout.session.required":"true"`
	revokesOffline = `"backchannel.logout.revoke.offline.tokens":"true"`
)

// TestBackchannel_LogoutTokens: header and claims are those of Keycloak 26.7.2.
func TestBackchannel_LogoutTokens(t *testing.T) {
	t.Parallel()
	l := listen(t, http.StatusOK)
	d := newLogoutDoor(t, l.client("plain"), l.client("named", namesSession, `"id.token.signed.response.alg":"ES256"`), l.client("revoker", namesSession, revokesOffline))
	b := newBrowser(t, d)
	hint := b.login("app", "openid").id
	for _, id := range []string{"plain", "named", "revoker"} {
		b.login(id, "openid")
	}
	_, login := claimsOf(t, hint)
	if p := b.get(at("/logout", "id_token_hint", hint)); p.status != http.StatusOK {
		t.Fatalf("logout = %d", p.status)
	}
	_, tokens := l.told(t, 3)
	for _, tt := range []struct {
		client, alg string
		sid         bool
		events      map[string]any
	}{
		{"plain", "RS256", false, map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}},
		{"named", "ES256", true, map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}},
		{"revoker", "RS256", true, map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}, "revoke_offline_access": true}},
	} {
		t.Run(tt.client, func(t *testing.T) {
			if len(tokens[tt.client]) != 1 {
				t.Fatalf("told %d times, want once", len(tokens[tt.client]))
			}
			raw := tokens[tt.client][0]
			header, claims := claimsOf(t, raw)
			if header["typ"] != "logout+jwt" || header["alg"] != tt.alg || header["kid"] == nil {
				t.Errorf("header = %v, want typ logout+jwt, alg %s and a kid", header, tt.alg)
			}
			want := map[string]any{
				"iss": base + "/realms/demo", "aud": tt.client, "sub": login["sub"], "typ": "Logout", "events": tt.events,
				"iat": float64(d.clock().Unix()), "exp": float64(d.clock().Unix() + 120), "jti": claims["jti"],
			}
			if tt.sid {
				want["sid"] = login["sid"]
			}
			if claims["jti"] == nil || !equalJSON(t, claims, want) {
				t.Errorf("claims = %v, want %v", claims, want)
			}
			snap, err := d.realms.Snapshot(t.Context(), "demo")
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := snap.Keys.Verify(raw); err != nil {
				t.Errorf("signature: %v", err)
			}
		})
	}
}

func TestBackchannel_RevokeOfflineEndsThatClientsAlone(t *testing.T) {
	t.Parallel()
	l := listen(t, http.StatusOK)
	d := newLogoutDoor(t, l.client("keeper"), l.client("revoker", revokesOffline))
	b := newBrowser(t, d)
	keeper, revoker := b.login("keeper", "openid offline_access"), b.login("revoker", "openid offline_access")
	b.get(at("/logout", "id_token_hint", keeper.id))
	if !d.refreshes(t, keeper) {
		t.Error("the offline session of a client that did not ask ended")
	}
	if d.refreshes(t, revoker) {
		t.Error("the offline session of the client that asked for it goes on")
	}
}

func TestBackchannel_WhoIsTold(t *testing.T) {
	t.Parallel()
	const offline, online = "openid offline_access", "openid"
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, d *door, b *browser, one tokenSet, user, sid string)
		want []string
	}{
		{"POST /logout with an online token", func(t *testing.T, d *door, _ *browser, one tokenSet, _, _ string) {
			d.post("/logout", "client_id", "one", "client_secret", "s", "refresh_token", one.refresh)
		}, []string{"one", "two"}},
		{"POST /logout with an offline token: also those of its online twin", func(t *testing.T, d *door, b *browser, _ tokenSet, _, _ string) {
			d.post("/logout", "client_id", "one", "client_secret", "s", "refresh_token", b.login("one", offline).refresh)
		}, []string{"one", "two"}},
		{"the browser", func(t *testing.T, _ *door, b *browser, one tokenSet, _, _ string) {
			b.get(at("/logout", "id_token_hint", one.id))
		}, []string{"one", "two"}},
		{"an ID token alone", func(t *testing.T, d *door, _ *browser, one tokenSet, _, _ string) {
			newBrowser(t, d).get(at("/logout", "id_token_hint", one.id))
		}, []string{"one", "two"}},
		{"an administrator ends the user's sessions", func(t *testing.T, d *door, _ *browser, _ tokenSet, user, _ string) {
			d.admin(t, http.MethodPost, "/users/"+user+"/logout")
		}, []string{"one", "two"}},
		{"an administrator ends the user's logins alone", func(t *testing.T, d *door, _ *browser, _ tokenSet, user, _ string) {
			d.admin(t, http.MethodPost, "/users/"+user+"/logout?offline=keep")
		}, []string{"one", "two"}},
		{"an administrator ends offline sessions, and the client's part of their logins", func(t *testing.T, d *door, b *browser, _ tokenSet, _, _ string) {
			b.login("one", offline)
			if status, body := d.admin(t, http.MethodPost, "/offline-sessions/revoke", `{"user":"uma"}`); status != http.StatusOK {
				t.Fatalf("revoke: %d %s", status, body)
			}
		}, []string{"one"}},
		{"an administrator ends one session", func(t *testing.T, d *door, _ *browser, _ tokenSet, _, sid string) {
			d.admin(t, http.MethodDelete, "/sessions/"+sid)
		}, []string{"one", "two"}},
		{"the person, elsewhere, with a new password", func(t *testing.T, d *door, _ *browser, _ tokenSet, user, _ string) {
			if status, _ := d.admin(t, http.MethodPut, "/users/"+user, `{"requiredActions":["UPDATE_PASSWORD"]}`); status != http.StatusNoContent {
				t.Fatalf("required action: %d", status)
			}
			b := newBrowser(t, d)
			p := b.press(b.authorize("app", "openid"), "username", "uma", "password", "password")
			p = b.press(b.get(p.location), "password-new", "new", "password-confirm", "new", "logout-sessions", "on")
			if !strings.Contains(p.location, "code=") {
				t.Fatalf("new password: %d %q", p.status, p.location)
			}
		}, []string{"one", "two"}},
		{"POST /revoke", func(t *testing.T, d *door, _ *browser, one tokenSet, _, _ string) {
			d.post("/revoke", "client_id", "one", "client_secret", "s", "token", one.refresh)
		}, nil},
		{"all sessions of the realm", func(t *testing.T, d *door, _ *browser, _ tokenSet, _, _ string) {
			d.admin(t, http.MethodPost, "/logout-all")
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, http.StatusOK)
			d := newLogoutDoor(t, l.client("one"), l.client("two"), l.client("elsewhere"))
			b := newBrowser(t, d)
			one := b.login("one", online)
			b.login("two", online)
			_, claims := claimsOf(t, one.id)
			tt.end(t, d, b, one, claims["sub"].(string), claims["sid"].(string))
			if d.refreshes(t, one) {
				t.Error("the session goes on")
			}
			if got, _ := l.told(t, len(tt.want)); !slices.Equal(got, tt.want) {
				t.Errorf("told %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBackchannel_FailureNeverFailsTheLogout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		reason string
	}{
		{"an error", http.StatusInternalServerError, "status 500"},
		{"a redirect, which is not followed", http.StatusTemporaryRedirect, "status 307"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, tt.status)
			d := newLogoutDoor(t, l.client("one"))
			b := newBrowser(t, d)
			one := b.login("one", "openid")
			if p := b.get(at("/logout", "id_token_hint", one.id, "post_logout_redirect_uri", bye)); p.location != bye {
				t.Fatalf("logout = %d %q, want %q", p.status, p.location, bye)
			}
			if d.refreshes(t, one) {
				t.Error("the session goes on")
			}
			var all []map[string]any
			eventually(t, func() bool { all = d.events(t, "LOGOUT_ERROR"); return len(all) > 0 })
			if _, tokens := l.told(t, 1); len(tokens) != 1 || len(tokens["one"]) != 2 {
				t.Errorf("told %v, want one twice and nobody by redirect", tokens)
			}
			if len(all) != 1 || all[0]["error"] != "backchannel_logout_failed" || all[0]["clientId"] != "one" ||
				!strings.HasSuffix(all[0]["details"].(map[string]any)["reason"].(string), tt.reason) {
				t.Errorf("events = %v, want backchannel_logout_failed of one: %s", all, tt.reason)
			}
		})
	}
}

func TestBackchannel_SilentClientDoesNotHoldTheBrowser(t *testing.T) {
	t.Parallel()
	release, done := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-release
		close(done)
	}))
	t.Cleanup(s.Close)
	d := newLogoutDoor(t, (&listener{url: s.URL}).client("silent"))
	b := newBrowser(t, d)
	if p := b.get(at("/logout", "id_token_hint", b.login("silent", "openid").id, "post_logout_redirect_uri", bye)); p.location != bye {
		t.Errorf("logout = %d %q, want %q", p.status, p.location, bye)
	}
	close(release) // the answer above did not wait for this
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("the client was not told in the end")
	}
}
