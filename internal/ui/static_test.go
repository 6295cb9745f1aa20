package ui_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

func get(t testing.TB, u *ui.UI, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	mux := web.NewMux()
	mux.Handle(ui.StaticPattern, u.Static)
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// files are the addresses of the static files of a form_post page, which has
// them all.
func files(t *testing.T, u *ui.UI) []string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := u.Render(w, http.StatusOK, ui.FormPost{}, ui.Options{}); err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`/resources/[^"]+`).FindAllString(w.Body.String(), -1)
	if len(found) != 3 {
		t.Fatalf("static files = %q, want three", found)
	}
	return found
}

// TestStatic_KeptForEver: the address holds a hash, so the file never changes.
func TestStatic_KeptForEver(t *testing.T) {
	t.Parallel()
	u := newUI(t, "")
	kinds := map[string]string{".css": "text/css;charset=utf-8", ".js": "text/javascript;charset=utf-8", ".svg": "image/svg+xml"}
	for _, path := range files(t, u) {
		w := get(t, u, path, nil)
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("Content-Type") != kinds[path[strings.LastIndexByte(path, '.'):]] {
			t.Errorf("GET %s = %d %v", path, w.Code, h)
		}
		again := get(t, u, path, http.Header{"If-None-Match": {h.Get("ETag")}})
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("GET %s with its ETag = %d, %d bytes, want 304", path, again.Code, again.Body.Len())
		}
	}
}

// TestStatic_OtherVersionIsNotKept: while nodes are replaced, a page of one may
// fetch its style from another.
func TestStatic_OtherVersionIsNotKept(t *testing.T) {
	t.Parallel()
	w := get(t, newUI(t, ""), "/resources/000000000000/style.css", nil)
	if w.Code != http.StatusOK || w.Header().Get("Cache-Control") != web.CacheNoCache {
		t.Errorf("GET of another version = %d, %q", w.Code, w.Header().Get("Cache-Control"))
	}
}

func TestStatic_UnknownFileIsNotFound(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/resources/x/none.css", "/resources/x/..%2fstyle.css", "/resources/x"} {
		if w := get(t, newUI(t, ""), path, nil); w.Code != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, w.Code)
		}
	}
}

// TestStatic_BelowARelativePath: pages name their files as browsers reach them.
func TestStatic_BelowARelativePath(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := newUI(t, "/auth/").Render(w, http.StatusOK, ui.Login{}, ui.Options{}); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`href="/auth/resources/[0-9a-f]{12}/style.css"`).MatchString(w.Body.String()) {
		t.Errorf("no style below /auth:\n%s", w.Body)
	}
}
