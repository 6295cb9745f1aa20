package browser_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// spaPage is an application in the browser, made with keycloak-js. window.kc is
// its adapter, window.state tells how init ended.
const spaPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>spa</title><h1>spa</h1>
<script type="module">
import Keycloak from "/keycloak.js";
const q = new URLSearchParams(location.search);
const kc = window.kc = new Keycloak(q.has("discover") ? {oidcProvider: %[1]q, clientId: "spa"} : {url: %[2]q, realm: "harbour", clientId: "spa"});
const options = {pkceMethod: "S256", checkLoginIframe: q.has("iframe"), checkLoginIframeInterval: 1};
if (q.has("onload")) options.onLoad = q.get("onload");
if (q.has("scope")) options.scope = q.get("scope");
if (q.has("silent")) { options.silentCheckSsoRedirectUri = location.origin + "/silent"; options.silentCheckSsoFallback = false; }
kc.onAuthLogout = () => { window.loggedOut = true; };
try { await kc.init(options); window.state = "ready"; }
catch (e) { window.state = "init: " + (e && (e.error || e.message)); }
</script></html>`

// silentPage takes the answer in a hidden frame to the application.
const silentPage = `<!doctype html><title>silent</title><script>parent.postMessage(location.href, location.origin)</script>`

// spa serves the application beside the relying party.
func (h *house) spa() {
	h.t.Helper()
	source, err := os.ReadFile(module(h.t, "keycloak-js/lib/keycloak.js"))
	if err != nil {
		h.t.Fatal(err)
	}
	serve := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind+";charset=utf-8")
			_, _ = w.Write(body)
		}
	}
	h.pages.HandleFunc("/keycloak.js", serve("text/javascript", source))
	h.pages.HandleFunc("/spa", serve("text/html", fmt.Appendf(nil, spaPage, h.issuer(), h.base)))
	h.pages.HandleFunc("/silent", serve("text/html", []byte(silentPage)))
}

// start opens the application and waits until its init is through; authenticated
// is what it found.
func (b *tab) start(h *house, query string) (authenticated bool) {
	b.t.Helper()
	b.open(h.app + "/spa?" + query)
	return b.started()
}

func (b *tab) started() bool {
	b.t.Helper()
	b.until(`window.state`)
	if state := eval[string](b, `window.state`); state != "ready" {
		b.t.Fatalf("keycloak-js: %s", state)
	}
	return eval[bool](b, `kc.authenticated`)
}

// await is the value of a promise on the page.
func await[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// goTo calls what leaves the page, and waits for the next one.
func (b *tab) goTo(expression string) {
	b.t.Helper()
	b.leaving(expression, chromedp.Evaluate[chromedp.Void](`(()=>{`+expression+`})()`))
}

// TestKeycloakJS: an application made with keycloak-js, once told where the
// endpoints are, once finding them by discovery.
func TestKeycloakJS(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"realm", "discover"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b, h := newTab(t), newHouse(t)
			h.spa()
			if b.start(h, how+"&onload=check-sso") {
				t.Error("check-sso finds somebody logged in")
			}
			b.goTo(`kc.login({scope: "offline_access"})`)
			b.signIn("uma", "pw")
			if !b.started() {
				t.Fatal("not authenticated after login")
			}
			if typ, nonce := eval[string](b, `kc.refreshTokenParsed.typ`), eval[string](b, `kc.idTokenParsed.nonce||""`); typ != "Offline" || nonce == "" {
				t.Errorf("refresh token of type %q, nonce %q, want Offline and one", typ, nonce)
			}
			before := eval[string](b, `kc.token`)
			if !await[bool](b, `kc.updateToken(-1)`) || eval[string](b, `kc.token`) == before {
				t.Error("updateToken brought no new token")
			}
			if name := await[string](b, `kc.loadUserInfo().then(i=>i.preferred_username)`); name != "uma" {
				t.Errorf("userinfo of %q", name)
			}
			a := tokens{Refresh: eval[string](b, `kc.refreshToken`), Session: eval[string](b, `kc.sessionId`)}
			if !b.start(h, how+"&onload=check-sso") {
				t.Error("check-sso does not find who is logged in")
			}
			b.signOutSPA(h, how, a)
			if b.start(h, how+"&onload=check-sso") {
				t.Error("check-sso finds somebody after sign-out")
			}
			h.works("refresh of the offline token after sign-out", h.refresh("spa", a.Refresh))
		})
	}
}

// signOutSPA is kc.logout where the server announces browser logout; until then
// an administrator ends the session.
func (b *tab) signOutSPA(h *house, how string, a tokens) {
	b.t.Helper()
	if h.announced("end_session_endpoint") == "" {
		b.signOut(h, a)
		return
	}
	b.goTo(`kc.logout({redirectUri: ` + fmt.Sprintf("%q", h.app+"/") + `})`)
	b.until(`document.querySelector("#app")`)
}

// TestKeycloakJS_LoginRequired asks for the login at once, and again nothing
// where there is one.
func TestKeycloakJS_LoginRequired(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	h.spa()
	b.open(h.app + "/spa?onload=login-required&scope=offline_access")
	b.until(`document.querySelector("#username")`)
	b.signIn("uma", "pw")
	if !b.started() || eval[string](b, `kc.refreshTokenParsed.typ`) != "Offline" {
		t.Error("no offline token after login-required with scope offline_access")
	}
	if !b.start(h, "onload=login-required") || eval[string](b, `kc.refreshTokenParsed.typ`) != "Refresh" {
		t.Error("the second application's login is not the single sign-on's")
	}
}

// TestKeycloakJS_Iframes: the hidden frames find a login, and its end, without
// leaving the page. Only where the server announces the session iframe.
func TestKeycloakJS_Iframes(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	h.spa()
	if h.announced("check_session_iframe") == "" {
		t.Log("waits for check_session_iframe: nothing announces it")
		return
	}
	b.tolerate("allow-scripts and allow-same-origin") // how keycloak-js makes its frames
	if b.start(h, "onload=check-sso&silent&iframe") {
		t.Error("check-sso finds somebody logged in")
	}
	b.goTo(`kc.login()`)
	b.signIn("uma", "pw")
	if !b.started() {
		t.Fatal("not authenticated after login")
	}
	session := tokens{Session: eval[string](b, `kc.sessionId`), ID: eval[string](b, `kc.idToken`)}
	if !b.start(h, "onload=check-sso&silent&iframe") {
		t.Error("the silent check does not find who is logged in")
	}
	if frame := eval[string](b, `kc.endpoints.checkSessionIframe()`); frame != h.announced("check_session_iframe") {
		t.Errorf("keycloak-js has the session iframe at %s", frame)
	}
	other := newTabBeside(b)
	other.signOut(h, session)
	b.until(`window.loggedOut`)
}
