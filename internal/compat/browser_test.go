package compat_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A page form as a browser would send it.
type pageForm struct {
	action          string
	inputs, submits map[string]string // value by name
}

var (
	formTag   = regexp.MustCompile(`(?is)<(/?)(form|input|button)\b((?:[^>"']|"[^"]*"|'[^']*')*)>`)
	attribute = regexp.MustCompile(`(?s)([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>]+)))?`)
	titleTag  = regexp.MustCompile(`(?s)<title[^>]*>(.*?)</title>`)
)

// firstPostForm finds the page's first form with method post.
func firstPostForm(page string) (*pageForm, bool) {
	var cur *pageForm
	for _, m := range formTag.FindAllStringSubmatch(page, -1) {
		closing, tag, attrs := m[1] != "", strings.ToLower(m[2]), attributes(m[3])
		switch {
		case tag == "form" && closing:
			if cur != nil {
				return cur, true
			}
		case tag == "form":
			if strings.EqualFold(attrs["method"], "post") {
				cur = &pageForm{action: attrs["action"], inputs: map[string]string{}, submits: map[string]string{}}
			}
		case cur != nil && !closing && attrs["name"] != "":
			kind, ok := attrs["type"]
			if kind == "submit" || kind == "image" || !ok && tag == "button" {
				cur.submits[attrs["name"]] = attrs["value"]
			} else {
				cur.inputs[attrs["name"]] = attrs["value"]
			}
		}
	}
	return cur, cur != nil
}

func attributes(tag string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		out[strings.ToLower(m[1])] = html.UnescapeString(m[2] + m[3] + m[4])
	}
	return out
}

func names(m map[string]string) []any {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]any, len(keys))
	for i, k := range keys {
		out[i] = k
	}
	return out
}

// A visit is a browser on its way from page to page.
type visit struct {
	replay *replay
	jar    http.CookieJar
	at     *url.URL
	page   *answer
}

// open goes to target, which may be relative to the page it is on.
func (v *visit) open(ctx context.Context, target string) error { return v.send(ctx, target, nil) }

// send posts data to target, or gets it where data is nil.
func (v *visit) send(ctx context.Context, target string, data map[string]string) error {
	u, err := v.at.Parse(target)
	if err != nil {
		return err
	}
	method, body := http.MethodGet, ""
	if data != nil {
		form := url.Values{}
		for k, x := range data {
			form.Set(k, x)
		}
		method, body = http.MethodPost, form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return err
	}
	if data != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	v.at = u
	v.page, err = v.replay.wire.do(req, v.jar)
	return err
}

// redirect returns where the page it is on redirects to.
func (v *visit) redirect() (string, bool) {
	if !v.page.redirects() {
		return "", false
	}
	location, ok := v.page.location().(string)
	if !ok {
		return "", false
	}
	u, err := v.at.Parse(location)
	if err != nil {
		return location, true
	}
	return u.String(), true
}

func (v *visit) title() string {
	if m := titleTag.FindStringSubmatch(string(v.page.body)); m != nil {
		return strings.TrimSpace(html.UnescapeString(m[1]))
	}
	return ""
}

// press fills the form as the person of step s would and names the page. The
// submit to press is in data already; an unknown page has no data.
func press(f *pageForm, s *step, accept string) (page string, data map[string]string) {
	data = map[string]string{}
	for k, v := range f.inputs {
		data[k] = v
	}
	if _, ok := f.inputs["password"]; ok {
		delete(data, "rememberMe")
		data["username"], data["password"] = s.User, s.Password
		return "login", data
	}
	if _, ok := f.submits["accept"]; ok {
		data[accept] = f.submits[accept]
		return "consent", data
	}
	return "other", nil
}

var errLost = errors.New("browser did not arrive")

// playLogin is a person's way through the authorization code flow.
func (r *replay) playLogin(ctx context.Context, s *step) result {
	verifier := rand.Text() + rand.Text()
	params, err := r.resolve(s.Params)
	if err != nil {
		return result{err: err}
	}
	q := url.Values{"response_type": {"code"}, "client_id": {s.Client}, "redirect_uri": {s.RedirectURI}, "scope": {s.Scope}, "state": {"xyz"}, "nonce": {"n-0S6"}}
	for k, v := range params.(map[string]any) {
		q.Set(k, fmt.Sprint(v))
	}
	if s.PKCE == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	code, trace, err := r.login(ctx, s, "/realms/"+r.realm+"/protocol/openid-connect/auth?"+q.Encode())
	if err != nil {
		return result{err: err}
	}
	r.got[s.N] = map[string]any{"code": code, "verifier": verifier}
	return result{checked: true, want: tracePages(s.Trace), have: tracePages(r.named(trace))}
}

// login follows redirects and posts forms until it is at the step's redirect
// URI or cannot go on. It returns the code, if one came, and the way.
func (r *replay) login(ctx context.Context, s *step, path string) (code any, trace []any, err error) {
	accept := "cancel"
	if s.Accept {
		accept = "accept"
	}
	at, err := url.Parse(r.wire.base)
	if err != nil {
		return nil, nil, err
	}
	v := &visit{replay: r, jar: r.jar(s.Browser), at: at}
	if err := v.open(ctx, path); err != nil {
		return nil, nil, err
	}
	logins := 0
	for range 12 {
		if to, ok := v.redirect(); ok {
			if strings.HasPrefix(to, s.RedirectURI) {
				code, arrival := arrived(to)
				return code, append(trace, arrival), nil
			}
			if err := v.open(ctx, to); err != nil {
				return nil, nil, err
			}
			continue
		}
		f, ok := firstPostForm(string(v.page.body))
		if !ok {
			return nil, append(trace, map[string]any{"page": "no form", "status": int64(v.page.status), "title": v.title()}), nil
		}
		page, data := press(f, s, accept)
		trace = append(trace, map[string]any{"page": page, "status": int64(v.page.status), "inputs": names(f.inputs), "submits": names(f.submits)})
		if page == "login" {
			logins++
		}
		switch {
		case logins > 2:
			return nil, trace, nil
		case data == nil:
			return nil, append(trace, map[string]any{"title": v.title()}), nil
		}
		if err := v.send(ctx, f.action, data); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errLost
}

// arrived reads what came back with the redirect to the application.
func arrived(to string) (code any, entry map[string]any) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, map[string]any{"redirect": to}
	}
	raw := u.RawQuery
	if raw == "" {
		raw = u.EscapedFragment()
	}
	q, _ := url.ParseQuery(raw)
	got := map[string]string{}
	entry = map[string]any{"error": nil, "error_description": nil}
	for k, v := range q {
		if v[0] == "" {
			continue
		}
		got[k] = v[0]
		if k == "error" || k == "error_description" {
			entry[k] = v[0]
		}
		if k == "code" {
			code = v[0]
		}
	}
	entry["redirect"] = names(got)
	return code, entry
}

// tracePages drops from a trace the names of inputs and submits that a page for
// a person is free in: all but those a client fills by name. A page that
// carries an answer, as form_post does, is free in none.
func tracePages(trace any) any {
	fixed := []any{"username", "password", "rememberMe", "accept", "cancel"}
	pages, ok := trace.([]any)
	if !ok {
		return trace
	}
	out := make([]any, len(pages))
	for i, p := range pages {
		page, ok := p.(map[string]any)
		if !ok {
			out[i] = p
			continue
		}
		kept := map[string]any{}
		for k, v := range page {
			if list, ok := v.([]any); ok && page["page"] != "other" && (k == "inputs" || k == "submits") {
				v = slices.DeleteFunc(slices.Clone(list), func(n any) bool { return !slices.Contains(fixed, n) })
			}
			kept[k] = v
		}
		out[i] = kept
	}
	return out
}

// playDevice opens a device's verification page in a fresh browser, logs in
// and accepts.
func (r *replay) playDevice(ctx context.Context, s *step) result {
	target, err := r.resolveText(s.URL)
	if err != nil {
		return result{err: err}
	}
	at, err := url.Parse(r.wire.base)
	if err != nil {
		return result{err: err}
	}
	v := &visit{replay: r, jar: newJar(), at: at}
	if err := v.open(ctx, target); err != nil {
		return result{err: err}
	}
	var trace []any
	for range 10 {
		if to, ok := v.redirect(); ok {
			if err := v.open(ctx, to); err != nil {
				return result{err: err}
			}
			continue
		}
		f, ok := firstPostForm(string(v.page.body))
		if !ok {
			return result{checked: true, want: s.Trace, have: append(trace, "end")}
		}
		page, data := press(f, s, "accept")
		if data == nil {
			page, data = "form "+strings.Join(textOf(names(f.inputs)), ","), f.inputs
		}
		trace = append(trace, page)
		if err := v.send(ctx, f.action, data); err != nil {
			return result{err: err}
		}
	}
	return result{checked: true, want: s.Trace, have: trace}
}

func textOf(vs []any) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = fmt.Sprint(v)
	}
	return out
}
