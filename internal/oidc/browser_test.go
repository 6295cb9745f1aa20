package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// browser is a person's browser: it keeps cookies and fills in forms.
type browser struct {
	t       *testing.T
	d       *door
	cookies map[string]string
}

func newBrowser(t *testing.T, d *door) *browser {
	return &browser{t: t, d: d, cookies: map[string]string{}}
}

// page is what a browser got.
type page struct {
	status   int
	location string
	body     string
	header   http.Header
}

// at is the address of an endpoint of realm demo.
func at(endpoint string, params ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	address := base + "/realms/demo/protocol/openid-connect" + endpoint
	if len(q) > 0 {
		address += "?" + q.Encode()
	}
	return address
}

func (b *browser) get(address string) page { return b.send(http.MethodGet, address, nil) }

// send follows no redirect.
func (b *browser) send(method, address string, form url.Values) page {
	b.t.Helper()
	r := httptest.NewRequest(method, address, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", "text/html")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.d.Handler().ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return page{w.Code, w.Header().Get("Location"), w.Body.String(), w.Header()}
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]*)" method="post"`)
	hidden     = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// form is where the page's form posts to, with its hidden fields.
func (b *browser) form(p page) (action string, fields url.Values) {
	b.t.Helper()
	m := formAction.FindStringSubmatch(p.body)
	if m == nil {
		b.t.Fatalf("page (%d) has no form: %.2000s", p.status, p.body)
	}
	fields = url.Values{}
	for _, f := range hidden.FindAllStringSubmatch(p.body, -1) {
		fields.Set(html.UnescapeString(f[1]), html.UnescapeString(f[2]))
	}
	return html.UnescapeString(m[1]), fields
}

// press posts the page's form with fields on top.
func (b *browser) press(p page, fields ...string) page {
	b.t.Helper()
	action, form := b.form(p)
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.send(http.MethodPost, action, form)
}

const callback = "http://localhost:9999/cb"

// authorize asks for a code; the page may be the login.
func (b *browser) authorize(client, scope string, params ...string) page {
	return b.get(at("/auth", append([]string{"response_type", "code", "client_id", client, "redirect_uri", callback, "scope", scope}, params...)...))
}

// login is uma's way to a client's tokens, with her password if it is asked
// for.
func (b *browser) login(client, scope string) tokenSet {
	b.t.Helper()
	p := b.authorize(client, scope)
	if p.status == http.StatusOK {
		p = b.press(p, "username", "uma", "password", "password")
	}
	u, err := url.Parse(p.location)
	if err != nil || u.Query().Get("code") == "" {
		b.t.Fatalf("login at %s: %d, %q", client, p.status, p.location)
	}
	a := b.d.post("/token", "grant_type", "authorization_code", "client_id", client, "client_secret", "s", "redirect_uri", callback, "code", u.Query().Get("code"))
	if a.status != http.StatusOK {
		b.t.Fatalf("tokens for %s: %d %v", client, a.status, a.body)
	}
	return tokenSet{client, a.text("id_token"), a.text("access_token"), a.text("refresh_token")}
}

type tokenSet struct{ client, id, access, refresh string }

// refreshes tells whether a refresh of the tokens goes well.
func (d *door) refreshes(t *testing.T, tokens tokenSet) bool {
	t.Helper()
	a := d.post("/token", "grant_type", "refresh_token", "client_id", tokens.client, "client_secret", "s", "refresh_token", tokens.refresh)
	if a.status != http.StatusOK && a.text("error") != "invalid_grant" {
		t.Fatalf("refresh at %s: %d %v", tokens.client, a.status, a.body)
	}
	return a.status == http.StatusOK
}

// claimsOf decodes a JWT without looking at its signature.
func claimsOf(t *testing.T, jwt string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", jwt)
	}
	for i, to := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// admin calls admin REST as the bootstrap administrator.
func (d *door) admin(t *testing.T, method, path string, body ...string) (int, []map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}
	r := httptest.NewRequest(http.MethodPost, base+"/realms/master/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	token := d.send(r).text("access_token")
	r = httptest.NewRequest(method, base+"/admin/realms/demo"+path, strings.NewReader(strings.Join(body, "")))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	var list []map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &list)
	return w.Code, list
}

// events lists the realm's events of a type, the newest first.
func (d *door) events(t *testing.T, kind string) []map[string]any {
	t.Helper()
	status, list := d.admin(t, http.MethodGet, "/events?type="+kind)
	if status != http.StatusOK {
		t.Fatalf("events: %d", status)
	}
	return list
}
