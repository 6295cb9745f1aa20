package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Targets of the login page.
const (
	targetPage        = 20     // milliseconds, median of one after another
	targetTransferred = 30_000 // bytes of a first visit: headers, page, style, icon
)

// callback is where the client of a browser login is answered.
const callback = "http://localhost/callback"

// visit is one person's browser at a login: its cookies, and where it stands.
type visit struct {
	agent   *http.Client
	base    string // of the server
	cookies map[string]string
	action  string // of the form that is shown
	fields  url.Values
	code    string
}

// visitors share connections as many visits at once need, and follow no
// redirect.
func visitors(connections int) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
}

// page is an answer; size is that of its head and body.
type page struct {
	status         int
	location, body string
	size           int
}

// fetch sends what a browser would.
func (v *visit) fetch(ctx context.Context, method, target string, form url.Values) (a page, err error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return a, err
	}
	req.Header.Set("Accept-Encoding", "gzip")
	req.Host = strings.TrimPrefix(publicURL, "http://")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := v.agent.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	head, err := httputil.DumpResponse(resp, false)
	if err != nil {
		return a, err
	}
	raw, err := io.ReadAll(resp.Body)
	for _, c := range resp.Cookies() {
		v.cookies[c.Name] = c.Value
	}
	return page{resp.StatusCode, resp.Header.Get("Location"), string(raw), len(head) + len(raw)}, err
}

var (
	formAction  = regexp.MustCompile(`<form id="kc-form-login" action="([^"]+)"`)
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	resource    = regexp.MustCompile(`(?:href|src)="(/resources/[^"]+)"`)
)

// open asks for a code and reads the login page.
func (v *visit) open(ctx context.Context) (page, error) {
	query := url.Values{"client_id": {"portal"}, "response_type": {"code"}, "scope": {"openid offline_access"},
		"redirect_uri": {callback}, "state": {"s"}, "nonce": {"n"}}
	a, err := v.fetch(ctx, http.MethodGet, v.base+"/realms/"+loginRealm+"/protocol/openid-connect/auth?"+query.Encode(), nil)
	if err != nil {
		return a, err
	}
	form := formAction.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || form == nil {
		return a, fmt.Errorf("login page: %d %.200s", a.status, a.body)
	}
	v.action, v.fields = strings.Replace(html.UnescapeString(form[1]), publicURL, v.base, 1), url.Values{}
	for _, field := range hiddenField.FindAllStringSubmatch(a.body, -1) {
		v.fields.Set(field[1], html.UnescapeString(field[2]))
	}
	return a, nil
}

// login sends user n's password and takes the code out of the answer.
func (v *visit) login(ctx context.Context, n int) error {
	v.fields.Set("username", userName(n))
	v.fields.Set("password", "pw")
	a, err := v.fetch(ctx, http.MethodPost, v.action, v.fields)
	if err != nil {
		return err
	}
	to, err := url.Parse(a.location)
	if err != nil || !strings.HasPrefix(to.String(), callback) || to.Query().Get("code") == "" {
		return fmt.Errorf("password: %d to %q %.200s", a.status, a.location, a.body)
	}
	v.code = to.Query().Get("code")
	return nil
}

// exchange gives the code for tokens.
func (v *visit) exchange(w *wire) error {
	status, body, err := w.do(http.MethodPost, "/realms/"+loginRealm+"/protocol/openid-connect/token", "",
		credentials+url.Values{"grant_type": {"authorization_code"}, "code": {v.code}, "redirect_uri": {callback}}.Encode())
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("code exchange: %d %.200s", status, body)
	}
	return err
}

// firstVisit opens the login page and everything it links to, and returns how
// many bytes came.
func (v *visit) firstVisit(ctx context.Context) (int, error) {
	a, err := v.open(ctx)
	if err != nil {
		return 0, err
	}
	size := a.size
	for _, link := range resource.FindAllStringSubmatch(a.body, -1) {
		more, err := v.fetch(ctx, http.MethodGet, v.base+link[1], nil)
		if err != nil {
			return 0, err
		}
		if more.status != http.StatusOK {
			return 0, fmt.Errorf("%s: %d", link[1], more.status)
		}
		size += more.size
	}
	return size, nil
}

// browserLogins is what logins in a browser showed.
type browserLogins struct {
	page, password, code measured
	bytes                int // of the page and all it loads
}

// inBrowser measures the login page, one request after another, then the
// passwords and the codes of many logins at once.
func (b *bench) inBrowser(ctx context.Context, p *process) (r browserLogins, err error) {
	agent := visitors(b.connections)
	defer agent.CloseIdleConnections()
	visits := make([]*visit, b.options.logins)
	for i := range visits {
		visits[i] = &visit{agent: agent, base: "http://" + p.addr, cookies: map[string]string{}}
	}
	if r.bytes, err = visits[0].firstVisit(ctx); err != nil { // a warm-up, too
		return r, err
	}
	for _, step := range []struct {
		m              *measured
		connections, n int
		do             func(w *wire, _, i int) error
	}{
		{&r.page, 1, 10 * len(visits), func(_ *wire, _, i int) error { _, err := visits[i%len(visits)].open(ctx); return err }},
		{&r.password, b.connections, len(visits), func(_ *wire, _, i int) error { return visits[i].login(ctx, i%people) }},
		{&r.code, b.connections, len(visits), func(w *wire, _, i int) error { return visits[i].exchange(w) }},
	} {
		if *step.m, err = b.load(ctx, p, step.connections, step.n, step.do); err != nil {
			return r, err
		}
		if step.m.failed > 0 {
			return r, errors.New(step.m.fault)
		}
	}
	b.progress("in a browser: page %v and %d bytes, password %.1f ms CPU, code %.2f ms CPU",
		r.page.p50.Round(time.Microsecond), r.bytes, r.password.cpu(), r.code.cpu())
	return r, nil
}

// loginRows adds what logins cost.
func (r *report) loginRows() {
	perCPU := func(m measured) string { return fmt.Sprintf("%.0f", 1000/m.cpu()) }
	page := r.browser.page
	r.others.add("login page, ms", fmt.Sprintf("%s (p99 %s)", judged(page.p50.Seconds()*1000, "%.1f", targetPage), ms(page.p99)), "", "≤ "+strconv.Itoa(targetPage))
	r.others.add("login page with all it loads, bytes", judged(float64(r.browser.bytes), "%.0f", targetTransferred), "", "≤ "+grouped(targetTransferred))
	r.others.add("login pages a CPU second", perCPU(page), "", "")
	r.others.add("argon2id logins a second, password grant", fmt.Sprintf("%.1f", r.logins.perSecond()), "", "")
	r.others.add("argon2id logins a CPU second, password grant", perCPU(r.logins), "", "")
	r.others.add("argon2id logins a CPU second, in a browser", perCPU(r.browser.password), "", "")
	r.others.add("codes exchanged a CPU second", perCPU(r.browser.code), "", "")
}
