package admin_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/session"
)

// offline logs a person in by a client with offline access.
func (a *api) offline(client, user string) map[string]any {
	a.t.Helper()
	return a.login("r", client, client+"-secret", user, "p", "offline_access")
}

// refresh uses a refresh token of a client.
func (a *api) refresh(client string, tokens map[string]any) *answer {
	a.t.Helper()
	return a.form("r", url.Values{
		"grant_type": {"refresh_token"}, "client_id": {client}, "client_secret": {client + "-secret"}, "refresh_token": {tokens["refresh_token"].(string)},
	})
}

func sid(tokens map[string]any) string { return tokens["session_state"].(string) }

func TestSessions_AreListedWhereTheyAre(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna, app, other := a.userID("anna"), a.clientID("app"), a.clientID("other")
	online := a.login("r", "app", "app-secret", "anna", "p", "")
	offline := a.offline("app", "anna")
	far := a.offline("other", "anna")
	a.offline("app", "bob")

	for _, tt := range []struct {
		path string
		want []string
	}{
		{"/users/" + anna + "/sessions", []string{sid(online)}},
		{"/users/" + anna + "/offline-sessions/" + app, []string{sid(offline)}},
		{"/users/" + anna + "/offline-sessions/" + other, []string{sid(far)}},
		{"/users/" + anna + "/offline-sessions", []string{sid(offline), sid(far)}},
		{"/clients/" + app + "/user-sessions", []string{sid(online)}},
		{"/clients/" + other + "/offline-sessions", []string{sid(far)}},
	} {
		got := a.get(tt.path).all("id")
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("GET %s = %v, want %v", tt.path, got, tt.want)
		}
	}
	a.get("/clients/"+app+"/session-count").is(200, `{"count":1}`)
	a.get("/clients/"+app+"/offline-session-count").is(200, `{"count":2}`)
	a.get("/client-session-stats").is(200, `[{"offline":"2","clientId":"app","active":"1","id":"`+app+`"},{"offline":"1","clientId":"other","active":"0","id":"`+other+`"}]`)
	if n := len(a.get("/clients/" + app + "/offline-sessions?first=1&max=1").list()); n != 1 {
		t.Errorf("second page of one has %d sessions", n)
	}
	a.get("/clients/"+app+"/offline-sessions?max=0").is(200, `[]`)
	a.get("/clients/"+app+"/offline-sessions?max=junk").is(404, `{"error":"HTTP 404 Not Found"}`)
}

func TestSessions_ShowTimesInMilliseconds(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	start := a.srv.Clock.Now().UnixMilli()
	tokens := a.offline("app", "anna")
	a.srv.Clock.Advance(10 * time.Minute)
	a.refresh("app", tokens).want(200)
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	var got []struct {
		Start, LastAccess int64
		Username, UserID  string
		IPAddress         string
		Clients           map[string]string
		TransientUser     bool
	}
	doc := a.get("/users/" + a.userID("anna") + "/offline-sessions").want(200).Body
	if err := json.Unmarshal([]byte(doc), &got); err != nil || len(got) != 1 {
		t.Fatalf("%v in %s", err, doc)
	}
	if got[0].Start != start || got[0].LastAccess != start+600_000 {
		t.Errorf("start %d, last access %d, want %d and ten minutes later", got[0].Start, got[0].LastAccess, start)
	}
	if got[0].Username != "anna" || got[0].Clients[a.clientID("app")] != "app" {
		t.Errorf("user and clients: %s", doc)
	}
}

func TestSession_SharedByTwoClientsShowsBoth(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tokens := a.offline("app", "anna")
	snap, err := a.srv.Realms.Snapshot(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	u, err := a.srv.Realms.User(t.Context(), snap, a.userID("anna"))
	if err != nil {
		t.Fatal(err)
	}
	in := session.StartInput{SessionID: sid(tokens), Offline: true, Scope: "offline_access"}
	if _, err := a.srv.Sessions.Start(t.Context(), snap.Config, snap.Client("other"), u, in, a.srv.Clock.Now().Unix(), nil); err != nil {
		t.Fatal(err)
	}
	app, other := a.clientID("app"), a.clientID("other")
	for _, path := range []string{"/users/" + u.ID + "/offline-sessions", "/clients/" + app + "/offline-sessions", "/clients/" + other + "/offline-sessions"} {
		list := a.get(path).list()
		if len(list) != 1 {
			t.Fatalf("GET %s lists %d sessions, want one", path, len(list))
		}
		if clients := list[0]["clients"].(map[string]any); clients[app] != "app" || clients[other] != "other" {
			t.Errorf("GET %s: clients %v, want both", path, clients)
		}
	}
}

func TestDeleteSession(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	offline, online := a.offline("app", "anna"), a.login("r", "app", "app-secret", "anna", "p", "")
	gone := `{"error":"Sesssion not found"}`
	a.del("/sessions/"+sid(offline), nil).is(404, gone)
	a.del("/sessions/"+sid(online)+"?isOffline=true", nil).is(404, gone)
	a.del("/sessions/"+sid(offline)+"?isOffline=true", nil).is(204, "")
	a.refresh("app", offline).want(400)
	a.refresh("app", online).want(200)
	a.del("/sessions/"+sid(offline)+"?isOffline=true", nil).is(404, gone)
	a.del("/sessions/"+sid(online), nil).is(204, "")
	a.refresh("app", online).want(400)
	for _, id := range []string{"x", unknown, strings.Repeat("A", 24), strings.Repeat("A", 5000)} {
		a.del("/sessions/"+id, nil).is(404, gone)
	}
}

func TestDeleteSession_OfAnotherRealmIsNotFound(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tokens := a.offline("app", "anna")
	a.post("/admin/realms", map[string]any{"realm": "s"}).want(201)
	a.del("/admin/realms/s/sessions/"+sid(tokens)+"?isOffline=true", nil).is(404, `{"error":"Sesssion not found"}`)
	a.refresh("app", tokens).want(200)
}

func TestLogoutUser_LeavesNothingListed(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna, app := a.userID("anna"), a.clientID("app")
	online, offline, bobs := a.login("r", "app", "app-secret", "anna", "p", ""), a.offline("app", "anna"), a.offline("app", "bob")
	a.post("/users/"+anna+"/logout", nil).is(204, "")
	for _, path := range []string{"/users/" + anna + "/sessions", "/users/" + anna + "/offline-sessions", "/users/" + anna + "/offline-sessions/" + app, "/users/" + anna + "/consents", "/clients/" + app + "/user-sessions"} {
		a.get(path).is(200, `[]`)
	}
	a.get("/clients/"+app+"/offline-session-count").is(200, `{"count":1}`)
	a.refresh("app", online).want(400)
	a.refresh("app", offline).want(400)
	a.refresh("app", bobs).want(200)
	if nb := a.get("/users/" + anna).object()["notBefore"].(float64); int64(nb) != a.srv.Clock.Now().Unix() {
		t.Errorf("notBefore = %v, want now", nb)
	}
}

func TestLogoutUser_KeepsOfflineSessionsWhenAsked(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna := a.userID("anna")
	online, offline, bobs := a.login("r", "app", "app-secret", "anna", "p", ""), a.offline("app", "anna"), a.login("r", "app", "app-secret", "bob", "p", "")
	a.post("/users/"+anna+"/logout?offline=drop", nil).want(400)
	a.refresh("app", online).want(200)
	a.post("/users/"+anna+"/logout?offline=keep", nil).is(204, "")
	a.refresh("app", online).want(400)
	a.refresh("app", offline).want(200)
	a.refresh("app", bobs).want(200)
	a.get("/users/"+anna+"/sessions").is(200, `[]`)
	if got := a.get("/users/" + anna + "/offline-sessions").all("id"); len(got) != 1 || got[0] != sid(offline) {
		t.Errorf("offline sessions listed: %v", got)
	}
	if nb, _ := a.get("/users/" + anna).object()["notBefore"].(float64); nb != 0 {
		t.Errorf("notBefore = %v, want none", nb)
	}
	if e := a.get("/admin-events?resourcePath=users/" + anna + "/logout").list(); len(e) != 1 || e[0]["operationType"] != "ACTION" {
		t.Errorf("admin events: %v", e)
	}
	a.post("/users/"+anna+"/logout?offline=keep", nil).is(204, "") // nobody is logged in any more
	a.post("/users/"+unknown+"/logout?offline=keep", nil).want(404)
}

func TestLogoutAll_EndsEverySessionOfTheRealm(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	online, offline := a.login("r", "app", "app-secret", "anna", "p", ""), a.offline("other", "bob")
	a.post("/logout-all", nil).is(200, `{}`)
	a.get("/client-session-stats").is(200, `[]`)
	a.get("/clients/"+a.clientID("other")+"/offline-sessions").is(200, `[]`)
	a.refresh("app", online).want(400)
	a.refresh("other", offline).want(400)
	if nb := a.get("").object()["notBefore"].(float64); int64(nb) != a.srv.Clock.Now().Unix() {
		t.Errorf("notBefore = %v, want now", nb)
	}
}

func TestConsents_OfflineTokensAreListedAndTakenBack(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	anna, app := a.userID("anna"), a.clientID("app")
	mine, far := a.offline("app", "anna"), a.offline("other", "anna")
	a.get("/users/"+anna+"/consents").is(200,
		`[{"clientId":"app","grantedClientScopes":[],"additionalGrants":[{"client":"`+app+`","key":"Offline Token"}]},`+
			`{"clientId":"other","grantedClientScopes":[],"additionalGrants":[{"client":"`+a.clientID("other")+`","key":"Offline Token"}]}]`)
	a.del("/users/"+anna+"/consents/app", nil).is(204, "")
	a.del("/users/"+anna+"/consents/app", nil).is(404, `{"error":"Consent nor offline token not found"}`)
	a.del("/users/"+anna+"/consents/nope", nil).is(404, `{"error":"Client not found"}`)
	a.refresh("app", mine).want(400)
	a.refresh("other", far).want(200)
}
