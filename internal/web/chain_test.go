package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/web"
)

func TestChain_OneLineWithoutWhatIsSecret(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("POST /realms/{realm}/token", func(w http.ResponseWriter, r *http.Request) error {
		web.Log(r.Context()).Set("client_id", "app")
		web.Log(r.Context()).Set("uses", 3)
		web.Log(r.Context()).Set("refresh_token", "SECRET")
		web.Log(r.Context()).Set("long", strings.Repeat("ä", 300))
		return web.WriteJSON(w, 200, map[string]string{"id": w.Header().Get("X-Request-Id")})
	})
	r := httptest.NewRequest("POST", "/realms/x/token?code=SECRET", strings.NewReader("password=SECRET"))
	r.Header.Set("Authorization", "Basic SECRET")
	r.Header.Set("X-Request-Id", "from-proxy.1")
	w, log := serve(t, m, r)

	var got map[string]any
	if strings.Count(log, "\n") != 1 || json.Unmarshal([]byte(log), &got) != nil {
		t.Fatalf("log = %q, want one line of JSON", log)
	}
	want := map[string]any{
		"level": "INFO", "msg": "request", "request_id": "from-proxy.1", "method": "POST", "route": "/realms/{realm}/token",
		"status": 200.0, "duration": 0.0, "bytes": float64(w.Body.Len()), "ip": "192.0.2.1",
		"client_id": "app", "uses": 3.0, "refresh_token": "[redacted]", "long": strings.Repeat("ä", 128) + "…",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log line (-want +got):\n%s", diff)
	}
	if strings.Contains(log, "SECRET") {
		t.Errorf("log has a secret: %s", log)
	}
	if got := w.Header().Get("X-Request-Id"); got != "from-proxy.1" {
		t.Errorf("X-Request-Id = %q", got)
	}
	wantAnswer(t, w, 200, `{"id":"from-proxy.1"}`)
}

func TestChain_RequestID(t *testing.T) {
	t.Parallel()
	const made = "00000000000000000000000000000000" // the random bytes of serve are zero
	for in, want := range map[string]string{
		"": made, "abc-1_2.3": "abc-1_2.3", "with space": made, "new\nline": made, "<x>": made,
		strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): made,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{in}
		w, _ := serve(t, routes(), r)
		if got := w.Header().Get("X-Request-Id"); got != want {
			t.Errorf("id for %q = %q, want %q", in, got, want)
		}
	}
}

func TestChain_SecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/realms/x", "/nope", "//", "/realms/x/token"} {
		h := get(t, routes(), path).Header()
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "X-Robots-Tag": "none",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s of %s = %q, want %q", name, path, got, want)
			}
		}
	}
}

func TestChain_PanicIsA500WithTheStackInTheLog(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("GET /x", func(http.ResponseWriter, *http.Request) error { panic("boom") })
	w, log := serve(t, m, httptest.NewRequest("GET", "/x", nil))
	wantAnswer(t, w, 500, `{"error":"unknown_error","error_description":"For more on this error consult the server log."}`)
	if strings.Count(log, "\n") != 1 || !strings.Contains(log, "panic: boom") || !strings.Contains(log, "chain_test.go") {
		t.Errorf("log = %s", log)
	}
}

// Half an answer must not look like a whole one.
func TestChain_PanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("half"))
		panic("boom")
	})
	s := httptest.NewServer(web.Chain(m, web.ChainOptions{Now: fixed}))
	defer s.Close()
	resp, err := s.Client().Get(s.URL + "/x")
	if err != nil {
		return // cut before the headers were sent
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("read %q without an error", body)
	}
}

func TestChain_DeadlineAndObserve(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.Handle("GET /slow/{id}", func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	})
	type seen struct {
		route  string
		status int
		took   time.Duration
	}
	var got []seen
	clock := fixed()
	h := web.Chain(m, web.ChainOptions{
		Timeout: time.Millisecond,
		Now:     func() time.Time { clock = clock.Add(time.Second); return clock },
		Observe: func(route string, status int, took time.Duration) { got = append(got, seen{route, status, took}) },
	})
	for _, path := range []string{"/slow/1", "/nope"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	want := []seen{{"/slow/{id}", 503, time.Second}, {web.UnmatchedRoute, 404, time.Second}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(seen{})); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// A caller that went away is no fault of the server.
func TestChain_CancelledRequestIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m := web.NewMux()
	m.Handle("GET /x", func(_ http.ResponseWriter, r *http.Request) error {
		cancel()
		<-r.Context().Done()
		return r.Context().Err()
	})
	_, log := serve(t, m, httptest.NewRequest("GET", "/x", nil).WithContext(ctx))
	if !strings.Contains(log, `"level":"INFO"`) {
		t.Errorf("log = %s", log)
	}
}

func TestLog_OutsideOfChainDoesNothing(t *testing.T) {
	t.Parallel()
	web.Log(t.Context()).Set("k", "v")
}

func BenchmarkChain(b *testing.B) {
	m := web.NewMux()
	body := []byte(`{"active":false}`)
	m.Handle("POST /realms/{realm}/protocol/openid-connect/token", func(w http.ResponseWriter, r *http.Request) error {
		f, err := web.ParseForm(r)
		if err != nil {
			return err
		}
		web.Log(r.Context()).Set("client_id", f.Get("client_id"))
		return web.WriteRaw(w, 200, "", body)
	})
	h := web.Chain(m, web.ChainOptions{Now: fixed, Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	form := []byte("grant_type=refresh_token&client_id=app&client_secret=password&refresh_token=" + strings.Repeat("x", 700))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/realms/x/protocol/openid-connect/token", bytes.NewReader(form))
		r.Header.Set("Content-Type", web.TypeForm)
		w := discard{http.Header{}}
		h.ServeHTTP(w, r)
	}
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
