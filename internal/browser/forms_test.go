package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// form is a form of a login, and how a person gets to it.
type form struct {
	name    string
	client  string
	user    string
	submit  string
	reach   func(b *tab) // from the login page; nil = it is the login page
	fill    func(b *tab)
	present string // an element of its page alone
}

func forms() []form {
	in := func(user string) func(*tab) { return func(b *tab) { b.signIn(user, "pw") } }
	return []form{
		{name: "login", client: "notes", user: "uma", submit: "#kc-login", present: "#password",
			fill: func(b *tab) { b.fill("#username", "uma", "#password", "pw") }},
		{name: "consent", client: "portal", user: "uma", submit: "button[name=accept]", present: "#kc-oauth", reach: in("uma"), fill: func(*tab) {}},
		{name: "update-password", client: "notes", user: "new", submit: "#kc-submit", present: "#password-new", reach: in("new"),
			fill: func(b *tab) { b.fill("#password-new", "better", "#password-confirm", "better") }},
		{name: "update-profile", client: "notes", user: "bare", submit: "#kc-submit", present: "#firstName", reach: in("bare"),
			fill: func(b *tab) {
				b.fill("#email", "bare@example.org", "#firstName", "Bare", "#lastName", "Three")
			}},
	}
}

// at brings a browser to the form of a new login, filled.
func (f form) at(b *tab, h *house) *request {
	b.t.Helper()
	r := h.ask(f.client, "openid")
	b.open(r.url)
	if f.reach != nil {
		f.reach(b)
	}
	if !b.has(f.present) {
		b.t.Fatalf("%s: its page is not shown", f.name)
	}
	f.fill(b)
	return r
}

// TestForms_SentTwice: the first of two equal submissions counts, the second
// changes nothing, and the person is told where they are or goes on.
func TestForms_SentTwice(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b, h := newTab(t), newHouse(t)
			r := f.at(b, h)
			first := b.sendForm(h, f.submit)
			b.press(f.submit)
			if first == "" {
				t.Fatal("the first submission led nowhere")
			}
			f.ends(b, h, r, first)
		})
	}
}

// TestForms_DoubleClicked: two clicks within one moment, as impatient people do.
func TestForms_DoubleClicked(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b, h := newTab(t), newHouse(t)
			r := f.at(b, h)
			b.leaving("double click", chromedp.DoubleClick(chromedp.CSS(f.submit)))
			f.ends(b, h, r, "")
		})
	}
}

// TestForms_BackAndAgain: who goes back and sends a form again gets no error
// page and no second session.
func TestForms_BackAndAgain(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			b, h := newTab(t), newHouse(t)
			r := f.at(b, h)
			b.press(f.submit)
			b.until(`document.querySelector("#app")`)
			h.works("code", h.redeem(r, h.arrival()))
			b.back()
			if b.has(f.present) { // as the browser kept it
				f.fill(b)
				b.press(f.submit)
			}
			f.ends(b, h, r, "done")
		})
	}
}

// sendForm posts the form as the browser would, past it, and returns where the
// answer leads.
func (b *tab) sendForm(h *house, submit string) string {
	b.t.Helper()
	raw := eval[string](b, fmt.Sprintf(`(b=>JSON.stringify({to:b.form.action,fields:[...new FormData(b.form,b)]}))(document.querySelector(%q))`, submit))
	var sent struct {
		To     string
		Fields [][2]string
	}
	if err := json.Unmarshal([]byte(raw), &sent); err != nil {
		b.t.Fatal(err)
	}
	data := url.Values{}
	for _, f := range sent.Fields {
		data.Add(f[0], f[1])
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, sent.To, strings.NewReader(data.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range b.cookies() {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	for _, c := range resp.Cookies() {
		call(b, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: h.issuer() + "/", Path: c.Path, Secure: &c.Secure, HTTPOnly: &c.HttpOnly, SameSite: network.CookieSameSiteNone})
	}
	return resp.Header.Get("Location")
}

// ends sees to it that a login is over, the application has its code once, and
// the person one session. first is where a submission led that the browser does
// not know of.
func (f form) ends(b *tab, h *house, r *request, first string) {
	b.t.Helper()
	switch {
	case b.has("#app"):
		if first != "done" {
			h.works("code", h.redeem(r, h.arrival()))
		}
	case b.has("#kc-info-message"):
		if link := eval[string](b, `document.querySelector("main a").href`); link != h.app+"/" {
			b.t.Errorf("the page that says it is over leads to %q, want the application", link)
		}
		if u, err := url.Parse(first); err == nil && u.Query().Has("code") {
			h.works("code of the first submission", h.redeem(r, u.Query()))
		}
	default:
		b.t.Errorf("after %s twice the browser shows %q", f.name, b.text("main"))
	}
	next := h.ask("notes", "openid")
	b.open(next.url)
	answer := h.arrival()
	for answer.Get("state") == r.state { // back can ask the old request anew
		answer = h.arrival()
	}
	h.works("single sign-on afterwards", h.redeem(next, answer))
	var users []struct{ ID string }
	if err := json.Unmarshal(h.admin(http.MethodGet, "/users?exact=true&username="+f.user), &users); err != nil || len(users) != 1 {
		b.t.Fatalf("user %s: %v %v", f.user, users, err)
	}
	var sessions []struct{ ID string }
	if err := json.Unmarshal(h.admin(http.MethodGet, "/users/"+users[0].ID+"/sessions"), &sessions); err != nil || len(sessions) != 1 {
		b.t.Errorf("%d sessions, want one (%v)", len(sessions), err)
	}
}

// TestBack_AfterTheLogin: the login's pages are not kept by the browser, and the
// server tells where the person is.
func TestBack_AfterTheLogin(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	h.pages.HandleFunc("/start", func(w http.ResponseWriter, _ *http.Request) { show(w, "start") })
	b.open(h.app + "/start")
	r := h.ask("notes", "openid")
	b.open(r.url)
	b.signIn("uma", "pw")
	h.works("code", h.redeem(r, h.arrival()))
	b.back()
	if b.has("#app") { // single sign-on answered the old request anew
		return
	}
	if b.has("#password") && eval[string](b, `document.querySelector("#password").value`) != "" {
		t.Error("the password is still in its field")
	}
}
