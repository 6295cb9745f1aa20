package web_test

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

func TestClientIP(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	none := (*web.ProxyHeaders)(nil)
	x := &web.ProxyHeaders{Header: "xforwarded"}
	xt := &web.ProxyHeaders{Header: "xforwarded", Trusted: proxies}
	ft := &web.ProxyHeaders{Header: "forwarded", Trusted: proxies}
	for _, tt := range []struct {
		name    string
		proxy   *web.ProxyHeaders
		remote  string
		headers http.Header
		want    string
	}{
		{"no proxy", none, "192.0.2.1:1234", nil, "192.0.2.1"},
		{"IPv6", none, "[2001:db8::1]:1234", nil, "2001:db8::1"},
		{"no port", none, "192.0.2.1", nil, "192.0.2.1"},
		{"headers are not believed by default", none, "192.0.2.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "192.0.2.1"},
		{"an empty choice neither", &web.ProxyHeaders{}, "192.0.2.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "192.0.2.1"},
		{"what the one proxy added", x, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"6.6.6.6, 1.1.1.1"}}, "1.1.1.1"},
		{"no header", x, "10.0.0.1:1", nil, "10.0.0.1"},
		{"the other header", x, "10.0.0.1:1", http.Header{"Forwarded": {"for=1.1.1.1"}}, "10.0.0.1"},
		{"past trusted proxies", xt, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"6.6.6.6, 1.1.1.1, 10.2.2.2"}}, "1.1.1.1"},
		{"several lines", xt, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1", "10.2.2.2"}}, "1.1.1.1"},
		{"a stranger's connection", xt, "192.0.2.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "192.0.2.1"},
		{"junk ends the walk", xt, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1, junk, 10.2.2.2"}}, "10.2.2.2"},
		{"with port", xt, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.1.1.1:99"}}, "1.1.1.1"},
		{"mapped", xt, "[::ffff:10.0.0.1]:1", http.Header{"X-Forwarded-For": {"::ffff:1.1.1.1"}}, "1.1.1.1"},
		{"Forwarded", ft, "10.0.0.1:1", http.Header{"Forwarded": {`for=6.6.6.6, proto=https;For="[2001:db8::1]:99";by=x, for=10.9.9.9`}}, "2001:db8::1"},
		{"Forwarded with a secret name", ft, "10.0.0.1:1", http.Header{"Forwarded": {`for=_hidden`}}, "10.0.0.1"},
		{"Forwarded without for", ft, "10.0.0.1:1", http.Header{"Forwarded": {`proto=https`}}, "10.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.remote
			for k, v := range tt.headers {
				r.Header[k] = v
			}
			var got string
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = web.ClientIP(r) })
			web.Chain(h, web.ChainOptions{Now: fixed, Proxy: tt.proxy, Rand: bytes.NewReader(nil)}).ServeHTTP(httptest.NewRecorder(), r)
			if got != tt.want {
				t.Errorf("ClientIP = %q, want %q", got, tt.want)
			}
			if outside := web.ClientIP(r); tt.proxy == nil && outside != tt.want {
				t.Errorf("ClientIP outside of Chain = %q, want %q", outside, tt.want)
			}
		})
	}
}

func TestBaseURL_WithoutPublicURLOnlyLoopback(t *testing.T) {
	t.Parallel()
	b, err := web.NewBaseURL("", "auth/")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"localhost": "http://localhost/auth", "localhost:8080": "http://localhost:8080/auth", "LocalHost:8080": "http://localhost:8080/auth",
		"127.0.0.1:8080": "http://127.0.0.1:8080/auth", "127.9.9.9": "http://127.9.9.9/auth", "[::1]:8080": "http://[::1]:8080/auth", "[::1]": "http://[::1]/auth",
		"": "", "example.com": "", "localhost.example.com": "", "localhost:x": "", "localhost:": "", "localhost:99999": "", "127.0.0.1.example.com": "",
		"localhost@evil.example": "", "128.0.0.1": "", "[::2]": "", "::1": "", "[::1": "", "[127.0.0.1]": "", "0.0.0.0": "", "127.1": "", "2130706433": "",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		got, err := b.Of(r)
		if got != want || (want == "") != (status(err) == 400) {
			t.Errorf("Of(Host %q) = %q, %v; want %q", host, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "--public-url") {
			t.Errorf("error %v does not name the option", err)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Host, r.TLS = "localhost:8443", &tls.ConnectionState{}
	if got, err := b.Of(r); got != "https://localhost:8443/auth" || err != nil {
		t.Errorf("Of over TLS = %q, %v", got, err)
	}
}

func TestBaseURL_PublicURLDecides(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://id.example.com": "https://id.example.com", "https://id.example.com/": "https://id.example.com",
		"https://id.example.com/auth/": "https://id.example.com/auth", "http://10.0.0.1:8080": "http://10.0.0.1:8080",
	} {
		b, err := web.NewBaseURL(in, "/auth")
		if err != nil {
			t.Errorf("NewBaseURL(%q) = %v", in, err)
			continue
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "evil.example"
		if got, err := b.Of(r); got != want || err != nil {
			t.Errorf("Of = %q, %v; want %q", got, err, want)
		}
	}
	for _, in := range []string{
		"id.example.com", "//id.example.com", "ftp://x", "https://", "https://u:p@x", "https://x?y", "https://x/?", "https://x#y", "https://x/a//b",
		"https://x/../y", "https://x/;a", "https://x/%zz", "x y",
	} {
		if _, err := web.NewBaseURL(in, ""); err == nil {
			t.Errorf("NewBaseURL(%q) took it", in)
		}
	}
}
