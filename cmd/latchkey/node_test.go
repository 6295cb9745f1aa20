package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// halfRequest sends a token request but for the last byte of its body, so that
// it stays in the works until finish.
func (p *process) halfRequest(t *testing.T) (finish func() *http.Response) {
	t.Helper()
	form := url.Values{
		"grant_type": {"password"}, "client_id": {demoClient}, "client_secret": {demoPassword},
		"username": {"user1"}, "password": {"password"}, "scope": {"offline_access"},
	}.Encode()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	head := "POST /realms/demo/protocol/openid-connect/token HTTP/1.1\r\nHost: localhost\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	// The server says 100 when the handler reads the body: it is in there now.
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != http.StatusContinue {
		t.Fatalf("answer to the head = %v, %v, want 100", res, err)
	}
	if _, err := io.WriteString(c, form[:len(form)-1]); err != nil {
		t.Fatal(err)
	}
	return func() *http.Response {
		t.Helper()
		if _, err := io.WriteString(c, form[len(form)-1:]); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
}

// TestServe_SignalLetsRequestsFinish: readiness fails, nothing new comes in,
// what was begun is answered, then the program ends well.
func TestServe_SignalLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		signalLetsRequestsFinish(t, serve(t, t.TempDir(), nil, "--demo"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		dir, dsn := t.TempDir(), pgtest.New(t, "fsync = off").DSN("postgres")
		must(t, dir, "migrate", "--db", dsn)
		signalLetsRequestsFinish(t, serve(t, dir, nil, "--demo", "--db", dsn))
	})
}

func signalLetsRequestsFinish(t *testing.T, p *process) {
	t.Helper()
	ready := p.management + "/health/ready"
	if a := get(t, ready, ""); a.status != http.StatusOK {
		t.Fatalf("readiness = %d, want 200", a.status)
	}
	finish := p.halfRequest(t)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "readiness fails", func() bool { return get(t, ready, "").status == http.StatusServiceUnavailable })
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	if res := finish(); res.StatusCode != http.StatusOK {
		t.Errorf("answer to the request under way = %d, want 200", res.StatusCode)
	}
	p.wait(t)
	if !strings.Contains(p.log.String(), `"msg":"stopped"`) {
		t.Errorf("the server did not say that it stopped:\n%s", p.log)
	}
}

func TestServe_SecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), nil, "--demo")
	p.halfRequest(t)
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.line(t, p.log, `"msg":"stopping`)
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
	if log := p.log.String(); !strings.Contains(log, `"msg":"stopped at once"`) || strings.Contains(log, `"msg":"stopped"`) {
		t.Errorf("the server did not stop at once:\n%s", p.log)
	}
}

func (p *process) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("server did not end within %v:\n%s", patience, p.log)
	}
}

func TestServe_ManagementPort(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), nil)
	for path, part := range map[string]string{
		"/health": `"status":"UP"`, "/health/live": `"status":"UP"`, "/health/ready": `"status":"UP"`, "/metrics": "latchkey_",
	} {
		if a := get(t, p.management+path, ""); a.status != http.StatusOK || !strings.Contains(a.raw, part) {
			t.Errorf("%s = %d %.200s, want 200 with %s", path, a.status, a.raw, part)
		}
		if a := get(t, p.url+path, ""); a.status == http.StatusOK {
			t.Errorf("%s is served to everybody", path)
		}
	}
}

// TestServe_OnlyLoopbackWithoutPublicURL: whoever chooses the Host would
// choose the issuer.
func TestServe_OnlyLoopbackWithoutPublicURL(t *testing.T) {
	t.Parallel()
	issuer := func(p *process, host string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/realms/master/.well-known/openid-configuration", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		a := send(t, req)
		return a.status, a.text("issuer")
	}
	p := serve(t, t.TempDir(), nil)
	if status, got := issuer(p, "localhost:1234"); got != "http://localhost:1234/realms/master" {
		t.Errorf("issuer for localhost:1234 = %d %q", status, got)
	}
	if status, got := issuer(p, "evil.example.org"); status < 400 || got != "" {
		t.Errorf("issuer for a foreign host = %d %q, want a refusal", status, got)
	}
}

func TestServe_PublicURLIsTheIssuer(t *testing.T) {
	t.Parallel()
	p := serve(t, t.TempDir(), nil, "--public-url", "https://id.example.org/auth", "--relative-path", "/auth")
	if p.url != "https://id.example.org/auth" {
		t.Fatalf("url = %q", p.url)
	}
	addr := p.line(t, p.log, `"msg":"ready"`)
	_, rest, _ := strings.Cut(addr, `"listen":"`)
	addr, _, _ = strings.Cut(rest, `"`)
	a := get(t, "http://"+addr+"/auth/realms/master/.well-known/openid-configuration", "")
	if got := a.text("issuer"); got != "https://id.example.org/auth/realms/master" {
		t.Errorf("issuer = %q %s", got, a.raw)
	}
}
