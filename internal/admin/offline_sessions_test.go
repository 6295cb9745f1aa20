package admin_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
)

// offlinePages follows the cursors of a list or a count from query on.
func (a *api) offlinePages(path, query string) (answers []map[string]any) {
	a.t.Helper()
	for after := ""; ; {
		q := query
		if after != "" {
			q = strings.TrimPrefix(q+"&after="+after, "&")
		}
		o := a.get(path + "?" + q).object()
		answers = append(answers, o)
		if after, _ = o["after"].(string); after == "" {
			return answers
		}
		if len(answers) > 100 {
			a.t.Fatalf("%s?%s comes to no end", path, query)
		}
	}
}

// offlineList is the ids of all pages, sorted; one that comes twice fails.
func (a *api) offlineList(query string) []string {
	a.t.Helper()
	ids := []string{}
	for _, o := range a.offlinePages("/offline-sessions", query) {
		for _, x := range o["sessions"].([]any) {
			id := x.(map[string]any)["id"].(string)
			if slices.Contains(ids, id) {
				a.t.Errorf("%s: %s comes twice", query, id)
			}
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (a *api) offlineCount(query string) (n int) {
	a.t.Helper()
	for _, o := range a.offlinePages("/offline-sessions/count", query) {
		n += int(o["count"].(float64))
	}
	return n
}

func sorted(ids ...string) []string {
	slices.Sort(ids)
	return append([]string{}, ids...)
}

// starts adds offline sessions of a user with a client.
func (a *api) starts(client, user string, n int) (ids []string) {
	a.t.Helper()
	for range n {
		id, err := a.srv.Sessions.NewID(a.userOf(user).ID)
		if err != nil {
			a.t.Fatal(err)
		}
		a.joins(client, user, id)
		ids = append(ids, id)
	}
	return ids
}

// userOf is a user of realm r as it is stored.
func (a *api) userOf(name string) *model.User {
	a.t.Helper()
	snap, err := a.srv.Realms.Snapshot(a.t.Context(), "r")
	if err != nil {
		a.t.Fatal(err)
	}
	u, err := a.srv.Store.UserByUsername(a.t.Context(), snap.Realm.Num, name)
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

// offlineBy logs a person in with offline access by a program that names itself.
func (a *api) offlineBy(client, user, agent string) map[string]any {
	a.t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "client_secret": {client + "-secret"}, "username": {user}, "password": {"p"}, "scope": {"offline_access"}}
	r := httptest.NewRequest("POST", a.srv.BaseURL+"/realms/r/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", agent)
	return a.send(r).object()
}

// prepared adds an offline session that another client prepared.
func (a *api) prepared(client, user, by string) {
	a.t.Helper()
	snap, err := a.srv.Realms.Snapshot(a.t.Context(), "r")
	if err != nil {
		a.t.Fatal(err)
	}
	in := session.StartInput{SessionID: a.starts(client, user, 1)[0], Offline: true, Scope: "offline_access", Notes: map[string]string{session.NotePreparedBy: by}}
	if _, err := a.srv.Sessions.Start(a.t.Context(), snap.Config, snap.Client(client), a.userOf(user), in, a.srv.Clock.Now().Unix(), nil); err != nil {
		a.t.Fatal(err)
	}
}

// joins gives a client a part in a user's offline session of an id.
func (a *api) joins(client, user, id string) {
	a.t.Helper()
	snap, err := a.srv.Realms.Snapshot(a.t.Context(), "r")
	if err != nil {
		a.t.Fatal(err)
	}
	in := session.StartInput{SessionID: id, Offline: true, Scope: "email offline_access"}
	if _, err := a.srv.Sessions.Start(a.t.Context(), snap.Config, snap.Client(client), a.userOf(user), in, a.srv.Clock.Now().Unix(), nil); err != nil {
		a.t.Fatal(err)
	}
}

func TestOfflineSessions_FiltersAndPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	old := a.offline("app", "anna")
	a.srv.Clock.Advance(10 * time.Minute)
	between := a.srv.Clock.Now()
	a.srv.Clock.Advance(10 * time.Minute)
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	bobs := a.starts("app", "bob", 5)
	others := a.starts("other", "anna", 2)
	a.login("r", "app", "app-secret", "anna", "p", "") // online: no part of it

	all := slices.Concat([]string{sid(old)}, bobs, others)
	before := url.QueryEscape(between.Format(time.RFC3339))
	for _, tt := range []struct {
		name, query string
		want        []string
	}{
		{"all", "", all},
		{"of a user by name", "user=ANNA", append(slices.Clone(others), sid(old))},
		{"of a user by id", "user=" + a.userID("bob"), bobs},
		{"of a client by clientId", "client=other", others},
		{"of a client by id", "client=" + a.clientID("app"), append(slices.Clone(bobs), sid(old))},
		{"of both", "user=anna&client=app", []string{sid(old)}},
		{"not used since, RFC 3339", "lastUsedBefore=" + before, []string{sid(old)}},
		{"not used since, seconds", fmt.Sprintf("lastUsedBefore=%d", between.Unix()), []string{sid(old)}},
		{"not used since the second of its use", fmt.Sprintf("lastUsedBefore=%d", between.Add(-10*time.Minute).Unix()), nil},
		{"begun before", "createdBefore=" + before + "&user=anna", []string{sid(old)}},
		{"scope granted", "scope=email&user=bob", bobs},
		{"scope that is part of another's name", "scope=mail", nil},
		{"scope of one", "scope=profile", []string{sid(old)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, paging := range []string{"", "max=1", "max=2", "max=3", "max=200"} {
				if got := a.offlineList(strings.Trim(tt.query+"&"+paging, "&")); !slices.Equal(got, sorted(tt.want...)) {
					t.Errorf("%s with %q: %v, want %v", tt.query, paging, got, sorted(tt.want...))
				}
			}
			if got := a.offlineCount(tt.query); got != len(tt.want) {
				t.Errorf("count of %s: %d, want %d", tt.query, got, len(tt.want))
			}
		})
	}
}

func TestOfflineSessions_ShowWhatDecides(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	start := a.srv.Clock.Now().Unix()
	tokens := a.offline("app", "anna")
	got := a.get("/offline-sessions").object()["sessions"].([]any)[0].(map[string]any)
	const idle = 30 * 24 * 3600
	for member, want := range map[string]any{
		"id": sid(tokens), "created": float64(start), "lastRefresh": float64(start), "state": "live", "ipAddress": "127.0.0.1",
		"accessTokenUntil": float64(start + 3600 + 60), "inUse": true, "expires": float64(start + idle + 60),
	} {
		if got[member] != want {
			t.Errorf("%s is %v, want %v", member, got[member], want)
		}
	}
	if c := got["client"].(map[string]any); c["clientId"] != "app" || c["id"] != a.clientID("app") {
		t.Errorf("client %v", c)
	}
	if u := got["user"].(map[string]any); u["username"] != "anna" || u["id"] != a.userID("anna") {
		t.Errorf("user %v", u)
	}
	if r := got["rule"].(map[string]any); r["name"] != "realm idle" || r["setting"] != "offlineSessionIdleTimeout" || r["seconds"] != float64(idle) {
		t.Errorf("rule %v", r)
	}
	if !strings.Contains(got["scope"].(string), "offline_access") {
		t.Errorf("scope %v", got["scope"])
	}
	one := a.get("/offline-sessions/" + sid(tokens)).object()
	if fmt.Sprint(one) != fmt.Sprint(got) {
		t.Errorf("alone it is %v, in the list %v", one, got)
	}
	if body := a.get("/offline-sessions").Body; strings.Contains(body, tokens["refresh_token"].(string)[:20]) {
		t.Error("a token is shown")
	}
	a.srv.Clock.Advance(2 * time.Hour)
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	if later := a.get("/offline-sessions/" + sid(tokens)).object(); later["inUse"] != false {
		t.Errorf("in use after its access token's time: %v", later)
	}
}

func TestOfflineSessions_ShowDeviceAndWhoPrepared(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tokens := a.offlineBy("app", "anna", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	if o := a.get("/offline-sessions/" + sid(tokens)).object(); !strings.Contains(fmt.Sprint(o["device"]), "Firefox") || o["preparedBy"] != nil {
		t.Errorf("device %v, prepared by %v", o["device"], o["preparedBy"])
	}
	a.prepared("app", "bob", "portal")
	if o := a.get("/offline-sessions?user=bob").object()["sessions"].([]any)[0].(map[string]any); o["preparedBy"] != "portal" {
		t.Errorf("prepared by %v", o["preparedBy"])
	}
}

func TestOfflineSessions_RefuseWhatIsNoFilter(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, q := range []string{
		"max=0", "max=-1", "max=201", "max=x", "max=", "after=", "after=x", "after=" + strings.Repeat("A", 2000), "after=MC4wLg",
		"lastUsedBefore=yesterday", "lastUsedBefore=", "lastUsedBefore=0", "createdBefore=1790000000000", "createdBefore=2026-01-31",
		"user=nobody", "user=", "client=none", "client=", "scope=a%20b", "first=3", "usr=anna", "user=anna&user=bob",
	} {
		r := a.get("/offline-sessions?" + q).want(400)
		if !strings.Contains(r.Body, `{"error":"`) {
			t.Errorf("%s: %s", q, r.Body)
		}
		if !strings.HasPrefix(q, "max") {
			a.get("/offline-sessions/count?" + q).want(400)
		}
	}
	a.get("/offline-sessions/count?max=3").want(400)
	for _, body := range []any{
		map[string]any{}, map[string]any{"dryRun": true}, nil, []any{}, "x", map[string]any{"usr": "anna"}, map[string]any{"user": 7},
		map[string]any{"user": ""}, map[string]any{"user": "anna", "lastUsedBefore": "soon"}, map[string]any{"user": "anna", "after": "?"},
		map[string]any{"user": "anna", "dryRun": "yes"}, map[string]any{"scope": "a b"},
	} {
		a.post("/offline-sessions/revoke", body).want(400)
	}
	a.post("/offline-sessions/revoke?dryRun=true", map[string]any{"user": "anna"}).want(400)
	for _, id := range []string{"x", unknown, strings.Repeat("A", 24), strings.Repeat("A", 5000)} {
		a.get("/offline-sessions/" + id).want(404)
		a.get("/offline-sessions/" + id + "/explain").want(404)
	}
}

func TestOfflineSessions_RolesToSeeAndToEnd(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	_, viewer := a.administrator("vera", "view-users")
	_, realm := a.administrator("rolf", "view-realm", "view-clients")
	a.get("/offline-sessions", viewer).want(200)
	a.post("/offline-sessions/revoke", map[string]any{"user": "anna"}, viewer).want(403)
	a.get("/offline-sessions", realm).want(403)
	_, manager := a.administrator("mona", "manage-users")
	a.post("/offline-sessions/revoke", map[string]any{"user": "anna"}, manager).want(200)
}

func TestRevokeOffline_EndsWhatTheFilterSelects(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	old := a.offline("app", "anna")
	a.srv.Clock.Advance(24 * time.Hour)
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	fresh, bobs := a.offline("app", "anna"), a.offline("app", "bob")
	filter := map[string]any{"user": "anna", "lastUsedBefore": a.srv.Clock.Now().Add(-time.Hour).Unix(), "dryRun": true}
	a.post("/offline-sessions/revoke", filter).is(200, `{"dryRun":true,"ended":1,"done":true}`)
	a.refresh("app", old).want(200)
	a.post("/offline-sessions/revoke", filter).is(200, `{"dryRun":true,"ended":0,"done":true}`) // it was used just now
	a.srv.Clock.Advance(2 * time.Hour)
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	a.refresh("app", fresh).want(200)
	filter["dryRun"], filter["lastUsedBefore"] = false, a.srv.Clock.Now().Add(-time.Hour).Format(time.RFC3339)
	a.post("/offline-sessions/revoke", filter).is(200, `{"dryRun":false,"ended":1,"done":true}`)
	a.post("/offline-sessions/revoke", filter).is(200, `{"dryRun":false,"ended":0,"done":true}`)
	a.refresh("app", old).want(400)
	a.refresh("app", fresh).want(200)
	a.refresh("app", bobs).want(200)
	if got := a.offlineList("user=anna"); !slices.Equal(got, []string{sid(fresh)}) {
		t.Errorf("left of the user: %v", got)
	}
	events := a.get("/admin-events?resourceTypes=USER_SESSION").list()
	if len(events) != 2 || events[0]["resourcePath"] != "offline-sessions/revoke" || !strings.Contains(events[0]["representation"].(string), `"user":"anna"`) {
		t.Errorf("admin events: %v", events)
	}
}

func TestRevokeOffline_OfAUserKeepsLogins(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	online, offline, others := a.login("r", "app", "app-secret", "anna", "p", ""), a.offline("app", "anna"), a.offline("other", "anna")
	a.post("/offline-sessions/revoke", map[string]any{"user": "anna"}).is(200, `{"dryRun":false,"ended":2,"done":true}`)
	a.refresh("app", online).want(200)
	a.refresh("app", offline).want(400)
	a.refresh("other", others).want(400)
}

func TestRevokeOffline_OfAWholeClientIsOneRow(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ids := a.starts("app", "bob", 120)
	online, other := a.login("r", "app", "app-secret", "anna", "p", ""), a.offline("other", "anna")
	a.post("/offline-sessions/revoke", map[string]any{"client": "app", "dryRun": true}).is(200, `{"dryRun":true,"ended":120,"done":true,"onlineEnded":1}`)
	a.refresh("app", online).want(200)
	a.post("/offline-sessions/revoke", map[string]any{"client": "app"}).is(200, `{"dryRun":false,"ended":120,"done":true,"onlineEnded":1}`)
	a.refresh("app", online).want(400)
	a.refresh("other", other).want(200)
	if got := a.offlineList("client=app"); len(got) != 0 {
		t.Errorf("%d left", len(got))
	}
	o := a.get("/offline-sessions/" + ids[0]).object()
	if e := o["ended"].(map[string]any); o["state"] != "ended" || e["reason"] != model.EndedByAdmin || e["byName"] != "admin" {
		t.Errorf("one of them: %v", o)
	}
}

func TestRevokeOffline_GoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.starts("app", "bob", 230)
	a.starts("other", "anna", 3)
	cut := a.srv.Clock.Now().Add(time.Second).Unix()
	total, steps := 0, 0
	for after := any(nil); steps < 50; steps++ {
		o := a.post("/offline-sessions/revoke", map[string]any{"createdBefore": cut, "after": after}).object()
		total += int(o["ended"].(float64))
		if after = o["after"]; o["done"] == true {
			break
		}
	}
	if total != 233 || a.offlineCount("") != 0 {
		t.Errorf("ended %d in %d steps, %d left", total, steps, a.offlineCount(""))
	}
}
