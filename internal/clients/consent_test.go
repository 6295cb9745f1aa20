package clients_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// loopbackJar sends cookies marked Secure to loopback too, as browsers do.
type loopbackJar struct{ http.CookieJar }

func (j loopbackJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		c.Secure = false
	}
	j.CookieJar.SetCookies(u, cookies)
}

// arrival is where a login ends.
const arrival = "http://localhost:9999/cb"

// consent logs user1 in at consent-app, which asks for consent.
func (h *house) consent() {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	arrived := errors.New("arrived")
	browser := &http.Client{Jar: loopbackJar{jar}, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), arrival) {
			return arrived
		}
		return nil
	}}
	query := url.Values{"response_type": {"code"}, "client_id": {"consent-app"}, "redirect_uri": {arrival}, "scope": {"openid"}}
	resp, err := browser.Get(h.base + "/realms/" + h.realm + "/protocol/openid-connect/auth?" + query.Encode())
	for range 2 { // the login page, the consent page
		if err != nil {
			h.t.Fatal(err)
		}
		action, form := postForm(resp.Body)
		resp.Body.Close()
		if action == "" {
			h.t.Fatalf("login: %s, a page without a form", resp.Status)
		}
		form.Set("username", "user1")
		form.Set("password", "password")
		form.Del("cancel")
		target, bad := resp.Request.URL.Parse(action)
		if bad != nil {
			h.t.Fatal(bad)
		}
		resp, err = browser.PostForm(target.String(), form)
	}
	if !errors.Is(err, arrived) {
		h.t.Fatalf("login did not end at the client: %v", err)
	}
}

// postForm is the action and the fields of a page's last form with method post.
func postForm(page io.Reader) (action string, fields url.Values) {
	fields = url.Values{}
	for z := html.NewTokenizer(page); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return action, fields
		}
		token := z.Token()
		attr := map[string]string{}
		for _, a := range token.Attr {
			attr[a.Key] = a.Val
		}
		switch {
		case kind != html.StartTagToken && kind != html.SelfClosingTagToken:
		case token.Data == "form" && strings.EqualFold(attr["method"], "post"):
			action = attr["action"]
		case attr["name"] != "" && (token.Data == "input" || token.Data == "button"):
			fields.Set(attr["name"], attr["value"])
		}
	}
}
