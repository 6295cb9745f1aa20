package web

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	made := strings.Repeat("ab", 16)
	for _, tt := range []struct{ name, id, traceparent, want string }{
		{"the caller's own", "req-1", "", "req-1"},
		{"the caller's own before the trace's", "req-1", "00-" + trace + "-00f067aa0ba902b7-01", "req-1"},
		{"the trace's", "", "00-" + trace + "-00f067aa0ba902b7-01", trace},
		{"the trace's where the caller's is not sane", "a b", "00-" + trace + "-00f067aa0ba902b7-01", trace},
		{"a trace of zeros is none", "", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", made},
		{"a trace in capitals is none", "", "00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01", made},
		{"a short traceparent", "", "00-" + trace, made},
		{"neither", "", "", made},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			if tt.id != "" {
				r.Header.Set("X-Request-Id", tt.id)
			}
			if tt.traceparent != "" {
				r.Header.Set("Traceparent", tt.traceparent)
			}
			if got := requestID(r, bytes.NewReader(bytes.Repeat([]byte{0xab}, 16))); got != tt.want {
				t.Errorf("requestID = %q, want %q", got, tt.want)
			}
		})
	}
}
