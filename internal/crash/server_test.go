package crash_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// patience bounds every wait: what works takes a fraction of it on a machine
// that is busy, and what hangs takes longer.
const patience = 2 * time.Minute

// random is a number in [0, n).
func random(n uint64) uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:]) % n
}

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	servertest.RunWithProgram(m, &program)
}

// freePort is a loopback port below those that systems give to outgoing
// connections, so that nobody takes it between two starts.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := int(10_000 + random(20_000))
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// output keeps what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// tail is the last of it.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.buf.Bytes()
	return string(b[max(0, len(b)-4000):])
}

// says tells whether a text is in it.
func (o *output) says(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Contains(o.buf.Bytes(), []byte(text))
}

// lines counts the lines that hold a text.
func (o *output) lines(text string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for line := range bytes.Lines(o.buf.Bytes()) {
		if bytes.Contains(line, []byte(text)) {
			n++
		}
	}
	return n
}

// process is one run of the server.
type process struct {
	cmd        *exec.Cmd
	base       string
	management string
	client     *http.Client
	out        *output
	exited     chan struct{} // closed when it is gone; err says how
	err        error
}

// publicURL makes the issuer the same in every run, whatever the port.
const publicURL = "http://localhost:8080"

// startServer starts the binary on the database of a URL and waits until it is
// ready.
func startServer(t *testing.T, db string, args ...string) *process {
	t.Helper()
	return startCommand(t, func(serve []string) *exec.Cmd { return exec.Command(program, serve...) }, db, args...)
}

// startCommand is startServer for a program that runs the binary with the
// arguments it is given.
func startCommand(t *testing.T, command func(serve []string) *exec.Cmd, db string, args ...string) *process {
	t.Helper()
	port, management := freePort(t), freePort(t)
	p := &process{
		base: fmt.Sprintf("http://127.0.0.1:%d", port), management: fmt.Sprintf("http://127.0.0.1:%d", management),
		out: &output{}, exited: make(chan struct{}),
	}
	p.client = &http.Client{Timeout: 2 * patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	p.cmd = command(append([]string{"serve", "--db", db, "--public-url", publicURL,
		"--listen", fmt.Sprintf("127.0.0.1:%d", port), "--management-listen", fmt.Sprintf("127.0.0.1:%d", management)}, args...))
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	p.waitReady(t, p.management+"/health/ready")
	return p
}

func (p *process) waitReady(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := p.client.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-p.exited:
			t.Fatalf("the server ended instead of starting: %v\n%s", p.err, p.out.tail())
		case <-ctx.Done():
			t.Fatalf("the server is not ready after %v\n%s", patience, p.out.tail())
		case <-tick.C:
		}
	}
}

// kill ends this process, and no other, as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
	p.client.CloseIdleConnections()
}

// stop asks the process to end and waits until it has.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.client.CloseIdleConnections()
	if runtime.GOOS == "windows" {
		p.kill()
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v", err)
	}
	<-p.exited
	if p.err != nil {
		t.Errorf("the server ended with %v\n%s", p.err, p.out.tail())
	}
}
