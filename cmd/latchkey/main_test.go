package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "curl" {
		os.Exit(standInCurl(os.Args[1:]))
	}
	servertest.RunWithProgram(m, &binary)
}

// patience is how long tests wait for another process before they give up.
const patience = 2 * time.Minute

// environ is the environment of programs under test: none of the settings
// this process may have been started with.
func environ(more ...string) []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "LATCHKEY_") && !strings.HasPrefix(e, "KC_") {
			env = append(env, e)
		}
	}
	return append(env, more...)
}

// result is what a finished command left behind.
type result struct {
	code     int
	out, err string
}

// latchkey runs the program to its end in dir.
func latchkey(t *testing.T, dir, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errOut bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, environ(), strings.NewReader(stdin), &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("latchkey %v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

// must runs the program and wants it to succeed; the result is its output.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	r := latchkey(t, dir, "", args...)
	if r.code != exitOK {
		t.Fatalf("latchkey %v = exit code %d, want 0\n%s", args, r.code, r.err)
	}
	return r.out
}

// process is a running server.
type process struct {
	*exec.Cmd
	url, management string
	out, log        *lines
	ended           chan struct{}
}

// lines collects what a process writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // gets a token when there may be something new
	all  chan struct{} // closed when the process writes no more
}

func collect(r io.Reader) *lines {
	l := &lines{more: make(chan struct{}, 1), all: make(chan struct{})}
	go func() {
		defer close(l.all)
		for s := bufio.NewScanner(r); s.Scan(); {
			l.mu.Lock()
			l.text.WriteString(s.Text() + "\n")
			l.mu.Unlock()
			select {
			case l.more <- struct{}{}:
			default:
			}
		}
	}()
	return l
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// line waits for the first line that contains part.
func (p *process) line(t *testing.T, l *lines, part string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		for line := range strings.SplitSeq(l.String(), "\n") {
			if strings.Contains(line, part) {
				return line
			}
		}
		select {
		case <-l.more:
		case <-p.ended:
			t.Fatalf("server ended without %q:\n%s", part, p.log)
		case <-deadline:
			t.Fatalf("no line with %q within %v:\n%s", part, patience, p.log)
		}
	}
}

// freely are the arguments of a server on free loopback ports.
func freely(more ...string) []string {
	return append([]string{"serve", "--listen", "127.0.0.1:0", "--management-listen", "127.0.0.1:0"}, more...)
}

// serve starts a server on free loopback ports in dir and stops it, by its own
// process, when the test ends.
func serve(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	args = freely(append([]string{"--log-format", "json"}, args...)...)
	p := &process{Cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.Dir, p.Env = dir, environ(env...)
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.out, p.log = collect(stdout), collect(stderr)
	go func() {
		_, _ = p.Process.Wait()
		<-p.out.all
		<-p.log.all
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
	})
	var ready struct{ URL, Management string }
	if err := json.Unmarshal([]byte(p.line(t, p.log, `"msg":"ready"`)), &ready); err != nil {
		t.Fatal(err)
	}
	p.url, p.management = ready.URL, ready.Management
	return p
}

// stop asks the server to stop and waits until it has.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("server did not stop within %v:\n%s", patience, p.log)
	}
	if !strings.Contains(p.log.String(), `"msg":"stopped"`) {
		t.Errorf("server stopped without saying so:\n%s", p.log)
	}
}

// answer is a JSON answer.
type answer struct {
	status int
	body   map[string]any
	raw    string
}

func (a answer) text(member string) string {
	s, _ := a.body[member].(string)
	return s
}

// post sends a form to a protocol endpoint of realm demo as the portal.
func (p *process) post(t *testing.T, endpoint string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/realms/demo/protocol/openid-connect/"+endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(demoClient, demoPassword)
	return send(t, req)
}

func send(t *testing.T, req *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

// get fetches a page.
func get(t *testing.T, target, bearer string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return send(t, req)
}

// offlineToken logs user1 in.
func (p *process) offlineToken(t *testing.T, scope string) answer {
	t.Helper()
	a := p.post(t, "token", url.Values{"grant_type": {"password"}, "username": {"user1"}, "password": {"password"}, "scope": {scope}})
	if a.status != http.StatusOK || a.text("refresh_token") == "" {
		t.Fatalf("password grant = %d %s", a.status, a.raw)
	}
	return a
}

func (p *process) refresh(t *testing.T, token string) answer {
	t.Helper()
	return p.post(t, "token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// eventually asks again until ok, for what takes effect within a second.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
