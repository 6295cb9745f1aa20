package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

func TestDevice_CodesLiveAsTheClientSays(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	shape := regexp.MustCompile(`^[A-Z]{4}-[A-Z]{4}$`)
	for _, tt := range []struct {
		client, secret     string
		lifespan, interval int64
	}{{"tv", "", 600, 5}, {"box", "s3cret", 60, 2}} {
		d := authorizeDevice(t, s, "client_id", tt.client, "client_secret", tt.secret, "scope", "openid")
		if d.ExpiresIn != tt.lifespan || d.Interval != tt.interval || !shape.MatchString(d.UserCode) || d.DeviceCode == "" {
			t.Errorf("%s: %+v", tt.client, d)
		}
		if want := s.BaseURL + "/realms/living/device"; d.URI != want || d.Complete != want+"?user_code="+d.UserCode {
			t.Errorf("%s: verification at %q, %q", tt.client, d.URI, d.Complete)
		}
	}
}

func TestDevice_RequestsAreCheckedInOrder(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	challenge := strings.Repeat("a", 43)
	for _, tt := range []struct {
		name      string
		params    []string
		status    int
		err, text string
	}{
		{"no client", nil, 401, "invalid_client", "Invalid client or Invalid client credentials"},
		{"wrong secret", []string{"client_id", "box", "client_secret", "x"}, 401, "unauthorized_client", "Invalid client or Invalid client credentials"},
		{"grant off", []string{"client_id", "web"}, 400, "unauthorized_client", "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. The flow is disabled for the client."},
		{"bearer-only", []string{"client_id", "bearer"}, 403, "unauthorized_client", "Bearer-only applications are not allowed to initiate browser login."},
		{"repeated parameter", []string{"client_id", "tv", "scope", "openid", "scope", "email"}, 400, "invalid_grant", "duplicated parameter"},
		{"challenge too short", []string{"client_id", "tv", "code_challenge", "abc", "code_challenge_method", "S256"}, 400, "invalid_request", "Invalid parameter: code_challenge"},
		{"method without challenge", []string{"client_id", "tv", "code_challenge_method", "S256"}, 400, "invalid_request", "Missing parameter: code_challenge"},
		{"PKCE demanded", []string{"client_id", "careful"}, 400, "invalid_request", "Missing parameter: code_challenge_method"},
		{"another method demanded", []string{"client_id", "careful", "code_challenge", challenge, "code_challenge_method", "plain"}, 400, "invalid_request", "Invalid parameter: code challenge method is not matching the configured one"},
		{"unknown scope is dropped", []string{"client_id", "tv", "scope", "openid nope"}, 200, "", ""},
		{"as demanded", []string{"client_id", "careful", "code_challenge", challenge, "code_challenge_method", "S256"}, 200, "", ""},
	} {
		if d := authorizeDevice(t, s, tt.params...); d.Status != tt.status || d.Error != tt.err || d.Description != tt.text {
			t.Errorf("%s: %d %s %q, want %d %s %q", tt.name, d.Status, d.Error, d.Description, tt.status, tt.err, tt.text)
		}
	}
	device := livingPath + "/protocol/openid-connect/auth/device"
	if w := send(s, http.MethodPost, device, formType, "client_id=tv", "Origin", "http://evil.example"); w.Code != 403 {
		t.Errorf("page of a foreign origin: %d", w.Code)
	}
	if w := send(s, http.MethodPost, device, formType, "client_id=tv", "Origin", "http://tv.example"); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "http://tv.example" {
		t.Errorf("page of the client's origin: %d %v", w.Code, w.Header())
	}
	if w := send(s, http.MethodOptions, device, "", "", "Origin", "http://tv.example"); w.Code != 200 || w.Header().Get("Access-Control-Allow-Methods") != "POST, OPTIONS" {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
}

func TestDevice_PasswordAndConsentThenTokens(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := authorizeDevice(t, s, "client_id", "tv", "scope", "openid", "nonce", "n-1")
	wantPoll(t, "before the person", poll(t, s, d), "authorization_pending")
	v := newViewer(t, s).open(d.Complete).answer("accept")
	v.shows("at the end", 200, textDone)
	if got := strings.Join(v.visited, " "); got != "password accept" {
		t.Errorf("pages %q", got)
	}
	s.Clock.Advance(5 * time.Second)
	a := poll(t, s, d)
	wantPoll(t, "approved", a, "")
	if id := claimsOf(t, a.ID); id["nonce"] != "n-1" || id["acr"] != "1" || id["auth_time"] != float64(servertest.Epoch.Unix()) {
		t.Errorf("ID token %v", id)
	}
	if jti, _ := claimsOf(t, a.Access)["jti"].(string); !strings.HasPrefix(jti, "onrtdg:") {
		t.Errorf("jti %q", jti)
	}
	wantPoll(t, "used", poll(t, s, d), "invalid_grant")
	newViewer(t, s).open(d.Complete).shows("user code of a used device code", 200, textInvalid)

	second := newTV(t, s, "openid")
	v.visited = nil
	v.open(second.Complete).answer("accept").shows("single sign-on", 200, textDone)
	if got := strings.Join(v.visited, " "); got != "accept" {
		t.Errorf("pages with single sign-on: %q, want consent again", got)
	}
	b := poll(t, s, second)
	wantPoll(t, "approved by single sign-on", b, "")
	if id := claimsOf(t, b.ID); b.Session != a.Session || id["acr"] != "0" || id["auth_time"] != float64(servertest.Epoch.Unix()) {
		t.Errorf("session %s of %s, ID token %v", b.Session, a.Session, id)
	}
}

// RFC 8628 §3.5. A poll that comes too soon does not prolong the wait.
func TestDevice_SlowDown(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d, other := newTV(t, s, "openid"), newTV(t, s, "openid")
	for _, tt := range []struct {
		wait time.Duration
		want string
	}{
		{0, "authorization_pending"},
		{0, "slow_down"},
		{4 * time.Second, "slow_down"},
		{time.Second, "authorization_pending"},
		{4 * time.Second, "slow_down"},
	} {
		s.Clock.Advance(tt.wait)
		wantPoll(t, tt.wait.String()+" later", poll(t, s, d), tt.want)
	}
	wantPoll(t, "another device", poll(t, s, other), "authorization_pending")
	newViewer(t, s).open(d.Complete).answer("accept")
	wantPoll(t, "approved, too soon", poll(t, s, d), "slow_down")
	s.Clock.Advance(time.Second)
	wantPoll(t, "approved", poll(t, s, d), "")
}

func TestDevice_Expiry(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := newTV(t, s, "openid")
	late := newViewer(t, s).open(d.Complete)
	s.Clock.Advance(600 * time.Second)
	a := poll(t, s, d)
	wantPoll(t, "expired", a, "expired_token")
	if a.Description != "Device code is expired" {
		t.Errorf("%q", a.Description)
	}
	newViewer(t, s).open(d.Complete).shows("expired", 200, textExpired)
	late.answer("accept").shows("answered too late", 200, textExpired)
	if late.cookies["KEYCLOAK_IDENTITY"] != "" {
		t.Error("an answer that came too late logged the browser in")
	}
	s.Clock.Advance(15 * time.Second)
	wantPoll(t, "forgotten", poll(t, s, d), "invalid_grant")
	newViewer(t, s).open(d.Complete).shows("forgotten", 200, textInvalid)
}

func TestDevice_Denied(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := newTV(t, s, "openid")
	v := newViewer(t, s).open(d.Complete)
	again := newViewer(t, s).open(d.Complete)
	v.answer("cancel").shows("refused", 200, textDenied)
	if v.cookies["KEYCLOAK_IDENTITY"] != "" {
		t.Error("who refused is logged in")
	}
	wantPoll(t, "denied", poll(t, s, d), "access_denied")
	wantPoll(t, "denied, too soon", poll(t, s, d), "slow_down")
	s.Clock.Advance(5 * time.Second)
	wantPoll(t, "denied, later", poll(t, s, d), "access_denied")
	newViewer(t, s).open(d.Complete).shows("user code of a denied device", 200, textInvalid)
	again.answer("accept").shows("accepted after a refusal", 200, textDenied)
	s.Clock.Advance(5 * time.Second)
	wantPoll(t, "the first answer stays", poll(t, s, d), "access_denied")
}

// Of many polls at once, on two nodes, one gets tokens.
func TestDevice_OneUse(t *testing.T) {
	t.Parallel()
	a, b := newLivingNodes(t)
	d := newTV(t, a, "openid offline_access")
	newViewer(t, b).open(d.Complete).answer("accept").shows("on another node", 200, textDone)
	answers := make([]deviceTokens, 32)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range answers {
		all.Go(func() {
			<-begin
			answers[i] = poll(t, []*servertest.Server{a, b}[i%2], d)
		})
	}
	close(begin)
	all.Wait()
	won := 0
	for _, x := range answers {
		switch {
		case x.Status == http.StatusOK:
			won++
		case x.Error != "slow_down" && x.Description != "Device code not valid":
			t.Errorf("a poll got %d %s %q", x.Status, x.Error, x.Description)
		}
	}
	if won != 1 {
		t.Errorf("%d polls got tokens, want 1", won)
	}
	a.Clock.Advance(5 * time.Second)
	if x := poll(t, a, d); x.Description != "Device code not valid" {
		t.Errorf("afterwards: %d %s %q", x.Status, x.Error, x.Description)
	}
}

// An offline session alone is left of a login that was made for the device; a
// login that was there, or that another client joined, goes on (design §3).
func TestDevice_OfflineAccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		before, then bool // the browser logs in to web before, or between consent and tokens
		goesOn       bool
	}{
		{"fresh login", false, false, false},
		{"login was there", true, false, true},
		{"another client joined", false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newLiving(t)
			web := livingPath + "/protocol/openid-connect/auth?client_id=web&response_type=code&scope=openid&redirect_uri=" + url.QueryEscape("http://web.example/cb")
			v := newViewer(t, s)
			if tt.before {
				v.open(web).answer("accept")
			}
			d := newTV(t, s, "openid offline_access")
			v.open(d.Complete)
			if v.answer("accept"); !strings.Contains(v.page, textDone) {
				t.Fatal(v.page)
			}
			if tt.then {
				v.open(web)
			}
			a := poll(t, s, d)
			wantPoll(t, "approved", a, "")
			if got := claimsOf(t, a.Refresh)["typ"]; got != "Offline" {
				t.Errorf("refresh token of type %v", got)
			}
			v.open(web + "&prompt=none")
			if goesOn := strings.Contains(v.location, "code="); goesOn != tt.goesOn {
				t.Errorf("the browser got %s, login goes on: want %v", v.location, tt.goesOn)
			}
			wantPoll(t, "refresh", pollAs(t, s, "tv", "", "grant_type", "refresh_token", "refresh_token", a.Refresh), "")
		})
	}
}

func TestDevice_WhoIsGoneGetsNothing(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d, e := newTV(t, s, "openid"), newTV(t, s, "openid")
	newViewer(t, s).open(d.Complete).answer("accept")
	newViewer(t, s).open(e.Complete).answer("accept")
	snap, err := s.Realms.Snapshot(t.Context(), "living")
	if err != nil {
		t.Fatal(err)
	}
	id := aliceOf(t, s)
	if _, err := s.Sessions.EndAllOfUser(t.Context(), snap.Realm.Num, id, true, true, model.EndedByUserLogout, "", nil); err != nil {
		t.Fatal(err)
	}
	a := poll(t, s, d)
	if a.Error != "authorization_pending" || a.Description != "The authorization request is verified but can not lookup the user session yet" {
		t.Errorf("after a logout: %s %q", a.Error, a.Description)
	}
	d = newTV(t, s, "openid")
	newViewer(t, s).open(d.Complete).answer("accept")
	err = s.Realms.ChangeUser(t.Context(), "living", id, nil, func(_ *model.Config, u *model.User) error { u.Enabled = false; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if a := poll(t, s, d); a.Error != "invalid_grant" || a.Description != "User disabled" {
		t.Errorf("disabled user: %s %q", a.Error, a.Description)
	}
}

func aliceOf(t *testing.T, s *servertest.Server) string {
	t.Helper()
	snap, err := s.Realms.Snapshot(t.Context(), "living")
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Realms.VerifyPassword(t.Context(), snap, realm.Attempt{Login: "alice", Password: "pw"})
	if err != nil || !v.OK {
		t.Fatal("alice: ", err)
	}
	return v.User.ID
}

func TestDevice_CodesOfOthers(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := newTV(t, s, "openid")
	newViewer(t, s).open(d.Complete).answer("accept")
	for _, tt := range []struct{ name, client, code, err, text string }{
		{"another client's", "box", d.DeviceCode, "invalid_grant", "unauthorized client"},
		{"the user code", "tv", d.UserCode, "invalid_grant", "Device code not valid"},
		{"junk", "tv", "junk", "invalid_grant", "Device code not valid"},
		{"empty", "tv", "", "invalid_grant", "Device code not valid"},
	} {
		if a := pollAs(t, s, tt.client, tt.code); a.Error != tt.err || a.Description != tt.text {
			t.Errorf("%s: %s %q, want %s %q", tt.name, a.Error, a.Description, tt.err, tt.text)
		}
	}
	wantPoll(t, "its own", poll(t, s, d), "")
}

func TestDevice_PKCE(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	verifier := strings.Repeat("v", 43)
	d := authorizeDevice(t, s, "client_id", "tv", "scope", "openid", "code_challenge", verifier, "code_challenge_method", "plain")
	newViewer(t, s).open(d.Complete).answer("accept")
	for _, tt := range []struct {
		params []string
		text   string
	}{
		{nil, "PKCE code verifier not specified"},
		{[]string{"code_verifier", strings.Repeat("w", 43)}, "PKCE verification failed: Code mismatch"},
		{[]string{"code_verifier", verifier}, ""},
	} {
		if a := pollAs(t, s, "tv", d.DeviceCode, tt.params...); a.Description != tt.text {
			t.Errorf("%v: %q, want %q", tt.params, a.Description, tt.text)
		}
		s.Clock.Advance(5 * time.Second)
	}
	d = newTV(t, s, "openid")
	newViewer(t, s).open(d.Complete).answer("accept")
	if a := pollAs(t, s, "tv", d.DeviceCode, "code_verifier", verifier); a.Description != "PKCE code verifier specified but challenge not present in authorization" {
		t.Errorf("a verifier nobody asked for: %q", a.Description)
	}
}

// Types, errors and details as Keycloak's (measured).
func TestDevice_Events(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := newTV(t, s, "openid")
	newViewer(t, s).open(livingPath + "/device?user_code=WRNG-CODE")
	poll(t, s, d)
	poll(t, s, d)
	newViewer(t, s).open(d.Complete).answer("accept")
	s.Clock.Advance(5 * time.Second)
	poll(t, s, d)
	d = newTV(t, s, "openid")
	newViewer(t, s).open(d.Complete).answer("cancel")
	poll(t, s, d)
	pollAs(t, s, "box", d.DeviceCode)
	poll(t, s, deviceCodes{DeviceCode: "junk"})
	authorizeDevice(t, s, "client_id", "web")
	snap, err := s.Realms.Snapshot(t.Context(), "living")
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Store.Events(t.Context(), snap.Realm.Num, store.EventFilter{Ascending: true, Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range events {
		got[strings.Join([]string{e.Type, e.ClientID, e.Error, e.Details["reason"]}, "|")]++
		if e.Type == "OAUTH2_DEVICE_CODE_TO_TOKEN" && (e.UserID == "" || e.Session == "" || e.Details["code_id"] != e.Session || e.Details["refresh_token_type"] != "Refresh") {
			t.Errorf("%+v", e)
		}
		if e.Type == "OAUTH2_DEVICE_VERIFY_USER_CODE" && e.Details["scope"] != "openid" {
			t.Errorf("%+v", e)
		}
	}
	const off = "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. The flow is disabled for the client."
	for _, want := range []struct {
		event string
		n     int
	}{
		{"OAUTH2_DEVICE_VERIFY_USER_CODE_ERROR||invalid_oauth2_user_code|device code not found (it may already have been used)", 1},
		{"OAUTH2_DEVICE_VERIFY_USER_CODE|tv||", 2},
		{"LOGIN|tv||", 1},
		{"OAUTH2_DEVICE_CODE_TO_TOKEN|tv||", 1},
		{"OAUTH2_DEVICE_CODE_TO_TOKEN_ERROR|tv|slow_down|", 1},
		{"LOGIN_ERROR|tv|rejected_by_user|", 1},
		{"OAUTH2_DEVICE_CODE_TO_TOKEN_ERROR|tv|access_denied|The end user denied the authorization request", 1},
		{"OAUTH2_DEVICE_CODE_TO_TOKEN_ERROR|box|invalid_oauth2_device_code|unauthorized client", 1},
		{"OAUTH2_DEVICE_CODE_TO_TOKEN_ERROR|tv|invalid_oauth2_device_code|", 1},
		{"OAUTH2_DEVICE_AUTH_ERROR|web|not_allowed|" + off, 1},
	} {
		if got[want.event] != want.n {
			t.Errorf("%d of %s, want %d", got[want.event], want.event, want.n)
		}
		delete(got, want.event)
	}
	for left := range got {
		t.Errorf("event nobody expected: %s", left)
	}
}

func TestDevice_IsAnnounced(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	var doc struct {
		Endpoint string   `json:"device_authorization_endpoint"`
		Grants   []string `json:"grant_types_supported"`
	}
	w := send(s, http.MethodGet, livingPath+"/.well-known/openid-configuration", "", "")
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Endpoint != s.BaseURL+livingPath+"/protocol/openid-connect/auth/device" || !slices.Contains(doc.Grants, "urn:ietf:params:oauth:grant-type:device_code") {
		t.Errorf("%+v", doc)
	}
}
