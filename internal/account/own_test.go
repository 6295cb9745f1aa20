package account_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/account"
)

// TestEveryRoute_IsForOnesOwnAlone: whatever anna asks of any route, with bob's
// ids where it takes some, she sees nothing of his and all of it stays.
func TestEveryRoute_IsForOnesOwnAlone(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	bob := p.login("r", "app", "bob", "p", "")
	offline := p.login("r", "portal", "bob", "p", "offline_access", iphone)
	role := p.get("/admin/realms/r/clients/"+p.clientID("account")+"/roles/manage-consent", p.admin).want(200).Body
	p.do("POST", "/admin/realms/r/users/"+p.userID("bob")+"/role-mappings/clients/"+p.clientID("account"), "["+role+"]", p.admin).want(204)
	p.do("PUT", "/applications/asks/consent", `{"grantedScopes":[{"id":"`+p.scopeID("email")+`"}]}`, bob.Access).want(200)
	his := func() map[string]string {
		out := map[string]string{}
		for _, rt := range account.RouteTable() {
			if rt.Method == "GET" {
				path := strings.NewReplacer("{client}", "asks", "{id}", "x", "{alias}", "x").Replace(rt.Path)
				out[path] = p.get(path, bob.Access).Body
			}
		}
		return out
	}
	before := his()
	secrets := []string{p.userID("bob"), "bob", "Jones", bob.Sid, offline.Sid, p.credentialIDs(bob.Access)["password"], "Mobile Safari"}
	ids := append(secrets, "asks", "portal", "app")
	for _, rt := range account.RouteTable() {
		for _, id := range ids {
			in := url.PathEscape(id)
			path := strings.NewReplacer("{client}", in, "{id}", in, "{alias}", in).Replace(rt.Path)
			body := ""
			switch {
			case rt.Path == "/credentials/{id}/label":
				body = `"mine"`
			case rt.Method == "PUT":
				body = `{"grantedScopes":[]}`
			case rt.Method == "POST" && rt.Path == "":
				body = `{"id":"` + secrets[0] + `","email":"anna@x.org","firstName":"Anna","lastName":"Smith"}`
			}
			got := p.do(rt.Method, path+"?user="+in+"&userId="+secrets[0], body, p.as("anna"))
			for _, secret := range secrets {
				if got.Status < 300 && strings.Contains(got.Body, secret) {
					t.Errorf("%s shows %q: %s", got.what, secret, got.Body)
				}
			}
			if !strings.Contains(rt.Path, "{") {
				break // no id in it: once is enough
			}
		}
		if diff := cmp.Diff(before, his()); diff != "" {
			t.Fatalf("%s %s changed what is bob's (-want +got):\n%s", rt.Method, rt.Path, diff)
		}
	}
	if got := p.refresh("portal", offline); got != "" {
		t.Errorf("his offline session: %q", got)
	}
}

// TestEndSession_ClientsAreTold by a logout token, as of any other logout.
func TestEndSession_ClientsAreTold(t *testing.T) {
	t.Parallel()
	told := make(chan string, 4)
	client := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.FormValue("logout_token") }))
	defer client.Close()
	p := newPeople(t)
	p.do("PUT", "/admin/realms/r/clients/"+p.clientID("portal"),
		`{"clientId":"portal","attributes":{"backchannel.logout.url":"`+client.URL+`","backchannel.logout.session.required":"true"}}`, p.admin).want(204)
	anna := p.as("anna")
	for _, path := range []func() string{
		func() string { return "/sessions/" + p.login("r", "portal", "anna", "p", "").Sid },
		func() string { p.login("r", "portal", "anna", "p", "offline_access"); return "/sessions" },
		func() string { p.login("r", "portal", "anna", "p", ""); return "/sessions?current=true" },
	} {
		p.do("DELETE", path(), "", anna).is(204, "")
		select {
		case token := <-told:
			if strings.Count(token, ".") != 2 {
				t.Errorf("logout token %q", token)
			}
		case <-t.Context().Done():
			t.Fatal("nobody told the client")
		}
	}
}
