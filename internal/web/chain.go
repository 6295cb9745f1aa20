package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// UnmatchedRoute is the route of requests no pattern matched, in logs and
// metrics.
const UnmatchedRoute = "unmatched"

// DefaultTimeout is how long a request may take in all.
const DefaultTimeout = 30 * time.Second

// ChainOptions set up Chain. Every zero value is usable but Now.
type ChainOptions struct {
	Log     *slog.Logger     // nil: no log
	Now     func() time.Time // required: the clock durations are taken from
	Rand    io.Reader        // request ids; nil: crypto/rand
	Timeout time.Duration    // of a whole request; 0: DefaultTimeout
	Proxy   *ProxyHeaders    // nil: the peer of the connection is the client
	// Observe is told about every request at its end; nil: nobody is.
	Observe func(route string, status int, took time.Duration)
}

type chain struct {
	next http.Handler
	opt  ChainOptions
}

// Chain puts around h what every request needs: an id, a deadline, security
// headers, recovery from panics and exactly one log line at the end.
func Chain(h http.Handler, opt ChainOptions) http.Handler {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Rand == nil {
		opt.Rand = rand.Reader
	}
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	return &chain{next: h, opt: opt}
}

func (c *chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := c.opt.Now()
	ctx, cancel := context.WithTimeout(r.Context(), c.opt.Timeout)
	defer cancel()
	rw := &response{ResponseWriter: w}
	rw.ev.id = requestID(r, c.opt.Rand)
	rw.ev.ip, rw.ev.secure = c.opt.Proxy.clientIP(r), c.opt.Proxy.secure(r)
	rw.ev.route = UnmatchedRoute
	rw.ctx = eventContext{Context: ctx, ev: &rw.ev}
	h := w.Header()
	h["X-Request-Id"] = []string{rw.ev.id}
	SecurityHeaders(h)
	defer c.finish(rw, r, start)
	c.next.ServeHTTP(rw, r.WithContext(&rw.ctx))
}

// finish recovers, answers a panic with 500, and writes the log line. A panic
// after the answer has begun cuts the connection, so that nobody takes half an
// answer for a whole one.
func (c *chain) finish(rw *response, r *http.Request, start time.Time) {
	p := recover()
	err, _ := p.(error)
	wanted := errors.Is(err, http.ErrAbortHandler)
	abort := wanted || p != nil && rw.status != 0
	if p != nil && !wanted {
		rw.ev.cause, rw.ev.stack = fmt.Errorf("panic: %v", p), debug.Stack()
		writeError(rw, wireError(rw.ev.cause))
	}
	if rw.status == 0 {
		rw.status = http.StatusOK
	}
	rw.ev.canceled = errors.Is(rw.ev.cause, context.Canceled) && r.Context().Err() != nil
	took := c.opt.Now().Sub(start)
	rw.line(c.opt.Log, r.Method, took)
	if c.opt.Observe != nil {
		c.opt.Observe(rw.ev.route, rw.status, took)
	}
	if abort {
		panic(http.ErrAbortHandler)
	}
}

// requestID takes the caller's X-Request-Id when it is sane, else the trace id
// of its traceparent, so that a request can be followed through a proxy and in
// a trace; else it makes one of a trace id's shape, 32 hexadecimal digits (W3C
// Trace Context §3.2.2.3).
func requestID(r *http.Request, random io.Reader) string {
	if v := r.Header["X-Request-Id"]; len(v) == 1 && saneID(v[0]) {
		return v[0]
	}
	if v := r.Header["Traceparent"]; len(v) == 1 {
		if id, ok := traceID(v[0]); ok {
			return id
		}
	}
	var raw [16]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "none"
	}
	return hex.EncodeToString(raw[:])
}

// traceID reads the trace id of a traceparent, version-traceid-parentid-flags;
// all zeros is none.
func traceID(traceparent string) (string, bool) {
	const version, end = 3, 35 // where the id begins and ends
	if len(traceparent) < 55 || traceparent[2] != '-' || traceparent[end] != '-' {
		return "", false
	}
	id := traceparent[version:end]
	zero := true
	for i := 0; i < len(id); i++ {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", false
		}
		zero = zero && id[i] == '0'
	}
	return id, !zero
}

func saneID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
