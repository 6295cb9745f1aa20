package web_test

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

func TestSecure(t *testing.T) {
	t.Parallel()
	x, f := &web.ProxyHeaders{Header: "xforwarded"}, &web.ProxyHeaders{Header: "forwarded"}
	other := &web.ProxyHeaders{Header: "xforwarded", Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, tt := range []struct {
		name    string
		proxy   *web.ProxyHeaders
		tls     bool
		headers http.Header
		want    bool
	}{
		{"plain", nil, false, nil, false},
		{"TLS here", nil, true, nil, true},
		{"headers are not believed by default", nil, false, http.Header{"X-Forwarded-Proto": {"https"}}, false},
		{"nor by none", &web.ProxyHeaders{Header: "none"}, false, http.Header{"X-Forwarded-Proto": {"https"}}, false},
		{"nor from a stranger", other, false, http.Header{"X-Forwarded-Proto": {"https"}}, false},
		{"the proxy's", x, false, http.Header{"X-Forwarded-Proto": {"https"}}, true},
		{"in other letters", x, false, http.Header{"X-Forwarded-Proto": {"HTTPS"}}, false},
		{"a stranger's beside the proxy's", x, false, http.Header{"X-Forwarded-Proto": {"https, http"}}, false},
		{"on two lines", x, false, http.Header{"X-Forwarded-Proto": {"https", "http"}}, false},
		{"two proxies", x, false, http.Header{"X-Forwarded-Proto": {"https,https"}}, true},
		{"none sent", x, false, nil, false},
		{"the other header", x, false, http.Header{"Forwarded": {"proto=https"}}, false},
		{"Forwarded", f, false, http.Header{"Forwarded": {`for=1.1.1.1;Proto="https"`}}, true},
		{"Forwarded over HTTP", f, false, http.Header{"Forwarded": {"for=1.1.1.1;proto=http"}}, false},
		{"Forwarded, one hop without", f, false, http.Header{"Forwarded": {"proto=https, for=1.1.1.1"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for k, v := range tt.headers {
				r.Header[k] = v
			}
			var got bool
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = web.Secure(r) })
			web.Chain(h, web.ChainOptions{Now: fixed, Proxy: tt.proxy, Rand: bytes.NewReader(nil)}).ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("Secure = %v, want %v", got, tt.want)
			}
			if outside := web.Secure(r); outside != tt.tls {
				t.Errorf("Secure outside of Chain = %v, want %v", outside, tt.tls)
			}
		})
	}
}

// The addresses were put to a Keycloak 26.7.2 as X-Forwarded-For.
func TestLocal(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.5": true, "10.1.2.3": true, "192.168.1.1": true, "172.16.0.1": true, "172.31.0.1": true, "169.254.1.1": true,
		"::1": true, "fe80::1": true, "fec0::1": true, "fc00::1": true, "fd00::1": true, "::ffff:10.0.0.1": true,
		"8.8.8.8": false, "172.32.0.1": false, "100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "2001:db8::1": false,
		"::ffff:8.8.8.8": false, "localhost": false, "unknown": false, "": false,
	} {
		if got := web.Local(ip); got != want {
			t.Errorf("Local(%q) = %v, want %v", ip, got, want)
		}
	}
}
