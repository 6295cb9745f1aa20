package oidc_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store"
)

func (a answer) wants(t *testing.T, what string, status int, code, description string) {
	t.Helper()
	if a.status != status || a.text("error") != code || a.text("error_description") != description {
		t.Errorf("%s: %d %q %q, want %d %q %q", what, a.status, a.text("error"), a.text("error_description"), status, code, description)
	}
}

func (d *door) refresh(client, secret, rt string) answer {
	return d.post("/token", "grant_type", "refresh_token", "client_id", client, "client_secret", secret, "refresh_token", rt)
}

// assertion is a JWT signed with HS256, as client_secret_jwt wants it.
func assertion(secret string, claims map[string]any) string {
	enc := base64.RawURLEncoding.EncodeToString
	body, _ := json.Marshal(claims)
	signed := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + enc(mac.Sum(nil))
}

// The texts are those of Keycloak 26.7.2, measured.
func TestToken_ClientSecretJWT(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	const secret = "0123456789abcdef0123456789abcdef"
	now := d.clock().Unix()
	good := func(change func(map[string]any)) map[string]any {
		c := map[string]any{"iss": "secret-jwt", "sub": "secret-jwt", "aud": base + "/realms/demo", "jti": "j" + fmt.Sprint(time.Now().UnixNano()), "iat": now, "exp": now + 60}
		if change != nil {
			change(c)
		}
		return c
	}
	send := func(jwt string, more ...string) answer {
		return d.post("/token", append([]string{"grant_type", "client_credentials", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", jwt}, more...)...)
	}
	once := assertion(secret, good(nil))
	if a := send(once); a.status != http.StatusOK {
		t.Fatalf("a good assertion: %d %v", a.status, a.body)
	}
	send(once).wants(t, "the same again", 400, "invalid_client", "Token reuse detected")
	if a := send(assertion(secret, good(func(c map[string]any) { c["aud"] = base + "/realms/demo/protocol/openid-connect/token" }))); a.status != http.StatusOK {
		t.Errorf("audience token endpoint: %d %v", a.status, a.body)
	}
	for _, tt := range []struct {
		name        string
		change      func(map[string]any)
		status      int
		description string
	}{
		{"two audiences", func(c map[string]any) { c["aud"] = []string{base + "/realms/demo", "x"} }, 400, "Multiple audiences not allowed"},
		{"other audience", func(c map[string]any) { c["aud"] = "x" }, 400, "Invalid token audience"},
		{"no audience", func(c map[string]any) { delete(c, "aud") }, 400, "Invalid token audience"},
		{"expired", func(c map[string]any) { c["exp"] = now - 20 }, 400, "Token is not active"},
		{"no exp", func(c map[string]any) { delete(c, "exp") }, 400, "Token exp claim is required"},
		{"no jti", func(c map[string]any) { delete(c, "jti") }, 400, "Token jti claim is required"},
		{"issued in the future", func(c map[string]any) { c["iat"] = now + 60 }, 400, "Token was issued in the future"},
		{"other subject", func(c map[string]any) { c["sub"] = "nobody" }, 401, "Invalid client or Invalid client credentials"},
		{"other issuer", func(c map[string]any) { c["iss"] = "nobody" }, 401, "Invalid client or Invalid client credentials"},
	} {
		send(assertion(secret, good(tt.change))).wants(t, tt.name, tt.status, "invalid_client", tt.description)
	}
	send("junk").wants(t, "junk", 401, "invalid_client", "Invalid client or Invalid client credentials")
	send(assertion(secret, good(nil)), "client_id", "portal").wants(t, "another client_id", 400, "invalid_client", "client_id parameter does not match authenticated client")
	d.post("/token", "grant_type", "client_credentials", "client_id", "secret-jwt", "client_secret", secret).
		wants(t, "the bare secret", 400, "invalid_client", "Parameter client_assertion_type is missing")
	if a := send(assertion("another secret of enough length!", good(nil))); a.status != 400 || a.text("error") != "unauthorized_client" {
		t.Errorf("wrong secret: %d %v", a.status, a.body)
	}
}

func TestRefresh_TamperedTokens(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	rt := d.login(t, "portal", "portal-secret", "openid offline_access").text("refresh_token")
	parts := strings.Split(rt, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	for name, bad := range map[string]string{
		"tampered signature": rt[:len(rt)-4] + "AAAA",
		"alg none":           none + "." + parts[1] + ".",
		"alg none, signed":   none + "." + parts[1] + "." + parts[2],
		"two parts":          parts[0] + "." + parts[1],
		"truncated":          rt[:len(rt)/2],
		"oversized":          rt + strings.Repeat("A", 30000),
	} {
		a := d.refresh("portal", "portal-secret", bad)
		if a.status != 400 || a.text("error") != "invalid_grant" && a.text("error") != "invalid_request" {
			t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
	if a := d.refresh("portal", "portal-secret", rt); a.status != http.StatusOK {
		t.Errorf("the token itself afterwards: %d %v", a.status, a.body)
	}
}

func TestToken_WithoutRefreshTokensTheSessionIsOnline(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	a := d.login(t, "no-refresh", "s", "openid offline_access")
	if a.text("refresh_token") != "" || a.body["refresh_expires_in"] != float64(0) {
		t.Errorf("refresh token = %q, refresh_expires_in = %v", a.text("refresh_token"), a.body["refresh_expires_in"])
	}
}

// Its access token names an offline session and belongs to an online one:
// what lets it work must also let it be revoked.
func TestRevoke_AccessTokenOfAClientWithoutRefreshTokens(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	login := func() string { return d.login(t, "no-refresh", "s", "openid offline_access").text("access_token") }
	revoked, other := login(), login()
	if status := d.userinfo(revoked); status != http.StatusOK {
		t.Fatalf("userinfo before = %d", status)
	}
	if a := d.post("/revoke", "client_id", "no-refresh", "client_secret", "s", "token", revoked); a.status != http.StatusOK || a.body != nil {
		t.Errorf("revoke = %d %v, want 200 and nothing", a.status, a.body)
	}
	for _, tt := range []struct {
		name, token string
		want        int
	}{{"the revoked", revoked, http.StatusUnauthorized}, {"another", other, http.StatusOK}} {
		if got := d.userinfo(tt.token); got != tt.want {
			t.Errorf("userinfo with %s token = %d, want %d", tt.name, got, tt.want)
		}
	}
}

// userinfo asks with an access token and returns the status.
func (d *door) userinfo(accessToken string) int {
	r := httptest.NewRequest(http.MethodGet, base+"/realms/demo/protocol/openid-connect/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+accessToken)
	return d.send(r).status
}

func TestToken_ClientsOwnAlgorithms(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	a := d.login(t, "es", "s", "openid")
	for name, want := range map[string]string{"access_token": `"alg":"ES256"`, "id_token": `"alg":"EdDSA"`, "refresh_token": `"alg":"HS512"`} {
		header, _ := base64.RawURLEncoding.DecodeString(strings.Split(a.text(name), ".")[0])
		if !strings.Contains(string(header), want) {
			t.Errorf("%s header = %s, want %s", name, header, want)
		}
	}
}

func TestRotation_AnOlderLinkOfTheSameSecondIsRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t, strings.Replace(demoRealm, `"enabled":true,`, `"enabled":true,"revokeRefreshToken":true,`, 1))
	first := d.login(t, "portal", "portal-secret", "offline_access").text("refresh_token")
	second := d.refresh("portal", "portal-secret", first).text("refresh_token")
	third := d.refresh("portal", "portal-secret", second).text("refresh_token")
	if third == "" {
		t.Fatal("the chain broke by itself")
	}
	d.refresh("portal", "portal-secret", first).wants(t, "the first again", 400, "invalid_grant", "Maximum allowed refresh token reuse exceeded")
	d.refresh("portal", "portal-secret", third).wants(t, "the newest afterwards", 400, "invalid_grant", "Session doesn't have required client")
}

func TestRefresh_OfflineLivesForMonthsOfUse(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	rt := d.login(t, "portal", "portal-secret", "openid offline_access").text("refresh_token")
	for range 12 {
		d.advance(29 * 24 * time.Hour)
		a := d.refresh("portal", "portal-secret", rt)
		if a.status != http.StatusOK {
			t.Fatalf("at %v: %d %v", d.clock(), a.status, a.body)
		}
		rt = a.text("refresh_token")
	}
	d.advance(31 * 24 * time.Hour)
	d.refresh("portal", "portal-secret", rt).wants(t, "after 31 days without use", 400, "invalid_grant", "Offline user session not found")
}

func TestRefresh_IdleIsNeverAppliedEarly(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	rt := d.login(t, "portal", "portal-secret", "offline_access").text("refresh_token")
	d.advance(59 * time.Second) // too soon to be written
	if a := d.refresh("portal", "portal-secret", rt); a.status != http.StatusOK {
		t.Fatal(a.body)
	}
	d.advance(30 * 24 * time.Hour) // the whole idle time after that refresh
	if a := d.refresh("portal", "portal-secret", rt); a.status != http.StatusOK {
		t.Errorf("30 days after the last refresh: %d %v", a.status, a.body)
	}
}

func TestPassword_AnswersDoNotTellAccountsApart(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	try := func(user, password string) answer {
		return d.post("/token", "grant_type", "password", "client_id", "portal", "client_secret", "portal-secret", "username", user, "password", password)
	}
	wrong, unknown, service := try("uma", "x"), try("nobody", "x"), try("service-account-secret-jwt", "x")
	for _, a := range []answer{wrong, unknown, service} {
		a.wants(t, "refused login", 400, "invalid_grant", "Invalid user credentials")
	}
	if byMail := try("UMA@Example.org", "password"); byMail.status != http.StatusOK {
		t.Errorf("login by e-mail address: %d %v", byMail.status, byMail.body)
	}
}

func TestEvents_StoredWithTheLogin(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	a := d.login(t, "portal", "portal-secret", "openid offline_access")
	d.advance(time.Second)
	d.refresh("portal", "portal-secret", a.text("refresh_token"))
	d.post("/token", "grant_type", "password", "client_id", "portal", "client_secret", "portal-secret", "username", "uma", "password", "x")
	d.advance(time.Second)
	d.post("/revoke", "client_id", "portal", "client_secret", "portal-secret", "token", a.text("refresh_token"))
	snap, err := d.realms.Snapshot(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	events, err := d.store.Events(t.Context(), snap.Realm.Num, store.EventFilter{Ascending: true})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Type)
	}
	if got := strings.Join(kinds, " "); got != "LOGIN LOGIN_ERROR REVOKE_GRANT" {
		t.Fatalf("events = %s", got)
	}
	if e := events[1]; e.Error != "invalid_user_credentials" || e.UserID == "" || e.Details["reason"] != "" || e.Details["token_id"] != "" {
		t.Errorf("refused login = %+v", e)
	}
	login := events[0]
	if login.Session != a.text("session_state") || login.Details["refresh_token_type"] != "Offline" || login.Details["username"] != "uma" ||
		login.Details["token_id"] == "" || login.Details["scope"] == "" || login.ClientID != "portal" || login.IP != "127.0.0.1" {
		t.Errorf("login event = %+v", login)
	}
}

func TestIntrospect_RevokedAccessTokenAlone(t *testing.T) {
	t.Parallel()
	d := newDoor(t, demoRealm)
	a := d.login(t, "portal", "portal-secret", "openid offline_access")
	userinfo := func() answer {
		r, _ := http.NewRequest(http.MethodGet, base+"/realms/demo/protocol/openid-connect/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+a.text("access_token"))
		r.RemoteAddr = "127.0.0.1:50000"
		return d.send(r)
	}
	if u := userinfo(); u.status != http.StatusOK || u.text("preferred_username") != "uma" {
		t.Fatalf("userinfo before: %d %v", u.status, u.body)
	}
	d.post("/revoke", "client_id", "portal", "client_secret", "portal-secret", "token", a.text("access_token"))
	u := userinfo()
	if u.status != http.StatusUnauthorized || u.header.Get("WWW-Authenticate") != `Bearer realm="demo", error="invalid_token", error_description="Token verification failed"` {
		t.Errorf("userinfo after: %d %q", u.status, u.header.Get("WWW-Authenticate"))
	}
	if r := d.refresh("portal", "portal-secret", a.text("refresh_token")); r.status != http.StatusOK {
		t.Errorf("the offline token afterwards: %d %v", r.status, r.body)
	}
}

func TestEvents_RefreshIsStoredWhereTheRealmAsksForIt(t *testing.T) {
	t.Parallel()
	for _, rotation := range []string{"false", "true"} {
		t.Run("rotation "+rotation, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, strings.Replace(demoRealm, `"eventsEnabled":true,`, `"eventsEnabled":true,"enabledEventTypes":["REFRESH_TOKEN","REFRESH_TOKEN_ERROR"],"revokeRefreshToken":`+rotation+`,`, 1))
			rt := d.login(t, "portal", "portal-secret", "offline_access").text("refresh_token")
			a := d.refresh("portal", "portal-secret", rt)
			d.advance(time.Second)
			d.refresh("portal", "portal-secret", "junk")
			snap, err := d.realms.Snapshot(t.Context(), "demo")
			if err != nil {
				t.Fatal(err)
			}
			events, err := d.store.Events(t.Context(), snap.Realm.Num, store.EventFilter{Ascending: true})
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != 2 || events[0].Type != "REFRESH_TOKEN" || events[1].Type != "REFRESH_TOKEN_ERROR" {
				t.Fatalf("events = %+v", events)
			}
			got := events[0]
			if got.Session != a.text("session_state") || got.Details["updated_refresh_token_id"] == "" || got.Details["refresh_token_id"] == "" || got.Details["token_id"] == "" {
				t.Errorf("refresh event = %+v", got)
			}
			if events[1].Error != "invalid_token" || events[1].Details["reason"] != "Invalid refresh token" {
				t.Errorf("error event = %+v", events[1])
			}
		})
	}
}
