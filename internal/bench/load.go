package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// wire is one connection that is kept alive. It speaks HTTP/1.1 by hand: a
// small load leaves more of the machine to the server.
type wire struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
	body bytes.Buffer
}

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// do sends a request and returns status and body, which is good until the next
// one. What is posted is a form, or JSON if it begins as an object does.
func (w *wire) do(method, target, bearer, form string) (int, []byte, error) {
	status, body, err := w.exchange(method, target, bearer, form)
	if err != nil {
		w.close()
	}
	return status, body, err
}

func (w *wire) exchange(method, target, bearer, form string) (int, []byte, error) {
	if w.conn == nil {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			return 0, nil, err
		}
		w.conn, w.in = conn, bufio.NewReaderSize(conn, 16<<10)
	}
	w.out.Reset()
	fmt.Fprintf(&w.out, "%s %s HTTP/1.1\r\nHost: localhost:8080\r\n", method, target)
	if bearer != "" {
		fmt.Fprintf(&w.out, "Authorization: Bearer %s\r\n", bearer)
	}
	if method == http.MethodPost {
		kind := "application/x-www-form-urlencoded"
		if strings.HasPrefix(form, "{") {
			kind = "application/json"
		}
		fmt.Fprintf(&w.out, "Content-Type: %s\r\nContent-Length: %d\r\n", kind, len(form))
	}
	w.out.WriteString("\r\n")
	w.out.WriteString(form)
	if err := w.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, nil, err
	}
	if _, err := w.conn.Write(w.out.Bytes()); err != nil {
		return 0, nil, err
	}
	resp, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return 0, nil, err
	}
	w.body.Reset()
	if _, err = io.Copy(&w.body, resp.Body); err == nil {
		err = resp.Body.Close()
	}
	if resp.Close {
		w.close()
	}
	return resp.StatusCode, w.body.Bytes(), err
}

// chain is an offline session and its newest refresh token.
type chain struct{ realm, token string }

const credentials = "client_id=portal&client_secret=s3cret&"

// refresh uses the chain's token and keeps its successor.
func (c *chain) refresh(w *wire) error {
	status, body, err := w.do(http.MethodPost, "/realms/"+c.realm+"/protocol/openid-connect/token", "",
		credentials+"grant_type=refresh_token&refresh_token="+c.token)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("refresh: %d %.200s", status, body)
	}
	const member = `"refresh_token":"`
	if i := bytes.Index(body, []byte(member)); i >= 0 {
		value, _, _ := bytes.Cut(body[i+len(member):], []byte(`"`))
		c.token = string(value)
		return nil
	}
	return errors.New("refresh: the answer has no refresh token")
}

// login makes a chain of user n.
func login(w *wire, realm string, n int, scope string) (*chain, error) {
	form := credentials + url.Values{"grant_type": {"password"}, "username": {userName(n)}, "password": {"pw"}, "scope": {scope}}.Encode()
	status, body, err := w.do(http.MethodPost, "/realms/"+realm+"/protocol/openid-connect/token", "", form)
	if err != nil {
		return nil, err
	}
	var a struct {
		Refresh string `json:"refresh_token"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &a) != nil || a.Refresh == "" {
		return nil, fmt.Errorf("login: %d %.200s", status, body)
	}
	return &chain{realm, a.Refresh}, nil
}

// measured is what a load showed.
type measured struct {
	requests int
	failed   int
	fault    string // the first
	wall     time.Duration
	used     usage
	resident int64 // bytes, at the end
	p50, p99 time.Duration
	times    []time.Duration // of all requests, sorted
}

func (m measured) perSecond() float64 { return float64(m.requests) / m.wall.Seconds() }

// server and postgres are milliseconds of CPU a request, cpu is their sum.
func (m measured) server() float64   { return per(m.used.cpu.Seconds()*1000, m.requests) }
func (m measured) postgres() float64 { return per(m.used.postgres.Seconds()*1000, m.requests) }
func (m measured) cpu() float64      { return m.server() + m.postgres() }

func per(x float64, n int) float64 { return x / float64(max(1, n)) }

// load runs do n times, spread over the connections, and measures the server
// meanwhile. do gets the number of its connection and of the request.
func (b *bench) load(ctx context.Context, p *process, connections, n int, do func(w *wire, connection, request int) error) (measured, error) {
	before, err := p.usage(true)
	if err != nil {
		return measured{}, err
	}
	var (
		all   sync.WaitGroup
		next  atomic.Int64
		mu    sync.Mutex
		m     = measured{requests: n}
		times = make([]time.Duration, 0, n)
		begun = time.Now()
	)
	for connection := range connections {
		all.Go(func() {
			w := &wire{addr: p.addr}
			defer w.close()
			own := make([]time.Duration, 0, n/connections*2)
			var failed int
			var fault string
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					break
				}
				t := time.Now()
				if err := do(w, connection, i); err != nil {
					if failed++; failed == 1 {
						fault = err.Error()
					}
				}
				own = append(own, time.Since(t))
			}
			mu.Lock()
			defer mu.Unlock()
			if m.failed == 0 {
				m.fault = fault
			}
			m.failed += failed
			times = append(times, own...)
		})
	}
	all.Wait()
	m.wall = time.Since(begun)
	if err := ctx.Err(); err != nil {
		return m, err
	}
	after, err := p.usage(false)
	if err != nil {
		return m, fmt.Errorf("%w\n%s", err, p.log)
	}
	if m.resident, err = p.resident(); err != nil {
		return m, err
	}
	m.used = after.since(before)
	slices.Sort(times)
	m.times, m.p50, m.p99 = times, at(times, 0.5), at(times, 0.99)
	b.count(m.failed, m.fault)
	return m, nil
}

// at is a quantile of sorted times.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// refreshAll refreshes n times, round the chains; a connection has chains of
// its own, since a chain's next token is in its last answer.
func (b *bench) refreshAll(ctx context.Context, p *process, connections int, chains []*chain, n int) (measured, error) {
	turns := make([]int, connections)
	return b.load(ctx, p, connections, n, func(w *wire, connection, _ int) error {
		i := turns[connection]*connections + connection
		if i >= len(chains) {
			turns[connection], i = 0, connection
		}
		turns[connection]++
		return chains[i].refresh(w)
	})
}

// loginAll makes chains of the realm's users.
func (b *bench) loginAll(ctx context.Context, p *process, realm, scope string, n int) ([]*chain, error) {
	chains := make([]*chain, n)
	m, err := b.load(ctx, p, b.connections, n, func(w *wire, _, i int) (err error) {
		chains[i], err = login(w, realm, i%people, scope)
		return err
	})
	if err == nil && m.failed > 0 {
		err = fmt.Errorf("realm %s: %s", realm, m.fault)
	}
	return chains, err
}

// admin is a token of realm master's administrator.
func admin(w *wire) (string, error) {
	status, body, err := w.do(http.MethodPost, "/realms/master/protocol/openid-connect/token", "",
		"client_id=admin-cli&grant_type=password&username=admin&password="+adminPassword)
	if err != nil {
		return "", err
	}
	var a struct {
		Access string `json:"access_token"`
	}
	if status != http.StatusOK || json.Unmarshal(body, &a) != nil {
		return "", fmt.Errorf("administrator's login: %d %.200s", status, body)
	}
	return a.Access, nil
}

// ask times n requests to admin REST, one after another. The first is a
// warm-up of its own unless n is 1. It returns the median and the longest, and
// the last body.
func (b *bench) ask(p *process, method, target, body string, n int) (median, longest time.Duration, answer string, err error) {
	w := &wire{addr: p.addr}
	defer w.close()
	token, err := admin(w)
	if err != nil {
		return 0, 0, "", err
	}
	var times []time.Duration
	for i := range n + min(1, n-1) {
		begun := time.Now()
		status, raw, err := w.do(method, target, token, body)
		took := time.Since(begun)
		if err != nil {
			return 0, 0, "", err
		}
		if status >= 300 {
			b.count(1, fmt.Sprintf("%s %s: %d %.200s", method, target, status, raw))
		}
		answer = strings.Clone(string(raw))
		if i > 0 || n == 1 {
			times = append(times, took)
		}
	}
	slices.Sort(times)
	return at(times, 0.5), times[len(times)-1], answer, nil
}
