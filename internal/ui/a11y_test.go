package ui_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/ui/gallery"
)

// page is a parsed page.
type page struct {
	root *html.Node
	name string
}

func parsePage(t *testing.T, u *ui.UI, s gallery.Sample) page {
	t.Helper()
	root, err := html.Parse(render(t, u, s).Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{root, s.Name}
}

// all lists the elements with one of the tags, all elements without tags.
func (p page) all(tags ...string) []*html.Node {
	var out []*html.Node
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && (len(tags) == 0 || slices.Contains(tags, n.Data)) {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, key string) string {
	v, _ := lookup(n, key)
	return v
}

func lookup(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func (p page) byID(id string) *html.Node {
	for _, n := range p.all() {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

// TestPages_AreAccessible: the rules every page keeps in every language.
func TestPages_AreAccessible(t *testing.T) {
	t.Parallel()
	u := newUI(t, "")
	for _, lang := range ui.Available() {
		for _, s := range gallery.Samples() {
			t.Run(lang+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				p := parsePage(t, u, s.InLanguage(lang))
				p.checkDocument(t, lang)
				p.checkIDs(t)
				p.checkInputs(t)
				p.checkErrors(t)
				p.checkForms(t, s.Page)
				p.checkNames(t)
				p.checkNothingInline(t)
			})
		}
	}
}

// checkDocument: language, title with the realm, one heading, landmarks.
func (p page) checkDocument(t *testing.T, lang string) {
	t.Helper()
	if got := attr(p.all("html")[0], "lang"); got != lang {
		t.Errorf("lang = %q, want %q", got, lang)
	}
	if titles := p.all("title"); len(titles) != 1 || !strings.Contains(text(titles[0]), "Harbour & Sons") {
		t.Errorf("%d titles, want one with the realm's name", len(titles))
	}
	if h := p.all("h1"); len(h) != 1 || text(h[0]) == "" {
		t.Errorf("%d h1, want one with a text", len(h))
	}
	for _, landmark := range []string{"header", "main"} {
		if n := len(p.all(landmark)); n != 1 {
			t.Errorf("%d %s, want one", n, landmark)
		}
	}
	for _, n := range p.all("h2", "h3", "h4", "h5", "h6") {
		t.Errorf("<%s>: no page has parts that need headings of their own", n.Data)
	}
}

func (p page) checkIDs(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, n := range p.all() {
		id, ok := lookup(n, "id")
		if ok && (id == "" || seen[id]) {
			t.Errorf("id %q twice or empty", id)
		}
		seen[id] = true
	}
	for _, n := range p.all() {
		for _, key := range []string{"for", "aria-describedby", "aria-labelledby"} {
			if id, ok := lookup(n, key); ok && !seen[id] {
				t.Errorf("<%s %s=%q>: no such element", n.Data, key, id)
			}
		}
	}
}

// checkInputs: each has one label, a name, and says what may be filled in.
func (p page) checkInputs(t *testing.T) {
	t.Helper()
	for _, n := range p.all("input", "select", "textarea") {
		kind, name := strings.ToLower(attr(n, "type")), attr(n, "name")
		if kind == "hidden" || kind == "submit" {
			continue
		}
		labels := slices.DeleteFunc(p.all("label"), func(l *html.Node) bool { return attr(l, "for") != attr(n, "id") })
		if len(labels) != 1 || text(labels[0]) == "" {
			t.Errorf("input %q has %d labels, want one with a text", name, len(labels))
		}
		if _, ok := lookup(n, "autocomplete"); !ok && kind != "checkbox" {
			t.Errorf("input %q has no autocomplete", name)
		}
		if _, ok := lookup(n, "value"); ok && kind == "password" {
			t.Errorf("input %q: a password is never sent to the browser", name)
		}
		if _, ok := lookup(n, "tabindex"); ok {
			t.Errorf("input %q has a tabindex: the order of the page is the order", name)
		}
	}
	if focus := slices.DeleteFunc(p.all(), func(n *html.Node) bool { _, ok := lookup(n, "autofocus"); return !ok }); len(focus) > 1 {
		t.Errorf("%d elements want the focus", len(focus))
	}
}

// checkErrors: a wrong input names its error, which is announced.
func (p page) checkErrors(t *testing.T) {
	t.Helper()
	for _, n := range p.all("input") {
		if attr(n, "aria-invalid") != "true" {
			continue
		}
		e := p.byID(attr(n, "aria-describedby"))
		if e == nil || attr(e, "role") != "alert" || text(e) == "" {
			t.Errorf("input %q is wrong and no alert says why", attr(n, "name"))
		}
	}
	if wantsError := strings.HasSuffix(p.name, "-error"); wantsError && p.count("aria-invalid", "true") == 0 {
		t.Error("no input is marked as wrong")
	}
}

func (p page) count(key, value string) (n int) {
	for _, e := range p.all() {
		if attr(e, key) == value {
			n++
		}
	}
	return n
}

// checkForms: they post, with the caller's action and token, and have a submit.
func (p page) checkForms(t *testing.T, filled ui.Page) {
	t.Helper()
	_, toClient := filled.(ui.FormPost)
	for _, f := range p.all("form") {
		form := page{root: f}
		if attr(f, "method") != "post" || attr(f, "action") == "" || attr(f, "id") == "" {
			t.Errorf("form %v: want method post, an action and an id", f.Attr)
		}
		tokens := slices.DeleteFunc(form.all("input"), func(n *html.Node) bool { return attr(n, "name") != ui.CSRFField })
		switch {
		case toClient && len(tokens) != 0:
			t.Error("a form that posts to a client carries the CSRF token away")
		case !toClient && (len(tokens) != 1 || attr(tokens[0], "value") != "c5-Token_1" || attr(tokens[0], "type") != "hidden"):
			t.Errorf("form %q has %d CSRF fields, want the caller's", attr(f, "id"), len(tokens))
		}
		submits := slices.DeleteFunc(form.all("button", "input"), func(n *html.Node) bool { return !strings.EqualFold(attr(n, "type"), "submit") })
		if len(submits) == 0 {
			t.Errorf("form %q has no submit", attr(f, "id"))
		}
	}
}

// checkNames: buttons, links, pictures and frames have a name.
func (p page) checkNames(t *testing.T) {
	t.Helper()
	for _, n := range p.all("button", "a", "img", "iframe", "nav") {
		name := map[string]string{"button": text(n), "a": text(n), "img": attr(n, "alt"), "iframe": attr(n, "title"), "nav": attr(n, "aria-label")}[n.Data]
		if name == "" {
			t.Errorf("<%s %v> has no name", n.Data, n.Attr)
		}
	}
	for _, n := range p.all("a") {
		if _, blank := lookup(n, "target"); blank && !strings.Contains(attr(n, "rel"), "noopener") {
			t.Errorf("link %q opens a window that can reach this one", attr(n, "href"))
		}
	}
	for _, n := range p.all("svg") {
		if attr(n, "aria-hidden") != "true" {
			t.Error("a drawing that says nothing is read out")
		}
	}
}

// checkNothingInline: what the Content-Security-Policy would refuse anyway.
func (p page) checkNothingInline(t *testing.T) {
	t.Helper()
	for _, n := range p.all("style", "script", "base", "object", "embed", "meta") {
		if n.Data == "script" && attr(n, "src") != "" && text(n) == "" || n.Data == "meta" && (attr(n, "http-equiv") == "" || attr(n, "http-equiv") == "Content-Security-Policy") {
			continue
		}
		t.Errorf("<%s> in the page", n.Data)
	}
	for _, n := range p.all() {
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		for c := range n.ChildNodes() {
			if c.Type == html.TextNode && strings.Contains(c.Data, "ZgotmplZ") {
				t.Errorf("the template engine refused a value in <%s>", n.Data)
			}
		}
	}
}

// TestFields_AreNamedAsTheFlowExpects: names of inputs and submits are wire.
func TestFields_AreNamedAsTheFlowExpects(t *testing.T) {
	t.Parallel()
	u := newUI(t, "")
	want := map[string]string{
		"login":                 "csrf username password login",
		"login-full":            "csrf username password rememberMe login",
		"reauthenticate":        "csrf username password login",
		"consent":               "csrf accept cancel",
		"logout-confirm":        "csrf confirmLogout",
		"device-code":           "csrf device_user_code",
		"update-password":       "csrf username password-new password-confirm logout-sessions login",
		"update-password-error": "csrf username password-new password-confirm logout-sessions login cancel-aia",
		"update-profile":        "csrf username email firstName lastName login",
		"form-post":             "code state session_state iss continue",
	}
	for _, s := range gallery.Samples() {
		names, ok := want[s.Name]
		if !ok {
			continue
		}
		delete(want, s.Name)
		var got []string
		for _, n := range parsePage(t, u, s).all("input", "button") {
			if name := attr(n, "name"); name != "" {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != names {
			t.Errorf("%s: names %q, want %q", s.Name, got, names)
		}
	}
	for name := range want {
		t.Errorf("no sample %q", name)
	}
}

// TestElements_HaveKeycloaksIDs: what programs look pages up by.
func TestElements_HaveKeycloaksIDs(t *testing.T) {
	t.Parallel()
	u := newUI(t, "")
	want := map[string]string{
		"login-full":          "kc-form-login username password rememberMe kc-login kc-registration kc-page-title",
		"login-error":         "input-error",
		"reauthenticate":      "kc-form-login username password kc-login reset-login",
		"consent":             "kc-oauth kc-login kc-cancel",
		"logout-confirm":      "kc-logout-confirm kc-logout backToApplication",
		"device-code":         "kc-user-verify-device-user-code-form device-user-code",
		"update-password":     "kc-passwd-update-form password-new password-confirm logout-sessions",
		"update-profile":      "kc-update-profile-form email firstName lastName",
		"error-back":          "kc-error-message backToApplication",
		"frontchannel-logout": "continue",
	}
	for _, s := range gallery.Samples() {
		p := parsePage(t, u, s)
		for id := range strings.FieldsSeq(want[s.Name]) {
			if p.byID(id) == nil {
				t.Errorf("%s: no element %q", s.Name, id)
			}
		}
		delete(want, s.Name)
	}
	for name := range want {
		t.Errorf("no sample %q", name)
	}
}
