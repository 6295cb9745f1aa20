package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/web"
)

// receiver is a client's server on loopback.
func receiver(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestCallbacks_PostsTheForm(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	address := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		got.Store(r.Method + " " + r.URL.Path + " " + r.FormValue("a"))
	})
	if err := new(web.Callbacks).Post(t.Context(), address+"/out", url.Values{"a": {"b&c"}}); err != nil {
		t.Fatalf("Post = %v", err)
	}
	if want := "POST /out b&c"; got.Load() != want {
		t.Errorf("client got %v, want %q", got.Load(), want)
	}
}

func TestCallbacks_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var second atomic.Bool
	address := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inner" {
			second.Store(true)
			return
		}
		http.Redirect(w, r, "/inner", http.StatusTemporaryRedirect)
	})
	err := new(web.Callbacks).Post(t.Context(), address+"/secret-path", nil)
	if err == nil || !strings.Contains(err.Error(), "307") || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("Post to a redirect = %v, want status 307 without the path", err)
	}
	if second.Load() {
		t.Error("the redirect was followed")
	}
}

func TestCallbacks_OnlyWebAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "ftp://host/", "file:///etc/passwd", "javascript:x", "http://", "/path", "gopher://host", "http://a b/"} {
		if err := new(web.Callbacks).Post(t.Context(), address, nil); err == nil {
			t.Errorf("Post(%q) went well, want an error", address)
		}
	}
}

func TestCallbacks_ClientThatNeverAnswers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	address := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	c := &web.Callbacks{Timeout: 50 * time.Millisecond}
	if err := c.Post(t.Context(), address, nil); err == nil {
		t.Error("Post went well, want a timeout")
	}
}

func TestCallbacks_EndlessAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	address := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	if err := new(web.Callbacks).Post(t.Context(), address, nil); err != nil {
		t.Errorf("Post = %v, want it to end with what it needs", err)
	}
}

func TestCallbacks_GoWaitsNoLongerThanItsPatience(t *testing.T) {
	t.Parallel()
	c := new(web.Callbacks)
	release, ran := make(chan struct{}), atomic.Bool{}
	ctx, cancel := context.WithCancel(t.Context())
	c.Go(ctx, time.Millisecond, func(ctx context.Context) {
		<-release
		ran.Store(ctx.Err() == nil)
	})
	cancel() // the request is over
	short, done := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer done()
	if err := c.Wait(short); err == nil {
		t.Error("Wait = nil while a post is under way")
	}
	close(release)
	if err := c.Wait(t.Context()); err != nil || !ran.Load() {
		t.Errorf("Wait = %v, ran to its end with a live context: %v; want nil, true", err, ran.Load())
	}
}
