package ui_test

import (
	"bytes"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/ui/gallery"
)

var update = flag.Bool("update", false, "write the golden files anew")

func newUI(t testing.TB, prefix string) *ui.UI {
	t.Helper()
	u, err := ui.New(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func render(t testing.TB, u *ui.UI, s gallery.Sample) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := u.Render(w, s.Status, s.Page, s.Options); err != nil {
		t.Fatalf("Render %s: %v", s.Name, err)
	}
	if w.Code != s.Status {
		t.Errorf("%s: status %d, want %d", s.Name, w.Code, s.Status)
	}
	return w
}

func show(t testing.TB, page ui.Page, opt ui.Options) *httptest.ResponseRecorder {
	t.Helper()
	return render(t, newUI(t, ""), gallery.Sample{Name: "page", Status: http.StatusOK, Page: page, Options: opt})
}

var version = regexp.MustCompile(`/resources/[0-9a-f]{12}/`)

// TestGolden: each page, and the policy it is sent with, as review read it.
func TestGolden(t *testing.T) {
	t.Parallel()
	u := newUI(t, "")
	samples := gallery.Samples()
	for _, name := range []string{"login-full", "consent"} { // the mechanism; the texts are messages/de.json
		for _, s := range samples {
			if s.Name == name {
				german := s.InLanguage("de")
				german.Name += ".de"
				samples = append(samples, german)
			}
		}
	}
	if written, err := os.ReadDir(filepath.Join("testdata", "golden")); err != nil || len(written) != len(samples) {
		t.Errorf("%d golden files for %d samples (error %v): is there an old one?", len(written), len(samples), err)
	}
	for _, s := range samples {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			w := render(t, u, s)
			got := append([]byte("<!-- Content-Security-Policy: "+w.Header().Get("Content-Security-Policy")+" -->\n"), w.Body.Bytes()...)
			got = version.ReplaceAll(got, []byte("/resources/{{version}}/"))
			path := filepath.Join("testdata", "golden", s.Name+".html")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("page differs from %s (-update writes it anew):\n%s", path, cmp.Diff(string(want), string(got)))
			}
		})
	}
}

// TestRender_ZeroValues: a page a caller has not filled is still a page.
func TestRender_ZeroValues(t *testing.T) {
	t.Parallel()
	for _, page := range []ui.Page{
		ui.Login{}, ui.Reauthenticate{}, ui.Consent{}, ui.LogoutConfirm{}, ui.LoggedOut{}, ui.FrontchannelLogout{}, ui.DeviceCode{}, ui.DeviceDone{},
		ui.DeviceDenied{}, ui.AlreadySignedIn{}, ui.Error{}, ui.UpdatePassword{}, ui.UpdateProfile{}, ui.FormPost{},
	} {
		w := show(t, page, ui.Options{})
		if body := w.Body.String(); !strings.HasPrefix(body, "<!doctype html>") || !strings.Contains(body, "</html>") {
			t.Errorf("%T = %q, want a whole page", page, body)
		}
	}
}

// TestRender_LoginFormIsScraped: programs that log in without a browser take
// the action of the form by its id or by the first action, and unescape it.
func TestRender_LoginFormIsScraped(t *testing.T) {
	t.Parallel()
	body := show(t, ui.Login{Form: ui.Form{Action: "https://id.example/a?x=1&y=2"}}, ui.Options{}).Body.String()
	for _, pattern := range []string{
		`<form id="kc-form-login" action="https://id.example/a\?x=1&amp;y=2" method="post">`,
		`<input id="username" name="username" type="text"`,
		`<input id="password" name="password" type="password"`,
		`<button id="kc-login" type="submit" name="login"`,
	} {
		if !regexp.MustCompile(pattern).MatchString(body) {
			t.Errorf("no %s in\n%s", pattern, body)
		}
	}
}

// TestRender_ErrorPageHasTheRecordedTitle, and no form: what the recordings
// show of Keycloak's.
func TestRender_ErrorPageHasTheRecordedTitle(t *testing.T) {
	t.Parallel()
	body := show(t, ui.Error{Message: ui.Msg(ui.MsgPageNotFound)}, ui.Options{Realm: ui.Realm{Name: "r"}}).Body.String()
	if !strings.Contains(body, "<title>Sign in to r</title>") || strings.Contains(body, "<form") {
		t.Errorf("error page:\n%s", body)
	}
}

// TestRender_OffersOnlyWhatTheStructSays: no way in that the realm has closed.
func TestRender_OffersOnlyWhatTheStructSays(t *testing.T) {
	t.Parallel()
	body := show(t, ui.Login{Remember: true}, ui.Options{}).Body.String()
	for _, name := range []string{"rememberMe", "kc-registration", "kc-form-options", "<a ", "<nav"} {
		if strings.Contains(body, name) {
			t.Errorf("a login page without options has %s:\n%s", name, body)
		}
	}
}

// TestRender_HTMLOfTheRealmIsText: displayNameHtml and texts of the realm
// cannot bring markup in.
func TestRender_HTMLOfTheRealmIsText(t *testing.T) {
	t.Parallel()
	opt := ui.Options{
		Realm:     ui.Realm{Name: "r", DisplayName: "<i>R</i>", DisplayNameHTML: `<img src=x onerror="alert(1)"><b>Big</b> &lt;Co&gt;<script>bad()</script>`},
		Overrides: map[string]string{"loginAccountTitle": "<a href='javascript:x'>Come in</a>", "doLogIn": "Los''s"},
	}
	body := show(t, ui.Login{}, opt).Body.String()
	for _, want := range []string{
		`<header class="brand" id="kc-header">Big &lt;Co&gt;</header>`, `<title>Sign in to &lt;i&gt;R&lt;/i&gt;</title>`,
		`<h1 id="kc-page-title">Come in</h1>`, `>Los&#39;s</button>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	for _, never := range []string{"<img", "<b>", "bad()", "javascript", "<script"} {
		if strings.Contains(body, never) {
			t.Errorf("%s in\n%s", never, body)
		}
	}
}

// TestRender_LinksAreSafe: an address that would run or show itself is no link.
func TestRender_LinksAreSafe(t *testing.T) {
	t.Parallel()
	for address, shown := range map[string]bool{
		"https://app.example/x?a=1": true, "http://localhost:9999/": true, "/realms/r/account": true, "com.example.app:/back": true, "myapp://back": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "data:text/html,x": false, "//evil.example": false, `/\evil.example`: false,
		"vbscript:x": false, "blob:https://x/1": false, "java\nscript:alert(1)": false, " javascript:alert(1)": false, "https:": false, "relative": false, "": false,
	} {
		body := show(t, ui.Error{BackURL: address}, ui.Options{}).Body.String()
		if got := strings.Contains(body, `id="backToApplication"`); got != shown {
			t.Errorf("link to %q shown = %v, want %v", address, got, shown)
		}
	}
}

// TestRender_LogoIsHTTPSOnly, and the policy allows exactly it.
func TestRender_LogoIsHTTPSOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ logo, images string }{
		{"https://app.example/a;b,c.png?v=1", "img-src 'self' https://app.example/a%3Bb%2Cc.png;"},
		{"http://app.example/logo.png", "img-src 'self';"},
		{"https://user:pw@app.example/logo.png", "img-src 'self';"},
		{"data:image/png;base64,xx", "img-src 'self';"},
		{"/logo.png", "img-src 'self';"},
	} {
		w := show(t, ui.Consent{}, ui.Options{Client: &ui.Client{ID: "c", LogoURI: tt.logo}})
		if csp := ui.MetaIn(w.Body.String()); !strings.Contains(csp, tt.images) {
			t.Errorf("logo %q: policy %q, want %q", tt.logo, csp, tt.images)
		}
		if got, want := strings.Contains(w.Body.String(), "<img"), strings.Contains(tt.images, "https:"); got != want {
			t.Errorf("logo %q shown = %v, want %v", tt.logo, got, want)
		}
	}
}

// TestRender_OfflineAccessInPlainWords: what consent to offline access means.
func TestRender_OfflineAccessInPlainWords(t *testing.T) {
	t.Parallel()
	body := show(t, ui.Consent{Scopes: []ui.Scope{{Name: "offline_access", Text: "${offlineAccessScopeConsentText}"}}}, ui.Options{}).Body.String()
	if want := "<li>Offline Access: keep acting for you when you are away, until you or an administrator end it</li>"; !strings.Contains(body, want) {
		t.Errorf("no %s in\n%s", want, body)
	}
}

// TestRender_LanguageIsThatOfTheTexts: the lang of the page is what it speaks.
func TestRender_LanguageIsThatOfTheTexts(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]string{"de-AT": "de-AT", "de": "de", "xx": "en", "": "en"} {
		w := show(t, ui.LoggedOut{}, ui.Options{Lang: asked})
		if !strings.Contains(w.Body.String(), `<html lang="`+want+`">`) || w.Header().Get("Content-Language") != want {
			t.Errorf("page in %q: Content-Language %q, want %q", asked, w.Header().Get("Content-Language"), want)
		}
	}
}

// TestLoginIsSmall: the page and all it loads stay far below the 30 kB of the
// project's budget.
func TestLoginIsSmall(t *testing.T) {
	t.Parallel()
	u := newUI(t, "")
	body := show(t, gallery.Samples()[1].Page, gallery.Samples()[1].Options).Body.String()
	total := len(body)
	for _, path := range regexp.MustCompile(`/resources/[^"]+`).FindAllString(body, -1) {
		total += get(t, u, path, nil).Body.Len()
	}
	if total > 20_000 {
		t.Errorf("login page and its files = %d bytes, want at most 20000", total)
	}
}

func BenchmarkRenderLogin(b *testing.B) {
	u := newUI(b, "")
	s := gallery.Samples()[1]
	for b.Loop() {
		render(b, u, s)
	}
}
