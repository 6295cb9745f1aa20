package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

func TestError_Shapes(t *testing.T) {
	t.Parallel()
	validation := web.ErrorMessage(400, "error-invalid-length")
	validation.Field, validation.Params = "username", []any{"username", 3, 255}
	several := &web.Error{Status: 400, Errors: []web.FieldError{{Field: "email", Message: "x"}, {Message: "y", Params: []any{1}}}}
	for _, tt := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"OAuth", web.OAuthError(400, "invalid_grant", "Stale token"), 400, `{"error":"invalid_grant","error_description":"Stale token"}`},
		{"admin", web.AdminError(404, "User not found"), 404, `{"error":"User not found"}`},
		{"message", web.ErrorMessage(409, "Client x already exists"), 409, `{"errorMessage":"Client x already exists"}`},
		{"validation", validation, 400, `{"field":"username","errorMessage":"error-invalid-length","params":["username",3,255]}`},
		{"several", several, 400, `{"errors":[{"field":"email","errorMessage":"x"},{"errorMessage":"y","params":[1]}]}`},
		{"status", web.HTTPStatus(404), 404, `{"error":"HTTP 404 Not Found"}`},
		{"wrapped", fmt.Errorf("inner: %w", web.HTTPStatus(403)), 403, `{"error":"HTTP 403 Forbidden"}`},
		{"HTML is not escaped", web.AdminError(400, "<a&b>"), 400, `{"error":"<a&b>"}`},
		{"duplicated", web.ErrDuplicated, 400, `{"error":"invalid_request","error_description":"duplicated parameter"}`},
		{"params that are no JSON", &web.Error{Status: 400, Message: "x", Params: []any{make(chan int)}}, 400, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantAnswer(t, get(t, returning(tt.err), "/x"), tt.status, tt.body)
		})
	}
}

func TestError_UnknownShowsNothingOutside(t *testing.T) {
	t.Parallel()
	w, log := serve(t, returning(errors.New("disk on fire")), httptest.NewRequest("GET", "/x", nil))
	wantAnswer(t, w, 500, `{"error":"unknown_error","error_description":"For more on this error consult the server log."}`)
	if !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(log, `"cause":"disk on fire"`) {
		t.Errorf("log = %s", log)
	}
}

func TestError_CauseIsLoggedNotAnswered(t *testing.T) {
	t.Parallel()
	w, log := serve(t, returning(web.AdminError(400, "no").WithCause(errors.New("because"))), httptest.NewRequest("GET", "/x", nil))
	wantAnswer(t, w, 400, `{"error":"no"}`)
	if !strings.Contains(log, `"cause":"because"`) {
		t.Errorf("log = %s", log)
	}
}

func TestError_OverloadAsksToRetry(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		context.DeadlineExceeded, context.Canceled, fmt.Errorf("select: %w", context.DeadlineExceeded), web.Overloaded(errors.New("queue")),
	} {
		w := get(t, returning(err), "/x")
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%v: %d, Retry-After %q; want 503 and 1", err, w.Code, w.Header().Get("Retry-After"))
		}
	}
}

func TestError_AfterTheAnswerBeganIsOnlyLogged(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		if err := web.WriteRaw(w, 200, "text/plain", []byte("half")); err != nil {
			return err
		}
		return errors.New("too late")
	})
	w, log := serve(t, m, httptest.NewRequest("GET", "/x", nil))
	wantAnswer(t, w, 200, "half")
	if !strings.Contains(log, "too late") {
		t.Errorf("log = %s", log)
	}
}

func TestError_KeepsHeadersButNotTheContentType(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		web.NoStore(w)
		w.Header().Set("Content-Type", "text/html")
		return web.HTTPStatus(400)
	})
	h := get(t, m, "/x").Header()
	if h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers = %v", h)
	}
}

func TestErrorPage_ForBrowsersOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		accept string
		err    error
		page   bool
	}{
		{"text/html,*/*;q=0.8", web.HTTPStatus(404), true},
		{"text/html;q=0.5, application/json", web.HTTPStatus(404), true},
		{"text/html", errors.New("fault"), true},
		{"text/html", web.OAuthError(400, "invalid_grant", "x"), false},
		{"text/html", web.ErrorMessage(400, "x"), false},
		{"*/*", web.HTTPStatus(404), false},
		{"", web.HTTPStatus(404), false},
	} {
		m := returning(tt.err)
		m.ErrorPage = func(w http.ResponseWriter, _ *http.Request, e *web.Error) {
			if err := web.WriteRaw(w, e.Status, "text/html", []byte("page")); err != nil {
				t.Error(err)
			}
		}
		r := httptest.NewRequest("GET", "/x", nil)
		r.Header.Set("Accept", tt.accept)
		w, _ := serve(t, m, r)
		if got := w.Body.String() == "page"; got != tt.page {
			t.Errorf("Accept %q, %v: page = %v, want %v", tt.accept, tt.err, got, tt.page)
		}
	}
}
