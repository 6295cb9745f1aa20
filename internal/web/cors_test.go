package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/web"
)

func corsRequest(origin string) *http.Request {
	r := httptest.NewRequest("OPTIONS", "/x", nil)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return r
}

// Recording cors, step 1.
func TestPreflight_AnyOriginMayAsk(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("OPTIONS /x", web.PreflightHandler(web.MethodsToken))
	w, _ := serve(t, m, corsRequest("http://localhost:9999"))
	got := w.Header()
	got.Del("X-Request-Id")
	want := http.Header{
		"Access-Control-Allow-Credentials": {"true"},
		"Access-Control-Allow-Headers":     {"Origin, Access-Control-Request-Method, X-Requested-With, Accept, Access-Control-Request-Headers, DPoP, Content-Type, Authorization"},
		"Access-Control-Allow-Methods":     {"POST, OPTIONS"},
		"Access-Control-Allow-Origin":      {"http://localhost:9999"},
		"Access-Control-Max-Age":           {"3600"},
		"Referrer-Policy":                  {"no-referrer"},
		"Strict-Transport-Security":        {"max-age=31536000; includeSubDomains"},
		"Vary":                             {"Origin"},
		"X-Content-Type-Options":           {"nosniff"},
		"X-Robots-Tag":                     {"none"},
	}
	if diff := cmp.Diff(want, got); w.Code != 200 || diff != "" {
		t.Errorf("preflight = %d (-want +got):\n%s", w.Code, diff)
	}
	w, _ = serve(t, m, corsRequest(""))
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("preflight without origin = %d %v", w.Code, w.Header())
	}
}

// Recording cors, steps 2 and 3.
func TestCheckOrigin(t *testing.T) {
	t.Parallel()
	const base = "http://127.0.0.1:8080/auth"
	allowed := func(o string) bool { return o == "http://localhost:9999" }
	for _, tt := range []struct {
		name, origin string
		status       int
		allow        string
	}{
		{"no origin", "", 200, ""},
		{"the server's own", "http://127.0.0.1:8080", 200, ""},
		{"one of the client's", "http://localhost:9999", 200, "http://localhost:9999"},
		{"another", "http://evil.example", 403, ""},
		{"null", "null", 403, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := web.NewMux()
			m.Handle("OPTIONS /x", func(w http.ResponseWriter, r *http.Request) error {
				return web.CheckOrigin(w, r, base, allowed)
			})
			w, _ := serve(t, m, corsRequest(tt.origin))
			if w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
			if tt.status == 403 && w.Body.String() != `{"error":"Invalid origin"}` {
				t.Errorf("body = %s", w.Body)
			}
			h := w.Header()
			if got := h.Get("Access-Control-Allow-Origin"); got != tt.allow {
				t.Errorf("Access-Control-Allow-Origin = %q, want %q", got, tt.allow)
			}
			if tt.allow != "" && (h.Get("Access-Control-Expose-Headers") != "Access-Control-Allow-Methods" || h.Get("Access-Control-Allow-Credentials") != "true") {
				t.Errorf("headers = %v", h)
			}
		})
	}
}

func TestAllowOrigin_ExposesMore(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.AllowOrigin(w, "", "WWW-Authenticate")
	if len(w.Header()) != 0 {
		t.Errorf("headers without origin = %v", w.Header())
	}
	web.AllowOrigin(w, "http://a", "WWW-Authenticate")
	web.AllowOrigin(w, "http://a", "WWW-Authenticate")
	want := http.Header{
		"Access-Control-Allow-Origin": {"http://a"}, "Access-Control-Allow-Credentials": {"true"},
		"Access-Control-Expose-Headers": {"Access-Control-Allow-Methods, WWW-Authenticate"}, "Vary": {"Origin"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// Recording cors, steps 4 to 6.
func TestAllowAnyOrigin(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.AllowAnyOrigin(w, corsRequest("http://evil.example"))
	want := http.Header{
		"Access-Control-Allow-Origin": {"http://evil.example"}, "Access-Control-Allow-Credentials": {"true"}, "Vary": {"Origin"},
	}
	if diff := cmp.Diff(want, w.Header()); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}
