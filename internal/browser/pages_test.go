package browser_test

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/latchkey-id/latchkey/internal/ui/gallery"
)

var screenshots = flag.String("screenshots", "", "folder to write a picture of every page to")

//go:embed testdata/inspect.js
var inspectScript string

//go:embed testdata/focus.js
var focusScript string

// looks are the windows a page is looked at in.
var looks = []struct {
	width  int64
	scheme string
}{{375, "light"}, {375, "dark"}, {1280, "light"}, {1280, "dark"}}

// inspect looks at the page the browser is at: layout, contrast, names, focus.
func (b *tab) inspect(name string) {
	b.t.Helper()
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	for _, l := range looks {
		b.checkLook(name, l.width, l.scheme)
		b.checkFocus(fmt.Sprintf("%s at %d pixels, %s", name, l.width, l.scheme))
		b.picture(fmt.Sprintf("%s-%d-%s.png", name, l.width, l.scheme))
	}
	b.checkTree(name)
}

// checkLook: room, contrast and targets in a window.
func (b *tab) checkLook(name string, width int64, scheme string) {
	b.t.Helper()
	b.look(width, scheme)
	for _, fault := range eval[[]string](b, fmt.Sprintf("%s(%d)", inspectScript, width)) {
		b.t.Errorf("%s at %d pixels, %s: %s", name, width, scheme, fault)
	}
}

// checkFocus goes round the page with Tab: every control is reached once, in
// the order of the page, which is the order people see, and can be seen to have
// the focus.
func (b *tab) checkFocus(where string) {
	b.t.Helper()
	if order := eval[string](b, orderScript); order != "" {
		b.t.Errorf("%s: %s", where, order)
	}
	all := eval[int](b, topScript)
	for i := range all + 1 {
		b.do("tab", chromedp.KeyEvent(kb.Tab))
		var stop struct {
			Index int
			Ring  bool
			Name  string
		}
		if raw := eval[string](b, focusScript); raw == "" {
			stop.Index = -1
		} else if err := json.Unmarshal([]byte(raw), &stop); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case i == all:
			if stop.Index == all-1 && all > 1 {
				b.t.Errorf("%s: %s keeps the focus", where, stop.Name)
			}
		case stop.Index != i:
			b.t.Errorf("%s: Tab number %d of %d comes to %d %q", where, i+1, all, stop.Index+1, stop.Name)
		case !stop.Ring:
			b.t.Errorf("%s: nobody sees that %s has the focus", where, stop.Name)
		}
	}
}

// topScript lets Tab begin at the top of the page; its value is the number of
// controls there are.
const topScript = `(()=>{
 window.latchkeyStops=[...document.querySelectorAll("a[href],button,input:not([type=hidden]),select,textarea,[tabindex]")]
  .filter(e=>e.checkVisibility({visibilityProperty:true})&&!e.disabled&&e.tabIndex>=0);
 const top=document.createElement("span"); top.tabIndex=-1; document.body.prepend(top); top.focus(); top.remove();
 return latchkeyStops.length})()`

// orderScript compares the order of the page with where its controls are.
const orderScript = `(()=>{
 const all=[...document.querySelectorAll("a[href],button,input:not([type=hidden])")].filter(e=>e.checkVisibility({visibilityProperty:true})).map(e=>({e,r:e.getBoundingClientRect()}));
 for(let i=1;i<all.length;i++){const p=all[i-1].r,c=all[i].r;
  if(c.bottom<=p.top||(c.top<p.bottom&&c.right<=p.left))return (all[i].e.id||all[i].e.textContent)+" is before "+(all[i-1].e.id||all[i-1].e.textContent)+" for the eye, after it for the keyboard"}
 return ""})()`

// controls are the roles that need a name.
var controls = map[string]bool{
	"textbox": true, "checkbox": true, "radio": true, "button": true, "link": true, "combobox": true, "image": true, "img": true, "Iframe": true,
	"heading": true, "navigation": true, "list": false,
}

// checkTree reads the page as a screen reader does.
func (b *tab) checkTree(name string) {
	b.t.Helper()
	headings := 0
	for _, n := range call(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		role, label := plain(n.Role), plain(n.Name)
		if n.Ignored {
			continue
		}
		if role == "heading" {
			headings++
		}
		if controls[role] && strings.TrimSpace(label) == "" {
			b.t.Errorf("%s: a %s has no name", name, role)
		}
	}
	if headings != 1 {
		b.t.Errorf("%s: %d headings, want one", name, headings)
	}
}

func plain(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	_ = json.Unmarshal(v.Value, &s)
	return s
}

// picture writes what the page looks like, when asked to.
func (b *tab) picture(file string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	eval[bool](b, `(document.activeElement&&document.activeElement.blur(),scrollTo(0,0),true)`)
	beyond := true
	shot := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond})
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, file), shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// TestPages_OfTheGallery: every page with sample data, also in words longer than
// English ones.
func TestPages_OfTheGallery(t *testing.T) {
	t.Parallel()
	handler, err := gallery.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	b := newTab(t)
	for _, part := range []string{"status of 400", "example"} { // error pages; hosts of the samples are nowhere
		b.tolerate(part)
	}
	for _, sample := range gallery.Samples() {
		b.hold(sample.Name)
		b.open(localhost(s) + "/en/" + sample.Name)
		b.inspect("gallery-" + sample.Name)
		b.open(localhost(s) + "/de/" + sample.Name) // longer words
		b.checkLook("gallery-"+sample.Name+" (de)", 375, "light")
	}
}

// hold keeps a page that goes on by itself: with scripts off it waits for its
// button.
func (b *tab) hold(sample string) {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: sample == "form-post" || sample == "frontchannel-logout"})
}

// TestPages_OfLogins: the pages people meet, as the server fills them.
func TestPages_OfLogins(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	b.tolerate("status of 400")

	b.open(h.ask("notes", "openid", "redirect_uri", "http://localhost:1/").url)
	b.inspect("login-untrusted")
	b.open(h.issuer() + "/login-actions/authenticate?client_id=notes&tab_id=none")
	b.inspect("login-no-cookie")

	b.open(h.ask("portal", "openid offline_access").url)
	b.inspect("login-first")
	b.open(h.issuer() + "/login-actions/authenticate?client_id=notes&tab_id=none")
	b.inspect("login-expired")
	b.open(h.ask("portal", "openid offline_access").url)
	b.signIn("uma", "wrong")
	b.inspect("login-wrong-password")
	b.signIn("uma", "pw")
	b.inspect("login-consent")
	consent := eval[string](b, `document.forms[0].action`)
	b.press("button[name=accept]")
	b.open(consent)
	b.inspect("login-over")
	b.open(h.ask("notes", "openid", "prompt", "login").url)
	b.inspect("login-again")

	b.hold("form-post")
	b.open(h.ask("notes", "openid", "response_mode", "form_post").url)
	b.inspect("login-form-post")
	b.hold("")

	b = newTab(t)
	b.open(h.ask("notes", "openid").url)
	b.signIn("new", "pw")
	b.inspect("login-new-password")
	b.fill("#password-new", "one", "#password-confirm", "two")
	b.press("#kc-submit")
	b.inspect("login-new-password-wrong")

	b = newTab(t)
	b.open(h.ask("notes", "openid").url)
	b.signIn("bare", "pw")
	b.inspect("login-profile")
	eval[bool](b, `(document.querySelectorAll("[required]").forEach(e=>e.required=false),true)`)
	b.press("#kc-submit")
	b.inspect("login-profile-wrong")
}
