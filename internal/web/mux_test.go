package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

// routes answers each route with its name and the realm.
func routes() *web.Mux {
	m := web.NewMux()
	for _, pattern := range []string{
		"GET /{$}", "GET /realms/{realm}", "GET /realms/{realm}/certs", "POST /realms/{realm}/token", "POST /realms/{realm}/revoke",
		"GET /admin/realms/{realm}/users", "POST /admin/realms/{realm}/users", "GET /resources/{path...}", "GET /account/{$}",
		"GET /both/{$}", "GET /both",
	} {
		m.Handle(pattern, func(w http.ResponseWriter, r *http.Request) error {
			return web.WriteRaw(w, 200, "text/plain", []byte(pattern+" "+r.PathValue("realm")+r.PathValue("path")))
		})
	}
	m.Handle("OPTIONS /realms/{realm}/token", web.PreflightHandler(web.MethodsToken))
	return m
}

func TestMux_Routes(t *testing.T) {
	t.Parallel()
	const (
		notFound  = `{"error":"HTTP 404 Not Found"}`
		noTarget  = `{"error":"Unable to find matching target resource method"}`
		noMethod  = `{"error":"HTTP 405 Method Not Allowed"}`
		unclean   = `{"error":"missingNormalization","error_description":"Request path not normalized"}`
		semicolon = `{"error":"invalidCharacter","error_description":"Request path contains invalid character ';'"}`
		backslash = `{"error":"invalidCharacter","error_description":"Request path contains invalid character '\\'"}`
	)
	m := routes()
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 200, "GET /{$} "},
		{"GET", "/realms/master", 200, "GET /realms/{realm} master"},
		{"GET", "/realms/master/", 200, "GET /realms/{realm} master"},
		{"HEAD", "/realms/master", 200, "GET /realms/{realm} master"},
		{"GET", "/admin/realms/master/users/", 200, "GET /admin/realms/{realm}/users master"},
		{"POST", "/admin/realms/master/users/", 200, "POST /admin/realms/{realm}/users master"},
		{"GET", "/resources/a/b/", 200, "GET /resources/{path...} a/b/"},
		{"GET", "/resources", 200, "GET /resources/{path...} "},
		{"GET", "/account", 200, "GET /account/{$} "},
		{"GET", "/both", 200, "GET /both "},
		{"GET", "/both/", 200, "GET /both/{$} "},
		{"GET", "/realms/a%2Fb", 200, "GET /realms/{realm} a/b"},
		{"GET", "/realms/a%2Fb/", 200, "GET /realms/{realm} a/b"},
		{"GET", "/realms/m%C3%A4ster", 200, "GET /realms/{realm} mäster"},
		{"GET", "/realms/m%20%3b", 200, "GET /realms/{realm} m ;"},
		{"GET", "/realms/x?a;b=//../%2e", 200, "GET /realms/{realm} x"},

		{"GET", "/nope", 404, noTarget},
		{"POST", "/nope", 404, noTarget},
		{"GET", "/realms", 404, noTarget},
		{"GET", "/realms/", 404, noTarget},
		{"GET", "/realms/master/nope", 404, notFound},
		{"GET", "/realms/master/nope/", 404, notFound},
		{"GET", "/admin/realms/master/nope", 404, notFound},
		{"GET", "/realms/master%00", 404, notFound},
		{"GET", "/realms/%FF", 404, notFound},

		{"GET", "/realms/master/token", 405, noMethod},
		{"GET", "/realms/master/token/", 405, noMethod},
		{"PUT", "/realms/master/token", 405, noMethod},
		{"TRACE", "/realms/master", 405, noMethod},
		{"FOO", "/realms/master", 405, noMethod},
		{"PATCH", "/admin/realms/master/users", 405, noMethod},

		{"GET", "//realms/master", 400, unclean},
		{"GET", "/realms//master", 400, unclean},
		{"GET", "/realms/./master", 400, unclean},
		{"GET", "/realms/../realms/master", 400, unclean},
		{"GET", "/realms/..", 400, unclean},
		{"GET", "/realms/%2e%2e/realms", 400, unclean},
		{"GET", "/realms/%2E/x", 400, unclean},
		{"GET", "/realms/ma%73ter", 400, unclean},
		{"GET", "/realms/m%C3%A4%7E", 400, unclean},
		{"GET", "/realms/master//", 400, unclean},
		{"GET", "/realms/master;x=y", 400, semicolon},
		{"GET", "/realms/%20;x", 400, semicolon},
		{"GET", `/realms/a\b`, 400, backslash},
		{"GET", "/realms/x?a=%00", 400, `{"error":"invalid_request","error_description":"Query contains bytes that are no text"}`},
		{"GET", "/realms/x?a=%ff", 400, `{"error":"invalid_request","error_description":"Query contains bytes that are no text"}`},
		{"GET", "/realms/x?a=%zz%", 200, "GET /realms/{realm} x"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			t.Parallel()
			w, _ := serve(t, m, httptest.NewRequest(tt.method, tt.path, nil))
			wantAnswer(t, w, tt.status, tt.body)
		})
	}
}

func TestMux_Options(t *testing.T) {
	t.Parallel()
	m := routes()
	for _, tt := range []struct {
		path   string
		status int
		allow  string
	}{
		{"/admin/realms/master/users", 200, "HEAD, POST, GET, OPTIONS"},
		{"/realms/master/revoke", 200, "POST, OPTIONS"},
		{"/realms/master/token", 200, ""}, // a route of its own
		{"/realms/master/nope", 404, ""},
	} {
		w, _ := serve(t, m, httptest.NewRequest("OPTIONS", tt.path, nil))
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
			t.Errorf("OPTIONS %s = %d, Allow %q; want %d, %q", tt.path, w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
		}
	}
}

func TestMux_NotAllowedNamesWhatIs(t *testing.T) {
	t.Parallel()
	if got := get(t, routes(), "/realms/master/revoke").Header().Get("Allow"); got != "POST, OPTIONS" {
		t.Errorf("Allow = %q", got)
	}
}

func TestMux_UnmatchedMayAnswerFirst(t *testing.T) {
	t.Parallel()
	m := routes()
	m.Unmatched("/admin/", func(r *http.Request) error {
		if r.Header.Get("Authorization") == "" {
			return web.HTTPStatus(401)
		}
		return nil
	})
	wantAnswer(t, get(t, m, "/admin/realms/x/nope"), 401, `{"error":"HTTP 401 Unauthorized"}`)
	wantAnswer(t, get(t, m, "/realms/x/nope"), 404, `{"error":"HTTP 404 Not Found"}`)
	r := httptest.NewRequest("GET", "/admin/realms/x/nope", nil)
	r.Header.Set("Authorization", "Bearer x")
	w, _ := serve(t, m, r)
	wantAnswer(t, w, 404, `{"error":"HTTP 404 Not Found"}`)
}

func TestMux_LimitsBodies(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.MaxAdminBody = 128 << 10
	for _, pattern := range []string{"POST /token", "POST /admin/realms"} {
		m.Handle(pattern, func(_ http.ResponseWriter, r *http.Request) error {
			var v []string
			return web.DecodeJSON(r, &v)
		})
	}
	for _, tt := range []struct {
		path         string
		size, status int
	}{
		{"/token", 64 << 10, 200}, {"/token", 64<<10 + 1, 413},
		{"/admin/realms", 128 << 10, 200}, {"/admin/realms", 128<<10 + 1, 413},
	} {
		for _, announced := range []bool{true, false} {
			r := httptest.NewRequest("POST", tt.path, strings.NewReader(`["`+strings.Repeat("x", tt.size-4)+`"]`))
			if !announced {
				r.ContentLength = -1
			}
			w, _ := serve(t, m, r)
			if w.Code != tt.status {
				t.Errorf("%s with %d bytes, announced %v: %d, want %d", tt.path, tt.size, announced, w.Code, tt.status)
			}
		}
	}
}

func TestMux_RefusesPatternsWithASlashAtTheEnd(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("Handle took a subtree pattern")
		}
	}()
	web.NewMux().Handle("GET /x/", nil)
}

func TestStripRelativePath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		prefix, path string
		status       int
	}{
		{"/auth", "/auth/realms/x", 200}, {"auth/", "/auth/realms/x", 200}, {"/auth", "/auth", 200}, {"/auth", "/auth/", 200},
		{"/auth", "/auth/realms/a%2Fb", 200}, {"/auth", "/realms/x", 404}, {"/auth", "/authx/realms/x", 404}, {"/auth", "/", 404},
		{"/auth", "/%61uth/realms/x", 404}, {"/auth", "/auth//realms/x", 400}, {"/auth", "/auth/resources", 200},
		{"", "/realms/x", 200}, {"/", "/realms/x", 200}, {"/a/b", "/a/b/realms/x", 200},
	} {
		w := get(t, web.StripRelativePath(tt.prefix, routes()), tt.path)
		if w.Code != tt.status {
			t.Errorf("%s below %q = %d %s, want %d", tt.path, tt.prefix, w.Code, w.Body, tt.status)
		}
	}
}
