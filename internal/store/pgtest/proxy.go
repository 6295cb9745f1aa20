package pgtest

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a test and its server and makes what networks make of
// connections. The zero faults: everything passes.
type Proxy struct {
	l      net.Listener
	target string
	cut    atomic.Bool

	mu    sync.Mutex
	gate  chan struct{} // closed while data passes
	conns []net.Conn
}

// NewProxy starts a proxy before the server of a URL, until the test ends, and
// returns the URL that goes through it.
func NewProxy(t testing.TB, dsn string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{l: l, target: u.Host, gate: make(chan struct{})}
	close(p.gate)
	go p.serve()
	t.Cleanup(func() {
		l.Close()
		p.Resume()
		p.Drop()
	})
	u.Host = l.Addr().String()
	return p, u.String()
}

// Hang lets connections be made and nothing pass, as a database does that is
// stopped where it stands.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

// Resume ends a Hang: what waited passes.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

// CutNextReply lets the next request through and breaks the connection in
// place of the reply.
func (p *Proxy) CutNextReply() { p.cut.Store(true) }

// Drop breaks all connections there are.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *Proxy) serve() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go p.pass(client, server, false)
		go p.pass(server, client, true)
	}
}

func (p *Proxy) pass(from, to net.Conn, replies bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || replies && p.cut.CompareAndSwap(true, false) {
			return
		}
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		<-gate
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
