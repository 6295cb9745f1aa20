package oidc_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
)

const withoutRefresh = `{"clientId":"bare","secret":"s","redirectUris":["http://localhost:9999/*"],"attributes":{"use.refresh.tokens":"false","oauth2.device.authorization.grant.enabled":"true"},
 "protocolMappers":[{"name":"aud","protocol":"openid-connect","protocolMapper":"oidc-audience-mapper","config":{"included.client.audience":"bare","access.token.claim":"true"}}]}`

// A client without refresh tokens that asks for offline access gets an access
// token that works and can be revoked, by whichever grant the login began.
func TestOfflineWithoutRefresh_AccessTokenWorks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		grant func(t *testing.T, b *browser) string
	}{
		{"authorization code", func(_ *testing.T, b *browser) string { return b.login("bare", "openid offline_access").access }},
		{"authorization code after another login of the client", func(_ *testing.T, b *browser) string {
			b.login("bare", "openid")
			return b.login("bare", "openid offline_access").access
		}},
		{"a later login of the client that asks for less", func(_ *testing.T, b *browser) string {
			access := b.login("bare", "openid offline_access").access
			b.login("bare", "openid")
			return access
		}},
		{"device code", func(t *testing.T, b *browser) string { return b.deviceLogin(t, "bare", "openid offline_access") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newLogoutDoor(t, withoutRefresh)
			access := tt.grant(t, newBrowser(t, d))
			if got := d.userinfo(access); got != http.StatusOK {
				t.Errorf("userinfo = %d, want 200", got)
			}
			if a := d.post("/token/introspect", "client_id", "bare", "client_secret", "s", "token", access); a.body["active"] != true {
				t.Errorf("introspection = %v, want active", a.body)
			}
			if a := d.post("/revoke", "client_id", "bare", "client_secret", "s", "token", access); a.status != http.StatusOK {
				t.Errorf("revoke = %d %v", a.status, a.body)
			}
			if got := d.userinfo(access); got != http.StatusUnauthorized {
				t.Errorf("userinfo of the revoked = %d, want 401", got)
			}
		})
	}
}

// It ends with the login, and an access token of an offline session that ended
// is no such token.
func TestOfflineWithoutRefresh_EndsWithTheLogin(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t, withoutRefresh)
	b := newBrowser(t, d)
	tokens := b.login("bare", "openid offline_access")
	b.get(at("/logout", "id_token_hint", tokens.id))
	if got := d.userinfo(tokens.access); got != http.StatusUnauthorized {
		t.Errorf("userinfo after the logout = %d, want 401", got)
	}
	b.login("app", "openid")
	offline := b.login("app", "openid offline_access")
	if a := d.post("/revoke", "client_id", "app", "client_secret", "s", "token", offline.refresh); a.status != http.StatusOK {
		t.Fatalf("revoke = %d %v", a.status, a.body)
	}
	if got := d.userinfo(offline.access); got != http.StatusUnauthorized {
		t.Errorf("userinfo after the offline session ended = %d, want 401", got)
	}
}

var logsIn = regexp.MustCompile(`name="password"`)

// deviceLogin approves a device of a client and returns its access token.
func (b *browser) deviceLogin(t *testing.T, client, scope string) string {
	t.Helper()
	asked := b.d.post("/auth/device", "client_id", client, "client_secret", "s", "scope", scope)
	p := b.follow(b.get(asked.text("verification_uri_complete")))
	if logsIn.MatchString(p.body) {
		p = b.follow(b.press(p, "username", "uma", "password", "password"))
	}
	b.follow(b.press(p, "accept", "Yes"))
	a := b.d.post("/token", "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", client, "client_secret", "s", "device_code", asked.text("device_code"))
	if a.status != http.StatusOK {
		t.Fatalf("tokens for the device: %d %v", a.status, a.body)
	}
	return a.text("access_token")
}

// follow goes on while the answer leads to another page of the server.
func (b *browser) follow(p page) page {
	for p.status == http.StatusFound {
		if to, err := url.Parse(p.location); err != nil || to.Host != "localhost:8080" {
			break
		}
		p = b.get(p.location)
	}
	return p
}
