package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// consolePage is the page around a console, with what it must know.
const consolePage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>%[1]s</title>
<link rel="stylesheet" href="/built/%[1]s.css"><div id="app"></div>
<script id="environment" type="application/json">%[2]s</script><script type="module" src="/built/%[1]s.js"></script></html>`

// accountMenu is the Account Console's menu, which a theme brings.
const accountMenu = `[{"label":"deviceActivity","path":"account-security/device-activity"},{"label":"applications","path":"applications"}]`

// console serves one of the consoles beside the relying party, lets its client
// come from there, and gives its address.
func (h *house) console(name, realmName, clientID string) string {
	h.t.Helper()
	dir := consoles(h.t)
	base := h.app + "/" + name + "/"
	h.allow(realmName, clientID, base)
	environment, err := json.Marshal(map[string]any{
		"serverBaseUrl": h.base, "adminBaseUrl": h.base, "authUrl": h.base, "authServerUrl": h.base, "realm": realmName, "masterRealm": "master",
		"clientId": clientID, "resourceUrl": h.app + "/resources", "baseUrl": base, "consoleBaseUrl": base, "logo": "", "logoUrl": "/", "locale": "en", "darkMode": false,
		"resourceVersion": "1", "features": map[string]bool{
			"isRegistrationEmailAsUsername": false, "isEditUserNameAllowed": true, "isLinkedAccountsEnabled": true, "isMyResourcesEnabled": false,
			"deleteAccountAllowed": false, "updateEmailFeatureEnabled": false, "updateEmailActionEnabled": false, "isViewGroupsEnabled": true,
			"isViewApplicationsEnabled": true, "isViewOrganizationsEnabled": false, "isOid4VciEnabled": false,
		},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.pages.Handle("/built/", http.StripPrefix("/built/", http.FileServer(http.Dir(dir))))
	h.pages.HandleFunc("/resources/content.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(accountMenu))
	})
	h.pages.HandleFunc("/resources/", func(w http.ResponseWriter, _ *http.Request) { // pictures of a theme
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
	})
	h.pages.HandleFunc("/"+name+"/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		fmt.Fprintf(w, consolePage, name, environment)
	})
	return base
}

// allow lets a client be used from base.
func (h *house) allow(realmName, clientID, base string) {
	h.t.Helper()
	snap, err := h.server.Realms.Snapshot(h.t.Context(), realmName)
	if err != nil {
		h.t.Fatal(err)
	}
	doc, err := json.Marshal(map[string]any{"redirectUris": []string{base + "*"}, "webOrigins": []string{"+"}})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.server.Realms.UpdateClient(h.t.Context(), realmName, snap.Client(clientID).ID, doc, nil); err != nil {
		h.t.Fatal(err)
	}
}

// clientID is the id of a client of realm harbour.
func (h *house) clientID(clientID string) string {
	h.t.Helper()
	snap, err := h.server.Realms.Snapshot(h.t.Context(), "harbour")
	if err != nil {
		h.t.Fatal(err)
	}
	return snap.Client(clientID).ID
}

// userID is the id of a user of realm harbour.
func (h *house) userID(name string) string {
	h.t.Helper()
	snap, err := h.server.Realms.Snapshot(h.t.Context(), "harbour")
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := h.server.Store.UserByUsername(h.t.Context(), snap.Realm.Num, name)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.ID
}

// shows waits until the page says each of texts, and tells what is missing.
func (b *tab) shows(where string, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if !b.comes(fmt.Sprintf(`document.querySelector("main")&&document.querySelector("main").innerText.includes(%q)`, text)) {
			b.t.Errorf("%s: the console does not say %q, but %q", where, text, b.text("body"))
		}
	}
	if page := b.text("body"); strings.Contains(page, "somethingWentWrong") || strings.Contains(page, "pageNotFound") || strings.Contains(page, "forbidden") {
		b.t.Errorf("%s: the console says %q", where, page)
	}
}

// comes tells whether a condition holds in the end.
func (b *tab) comes(condition string) bool {
	ctx, cancel := b.limited()
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!!(`+condition+`)`)); err == nil && ok {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// visitors leave what the consoles show: uma has a login with notes and an
// offline session with portal, which she consented to.
func (h *house) visitors() tokens {
	h.t.Helper()
	b := newTab(h.t)
	r := h.ask("portal", "openid offline_access")
	b.open(r.url)
	b.signIn("uma", "pw")
	b.press("button[name=accept]")
	offline := h.works("portal", h.redeem(r, h.arrival()))
	r = h.ask("notes", "openid")
	b.open(r.url)
	h.works("notes", h.redeem(r, h.arrival()))
	return offline
}

// TestAdminConsole: Keycloak's Admin Console runs against this server. An error
// in its console, and a request that is refused, fail the test (newTab).
func TestAdminConsole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.console("admin", "master", "security-admin-console")
	offline := h.visitors()
	b := newTab(t)
	b.tolerateLibraries()
	b.open(at + "#/harbour/users")
	b.until(`document.querySelector("#username")`)
	b.signIn("admin", "admin")
	uma, portal := h.userID("uma"), h.clientID("portal")
	for _, p := range []struct {
		path  string
		texts []string
	}{
		{"users", []string{"uma", "uma@example.org", "bare"}},
		{"users/" + uma + "/settings", []string{"createdAt", "emailVerified"}},
		{"users/" + uma + "/credentials", []string{"Password"}},
		{"users/" + uma + "/role-mapping", []string{"default-roles-harbour"}},
		{"users/" + uma + "/groups", nil},
		{"users/" + uma + "/consents", []string{"portal", "offline_access"}},
		{"users/" + uma + "/sessions", []string{"127.0.0.1", "notes"}},
		{"clients", []string{"account-console", "portal", "notes"}},
		{"clients/" + portal + "/settings", []string{"generalSettings"}},
		{"clients/" + portal + "/credentials", []string{"clientAuthenticator"}},
		{"clients/" + portal + "/clientScopes", nil},
		{"clients/" + portal + "/sessions", []string{"uma", "127.0.0.1"}},
		{"clients/" + portal + "/advanced", nil},
		{"client-scopes", []string{"offline_access"}},
		{"roles", []string{"default-roles-harbour"}},
		{"groups", nil},
		{"sessions", []string{"uma", "notes", "portal"}},
		{"events/user-events", nil},
		{"realm-settings/general", []string{"realmName"}},
		{"realm-settings/login", nil},
		{"realm-settings/keys", []string{"RS256"}},
		{"realm-settings/events/event-listeners", nil},
		{"realm-settings/localization", nil},
		{"realm-settings/security-defenses/headers", nil},
		{"realm-settings/sessions", []string{"SSOSessionSettings"}},
		{"realm-settings/tokens", nil},
		{"realm-settings/user-profile/attributes", []string{"username", "firstName"}},
		{"authentication/flows", []string{"browser", "direct grant"}},
		{"authentication/required-actions", []string{"Update Password"}},
		{"identity-providers", nil},
		{"user-federation", nil},
	} {
		b.goToPage(at, "/harbour/"+p.path)
		b.shows(p.path, p.texts...)
		b.quiet()
	}

	h.works("the offline token before its session ends", h.refresh("portal", offline.Refresh))
	b.goToPage(at, "/harbour/users/"+uma+"/consents")
	b.shows("consents", "portal")
	b.clickIn(`[aria-label^="Kebab"], td button.pf-v5-c-menu-toggle`)
	b.clickIn(`[role=menuitem]`)
	b.clickIn(`#modal-confirm`)
	b.until(`!document.querySelector("main").innerText.includes("portal")`)
	if got := h.refresh("portal", offline.Refresh); got.Error != "invalid_grant" {
		t.Errorf("the offline token after its consent was revoked in the console: %q, want invalid_grant", got.Error)
	}
}

// goToPage opens a page of the Admin Console without loading it anew.
func (b *tab) goToPage(at, path string) {
	b.t.Helper()
	eval[string](b, fmt.Sprintf(`location.href=%q`, at+"#"+path))
	b.until(fmt.Sprintf(`location.hash.startsWith(%q)&&!document.querySelector("[role=progressbar]")`, "#"+path))
}

// clickIn clicks what is on the page, or will be in a moment.
func (b *tab) clickIn(css string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)`, css))
	b.do("click "+css, chromedp.Click(chromedp.CSS(css)))
}

// quiet waits until the page has all it asked for.
func (b *tab) quiet() {
	b.t.Helper()
	b.until(`!document.querySelector("main [role=progressbar], main .pf-v5-c-skeleton")`)
}

// tolerateLibraries leaves out what libraries of the consoles say that is not
// about this server.
func (b *tab) tolerateLibraries() {
	for _, part := range []string{
		"allow-scripts and allow-same-origin",                                       // how keycloak-js makes its frames
		"For accessibility reasons", "Table headers must have", `"errorType":"Form`, // of their markup
	} {
		b.tolerate(part)
	}
}

// TestAccountConsole: Keycloak's Account Console runs against this server: a
// person sees devices and applications, and takes a consent back.
func TestAccountConsole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.console("account", "harbour", "account-console")
	offline := h.visitors()
	b := newTab(t)
	b.tolerateLibraries()
	b.open(at + "account-security/device-activity")
	b.until(`document.querySelector("#username")`)
	b.signIn("uma", "pw")
	b.shows("devices", "127.0.0.1", "Notes")
	b.open(at + "applications")
	b.shows("applications", "The Portal")
	h.works("before the consent is taken back", h.refresh("portal", offline.Refresh))
}
