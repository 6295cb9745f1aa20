package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// response is all that is kept for one request, in one allocation: the
// recorder around the ResponseWriter, the event for the log line, and the
// context that carries it.
type response struct {
	http.ResponseWriter
	status int // 0 until the answer begins
	bytes  int64
	ev     Event
	ctx    eventContext
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type eventKey struct{}

// eventContext carries a request's event and nothing else.
type eventContext struct {
	context.Context
	ev *Event
}

func (c *eventContext) Value(key any) any {
	if key == (eventKey{}) {
		return c.ev
	}
	return c.Context.Value(key)
}

// Event is what one request leaves in the log: one line at its end. It belongs
// to the request's goroutine.
type Event struct {
	id, ip, route string
	secure        bool // the caller spoke TLS
	cause         error
	stack         []byte
	canceled      bool
	fields        []slog.Attr
	buf           [8]slog.Attr
}

// Log is the event of the request ctx belongs to. Without one it is an event
// nobody writes, so that callers need not ask.
func Log(ctx context.Context) *Event {
	if ev, ok := ctx.Value(eventKey{}).(*Event); ok {
		return ev
	}
	return nil
}

// maxField is the longest text a log field keeps, in bytes.
const maxField = 256

// Set adds a field to the request's log line: ids, names, decisions. Tokens,
// secrets and bodies have no place there; the keys they usually go by are
// written as [redacted].
func (e *Event) Set(key string, value any) {
	if e == nil {
		return
	}
	attr := slog.Any(key, value)
	if s, ok := value.(string); ok {
		attr = slog.String(key, shorten(s))
	}
	if secretKey(key) {
		attr = slog.String(key, "[redacted]")
	}
	if e.fields == nil {
		e.fields = e.buf[:0]
	}
	e.fields = append(e.fields, attr)
}

func secretKey(key string) bool {
	switch key {
	case "password", "secret", "client_secret", "code", "cookie", "authorization", "client_assertion":
		return true
	}
	return key == "token" || strings.HasSuffix(key, "_token")
}

func shorten(s string) string {
	if len(s) <= maxField {
		return s
	}
	s = s[:maxField]
	for len(s) > 0 && !utf8.ValidString(s) && len(s) > maxField-utf8.UTFMax {
		s = s[:len(s)-1]
	}
	return s + "…"
}

func (e *Event) failed(answer *Error, err error) {
	if e == nil {
		return
	}
	if answer.Status >= 500 {
		e.cause = err
	} else if answer.Cause != nil {
		e.cause = answer.Cause
	}
}

// line writes the request's log line. The route is the pattern that matched:
// a raw URL may carry codes and tokens.
func (w *response) line(log *slog.Logger, method string, took time.Duration) {
	level := slog.LevelInfo
	if w.status >= 500 && !w.ev.canceled {
		level = slog.LevelError
	}
	ctx := w.ctx.Context
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 24)
	attrs = append(attrs,
		slog.String("request_id", w.ev.id),
		slog.String("method", loggedMethod(method)),
		slog.String("route", w.ev.route),
		slog.Int("status", w.status),
		slog.Duration("duration", took),
		slog.Int64("bytes", w.bytes),
		slog.String("ip", w.ev.ip),
	)
	if w.ev.cause != nil {
		attrs = append(attrs, slog.String("cause", w.ev.cause.Error()))
	}
	if w.ev.stack != nil {
		attrs = append(attrs, slog.String("stack", string(w.ev.stack)))
	}
	log.LogAttrs(ctx, level, "request", append(attrs, w.ev.fields...)...)
}

// loggedMethod keeps strangers from inventing label values.
func loggedMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions, http.MethodPatch:
		return m
	}
	return "other"
}
