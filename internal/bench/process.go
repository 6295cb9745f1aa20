package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd        *exec.Cmd
	db         *database
	addr       string // of protocol and admin REST
	management string // base URL
	ready      time.Duration
	log        *tail
	exited     chan struct{}
	err        error // of the exit
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 16<<10 {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-4<<10:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}

// publicURL makes tokens good on whatever port a server gets.
const publicURL = "http://localhost:8080"

// start runs the server on a database and waits until it is ready: p.ready is
// the time from its start to the first 200 of /health/ready.
func (b *bench) start(ctx context.Context, db *database, args ...string) (*process, error) {
	public, err := freePort()
	if err != nil {
		return nil, err
	}
	management, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &process{
		addr: fmt.Sprintf("127.0.0.1:%d", public), management: fmt.Sprintf("http://127.0.0.1:%d", management),
		db: db, log: &tail{}, exited: make(chan struct{}),
	}
	p.cmd = exec.Command(b.binary, slices.Concat([]string{"serve", "--public-url", publicURL,
		"--listen", p.addr, "--management-listen", strings.TrimPrefix(p.management, "http://")}, db.flags(), args)...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		resp, err := http.Get(p.management + "/health/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				p.ready = time.Since(begun)
				return p, nil
			}
		}
		select {
		case <-p.exited:
			return nil, fmt.Errorf("the server did not start: %w\n%s", p.err, p.log)
		case <-ctx.Done():
			p.kill()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// stop ends the server as an operator does.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	if p.err != nil {
		return fmt.Errorf("the server ended with %w\n%s", p.err, p.log)
	}
	return nil
}

// kill is for ways out after an error; a server that has ended stays ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}
