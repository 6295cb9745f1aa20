package oidc_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

const httpsRequired = "invalid_request HTTPS required"

// outside asks an endpoint of realm demo from an address.
func (d *door) outside(method, endpoint, ip string, form url.Values) answer {
	r := httptest.NewRequest(method, base+"/realms/demo"+endpoint, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = ip + ":50000"
	return d.send(r)
}

func loginForm() url.Values {
	return url.Values{"grant_type": {"password"}, "client_id": {"portal"}, "client_secret": {"portal-secret"}, "username": {"uma"}, "password": {"password"}}
}

// Measured at a Keycloak 26.7.2.
func TestSSLRequired(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		required, ip string
		want         int
	}{
		{"", "8.8.8.8", 403}, {"", "10.1.2.3", 200}, {"", "127.0.0.1", 200},
		{"external", "8.8.8.8", 403}, {"external", "192.168.0.9", 200},
		{"all", "8.8.8.8", 403}, {"all", "127.0.0.1", 403},
		{"none", "8.8.8.8", 200},
	} {
		t.Run(tt.required+" "+tt.ip, func(t *testing.T) {
			t.Parallel()
			document := demoRealm
			if tt.required != "" {
				document = strings.Replace(demoRealm, `"enabled":true,`, `"enabled":true,"sslRequired":"`+tt.required+`",`, 1)
			}
			a := newDoor(t, document).outside(http.MethodPost, "/protocol/openid-connect/token", tt.ip, loginForm())
			if got := a.text("error") + " " + a.text("error_description"); a.status != tt.want || tt.want != 200 && got != httpsRequired {
				t.Errorf("token = %d %v, want %d", a.status, a.body, tt.want)
			}
		})
	}
}

func TestSSLRequired_WhichEndpoints(t *testing.T) {
	t.Parallel()
	d := newDoor(t, strings.Replace(demoRealm, `"enabled":true,`, `"enabled":false,"sslRequired":"all",`, 1))
	for endpoint, refused := range map[string]bool{
		"GET ": false, "GET /.well-known/openid-configuration": true, "GET /protocol/openid-connect/certs": true,
		"POST /protocol/openid-connect/token": true, "POST /protocol/openid-connect/token/introspect": true,
		"POST /protocol/openid-connect/revoke": true, "POST /protocol/openid-connect/ext/par/request": true, "POST /protocol/openid-connect/logout": true,
		"GET /protocol/openid-connect/userinfo": false, "OPTIONS /protocol/openid-connect/token": false,
	} {
		method, path, _ := strings.Cut(endpoint, " ")
		a := d.outside(method, path, "127.0.0.1", nil)
		if got := a.status == 403 && a.text("error_description") == "HTTPS required"; got != refused {
			t.Errorf("%s = %d %v, want it refused: %v", endpoint, a.status, a.body, refused)
		}
	}
}

// TLS ends at a proxy: a public URL says so, or a header that is believed.
func TestSSLRequired_TLSAtTheProxy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, public, headers, proto string
		want                         int
	}{
		{"public URL with https", "https://id.example.org", "", "", 200},
		{"public URL with http", "http://id.example.org", "", "", 403},
		{"a header nobody believes", "http://id.example.org", "", "https", 403},
		{"a header that is believed", "http://id.example.org", "xforwarded", "https", 200},
		{"the proxy saw http", "http://id.example.org", "xforwarded", "http", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := servertest.New(t, servertest.WithConfig(func(c *server.Config) { c.PublicURL, c.ProxyHeaders = tt.public, tt.headers }))
			if _, err := s.Realms.CreateRealm(context.Background(), strings.NewReader(demoRealm), realm.ImportOptions{}); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, tt.public+"/realms/demo/protocol/openid-connect/token", strings.NewReader(loginForm().Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("X-Forwarded-Proto", tt.proto)
			r.RemoteAddr = "8.8.8.8:50000"
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("token = %d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}
