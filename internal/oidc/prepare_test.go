package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

// impersonators is a member of exchangeRealm's users: the service account of
// client req, which may impersonate.
const impersonators = `"users":[{"username":"service-account-req","enabled":true,"serviceAccountClientId":"req","clientRoles":{"realm-management":["impersonation"]}},
  {"username":"service-account-job","enabled":true,"serviceAccountClientId":"job","realmRoles":["offline_access"]},`

// newPreparer is newExchange in whose realm client req may impersonate.
func newPreparer(t *testing.T, settings string) *door {
	t.Helper()
	return newDoor(t, preparerRealm(settings))
}

func preparerRealm(settings string) string {
	return withScopes(strings.Replace(exchangeRealm, `"users":[`, impersonators, 1), settings)
}

// prepare asks client req for an offline token of a target; pairs go on top,
// in place of those of the same name.
func (d *door) prepare(target string, pairs ...string) answer {
	form := []string{"grant_type", exchangeGrant, "client_id", "req", "client_secret", "s", "requested_token_type", refreshTokenType, "audience", target}
	scope := []string{"scope", "offline_access"}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == "scope" {
			scope = nil
		}
	}
	return d.post("/token", append(append(form, scope...), pairs...)...)
}

// subjectOf are the parameters of a subject token.
func subjectOf(token string) []string {
	return []string{"subject_token", token, "subject_token_type", accessTokenType}
}

// offlineOf lists the user's offline sessions at a client.
func (d *door) offlineOf(t *testing.T, client string) []store.SessionView {
	t.Helper()
	snap, err := d.realms.Snapshot(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	c := snap.Client(client)
	views, err := d.Sessions.OfClient(t.Context(), snap.Config, c, true, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.Sessions.Count(t.Context(), snap.Config, c, true)
	if err != nil || n != int64(len(views)) {
		t.Errorf("%s: %d offline sessions are listed and %d counted (%v)", client, len(views), n, err)
	}
	return views
}

func TestPrepare_AnOfflineTokenOfAnotherClient(t *testing.T) {
	t.Parallel()
	d := newPreparer(t, "")
	login := d.login(t, "login", "s", "openid")
	a := d.prepare("target1", append(subjectOf(login.text("access_token")), "scope", "openid offline_access s-t3")...).mustBe200(t, "prepare")
	claims := a.jwt(t, "refresh_token")
	if claims["typ"] != "Offline" || claims["azp"] != "target1" || claims["exp"] != nil || claims["sid"] == login.jwt(t, "access_token")["sid"] || !model.HasWord(claims["scope"].(string), "s-t3") {
		t.Errorf("offline token %v", claims)
	}
	if a.text("access_token") != a.text("refresh_token") || a.text("token_type") != "N_A" || a.text("issued_token_type") != refreshTokenType ||
		a.text("id_token") != "" || a.body["expires_in"] != nil || a.text("session_state") != claims["sid"] {
		t.Errorf("answer %v: want the offline token alone", a.body)
	}
	if d.userinfo(a.text("access_token")) != http.StatusUnauthorized {
		t.Error("the offline token works as an access token")
	}
	if kind, _, _, details := d.lastEvent(t, "TOKEN_EXCHANGE"); kind == "" || details["audience"] != "target1" || details["username"] != "uma" ||
		details["subject_token_client_id"] != "login" || details["refresh_token_type"] != "Offline" || details["token_id"] != "" {
		t.Errorf("event details %v", details)
	}
	views := d.offlineOf(t, "target1")
	if len(views) != 1 || views[0].Notes[session.NotePreparedBy] != "req" || views[0].IP != "127.0.0.1" || len(d.offlineOf(t, "req")) != 0 {
		t.Fatalf("offline sessions of target1: %+v", views)
	}

	d.post("/logout", "client_id", "login", "client_secret", "s", "refresh_token", login.text("refresh_token"))
	const other = "Invalid refresh token. Token client and authorized client don't match"
	d.refresh("req", "s", a.text("refresh_token")).wants(t, "refresh by who prepared it", 400, "invalid_grant", other)
	d.refresh("target2", "t", a.text("refresh_token")).wants(t, "refresh by a third client", 400, "invalid_grant", other)
	d.refresh("target1", "wrong", a.text("refresh_token")).wants(t, "refresh with a wrong secret", 401, "unauthorized_client", "Invalid client or Invalid client credentials")
	d.post("/revoke", "client_id", "req", "client_secret", "s", "token", a.text("refresh_token")).wants(t, "revocation by who prepared it", 400, "invalid_request", "Unmatching clients")
	got := d.refresh("target1", "t", a.text("refresh_token")).mustBe200(t, "refresh by the target, after the subject's logout")
	if got.jwt(t, "access_token")["azp"] != "target1" || got.text("id_token") == "" || d.userinfo(got.text("access_token")) != http.StatusOK {
		t.Errorf("the target's tokens: %v", got.body)
	}
}

// The session says where and with what it was prepared, not where its user
// logged in.
func TestPrepare_NotesTheDeviceOfWhoPrepares(t *testing.T) {
	t.Parallel()
	d := newPreparer(t, "")
	post := func(ip, agent string, pairs ...string) answer {
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		r := httptest.NewRequest(http.MethodPost, base+"/realms/demo/protocol/openid-connect/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("User-Agent", agent)
		r.RemoteAddr = ip + ":50000"
		return d.send(r).mustBe200(t, agent)
	}
	login := post("127.0.0.1", "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
		"grant_type", "password", "client_id", "login", "client_secret", "s", "username", "uma", "password", "password")
	for _, agent := range []string{"curl/8.5.0", ""} {
		a := post("127.0.0.9", agent, "grant_type", exchangeGrant, "client_id", "req", "client_secret", "s", "requested_token_type", refreshTokenType,
			"audience", "target1", "scope", "offline_access", "subject_token", login.text("access_token"), "subject_token_type", accessTokenType)
		for _, v := range d.offlineOf(t, "target1") {
			got := v.Notes[model.NoteUserAgent]
			if v.SessionID == a.text("session_state") && (v.IP != "127.0.0.9" || strings.Contains(got, "Firefox") || (got != "") != (agent != "")) {
				t.Errorf("prepared with %q at %s: note %q", agent, v.IP, got)
			}
		}
	}
}

func TestPrepare_ByImpersonation(t *testing.T) {
	t.Parallel()
	d := newPreparer(t, "")
	id := d.login(t, "login", "s", "openid").jwt(t, "access_token")["sub"].(string)
	for _, name := range []string{"uma", "UMA", id} {
		a := d.prepare("target1", "requested_subject", name).mustBe200(t, name)
		if a.jwt(t, "refresh_token")["sub"] != id {
			t.Errorf("%s: sub = %v, want %s", name, a.jwt(t, "refresh_token")["sub"], id)
		}
		d.refresh("target1", "t", a.text("refresh_token")).mustBe200(t, "refresh")
		if _, _, _, details := d.lastEvent(t, "TOKEN_EXCHANGE"); details["impersonator"] != "service-account-req" || details["requested_subject"] != name {
			t.Errorf("event details %v", details)
		}
		d.advance(time.Second)
	}
	views := d.offlineOf(t, "target1")
	if len(views) != 3 || views[0].Notes["IMPERSONATOR_USERNAME"] != "service-account-req" || views[0].Notes[session.NotePreparedBy] != "req" {
		t.Errorf("offline sessions %+v", views)
	}
}

func TestPrepare_Refusals(t *testing.T) {
	t.Parallel()
	d := newPreparer(t, "")
	plain := newExchange(t, "") // where req may not impersonate
	login := func(d *door, client, user string) []string {
		a := d.post("/token", "grant_type", "password", "client_id", client, "client_secret", "s", "username", user, "password", "password", "scope", "openid")
		return subjectOf(a.mustBe200(t, "login").text("access_token"))
	}
	uma, norole, stranger := login(d, "login", "uma"), login(d, "login", "norole"), login(d, "stranger", "uma")
	job := subjectOf(d.post("/token", "grant_type", "client_credentials", "client_id", "job", "client_secret", "s").text("access_token"))
	with := func(base []string, more ...string) []string { return append(append([]string{}, base...), more...) }
	const (
		notAllowed = "Client not allowed to exchange"
		invalid    = "Invalid token"
		noToken    = "subject_token validation failure"
		consents   = "Missing consents for Token Exchange in client target-consent"
	)
	for _, tt := range []struct {
		name              string
		d                 *door
		target            string
		pairs             []string
		status            int
		code, description string
		cause, reason     string
	}{
		{"a client that is not listed", d, "target2", uma, 403, "access_denied", notAllowed, "not_allowed", "client may not prepare offline tokens for the audience"},
		{"a client that is neither listed nor there", d, "nobody", uma, 403, "access_denied", notAllowed, "not_allowed", "client may not prepare offline tokens for the audience"},
		{"itself, not listed", d, "req", uma, 403, "access_denied", notAllowed, "not_allowed", "client may not prepare offline tokens for the audience"},
		{"two audiences", d, "target1", with(uma, "audience", "target-bare"), 400, "invalid_request", "An offline token is prepared for one audience at a time", "invalid_request", "An offline token is prepared for one audience at a time"},
		{"listed, and gone", d, "gone", uma, 400, "invalid_client", "Audience not found", "client_not_found", "audience not found"},
		{"disabled", d, "disabled", uma, 400, "invalid_client", "Client disabled", "client_disabled", "audience client disabled"},
		{"public", d, "target-public", uma, 403, "unauthorized_client", "Audience cannot use offline tokens: it is a public client", "not_allowed", "audience is a public client"},
		{"bearer-only", d, "target-bearer", uma, 403, "unauthorized_client", "Audience cannot use offline tokens: it only receives tokens", "not_allowed", "audience is bearer-only"},
		{"without refresh tokens", d, "target-norefresh", uma, 403, "unauthorized_client", "Audience cannot use offline tokens: it uses no refresh tokens", "not_allowed", "audience uses no refresh tokens"},
		{"without the scope", d, "target-bare", uma, 400, "invalid_scope", "Invalid scopes: offline_access", "invalid_request", "Invalid scopes: offline_access"},
		{"a scope the target lacks", d, "target1", with(uma, "scope", "offline_access nothing"), 400, "invalid_scope", "Invalid scopes: offline_access nothing", "invalid_request", "Invalid scopes: offline_access nothing"},
		{"no consent", d, "target-consent", uma, 400, "invalid_scope", consents, "consent_denied", consents},
		{"a user without the role", d, "target1", norole, 400, "not_allowed", "Offline tokens not allowed for the user or client", "not_allowed", "Offline tokens not allowed for the user or client"},
		{"the role out of the target's scope", d, "target-narrow", uma, 400, "not_allowed", "Offline tokens not allowed for the user or client", "not_allowed", "Offline tokens not allowed for the user or client"},
		{"junk", d, "target1", subjectOf("junk"), 400, "invalid_request", invalid, "invalid_token", noToken},
		{"no type", d, "target1", uma[:2], 400, "invalid_request", "Parameter 'subject_token_type' required for standard token exchange", "invalid_request", "Parameter 'subject_token_type' required for standard token exchange"},
		{"nobody", d, "target1", nil, 400, "invalid_request", "Parameter 'subject_token' required for standard token exchange", "invalid_request", "Parameter 'subject_token' required for standard token exchange"},
		{"a token meant for others", d, "target1", stranger, 403, "access_denied", "Client is not within the token audience", "not_allowed", "client is not within the token audience"},
		{"of a service account", d, "target1", job, 403, "access_denied", "Service accounts cannot be impersonated", "not_allowed", "subject is a service account"},
		{"a subject and a name", d, "target1", with(uma, "requested_subject", "uma"), 400, "invalid_request", "Parameter 'requested_subject' is not supported for standard token exchange", "invalid_request", "Parameter 'requested_subject' is not supported for standard token exchange"},
		{"an issuer", d, "target1", with(uma, "subject_issuer", "x"), 400, "invalid_request", "Parameter 'subject_issuer' is not supported for standard token exchange", "invalid_request", "Parameter 'subject_issuer' is not supported for standard token exchange"},
		{"impersonation of nobody", d, "target1", []string{"requested_subject", "nobody"}, 400, "invalid_request", "Requested subject not found", "user_not_found", "requested_subject not found"},
		{"impersonation of an empty name", d, "target1", []string{"requested_subject", ""}, 400, "invalid_request", "Requested subject not found", "user_not_found", "requested_subject not found"},
		{"impersonation of a disabled user", d, "target1", []string{"requested_subject", "off"}, 403, "access_denied", "User disabled", "user_disabled", "requested_subject disabled"},
		{"impersonation of a service account", d, "target1", []string{"requested_subject", "service-account-job"}, 403, "access_denied", "Service accounts cannot be impersonated", "not_allowed", "subject is a service account"},
		{"impersonation without the role", plain, "target1", []string{"requested_subject", "uma"}, 403, "access_denied", notAllowed, "not_allowed", "service account lacks the role impersonation"},
		{"impersonation of nobody without the role", plain, "target1", []string{"requested_subject", "nobody"}, 403, "access_denied", notAllowed, "not_allowed", "service account lacks the role impersonation"},
	} {
		tt.d.prepare(tt.target, tt.pairs...).wants(t, tt.name, tt.status, tt.code, tt.description)
		if _, cause, reason, _ := tt.d.lastEvent(t, "TOKEN_EXCHANGE_ERROR"); cause != tt.cause || reason != tt.reason {
			t.Errorf("%s: event %q %q, want %q %q", tt.name, cause, reason, tt.cause, tt.reason)
		}
		tt.d.advance(time.Second)
	}
	for _, target := range []string{"target1", "target2", "target-consent", "target-bare", "req"} {
		if n := len(d.offlineOf(t, target)); n != 0 {
			t.Errorf("%d offline sessions of %s after refusals alone", n, target)
		}
	}
}

// consent stores the user's consent to scopes of a client.
func (d *door) consent(t *testing.T, userID, client string, scopes ...string) {
	t.Helper()
	snap, err := d.realms.Snapshot(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	c := model.Consent{ClientID: snap.Client(client).ID}
	for _, name := range scopes {
		c.ScopeIDs = append(c.ScopeIDs, snap.Scope(name).ID)
	}
	if err := d.store.Write(t.Context(), func(tx *store.Tx) error { return tx.PutConsent(snap.Realm.Num, userID, c) }); err != nil {
		t.Fatal(err)
	}
}

func TestPrepare_NeedsTheConsentToOfflineAccess(t *testing.T) {
	t.Parallel()
	d := newPreparer(t, "")
	login := d.login(t, "login", "s", "openid")
	id := login.jwt(t, "access_token")["sub"].(string)
	try := func() answer { return d.prepare("target-consent", subjectOf(login.text("access_token"))...) }
	d.consent(t, id, "target-consent", "profile")
	try().wants(t, "consent to the profile alone", 400, "invalid_scope", "Missing consents for Token Exchange in client target-consent")
	d.consent(t, id, "target-consent", "profile", "offline_access")
	a := try().mustBe200(t, "consent to both")
	d.refresh("target-consent", "t", a.text("refresh_token")).mustBe200(t, "refresh")

	if got, _ := d.admin(t, http.MethodDelete, "/users/"+id+"/consents/target-consent"); got != http.StatusNoContent {
		t.Fatalf("revocation of the consent = %d", got)
	}
	if a := d.refresh("target-consent", "t", a.text("refresh_token")); a.status != http.StatusBadRequest {
		t.Errorf("refresh after the consent was taken back: %d", a.status)
	}
	if n := len(d.offlineOf(t, "target-consent")); n != 0 {
		t.Errorf("%d offline sessions after the consent was taken back", n)
	}
}

// A prepared session ends like any other.
func TestPrepare_Endings(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, d *door, userID string, a answer){
		"revocation by the target": func(t *testing.T, d *door, _ string, a answer) {
			d.post("/revoke", "client_id", "target1", "client_secret", "t", "token", a.text("refresh_token"))
		},
		"logout by the target": func(t *testing.T, d *door, _ string, a answer) {
			d.post("/logout", "client_id", "target1", "client_secret", "t", "refresh_token", a.text("refresh_token"))
		},
		"an administrator's delete": func(t *testing.T, d *door, _ string, a answer) {
			if got, _ := d.admin(t, http.MethodDelete, "/sessions/"+a.text("session_state")+"?isOffline=true"); got != http.StatusNoContent {
				t.Errorf("delete = %d", got)
			}
		},
		"the user's logout everywhere": func(t *testing.T, d *door, userID string, _ answer) {
			if got, _ := d.admin(t, http.MethodPost, "/users/"+userID+"/logout"); got != http.StatusNoContent {
				t.Errorf("logout = %d", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newPreparer(t, "")
			login := d.login(t, "login", "s", "openid")
			a := d.prepare("target1", subjectOf(login.text("access_token"))...).mustBe200(t, "prepare")
			kept := d.prepare("target1", "requested_subject", "uma").mustBe200(t, "another")
			d.advance(2 * time.Second)
			end(t, d, login.jwt(t, "access_token")["sub"].(string), a)
			if a := d.refresh("target1", "t", a.text("refresh_token")); a.status != http.StatusBadRequest {
				t.Errorf("refresh afterwards: %d %v", a.status, a.body)
			}
			want := 1
			if name == "the user's logout everywhere" {
				want = 0
			}
			if got := len(d.offlineOf(t, "target1")); got != want {
				t.Errorf("%d offline sessions, want %d", got, want)
			}
			if got := d.refresh("target1", "t", kept.text("refresh_token")).status == http.StatusOK; got != (want == 1) {
				t.Errorf("the other prepared token works: %t", got)
			}
		})
	}
}

// A user whose sessions all end while one is prepared keeps none.
func TestPrepare_RacesTheLogoutOfItsSubject(t *testing.T) {
	t.Parallel()
	d := newPreparer(t, "")
	for range 4 {
		login := d.login(t, "login", "s", "openid")
		var wg sync.WaitGroup
		var a answer
		wg.Go(func() { a = d.prepare("target1", subjectOf(login.text("access_token"))...) })
		wg.Go(func() {
			d.post("/logout", "client_id", "login", "client_secret", "s", "refresh_token", login.text("refresh_token"))
		})
		wg.Wait()
		if a.status != http.StatusOK && a.text("error_description") != "Invalid token" {
			t.Errorf("prepare: %d %v", a.status, a.body)
		}
	}
	d.offlineOf(t, "target1") // listed and counted alike
}

// The token works after a restart and through rotation, on every engine.
func TestPrepare_LivesOnAfterARestart(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "latchkey.db") },
		"PostgreSQL": func(t *testing.T) string { return pgtest.Schema(t, pgtest.DSN(t)) },
		"shards": func(t *testing.T) string {
			if testing.Short() {
				t.Skip("starts four servers")
			}
			return pgtest.NewShards(t).Schema(t, func(dsn string) {
				if _, err := store.Migrate(t.Context(), dsn, store.Options{InstanceKey: storetest.Key}, nil); err != nil {
					t.Fatal(err)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := dsn(t)
			for _, rotation := range []bool{false, true} {
				st := storetest.OpenWith(t, at, store.Options{})
				d := newDoorOn(t, st)
				doc := preparerRealm(`"revokeRefreshToken":` + strconv.FormatBool(rotation) + `,`)
				if rotation {
					if err := d.realms.DeleteRealm(t.Context(), "demo", nil); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := d.realms.CreateRealm(t.Context(), strings.NewReader(doc), realm.ImportOptions{}); err != nil {
					t.Fatal(err)
				}
				rt := d.prepare("target1", "requested_subject", "uma").mustBe200(t, "prepare").text("refresh_token")
				old := rt
				for range 3 {
					d = newDoorOn(t, storetest.OpenWith(t, at, store.Options{})) // another process on the same database
					d.advance(time.Minute)
					rt = d.refresh("target1", "t", rt).mustBe200(t, "refresh after a restart").text("refresh_token")
					if views := d.offlineOf(t, "target1"); len(views) != 1 || views[0].Notes[session.NotePreparedBy] != "req" {
						t.Errorf("offline sessions %+v", views)
					}
				}
				if got := d.refresh("target1", "t", old).status == http.StatusOK; got == rotation {
					t.Errorf("rotation %t: the first token works: %t", rotation, got)
				}
			}
		})
	}
}

// newDoorOn is a door on a store, whatever is in it.
func newDoorOn(t *testing.T, st *store.Store) *door {
	t.Helper()
	s := servertest.New(t, servertest.WithConfig(func(c *server.Config) { c.Store = st }))
	return &door{Server: s, realms: s.Realms, store: st}
}
