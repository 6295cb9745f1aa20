package account_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
)

// alive tells whose tokens of these work, by name.
func (p *people) alive(client map[string]string, all map[string]grant) []string {
	p.t.Helper()
	out := []string{}
	for name, g := range all {
		if p.refresh(client[name], g) == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// TestSessions_AsKeycloakShowsThem: times in seconds, the current one marked,
// no offline ones.
func TestSessions_AsKeycloakShowsThem(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	now := p.srv.Clock.Now().Unix()
	first := p.login("r", "portal", "anna", "p", "", firefox)
	p.login("r", "portal", "anna", "p", "offline_access", firefox)
	p.login("r", "app", "bob", "p", "", firefox)
	p.srv.Clock.Advance(time.Minute)
	second := p.login("r", "app", "anna", "p", "", iphone)
	client := func(id string, more ...string) string {
		name := ""
		if more != nil {
			name = `,"clientName":"` + more[0] + `"`
		}
		return `[{"clientId":"` + id + `"` + name + `,"userConsentRequired":false,"inUse":false,"offlineAccess":false}]`
	}
	p.get("/sessions", second.Access).is(200, fmt.Sprintf(
		`[{"id":%q,"ipAddress":"127.0.0.1","started":%d,"lastAccess":%[2]d,"expires":%d,"clients":%s,"browser":"Mobile Safari/17.2","current":true},`+
			`{"id":%q,"ipAddress":"127.0.0.1","started":%d,"lastAccess":%[6]d,"expires":%d,"clients":%s,"browser":"Firefox/121.0"}]`,
		second.Sid, now+60, now+60+36000, client("app"), first.Sid, now, now+36000, client("portal", "The Portal")))
}

// TestDevices_GroupBySystem: the sessions of one system and version stand
// together, offline ones among them.
func TestDevices_GroupBySystem(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	now := p.srv.Clock.Now().Unix()
	offline := p.login("r", "portal", "anna", "p", "offline_access", firefox)
	p.login("r", "app", "anna", "p", "", "curl/7.88.1")
	p.login("r", "app", "anna", "p", "") // says nothing
	p.srv.Clock.Advance(time.Second)
	phone := p.login("r", "app", "anna", "p", "", iphone)
	list := read[[]object](p.get("/sessions/devices", phone.Access))
	type device struct {
		OS, Version, Device string
		Mobile, Current     bool
		Last                float64
		Browsers            []string
	}
	var got []device
	for _, d := range list {
		x := device{OS: d["os"].(string), Version: d["osVersion"].(string), Device: d["device"].(string), Mobile: d["mobile"].(bool), Last: d["lastAccess"].(float64)}
		x.Current, _ = d["current"].(bool)
		for _, s := range d["sessions"].([]any) {
			x.Browsers = append(x.Browsers, s.(object)["browser"].(string))
			if s.(object)["id"] == offline.Sid && s.(object)["expires"].(float64) != float64(now+30*86400) {
				t.Errorf("offline session expires %v, want a month after its use at %d", s.(object)["expires"], now)
			}
		}
		slices.Sort(x.Browsers)
		got = append(got, x)
	}
	slices.SortFunc(got, func(a, b device) int { return int(b.Last - a.Last) })
	slices.SortStableFunc(got[1:], func(a, b device) int { return len(a.Browsers) - len(b.Browsers) })
	want := []device{
		{"iOS", "17.2", "iPhone", true, true, float64(now + 1), []string{"Mobile Safari/17.2"}},
		{"Linux", "Unknown", "Other", false, false, float64(now), []string{"Firefox/121.0"}},
		{"Other", "Unknown", "Other", false, false, float64(now), []string{"Other/Unknown", "curl/7.88.1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	his := read[[]object](p.get("/sessions/devices", p.as("bob")))
	if len(his) != 1 || len(his[0]["sessions"].([]any)) != 1 {
		t.Errorf("bob, who has one login, sees %v", his)
	}
}

// TestEndSession_OwnOnly: a session ends by its id, online or offline; that of
// somebody else and what is none are answered alike, and nothing ends.
func TestEndSession_OwnOnly(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	bob := p.login("r", "app", "bob", "p", "")
	bobs := p.login("r", "portal", "bob", "p", "offline_access")
	here := p.login("r", "app", "anna", "p", "")
	other := p.login("r", "portal", "anna", "p", "")
	offline := p.login("r", "portal", "anna", "p", "offline_access")
	for _, id := range []string{bob.Sid, bobs.Sid, "nope", "%20", "a%2Fb", string(slices.Repeat([]byte("x"), 500)), here.Sid[:10], "devices"} {
		p.do("DELETE", "/sessions/"+id, "", here.Access).is(204, "")
	}
	if n := len(p.events("LOGOUT")); n != 0 {
		t.Errorf("%d sessions ended", n)
	}
	p.do("DELETE", "/sessions/"+other.Sid, "", here.Access).is(204, "")
	p.do("DELETE", "/sessions/"+offline.Sid, "", here.Access).is(204, "")
	clients := map[string]string{"bob": "app", "bobs": "portal", "here": "app", "other": "portal", "offline": "portal"}
	all := map[string]grant{"bob": bob, "bobs": bobs, "here": here, "other": other, "offline": offline}
	if diff := cmp.Diff([]string{"bob", "bobs", "here"}, p.alive(clients, all)); diff != "" {
		t.Errorf("alive (-want +got):\n%s", diff)
	}
	if got := p.refresh("portal", offline); got != "Offline user session not found" {
		t.Errorf("refresh of the ended offline session: %q", got)
	}
	var ended []string
	for _, e := range p.events("LOGOUT") {
		if e["clientId"] != "account" || e["userId"] != p.userID("anna") {
			t.Errorf("event %v", e)
		}
		ended = append(ended, e["sessionId"].(string))
	}
	want := []string{other.Sid, offline.Sid}
	slices.Sort(want)
	slices.Sort(ended)
	if diff := cmp.Diff(want, ended); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	p.wantEnding(offline.Sid, "anna", true)
}

// wantEnding fails unless a session is stored as ended by its own user.
func (p *people) wantEnding(sid, user string, offline bool) {
	p.t.Helper()
	id := p.userID(user)
	us, shares, err := p.srv.Store.FindUserSession(p.t.Context(), model.ShardOf(id), sid, offline)
	if err != nil {
		p.t.Fatal(err)
	}
	want := &model.Ending{At: p.srv.Clock.Now().Unix(), Reason: model.EndedByUser, By: id}
	if diff := cmp.Diff(want, us.Ended); diff != "" {
		p.t.Errorf("ending of the session (-want +got):\n%s", diff)
	}
	for i := range shares {
		end := shares[i].Ended
		if end == nil {
			end = shares[i].Superseded
		}
		if diff := cmp.Diff(want, end); diff != "" {
			p.t.Errorf("ending of a client's part (-want +got):\n%s", diff)
		}
	}
}

// TestEndSessions_OthersOrAll: without current=true the login that asks stays.
func TestEndSessions_OthersOrAll(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	clients := map[string]string{"bob": "app", "here": "app", "other": "portal", "offline": "portal"}
	all := map[string]grant{"bob": p.login("r", "app", "bob", "p", "offline_access"), "here": p.login("r", "app", "anna", "p", "")}
	begin := func() {
		all["other"], all["offline"] = p.login("r", "portal", "anna", "p", ""), p.login("r", "portal", "anna", "p", "offline_access")
	}
	for _, query := range []string{"", "?current=false", "?current=x"} {
		begin()
		p.do("DELETE", "/sessions"+query, "", all["here"].Access).is(204, "")
		if diff := cmp.Diff([]string{"bob", "here"}, p.alive(clients, all)); diff != "" {
			t.Errorf("alive after %q (-want +got):\n%s", query, diff)
		}
	}
	if n := len(p.events("LOGOUT")); n != 6 {
		t.Errorf("%d events, want one for each of 6 sessions", n)
	}
	begin()
	offline := all["offline"]
	p.do("DELETE", "/sessions", "", offline.Access).is(204, "")
	if diff := cmp.Diff([]string{"bob", "offline"}, p.alive(clients, all)); diff != "" {
		t.Errorf("alive after an offline session asked (-want +got):\n%s", diff)
	}
	begin()
	p.do("DELETE", "/sessions?current=true", "", all["other"].Access).is(204, "")
	if diff := cmp.Diff([]string{"bob"}, p.alive(clients, all)); diff != "" {
		t.Errorf("alive after all (-want +got):\n%s", diff)
	}
	if got := p.refresh("portal", all["offline"]); got != "Offline user session not found" {
		t.Errorf("refresh of an ended offline session: %q", got)
	}
	p.wantEnding(all["offline"].Sid, "anna", true)
	if got := p.get("/sessions", p.as("anna")).all("browser"); len(got) != 1 {
		t.Errorf("%d sessions are listed, want the new one alone", len(got))
	}
}

// TestSessions_OneSessionOfSeveralClients: a login and its offline part have
// one id; both end by it, and the login that asks keeps its own.
func TestSessions_OneSessionOfSeveralClients(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	here, other := p.login("r", "app", "anna", "p", "", firefox), p.login("r", "app", "anna", "p", "", iphone)
	for _, g := range []grant{here, other} {
		p.joinOffline("anna", "portal", g.Sid)
	}
	count := func() int {
		n := 0
		for _, d := range read[[]object](p.get("/sessions/devices", here.Access)) {
			n += len(d["sessions"].([]any))
		}
		return n
	}
	if n := count(); n != 4 {
		t.Fatalf("%d sessions, want two logins and their offline parts", n)
	}
	p.do("DELETE", "/sessions/"+other.Sid, "", here.Access).is(204, "")
	if n := count(); n != 2 {
		t.Errorf("%d sessions after one login ended, want 2", n)
	}
	p.do("DELETE", "/sessions", "", here.Access).is(204, "")
	if n := count(); n != 2 {
		t.Errorf("%d sessions after the others ended, want this login and its offline part", n)
	}
	p.do("DELETE", "/sessions/"+here.Sid, "", here.Access).is(204, "")
	p.get("/sessions", here.Access).is(401, unauthorized)
}

// joinOffline gives a client an offline part in a session.
func (p *people) joinOffline(user, client, sid string) {
	p.t.Helper()
	snap, err := p.srv.Realms.Snapshot(p.t.Context(), "r")
	if err != nil {
		p.t.Fatal(err)
	}
	id, now := p.userID(user), p.srv.Clock.Now().Unix()
	us := &model.UserSession{ID: sid, Offline: true, RealmNum: snap.Realm.Num, UserID: id, Started: now, IP: "127.0.0.1"}
	cs := &model.ClientSession{SessionID: sid, ClientNum: snap.Client(client).Num, Offline: true, RealmNum: snap.Realm.Num, UserID: id,
		UserStarted: now, Started: now, LastRefresh: now, Scope: "offline_access"}
	err = p.srv.Store.Write(p.t.Context(), func(tx *store.Tx) error { return tx.StartSession(us, cs, now+1000) })
	if err != nil {
		p.t.Fatal(err)
	}
}
