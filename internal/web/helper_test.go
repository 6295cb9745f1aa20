package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/web"
)

// fixed is the clock of all tests here.
func fixed() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

// serve sends one request through Chain to h and returns answer and log.
func serve(tb testing.TB, h http.Handler, r *http.Request) (*httptest.ResponseRecorder, string) {
	tb.Helper()
	var log bytes.Buffer
	handler := slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	w := httptest.NewRecorder()
	web.Chain(h, web.ChainOptions{Log: slog.New(handler), Now: fixed, Rand: bytes.NewReader(make([]byte, 64))}).ServeHTTP(w, r)
	return w, log.String()
}

// get is serve of a GET, and its answer alone.
func get(tb testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	tb.Helper()
	w, _ := serve(tb, h, httptest.NewRequest("GET", path, nil))
	return w
}

func wantAnswer(tb testing.TB, w *httptest.ResponseRecorder, status int, body string) {
	tb.Helper()
	if w.Code != status || w.Body.String() != body {
		tb.Errorf("answer = %d %s, want %d %s", w.Code, w.Body, status, body)
	}
}

// returning is a Mux whose only route GET /x returns err.
func returning(err error) *web.Mux {
	m := web.NewMux()
	m.Handle("GET /x", func(http.ResponseWriter, *http.Request) error { return err })
	return m
}

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/x", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}
