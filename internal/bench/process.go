package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd        *exec.Cmd
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

// start runs the server on the database in dir and waits until it is ready:
// p.ready is the time from its start to the first 200 of /health/ready.
func (b *bench) start(ctx context.Context, dir string, args ...string) (*process, error) {
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
		log: &tail{}, exited: make(chan struct{}),
	}
	p.cmd = exec.Command(b.binary, append([]string{"serve", "--db", "sqlite:" + filepath.Join(dir, "latchkey.db"), "--public-url", publicURL,
		"--listen", p.addr, "--management-listen", strings.TrimPrefix(p.management, "http://")}, args...)...)
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

// usage is what a server has used since its start.
type usage struct {
	cpu        time.Duration // user and system
	statements float64
	commits    float64
	written    int64 // bytes the process caused to be written to disk
}

func (u usage) since(v usage) usage {
	return usage{u.cpu - v.cpu, u.statements - v.statements, u.commits - v.commits, u.written - v.written}
}

// usage reads the counters; cpu comes last or first, so that reading the
// others is not counted.
func (p *process) usage(before bool) (u usage, err error) {
	if !before {
		if u.cpu, err = p.cpu(); err != nil {
			return u, err
		}
	}
	if u.statements, u.commits, err = p.counters(); err != nil {
		return u, err
	}
	if u.written, err = p.procNumber("io", "write_bytes:"); err != nil {
		return u, err
	}
	if before {
		u.cpu, err = p.cpu()
	}
	return u, err
}

// clockTick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every
// Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func (p *process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	// proc(5): the name in parentheses may hold anything; state is field 3.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: %q", p.proc("stat"), raw)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, err
}

// resident is VmRSS in bytes.
func (p *process) resident() (int64, error) {
	kb, err := p.procNumber("status", "VmRSS:")
	return kb << 10, err
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name)
}

// procNumber is the first number in the line of a /proc file that starts with
// label.
func (p *process) procNumber(name, label string) (int64, error) {
	raw, err := os.ReadFile(p.proc(name))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, label); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", p.proc(name), label)
}

// counters reads the store's from /metrics.
func (p *process) counters() (statements, commits float64, err error) {
	resp, err := http.Get(p.management + "/metrics")
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	found := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		var to *float64
		switch name {
		case "latchkey_store_statements_total":
			to = &statements
		case "latchkey_store_commits_total":
			to = &commits
		default:
			continue
		}
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return 0, 0, err
		}
		found++
	}
	if found != 2 {
		return 0, 0, errors.New("/metrics has no latchkey_store_statements_total or latchkey_store_commits_total")
	}
	return statements, commits, nil
}
