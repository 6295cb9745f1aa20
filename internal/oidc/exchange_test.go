package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

// The answers, their order and the events are those of Keycloak 26.7.2,
// measured.
func TestExchange_Refusals(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	subject := d.login(t, "login", "s", "openid").text("access_token")
	id := d.login(t, "login", "s", "openid").text("id_token")
	job := d.post("/token", "grant_type", "client_credentials", "client_id", "job", "client_secret", "s").text("access_token")
	offline := d.login(t, "login", "s", "offline_access").text("access_token")
	const (
		newSession = "Refresh token not valid as requested_token_type because creating a new session is needed"
		noType     = "requested_token_type unsupported"
		noToken    = "subject_token validation failure"
		consents   = "Missing consents for Token Exchange in client req-consent"
	)
	for _, tt := range []struct {
		name, client, subject string
		pairs                 []string
		status                int
		code, description     string
		cause, reason         string // of the event; "": as the answer
	}{
		{"requested_subject goes first", "req-off", subject, []string{"requested_issuer", "y", "subject_issuer", "x", "requested_subject", ""}, 400, "invalid_request", "Parameter 'requested_subject' is not supported for standard token exchange", "", ""},
		{"requested_issuer", "req", subject, []string{"subject_issuer", "x", "requested_issuer", "x"}, 400, "invalid_request", "Parameter 'requested_issuer' is not supported for standard token exchange", "", ""},
		{"subject_issuer", "req", subject, []string{"subject_issuer", "x"}, 400, "invalid_request", "Parameter 'subject_issuer' is not supported for standard token exchange", "", ""},
		{"not enabled", "req-off", "junk", nil, 400, "invalid_request", "Standard token exchange is not enabled for the requested client", "", ""},
		{"junk", "pub", "junk", nil, 400, "invalid_request", "Invalid token", "invalid_token", noToken},
		{"an ID token", "req", id, nil, 400, "invalid_request", "Invalid token", "invalid_token", noToken},
		{"unknown type", "pub", subject, []string{"requested_token_type", "x", "audience", "nobody"}, 400, "invalid_request", noType, "", ""},
		{"empty type", "req", subject, []string{"requested_token_type", ""}, 400, "invalid_request", noType, "", ""},
		{"refresh token with NO", "req-no", subject, []string{"requested_token_type", refreshTokenType, "audience", "nobody"}, 400, "invalid_request", noType, "", ""},
		{"audience unknown", "stranger", subject, []string{"audience", "nobody", "scope", "x"}, 400, "invalid_client", "Audience not found", "client_not_found", "audience not found"},
		{"audience disabled", "req", subject, []string{"audience", "disabled"}, 400, "invalid_client", "Client disabled", "client_disabled", "audience client disabled"},
		{"public client", "pub", subject, []string{"scope", "x"}, 400, "invalid_client", "Public client is not allowed to exchange token", "", ""},
		{"not in the audience", "stranger", subject, []string{"scope", "x"}, 403, "access_denied", "Client is not within the token audience", "not_allowed", "client is not within the token audience"},
		{"unknown scope", "req-consent", subject, []string{"scope", "x", "audience", "target3"}, 400, "invalid_scope", "Invalid scopes: x", "invalid_request", "Invalid scopes: x"},
		{"empty scope", "req", subject, []string{"scope", ""}, 400, "invalid_scope", "Invalid scopes: ", "invalid_request", "Invalid scopes: "},
		{"refresh token of an offline session", "req", offline, []string{"requested_token_type", refreshTokenType, "scope", "offline_access"}, 400, "invalid_request", newSession, "", ""},
		{"refresh token of a transient session", "req", job, []string{"requested_token_type", refreshTokenType}, 400, "invalid_request", newSession, "", ""},
		{"offline_access", "req", subject, []string{"requested_token_type", refreshTokenType, "scope", "offline_access"}, 400, "invalid_request", "Scope offline_access not allowed for token exchange", "", ""},
		{"offline_access for another client, which no attribute allows", "req2", subject, []string{"requested_token_type", refreshTokenType, "scope", "offline_access", "audience", "target1"}, 400, "invalid_request", "Scope offline_access not allowed for token exchange", "", ""},
		{"no consent", "req-consent", subject, []string{"audience", "target3"}, 400, "invalid_scope", consents, "consent_denied", consents},
		{"audience out of reach", "req", subject, []string{"audience", "target3", "audience", "login", "audience", "target1"}, 400, "invalid_request", "Requested audience not available: login, target3", "", ""},
		{"audience of a lightweight token", "req-light", subject, []string{"audience", "target1"}, 400, "invalid_request", "Requested audience not available: target1", "", ""},
		{"too long an audience", "req", subject, []string{"audience", strings.Repeat("x", 4001)}, 400, "invalid_request", "The size of OIDC parameter 'audience' is longer than allowed.", "", ""},
		{"too long a subject", "req", strings.Repeat("x", 20001), nil, 400, "invalid_request", "The size of OIDC parameter 'subject_token' is longer than allowed.", "", ""},
	} {
		d.exchange(tt.client, tt.subject, tt.pairs...).wants(t, tt.name, tt.status, tt.code, tt.description)
		cause, reason := tt.code, tt.description
		if tt.cause != "" {
			cause, reason = tt.cause, tt.reason
		}
		if _, gotCause, gotReason, _ := d.lastEvent(t, "TOKEN_EXCHANGE_ERROR"); gotCause != cause || gotReason != reason {
			t.Errorf("%s: event %q %q, want %q %q", tt.name, gotCause, gotReason, cause, reason)
		}
		d.advance(time.Second) // events are told apart by their time
	}
}

func TestExchange_NeedsASubject(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	subject := d.login(t, "login", "s", "openid").text("access_token")
	const access = "Parameter 'subject_token' supports access tokens only"
	for _, tt := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"nothing", nil, "Parameter 'subject_token' required for standard token exchange"},
		{"no token", []string{"subject_token_type", "x"}, "Parameter 'subject_token' required for standard token exchange"},
		{"no type", []string{"subject_token", subject}, "Parameter 'subject_token_type' required for standard token exchange"},
		{"empty type", []string{"subject_token", subject, "subject_token_type", ""}, access},
		{"ID token", []string{"subject_token", subject, "subject_token_type", idTokenType}, access},
		{"refresh token", []string{"subject_token", subject, "subject_token_type", refreshTokenType}, access},
		{"repeated", []string{"subject_token", subject, "subject_token", subject, "subject_token_type", accessTokenType}, "duplicated parameter"},
		{"scope repeated", []string{"subject_token", subject, "subject_token_type", accessTokenType, "scope", "openid", "scope", "openid"}, "duplicated parameter"},
	} {
		d.post("/token", append([]string{"grant_type", exchangeGrant, "client_id", "req", "client_secret", "s"}, tt.pairs...)...).
			wants(t, tt.name, 400, "invalid_request", tt.want)
	}
}

func TestExchange_AccessTokenWorksWithoutAPartInTheSession(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	login := d.login(t, "login", "s", "openid")
	a := d.exchange("req", login.text("access_token"), "scope", "openid s-self", "actor_token", "ignored", "resource", "a", "resource", "b").mustBe200(t, "exchange")
	claims := a.jwt(t, "access_token")
	if got := a.prefix(t); got != "ntrtte" {
		t.Errorf("token id begins with %s, want ntrtte", got)
	}
	if claims["azp"] != "req" || claims["sid"] != login.jwt(t, "access_token")["sid"] || audienceOf(claims, "aud") != "account req req2 target1 target2" {
		t.Errorf("claims %v", claims)
	}
	if a.text("id_token") == "" || a.text("refresh_token") != "" || a.text("issued_token_type") != accessTokenType || a.text("token_type") != "Bearer" {
		t.Errorf("answer %v", a.body)
	}
	if got := d.userinfo(a.text("access_token")); got != http.StatusOK {
		t.Errorf("userinfo = %d", got)
	}
	if !d.active("req", "s", a.text("access_token")) || !d.active("target1", "t", a.text("access_token")) || d.active("target3", "t", a.text("access_token")) {
		t.Error("introspection: want active for req and target1 alone")
	}
	again := d.exchange("req", a.text("access_token"), "scope", "openid").mustBe200(t, "its own token again")
	if d.post("/revoke", "client_id", "req", "client_secret", "s", "token", a.text("access_token")); d.active("req", "s", a.text("access_token")) {
		t.Error("active after its revocation")
	}
	if got := d.userinfo(again.text("access_token")); got != http.StatusOK {
		t.Errorf("userinfo with another of its tokens = %d", got)
	}
	d.post("/logout", "client_id", "login", "client_secret", "s", "refresh_token", login.text("refresh_token"))
	if got := d.userinfo(again.text("access_token")); got != http.StatusUnauthorized {
		t.Errorf("userinfo after the end of the session = %d", got)
	}
	d.exchange("req", login.text("access_token")).wants(t, "a token of an ended session", 400, "invalid_request", "Invalid token")
}

func TestExchange_RefusesDeadSubjects(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	expired, revoked := d.login(t, "login", "s", "openid").text("access_token"), d.login(t, "login", "s", "openid").text("access_token")
	d.post("/revoke", "client_id", "login", "client_secret", "s", "token", revoked)
	d.exchange("req", revoked).wants(t, "revoked", 400, "invalid_request", "Invalid token")
	d.advance(301 * time.Second)
	d.exchange("req", expired).wants(t, "expired", 400, "invalid_request", "Invalid token")
	other := newExchange(t, "").login(t, "login", "s", "openid").text("access_token")
	d.exchange("req", other).wants(t, "of another server's realm", 400, "invalid_request", "Invalid token")
	r := httptest.NewRequest(http.MethodPost, base+"/realms/master/protocol/openid-connect/token",
		strings.NewReader("grant_type=password&client_id=admin-cli&username=admin&password=admin"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	d.exchange("req", d.send(r).mustBe200(t, "login in master").text("access_token")).wants(t, "of another realm", 400, "invalid_request", "Invalid token")
}

func TestExchange_RestrictsToTheAudience(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	subject := d.login(t, "login", "s", "openid").text("access_token")
	a := d.exchange("req", subject, "audience", "target3", "audience", "target1", "audience", "target1", "scope", "s-t3", "requested_token_type", refreshTokenType).mustBe200(t, "exchange")
	check := func(what string, a answer) {
		t.Helper()
		access, refresh := a.jwt(t, "access_token"), a.jwt(t, "refresh_token")
		roles, _ := access["resource_access"].(map[string]any)
		if audienceOf(access, "aud") != "target1 target3" || len(roles) != 1 || roles["target1"] == nil {
			t.Errorf("%s: aud %v, roles %v", what, access["aud"], roles)
		}
		if audienceOf(refresh, "req-aud") != "target1 target3" || audienceOf(refresh, "aud_x") != "target1 target3" || refresh["azp"] != "req" {
			t.Errorf("%s: refresh token %v", what, refresh)
		}
	}
	check("exchange", a)
	if got := a.prefix(t); got != "onrtte" {
		t.Errorf("token id begins with %s, want onrtte", got)
	}
	again := d.refresh("req", "s", a.text("refresh_token")).mustBe200(t, "refresh")
	check("refresh", again)
	narrow := d.refresh("req", "s", again.text("refresh_token"))
	check("second refresh", narrow)
	one := d.exchange("req", subject, "audience", "target1").mustBe200(t, "one audience")
	if aud, _ := one.jwt(t, "access_token")["aud"].(string); aud != "target1" {
		t.Errorf("aud = %v, want the text target1", one.jwt(t, "access_token")["aud"])
	}
}

func TestExchange_IDToken(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	subject := d.login(t, "login", "s", "openid").text("access_token")
	a := d.exchange("req", subject, "requested_token_type", idTokenType, "scope", "openid").mustBe200(t, "exchange")
	claims := a.jwt(t, "access_token")
	if claims["typ"] != "ID" || claims["aud"] != "req" || claims["at_hash"] != nil || a.text("token_type") != "N_A" || a.text("id_token") != "" || a.text("issued_token_type") != idTokenType {
		t.Errorf("answer %v, claims %v", a.body, claims)
	}
}

func TestExchange_ScopeIsInheritedFromTheOwnPart(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	subject := d.login(t, "login", "s", "openid").text("access_token")
	if a := d.exchange("req", subject).mustBe200(t, "exchange"); model.HasWord(a.text("scope"), "openid") || a.text("id_token") != "" {
		t.Errorf("without a part of its own: scope = %q", a.text("scope"))
	}
	own := d.login(t, "req", "s", "openid s-t3").text("access_token")
	a := d.exchange("req", own).mustBe200(t, "own token")
	if s := strings.Fields(a.text("scope")); !slices.Contains(s, "openid") || slices.Contains(s, "s-t3") || a.text("id_token") != "" {
		t.Errorf("scope = %q, ID token %t; want openid, neither s-t3 nor an ID token", a.text("scope"), a.text("id_token") != "")
	}
}

func TestExchange_OfOfflineAndTransientSessions(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	offline := d.login(t, "login", "s", "openid offline_access")
	a := d.exchange("req", offline.text("access_token"), "scope", "openid s-self offline_access").mustBe200(t, "of an offline session")
	if got := a.prefix(t); got != "ftrtte" {
		t.Errorf("token id begins with %s, want ftrtte", got)
	}
	if d.userinfo(a.text("access_token")) != http.StatusOK || !d.active("req", "s", a.text("access_token")) {
		t.Error("the token does not work")
	}
	d.post("/revoke", "client_id", "login", "client_secret", "s", "token", offline.text("refresh_token"))
	if d.userinfo(a.text("access_token")) != http.StatusUnauthorized {
		t.Error("the token outlives the offline session")
	}
	job := d.post("/token", "grant_type", "client_credentials", "client_id", "job", "client_secret", "s").text("access_token")
	a = d.exchange("req", job, "scope", "openid s-self").mustBe200(t, "of no session")
	if a.prefix(t) != "trrtte" || a.jwt(t, "access_token")["sid"] != nil || a.text("session_state") != "" || !d.active("req", "s", a.text("access_token")) {
		t.Errorf("answer %v", a.body)
	}
}

func TestExchange_AccessTokenWithOfflineAccessOfTheOwnPartWorks(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	own := d.login(t, "req", "s", "openid").text("access_token")
	a := d.exchange("req", own, "scope", "openid offline_access").mustBe200(t, "exchange")
	if a.prefix(t) != "onrtte" || d.userinfo(a.text("access_token")) != http.StatusOK {
		t.Errorf("token %s, userinfo %d", a.prefix(t), d.userinfo(a.text("access_token")))
	}
}

func TestExchange_RevocationFollowsTheChain(t *testing.T) {
	t.Parallel()
	for _, rotation := range []string{"", `"revokeRefreshToken":true,`} {
		d := newExchange(t, rotation)
		login := d.login(t, "login", "s", "openid")
		first := d.exchange("req", login.text("access_token"), "scope", "s-self", "requested_token_type", refreshTokenType).mustBe200(t, "req")
		second := d.exchange("req2", first.text("access_token"), "requested_token_type", refreshTokenType).mustBe200(t, "req2")
		second = d.refresh("req2", "s", second.text("refresh_token")).mustBe200(t, "refresh of req2")
		d.refresh("login", "s", second.text("refresh_token")).wants(t, "refresh by another client", 400, "invalid_grant", "Invalid refresh token. Token client and authorized client don't match")
		d.exchange("req2", login.text("access_token"), "requested_token_type", refreshTokenType).mustBe200(t, "req2 of login too")

		d.post("/revoke", "client_id", "req", "client_secret", "s", "token", first.text("refresh_token"))
		if _, _, _, details := d.lastEvent(t, "REVOKE_GRANT"); details["token_exchange_revoked_clients"] != "req2" {
			t.Errorf("event says %q, want req2", details["token_exchange_revoked_clients"])
		}
		d.refresh("req2", "s", second.text("refresh_token")).wants(t, "refresh of what came of it", 400, "invalid_grant", "Session doesn't have required client")
		d.refresh("login", "s", login.text("refresh_token")).mustBe200(t, "refresh of the subject's client")
	}
}

// A part that a client has by a login of its own does not end with another's.
func TestExchange_OwnLoginIsNoExchange(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	own := d.login(t, "req", "s", "openid s-self")
	a := d.exchange("req2", own.text("access_token"), "scope", "s-self", "requested_token_type", refreshTokenType).mustBe200(t, "req2")
	back := d.exchange("req", a.text("access_token"), "requested_token_type", refreshTokenType).mustBe200(t, "back to req")
	d.post("/revoke", "client_id", "req2", "client_secret", "s", "token", a.text("refresh_token"))
	d.refresh("req", "s", own.text("refresh_token")).mustBe200(t, "the own login")
	d.refresh("req", "s", back.text("refresh_token")).mustBe200(t, "the exchanged token of the own part")
}

func TestExchange_AnnouncedInDiscovery(t *testing.T) {
	t.Parallel()
	doc := newExchange(t, "").send(httptest.NewRequest(http.MethodGet, base+"/realms/demo/.well-known/openid-configuration", nil)).body
	if list, _ := doc["grant_types_supported"].([]any); !slices.Contains(list, any(exchangeGrant)) {
		t.Errorf("grant_types_supported = %v, want token exchange among them", list)
	}
}

// What an administrator's token is restricted to by an exchange, whoever gets
// it cannot leave: not at the admin REST, and not by a refresh.
func TestExchange_RestrictedTokenAdministersNothing(t *testing.T) {
	t.Parallel()
	doc := strings.Replace(exchangeRealm, `"clientRoles":{"target1":["r1"],"target2":["r2"]}`, `"clientRoles":{"target1":["r1"],"realm-management":["view-users"]}`, 1)
	d := newDoor(t, withScopes(doc, ""))
	subject := d.login(t, "login", "s", "openid").text("access_token")
	users := func(token string) int {
		r := httptest.NewRequest(http.MethodGet, base+"/admin/realms/demo/users", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return d.send(r).status
	}
	if got := users(d.exchange("req", subject).mustBe200(t, "exchange").text("access_token")); got != http.StatusOK {
		t.Errorf("users with the whole audience = %d, want 200", got)
	}
	a := d.exchange("req", subject, "audience", "target1", "requested_token_type", refreshTokenType).mustBe200(t, "restricted")
	if got := users(a.text("access_token")); got != http.StatusForbidden {
		t.Errorf("users with a restricted token = %d, want 403", got)
	}
	if got := users(d.refresh("req", "s", a.text("refresh_token")).mustBe200(t, "refresh").text("access_token")); got != http.StatusForbidden {
		t.Errorf("users with its refreshed token = %d, want 403", got)
	}
	part := d.exchange("req2", subject, "audience", "target1").mustBe200(t, "without a part")
	if got := users(part.text("access_token")); got != http.StatusForbidden {
		t.Errorf("users with a restricted token without a part = %d, want 403", got)
	}
}

// A login that ends while its token is exchanged does not come back.
func TestExchange_EndedSessionDoesNotComeBack(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	for range 4 {
		login := d.login(t, "login", "s", "openid")
		var wg sync.WaitGroup
		var a answer
		wg.Go(func() { a = d.exchange("req", login.text("access_token"), "requested_token_type", refreshTokenType) })
		wg.Go(func() {
			d.post("/logout", "client_id", "login", "client_secret", "s", "refresh_token", login.text("refresh_token"))
		})
		wg.Wait()
		if a.status == http.StatusOK {
			a = d.refresh("req", "s", a.text("refresh_token"))
		}
		if a.status != http.StatusBadRequest {
			t.Errorf("after the logout: %d %v", a.status, a.body)
		}
	}
}

func TestExchange_WithTheConsentOfTheUser(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	login := d.login(t, "login", "s", "openid")
	d.consent(t, login.jwt(t, "access_token")["sub"].(string), "req-consent", "profile")
	d.exchange("req-consent", login.text("access_token")).mustBe200(t, "consented")
	d.exchange("req-consent", login.text("access_token"), "scope", "offline_access").
		wants(t, "a scope without consent", 400, "invalid_scope", "Missing consents for Token Exchange in client req-consent")
}

// Hostile requests get an answer, not a fault.
func TestExchange_HostileRequests(t *testing.T) {
	t.Parallel()
	d := newExchange(t, "")
	subject := d.login(t, "login", "s", "openid").text("access_token")
	values := []string{"", " ", "\x01", "##", strings.Repeat("x", 3999), strings.Repeat("x", 4001), "urn:ietf:params:oauth:token-type:access_token", "a b c", "\xff\xfe", subject, `{"a":1}`, "../../x"}
	for _, name := range []string{"subject_token", "subject_token_type", "requested_token_type", "audience", "scope", "resource", "actor_token", "actor_token_type", "requested_subject", "requested_issuer", "subject_issuer"} {
		for _, v := range values {
			for _, base := range [][]string{
				{"subject_token", subject, "subject_token_type", accessTokenType},
				{"subject_token", subject, "subject_token_type", accessTokenType, "requested_token_type", refreshTokenType, "scope", "offline_access", "audience", "target1"},
				{"requested_subject", "uma", "requested_token_type", refreshTokenType, "scope", "offline_access", "audience", "target1"},
				{},
			} {
				form := append([]string{"grant_type", exchangeGrant, "client_id", "req", "client_secret", "s"}, base...)
				if at := slices.Index(form, name); at >= 0 && at%2 == 0 {
					form[at+1] = v
				} else {
					form = append(form, name, v)
				}
				if a := d.post("/token", form...); a.status >= 500 {
					t.Errorf("%s=%.40q beside %d others: %d %v", name, v, len(base)/2, a.status, a.body)
				}
				if a := d.post("/token", append(form, name, v)...); a.status >= 500 {
					t.Errorf("%s=%.40q twice: %d %v", name, v, a.status, a.body)
				}
			}
		}
	}
}
