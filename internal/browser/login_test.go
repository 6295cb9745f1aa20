package browser_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestLogin_ConsentOfflineToken: a person logs in, agrees, and the application
// acts for them after they signed out.
func TestLogin_ConsentOfflineToken(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	r := h.ask("portal", "openid offline_access")
	b.open(r.url)
	b.signIn("uma", "pw")
	if got := b.text("main"); !strings.Contains(got, "The Portal") || !strings.Contains(got, "Offline Access") {
		t.Errorf("the consent page says %q, want the client's name and offline access", got)
	}
	b.press("button[name=accept]")
	offline := h.works("code", h.redeem(r, h.arrival()))

	online := h.ask("notes", "openid")
	b.open(online.url)
	session := h.works("code of the second client", h.redeem(online, h.arrival()))
	b.signOut(h, session)
	if got := h.refresh("notes", session.Refresh); got.Error != "invalid_grant" {
		t.Errorf("refresh of the online token after sign-out = %q, want invalid_grant", got.Error)
	}
	h.works("refresh of the offline token after sign-out", h.refresh("portal", offline.Refresh))
	b.open(h.ask("notes", "openid").url)
	if !b.has("#password") {
		t.Error("no login page after sign-out")
	}
}

func TestLogin_ConsentRefused(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	r := h.ask("portal", "openid")
	b.open(r.url)
	b.signIn("uma", "pw")
	b.press("button[name=cancel]")
	if got := h.arrival(); got.Get("error") != "access_denied" || got.Get("state") != r.state || got.Has("code") {
		t.Errorf("answer %v, want access_denied", keys(got))
	}
}

func TestLogin_WrongPasswordThreeTimes(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	r := h.ask("notes", "openid")
	b.open(r.url)
	for range 3 {
		b.signIn("uma", "wrong")
		if got := b.text("#input-error"); !strings.Contains(got, "Invalid username or password") {
			t.Errorf("alert %q, want that name or password are wrong", got)
		}
		if name, password := eval[string](b, `document.querySelector("#username").value`), eval[string](b, `document.querySelector("#password").value`); name != "uma" || password != "" {
			t.Errorf("fields after a wrong password: %q and %q, want the name alone", name, password)
		}
	}
	b.signIn("uma", "pw")
	h.works("code", h.redeem(r, h.arrival()))
}

// TestSSO_SecondClientGetsNoPage: one login serves two clients, in one session.
func TestSSO_SecondClientGetsNoPage(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	first, second := h.ask("notes", "openid"), h.ask("spa", "openid")
	b.open(first.url)
	b.signIn("uma", "pw")
	one := h.works("first", h.redeem(first, h.arrival()))
	b.open(second.url)
	if got := b.text("#app"); got != "arrived" {
		t.Errorf("the second client's login shows %q, want no page", got)
	}
	two := h.works("second", h.redeem(second, h.arrival()))
	if one.Session != two.Session {
		t.Errorf("sessions %q and %q, want one", one.Session, two.Session)
	}
	other := newTab(t)
	other.open(h.ask("notes", "openid").url)
	if !other.has("#username") {
		t.Error("another browser is logged in as well")
	}
}

func TestPromptLogin_AsksThePasswordAgain(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	first := h.ask("notes", "openid")
	b.open(first.url)
	b.signIn("uma", "pw")
	one := h.works("first", h.redeem(first, h.arrival()))

	again := h.ask("notes", "openid", "prompt", "login")
	b.open(again.url)
	if !strings.Contains(b.text("main"), "uma") && eval[string](b, `document.querySelector("#username").value`) != "uma" {
		t.Errorf("the page says %q, want who is signed in", b.text("main"))
	}
	b.fill("#password", "wrong")
	b.press("#kc-login")
	b.fill("#password", "pw")
	b.press("#kc-login")
	if two := h.works("again", h.redeem(again, h.arrival())); two.Session != one.Session {
		t.Errorf("session %q, want the same as before, %q", two.Session, one.Session)
	}
}

// TestRememberMe_OutlivesTheBrowser: a browser that ends forgets its session
// cookies; who asked to be remembered is still logged in.
func TestRememberMe_OutlivesTheBrowser(t *testing.T) {
	t.Parallel()
	for _, remember := range []bool{true, false} {
		b, h := newTab(t), newHouse(t)
		r := h.ask("notes", "openid")
		b.open(r.url)
		if remember {
			b.do("remember me", chromedp.Click(chromedp.CSS("#rememberMe")))
		}
		b.signIn("uma", "pw")
		session := h.works("code", h.redeem(r, h.arrival()))
		b.restart()
		next := h.ask("notes", "openid")
		b.open(next.url)
		if !remember {
			if name := eval[string](b, `document.querySelector("#username").value`); name != "" {
				t.Errorf("a person who did not ask is remembered as %q", name)
			}
			continue
		}
		h.works("after the browser's end", h.redeem(next, h.arrival()))
		b.signOut(h, session)
		b.open(h.ask("notes", "openid").url)
		if name := eval[string](b, `document.querySelector("#username").value`); name != "uma" {
			t.Errorf("after sign-out the name is %q, want uma", name)
		}
	}
}

// restart ends the browser, as far as cookies know.
func (b *tab) restart() {
	b.t.Helper()
	for _, c := range b.cookies() {
		if c.Session {
			call(b, network.DeleteCookies, network.DeleteCookiesParams{Name: c.Name, Domain: c.Domain, Path: c.Path})
		}
	}
}

// cookies are all the browser holds.
func (b *tab) cookies() []*network.Cookie {
	b.t.Helper()
	ctx, cancel := b.limited()
	defer cancel()
	all, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID})
	if err != nil {
		b.t.Fatal(err)
	}
	return all.Cookies
}

func TestTemporaryPassword_IsReplaced(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	r := h.ask("notes", "openid")
	b.open(r.url)
	b.signIn("new", "pw")
	b.fill("#password-new", "one", "#password-confirm", "two")
	b.press("#kc-submit")
	if !b.has("[aria-invalid=true]") {
		t.Error("two different passwords, and no field is marked")
	}
	b.fill("#password-new", "better", "#password-confirm", "better")
	b.press("#kc-submit")
	h.works("code", h.redeem(r, h.arrival()))

	other, next := newTab(t), h.ask("notes", "openid")
	other.open(next.url)
	other.signIn("new", "pw")
	if !other.has("#input-error") {
		t.Error("the temporary password still works")
	}
	other.signIn("new", "better")
	h.works("code with the new password", h.redeem(next, h.arrival()))
}

// TestFormPost_ArrivesWithAndWithoutScripts: the page sends itself, or its
// button does where scripts are off.
func TestFormPost_ArrivesWithAndWithoutScripts(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		b, h := newTab(t), newHouse(t)
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
		r := h.ask("notes", "openid", "response_mode", "form_post")
		b.open(r.url)
		b.signIn("uma", "pw")
		if off {
			b.press("input[name=continue]")
		}
		answer := h.arrival()
		if answer.Get("method") != http.MethodPost {
			t.Errorf("scripts off %t: the answer came by %s, want POST", off, answer.Get("method"))
		}
		h.works("code", h.redeem(r, answer))
	}
}

// TestErrorPage_UntrustedRedirect: the browser stays here, and nothing on the
// page leads to the stranger.
func TestErrorPage_UntrustedRedirect(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	b.tolerate("status of 400")
	b.open(h.ask("notes", "openid", "redirect_uri", "http://localhost:1/stolen").url)
	if at := eval[string](b, `location.origin`); at != h.base {
		t.Errorf("the browser is at %s", at)
	}
	if got := b.text("main"); !strings.Contains(got, "redirect_uri") {
		t.Errorf("the page says %q", got)
	}
	if eval[bool](b, `document.documentElement.outerHTML.includes("stolen")`) {
		t.Error("the stranger's address is on the page")
	}
}

// TestKeyboard_LogsIn with Tab, Enter and the space bar alone.
func TestKeyboard_LogsIn(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	r := h.ask("portal", "openid")
	b.open(r.url)
	b.leaving("type name and password", chromedp.KeyEvent("uma"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("pw"),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("button[name=accept]")`)
	b.leaving("agree", chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	h.works("code", h.redeem(r, h.arrival()))
	if i := cookie(b.cookies(), "KEYCLOAK_IDENTITY"); i == nil || i.Session {
		t.Errorf("the space bar did not tick remember me: %v", i)
	}

	b2, r2 := newTab(t), h.ask("notes", "openid")
	call(b2, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b2.open(r2.url)
	b2.leaving("enter in the password's field", chromedp.KeyEvent("uma"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("pw"), chromedp.KeyEvent(kb.Enter))
	h.works("code", h.redeem(r2, h.arrival()))
}

func cookie(all []*network.Cookie, name string) *network.Cookie {
	for _, c := range all {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// TestFrames_NobodyFramesTheLogin: a page of another origin gets no login page
// to put buttons under.
func TestFrames_NobodyFramesTheLogin(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	b.tolerate("frame-ancestors")
	b.tolerate("X-Frame-Options")
	b.tolerate("frameAncestor")
	r := h.ask("notes", "openid")
	h.pages.HandleFunc("/frame", func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>frame</title><iframe id="f" src="` + strings.ReplaceAll(r.url, "&", "&amp;") + `"></iframe>`))
	})
	b.open(h.app + "/frame")
	tree := call(b, pageFrames, cdp.Empty{})
	for _, f := range tree.FrameTree.ChildFrames {
		if u, err := url.Parse(f.Frame.URL); err == nil && u.Scheme == "http" && f.Frame.UnreachableURL == "" {
			t.Errorf("the frame shows %s", f.Frame.URL)
		}
	}
}
