package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TestApplications_AsKeycloakShowsThem: those with a session, those with a
// consent, those that are always shown.
func TestApplications_AsKeycloakShowsThem(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.login("r", "portal", "anna", "p", "offline_access")
	anna := p.as("anna")
	const (
		app    = `{"clientId":"app","userConsentRequired":false,"inUse":true,"offlineAccess":false}`
		hosted = `{"clientId":"hosted","userConsentRequired":false,"inUse":false,"offlineAccess":false,"rootUrl":"${authBaseUrl}","baseUrl":"/here","effectiveUrl":"http://localhost:8080/here"}`
		portal = `{"clientId":"portal","clientName":"The Portal","userConsentRequired":false,"inUse":false,"offlineAccess":true}`
		script = `{"clientId":"script","userConsentRequired":false,"inUse":false,"offlineAccess":false,"rootUrl":"http://elsewhere.example"}`
		shown  = `{"clientId":"shown","clientName":"${client_account-console}","description":"Always there","userConsentRequired":false,"inUse":false,"offlineAccess":false,"rootUrl":"http://shown.example/root","baseUrl":"/base","effectiveUrl":"http://shown.example/root/base"`
	)
	p.get("/applications", anna).is(200, "["+strings.Join([]string{app, hosted, portal, script, shown + "}"}, ",")+"]")
	for query, want := range map[string][]string{
		"?name=port": {"portal"}, "?name=THE%20P": {"portal"}, "?name=account%20console": {"shown"}, "?name=app": {}, "?name=": {"app", "hosted", "portal", "script", "shown"},
	} {
		if diff := cmp.Diff(want, p.get("/applications"+query, anna).all("clientId")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	given := p.do("PUT", "/applications/shown/consent", `{"grantedScopes":[]}`, anna).want(200).Body
	withConsent := shown + `,"consent":` + given + `,"logoUri":"http://l","policyUri":"http://p","tosUri":"http://t"}`
	p.get("/applications?name=console", anna).is(200, "["+withConsent+"]")
	bob := p.token("r", "app", "bob", "p", "")
	if diff := cmp.Diff([]string{"app", "hosted", "script", "shown"}, p.get("/applications", bob).all("clientId")); diff != "" {
		t.Errorf("somebody else's applications (-want +got):\n%s", diff)
	}
}

// scopeID is the id of a client scope of realm r.
func (p *people) scopeID(name string) string {
	p.t.Helper()
	for _, s := range read[[]object](p.get("/admin/realms/r/client-scopes", p.admin)) {
		if s["name"] == name {
			return s["id"].(string)
		}
	}
	p.t.Fatalf("no scope %s", name)
	return ""
}

// TestConsent_GivenChangedRevoked: the answers and events are Keycloak's.
func TestConsent_GivenChangedRevoked(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	anna := p.as("anna")
	profile, email, acr := p.scopeID("profile"), p.scopeID("email"), p.scopeID("acr")
	const path = "/applications/asks/consent"
	shown := func(id, name, text string) string {
		return fmt.Sprintf(`{"id":%q,"name":%q,"displayText":%q,"displayTest":%[3]q}`, id, name, text)
	}
	profiles, emails := shown(profile, "${profileScopeConsentText}", "User profile"), shown(email, "${emailScopeConsentText}", "Email address")
	p.get(path, anna).is(204, "")
	made := p.srv.Clock.Now().UnixMilli()
	want := fmt.Sprintf(`{"grantedScopes":[%s],"createdDate":%d,"lastUpdatedDate":%[2]d}`, profiles, made)
	p.do("PUT", path, `{"grantedScopes":[{"id":"`+profile+`","name":"x"},{"id":"`+profile+`"}],"createdDate":1}`, anna).is(200, want)
	p.get(path, anna).is(200, want)
	p.srv.Clock.Advance(time.Second)
	p.do("POST", path, `{"grantedScopes":[{"id":"`+email+`"}]}`, anna).is(200, fmt.Sprintf(`{"grantedScopes":[%s],"createdDate":%d,"lastUpdatedDate":%d}`, emails, made, made+1000))
	p.do("PUT", path, `{"grantedScopes":[{"id":"`+acr+`"}]}`, anna).is(200, fmt.Sprintf(`{"grantedScopes":[%s],"createdDate":%d,"lastUpdatedDate":%d}`, shown(acr, "acr", "acr"), made, made+1000))
	p.do("PUT", path, `{"grantedScopes":[]}`, anna).want(200)
	p.do("PUT", path, `{"grantedScopes":[{"id":"nope"}]}`, anna).is(400, `{"errorMessage":"Scope id nope does not exist for client Asks."}`)
	for _, body := range []string{`{}`, `{"grantedScopes":null}`, `{"grantedScopes":"x"}`, `{"grantedScopes":[null]}`, `[]`, `{"grantedScopes":[{"id":5}]}`} {
		p.do("PUT", path, body, anna).is(400, `{"error":"unknown_error","error_description":"Cannot parse the JSON"}`)
	}
	unknown := `{"errorMessage":"No client with clientId: nope found."}`
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		p.do(method, "/applications/nope/consent", "", anna).is(404, unknown)
	}
	p.do("DELETE", path, "", anna).is(204, "")
	p.do("DELETE", path, "", anna).is(204, "")
	p.get(path, anna).is(204, "")
	var got []string
	for _, e := range p.events("GRANT_CONSENT", "UPDATE_CONSENT", "REVOKE_GRANT", "GRANT_CONSENT_ERROR", "UPDATE_CONSENT_ERROR", "REVOKE_GRANT_ERROR") {
		d, _ := e["details"].(object)
		line := e["type"].(string) + " " + e["clientId"].(string)
		for _, more := range []any{d["granted_client"], d["revoked_client"], d["scope"], e["error"]} {
			if s, ok := more.(string); ok {
				line += " " + s
			}
		}
		got = append(got, line)
	}
	slices.Sort(got) // those of one second stand in no order
	events := []string{
		"GRANT_CONSENT account asks profile", "GRANT_CONSENT_ERROR account client_not_found", "REVOKE_GRANT account asks", "REVOKE_GRANT account asks",
		"REVOKE_GRANT_ERROR account client_not_found", "UPDATE_CONSENT account asks", "UPDATE_CONSENT account asks acr", "UPDATE_CONSENT account asks email",
		"UPDATE_CONSENT_ERROR account client_not_found", "UPDATE_CONSENT_ERROR account invalid_scope",
	}
	if diff := cmp.Diff(events, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestConsent_ItsLanguage: texts are in the person's language, the realm's
// language first where they chose none.
func TestConsent_ItsLanguage(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.realmWith(object{"internationalizationEnabled": true, "supportedLocales": []string{"en", "de"}, "defaultLocale": "en"})
	anna := p.as("anna")
	body := `{"grantedScopes":[{"id":"` + p.scopeID("email") + `"}]}`
	text := func() string {
		c := read[struct {
			GrantedScopes []struct{ DisplayText string }
		}](p.do("PUT", "/applications/asks/consent", body, anna))
		return c.GrantedScopes[0].DisplayText
	}
	english := text()
	p.do("POST", "", `{"attributes":{"locale":["de"]},"email":"anna@x.org","firstName":"Anna","lastName":"Smith"}`, anna).want(204)
	if german := text(); english != "Email address" || german == english {
		t.Errorf("texts %q and %q", english, german)
	}
}

// TestConsent_RevokedEndsOfflineSessions of that client and person alone.
func TestConsent_RevokedEndsOfflineSessions(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	clients := map[string]string{"mine": "portal", "login": "portal", "other app": "app", "bob": "portal"}
	all := map[string]grant{
		"mine": p.login("r", "portal", "anna", "p", "offline_access"), "login": p.login("r", "portal", "anna", "p", ""),
		"other app": p.login("r", "app", "anna", "p", "offline_access"), "bob": p.login("r", "portal", "bob", "p", "offline_access"),
	}
	p.do("DELETE", "/applications/portal/consent", "", p.as("anna")).is(204, "")
	if diff := cmp.Diff([]string{"bob", "login", "other app"}, p.alive(clients, all)); diff != "" {
		t.Errorf("alive (-want +got):\n%s", diff)
	}
}

// TestOfflinePartEnds_LoginGoesOn: an application with a part in a login and in
// the offline session of the same id loses the latter alone.
func TestOfflinePartEnds_LoginGoesOn(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/applications/portal/consent", "/applications/portal/offline-sessions"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p := newPeople(t)
			g := p.login("r", "portal", "anna", "p", "")
			p.joinOffline("anna", "portal", g.Sid)
			p.joinOffline("anna", "app", g.Sid)
			p.do("DELETE", path, "", g.Access).is(204, "")
			if got := p.refresh("portal", g); got != "" {
				t.Errorf("refresh of the login: %q", got)
			}
			var uses []string
			for _, a := range read[[]object](p.get("/applications", p.as("anna"))) {
				if a["offlineAccess"] == true {
					uses = append(uses, a["clientId"].(string))
				}
			}
			if diff := cmp.Diff([]string{"app"}, uses); diff != "" {
				t.Errorf("offline access (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEndOffline_OneApplication: its offline sessions end, by the person; the
// consent, its logins, other applications and other people stay.
func TestEndOffline_OneApplication(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	clients := map[string]string{"one": "portal", "two": "portal", "login": "portal", "other app": "app", "bob": "portal"}
	all := map[string]grant{
		"one": p.login("r", "portal", "anna", "p", "offline_access"), "two": p.login("r", "portal", "anna", "p", "offline_access"),
		"login": p.login("r", "portal", "anna", "p", ""), "other app": p.login("r", "app", "anna", "p", "offline_access"),
		"bob": p.login("r", "portal", "bob", "p", "offline_access"),
	}
	anna := p.as("anna")
	given := p.do("PUT", "/applications/portal/consent", `{"grantedScopes":[]}`, anna).want(200).Body
	p.do("DELETE", "/applications/nope/offline-sessions", "", anna).is(404, `{"errorMessage":"No client with clientId: nope found."}`)
	p.do("DELETE", "/applications/portal/offline-sessions", "", anna).is(204, "")
	p.do("DELETE", "/applications/portal/offline-sessions", "", anna).is(204, "")
	if diff := cmp.Diff([]string{"bob", "login", "other app"}, p.alive(clients, all)); diff != "" {
		t.Errorf("alive (-want +got):\n%s", diff)
	}
	if got := p.refresh("portal", all["one"]); got != "Offline user session not found" {
		t.Errorf("refresh: %q", got)
	}
	p.wantEnding(all["one"].Sid, "anna", true)
	p.get("/applications/portal/consent", anna).is(200, given)
	snap, err := p.srv.Realms.Snapshot(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	id := p.userID("anna")
	row, err := p.srv.Store.SessionForRefresh(t.Context(), sessionKey(id, all["one"].Sid, snap.Client("portal").Num))
	if err != nil || row.Session.Ended == nil || row.Session.Ended.Reason != model.EndedByUser || row.Session.Ended.By != id {
		t.Errorf("ending %+v %v, want by the user", row.Session.Ended, err)
	}
	text := p.get("/admin/realms/r/offline-sessions/"+all["one"].Sid+"/explain", p.admin).want(200).Body
	for _, want := range []string{`"user"`, "the person ended it in their account", "anna"} {
		if !strings.Contains(text, want) {
			t.Errorf("explain does not tell %s: %s", want, text)
		}
	}
}
