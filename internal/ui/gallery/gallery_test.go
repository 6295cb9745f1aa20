package gallery_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/ui/gallery"
)

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// TestHandler_ServesEveryPage that its list names, in every language.
func TestHandler_ServesEveryPage(t *testing.T) {
	t.Parallel()
	h, err := gallery.Handler()
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(get(h, "/").Body.String(), -1)
	if want := len(gallery.Samples()) * len(ui.Available()); len(links) != want {
		t.Errorf("%d links, want %d", len(links), want)
	}
	for _, l := range links {
		if w := get(h, l[1]); w.Header().Get("Content-Type") != "text/html;charset=utf-8" {
			t.Errorf("GET %s = %d %s", l[1], w.Code, w.Body)
		}
	}
	if w := get(h, "/en/none"); w.Code != http.StatusNotFound {
		t.Errorf("GET of an unknown sample = %d, want 404", w.Code)
	}
}

// TestSamples_HaveTheirOwnNames: they are addresses and file names.
func TestSamples_HaveTheirOwnNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range gallery.Samples() {
		if seen[s.Name] || !regexp.MustCompile(`^[a-z-]+$`).MatchString(s.Name) {
			t.Errorf("sample %q twice, or no name for a file", s.Name)
		}
		seen[s.Name] = true
	}
}
