package server_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// faults is a log that keeps what must not happen: errors and panics.
type faults struct {
	mu   sync.Mutex
	seen []string
}

func (f *faults) Enabled(context.Context, slog.Level) bool { return true }
func (f *faults) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f *faults) WithGroup(string) slog.Handler            { return f }

func (f *faults) Handle(_ context.Context, r slog.Record) error {
	line, bad := r.Level.String()+" "+r.Message, r.Level >= slog.LevelError
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.Key + "=" + a.Value.String()
		bad = bad || a.Key == "stack"
		return true
	})
	if bad {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.seen = append(f.seen, line)
	}
	return nil
}

// hostileShop is realm shop on a server whose faults fail the test at its end.
func hostileShop(t *testing.T) *servertest.Server {
	t.Helper()
	log := &faults{}
	s := newShop(t, "", servertest.WithConfig(func(c *server.Config) { c.Log = slog.New(log) }))
	t.Cleanup(func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		for _, line := range log.seen {
			t.Errorf("log: %s", line)
		}
	})
	return s
}

// checkAnswer fails unless an answer is a success, an error in one of
// Keycloak's shapes, or a page that tells a person.
func checkAnswer(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.Bytes()
	switch {
	case w.Code >= 500:
		t.Errorf("%s: %d %s", what, w.Code, body)
		return
	case w.Code < 300:
		return
	case len(body) == 0 && w.Header().Get("WWW-Authenticate") != "": // userinfo tells its reason there
		return
	case strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"):
		if !bytes.Contains(body, []byte(`id="kc-error-message"`)) || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %d with a page that is none of errors: %.200s", what, w.Code, body)
		}
		return
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s: %d with Content-Type %q: %.80s", what, w.Code, ct, body)
		return
	}
	var shape struct {
		Error, Description, Field, Message *string
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &members); err != nil {
		t.Errorf("%s: %d is no JSON object: %.80s", what, w.Code, body)
		return
	}
	for name, value := range members {
		text := map[string]**string{"error": &shape.Error, "error_description": &shape.Description, "field": &shape.Field, "errorMessage": &shape.Message}[name]
		if text == nil {
			if name != "params" && name != "errors" {
				t.Errorf("%s: %d with member %q", what, w.Code, name)
			}
		} else if json.Unmarshal(value, text) != nil {
			t.Errorf("%s: %d, member %q is no text: %s", what, w.Code, name, value)
		}
	}
	if shape.Error == nil && shape.Message == nil {
		t.Errorf("%s: %d without error: %.80s", what, w.Code, body)
	}
}

// hostileValues are put into every parameter in turn.
func hostileValues(tokens ...string) []string {
	values := []string{
		"", " ", "0", "-1", "null", "[]", "{}", "true", "*", "'\"<>&;--", "%00", "%ff%fe", "%zz", "%", "\xff\xfe", "..", "%F0%9F%92%A9",
		strings.Repeat("a", 3999), strings.Repeat("a", 4001), strings.Repeat("a", 20_001), strings.Repeat("%20", 5000),
		strings.Repeat(".", 19_999), strings.Repeat("e30.", 4000), "..", "e30.e30.e30", "e30.e30.", "bnVsbA.bnVsbA.", "W10.W10.x",
		"eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIn0.eyJ0eXAiOiJPZmZsaW5lIn0.",
	}
	for _, token := range tokens {
		parts := strings.Split(token, ".")
		values = append(values, token[:len(token)/2], token+"x", token+".", token+"."+parts[2], strings.ToUpper(token), token+"="+token,
			parts[0]+"."+parts[1]+".", "."+parts[1]+"."+parts[2], parts[0]+".."+parts[2], parts[1]+"."+parts[0]+"."+parts[2],
			"eyJhbGciOiJub25lIn0."+parts[1]+".", url.QueryEscape(token+"\x00"))
	}
	return values
}

// TestHostileParameters: whatever stands in one parameter of a request that is
// else in order, the answer is one of Keycloak's.
func TestHostileParameters(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	a := login(t, s)
	values := hostileValues(a.Refresh, a.Access)
	client := [][2]string{{"client_id", "portal"}, {"client_secret", "s3cret"}}
	with := func(more ...string) [][2]string {
		out := slices.Clone(client)
		for i := 0; i+1 < len(more); i += 2 {
			out = append(out, [2]string{more[i], more[i+1]})
		}
		return out
	}
	for _, tt := range []struct {
		path   string
		params [][2]string
	}{
		{"/token", with("grant_type", "refresh_token", "refresh_token", a.Refresh, "scope", "openid")},
		{"/token", with("grant_type", "password", "username", "alice", "password", "pw", "scope", "offline_access")},
		{"/token", with("grant_type", "client_credentials", "scope", "openid")},
		{"/token", with("grant_type", "authorization_code", "code", "x.y.z", "redirect_uri", "http://localhost/")},
		{"/token", [][2]string{{"grant_type", "client_credentials"}, {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, {"client_assertion", a.Access}}},
		{"/token/introspect", with("token", a.Access, "token_type_hint", "access_token")},
		{"/revoke", with("token", "e30.e30.e30", "token_type_hint", "refresh_token")},
		{"/logout", with("refresh_token", a.Refresh)},
		{"/userinfo", [][2]string{{"access_token", a.Access}}},
	} {
		for at, p := range tt.params {
			var left, right []string
			for i, q := range tt.params {
				if pair := q[0] + "=" + url.QueryEscape(q[1]); i < at {
					left = append(left, pair)
				} else if i > at {
					right = append(right, pair)
				}
			}
			try := func(pairs ...string) {
				body := strings.Join(slices.Concat(left, pairs, right), "&")
				w := send(s, http.MethodPost, protocolPath+tt.path, formType, body)
				checkAnswer(t, fmt.Sprintf("%s with %s=%.60q", tt.path, p[0], strings.Join(pairs, "&")), w)
			}
			for _, v := range values {
				try(p[0] + "=" + v)
			}
			try()
			try(p[0])
			try(p[0]+"=a", p[0]+"=a")
			try(p[0] + "[]=a")
		}
	}
	if again := login(t, s); refresh(t, s, again.Refresh).Status != http.StatusOK {
		t.Error("the server does not work any more")
	}
}

// TestRepeatedParameters: RFC 6749 §3.2: parameters MUST NOT be included more
// than once; Keycloak's text.
func TestRepeatedParameters(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	a := login(t, s)
	for path, body := range map[string]string{
		"/token":            "grant_type=refresh_token&refresh_token=" + a.Refresh + "&refresh_token=" + a.Refresh,
		"/token/introspect": "token=" + a.Access + "&token=x",
		"/revoke":           "token=x&token=y",
	} {
		w := send(s, http.MethodPost, protocolPath+path, formType, "client_id=portal&client_secret=s3cret&"+body)
		want := `{"error":"invalid_request","error_description":"duplicated parameter"}`
		if w.Code != http.StatusBadRequest || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s, want 400 %s", path, w.Code, w.Body, want)
		}
	}
}

var protocolEndpoints = []string{
	"/realms/shop", "/realms/shop/.well-known/openid-configuration", protocolPath + "/certs", protocolPath + "/token",
	protocolPath + "/token/introspect", protocolPath + "/userinfo", protocolPath + "/revoke", protocolPath + "/logout",
	protocolPath + "/auth", protocolPath + "/auth/device", protocolPath + "/nothing",
}

// TestHostileRequests: no method, body type or header upsets an endpoint.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	a := login(t, s)
	form := "client_id=portal&client_secret=s3cret&grant_type=password&username=alice&password=pw&token=x&refresh_token=x"
	long := strings.Repeat("a", 30_000)
	headers := [][]string{
		nil,
		{"Authorization", "Basic"}, {"Authorization", "Basic !!!"}, {"Authorization", "Basic YQ=="}, {"Authorization", "Basic Og=="},
		{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("portal:%zz"))},
		{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("\x00:\xff"))},
		{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(long))},
		{"Authorization", "Bearer"}, {"Authorization", "Bearer x"}, {"Authorization", "Bearer " + long}, {"Authorization", "bearer " + a.Refresh},
		{"Authorization", "Bearer " + a.Access + " " + a.Access}, {"Authorization", "Negotiate x"}, {"Authorization", "DPoP " + a.Access},
		{"Origin", "null"}, {"Origin", "http://evil.example"}, {"Origin", "://"}, {"Origin", long}, {"Origin", "http://spa.example\x7f"},
		{"X-Forwarded-For", "\x00"}, {"X-Forwarded-Host", "evil.example"}, {"Forwarded", "for=;;;"}, {"X-Request-Id", long},
		{"Accept", "text/html"}, {"Accept", ";;;"}, {"Accept-Language", long}, {"Content-Encoding", "gzip"}, {"Transfer-Encoding", "gzip, chunked"},
		{"Expect", "100-continue"}, {"Cookie", "KEYCLOAK_IDENTITY=" + long}, {"DPoP", "x.y.z"}, {"Range", "bytes=0-0"},
	}
	types := []string{"", formType, formType + "; charset=utf-16", "application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ";;", "\x00"}
	for _, target := range protocolEndpoints {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
			for _, h := range headers {
				w := send(s, method, target, formType, form, h...)
				if method != "HEAD" {
					checkAnswer(t, fmt.Sprintf("%s %s %.60q", method, target, h), w)
				} else if w.Code >= 500 {
					t.Errorf("HEAD %s %.60q: %d", target, h, w.Code)
				}
			}
		}
		for _, ct := range types {
			for _, body := range []string{"", form, "{", `{"grant_type":"password"}`, "&&&==&=&", "\x00", "--x\r\n\r\n--x--", strings.Repeat("&a=b", 1001), strings.Repeat("a&", 2000)} {
				checkAnswer(t, fmt.Sprintf("POST %s as %q: %.30q", target, ct, body), send(s, "POST", target, ct, body))
			}
		}
	}
}

// TestHostilePaths: paths that could be read in two ways, realms that do not
// exist and hosts nobody serves are refused in Keycloak's shape.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	for _, path := range []string{
		"/", "//", "/realms", "/realms/", "/realms//token", "/realms/../realms/shop", "/realms/%2e%2e/shop", "/realms/shop/.", "/realms/shop;x=1",
		"/realms/sh%6fp", "/realms/shop%00", "/realms/%ff", "/realms/shop%2f..", "/realms/shop%5c..", "/realms/none", "/realms/none/protocol/openid-connect/token",
		"/realms/" + strings.Repeat("x", 10_000), "/realms/SHOP", "/realms/shop/protocol/saml", "/realms/shop%20", "/realms/master%0a",
		"/realms/shop?a=%00", "/realms/shop?a=%ff", "/realms/shop?%zz", "/realms/shop?" + strings.Repeat("a=b&", 5000),
		"/admin", "/admin/", "/admin/realms/", "/admin/realms/none", "/admin/realms/shop/users/../..", "/admin/realms/shop/users/%00",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			r := &http.Request{Method: method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: "localhost:8080", RemoteAddr: "127.0.0.1:1",
				Header: http.Header{}, Body: http.NoBody, RequestURI: path}
			u, err := url.ParseRequestURI(path)
			if err != nil {
				continue // net/http's server refuses it before us
			}
			r.URL = u
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			checkAnswer(t, fmt.Sprintf("%s %.60q", method, path), w)
		}
	}
	for _, host := range []string{"", "evil.example", "localhost:8080@evil.example", "[::1", "localhost:x", "\x00", strings.Repeat("h", 5000), "127.0.0.1.evil.example"} {
		r := httptest.NewRequest("GET", "/realms/shop/.well-known/openid-configuration", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		checkAnswer(t, fmt.Sprintf("host %.40q", host), w)
		if w.Code == http.StatusOK {
			t.Errorf("host %.40q is served: %.200s", host, w.Body)
		}
	}
}

// endless is a body without end that counts what is read of it.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += int64(len(p))
	return len(p), nil
}
func (e *endless) Close() error { return nil }

// TestBodyLimits: of a body without end a protocol endpoint reads 64 KiB and
// admin REST 32 MiB, a little more to see that there is more; then it is 413.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	bearer := "Bearer " + adminToken(t, s)
	for _, tt := range []struct {
		path, contentType string
		limit             int64
		lengths           []int64 // announced
	}{
		{protocolPath + "/token", formType, 64 << 10, []int64{-1, 64<<10 + 1, 1 << 40}},
		{protocolPath + "/token/introspect", formType, 64 << 10, []int64{-1, 1 << 40}},
		{protocolPath + "/revoke", formType, 64 << 10, []int64{-1, 1 << 40}},
		{protocolPath + "/logout", formType, 64 << 10, []int64{-1, 1 << 40}},
		{protocolPath + "/userinfo", formType, 64 << 10, []int64{-1}},
		{"/admin/realms", "application/json", 32 << 20, []int64{-1}},
	} {
		for _, n := range tt.lengths {
			body := &endless{}
			r := httptest.NewRequest("POST", tt.path, body)
			r.Host, r.ContentLength = "localhost:8080", n
			r.Header.Set("Content-Type", tt.contentType)
			if strings.HasPrefix(tt.path, "/admin") {
				r.Header.Set("Authorization", bearer)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			checkAnswer(t, tt.path, w)
			if w.Code != http.StatusRequestEntityTooLarge && !strings.HasSuffix(tt.path, "/userinfo") {
				t.Errorf("%s, %d bytes announced: %d %s, want 413", tt.path, n, w.Code, w.Body)
			}
			if body.read > tt.limit+64<<10 {
				t.Errorf("%s read %d bytes of a body without end, limit %d", tt.path, body.read, tt.limit)
			}
		}
	}
}

// TestTruncatedBody: a caller that sends less than it announced gets no 500.
func TestTruncatedBody(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	for _, path := range []string{"/token", "/token/introspect", "/revoke", "/logout", "/userinfo"} {
		r := httptest.NewRequest("POST", protocolPath+path, io.NopCloser(strings.NewReader("client_id=por")))
		r.Host, r.ContentLength = "localhost:8080", 500
		r.Header.Set("Content-Type", formType)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		checkAnswer(t, path, w)
		if w.Code < 400 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestSignedNonsense: tokens with claims of wrong types, signed with the
// realm's own key, as a fault elsewhere or an older Keycloak could have made.
func TestSignedNonsense(t *testing.T) {
	t.Parallel()
	s := hostileShop(t)
	good := login(t, s).Refresh
	parts := strings.Split(good, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	sign := hmacSigner(t, s, parts[0])
	if got := refresh(t, s, sign(payload)); got.Status != http.StatusOK {
		t.Fatalf("a token signed by the test: %d %q", got.Status, got.Description)
	}
	try := func(payload []byte) {
		token := sign(payload)
		for path, name := range map[string]string{"/token": "refresh_token", "/logout": "refresh_token", "/revoke": "token", "/token/introspect": "token", "/userinfo": "access_token"} {
			form := url.Values{"client_id": {"portal"}, "client_secret": {"s3cret"}, "grant_type": {"refresh_token"}, "token_type_hint": {"refresh_token"}}
			if path == "/token" {
				form.Del("token_type_hint")
			}
			form.Set(name, token)
			checkAnswer(t, fmt.Sprintf("%s of %.200s", path, payload), send(s, "POST", protocolPath+path, formType, form.Encode()))
		}
	}
	for _, name := range []string{"exp", "iat", "nbf", "jti", "iss", "aud", "sub", "typ", "azp", "sid", "session_state", "scope", "reuse_id", "nonce", "aud_x", "prov"} {
		for _, v := range []any{nil, true, 1, -1, 1.5, 1e300, uint64(1 << 63), "", "x", "Bearer", strings.Repeat("A", 24), []any{}, []any{1, nil}, map[string]any{}, map[string]any{"a": []any{}}} {
			bad := map[string]any{name: v}
			for k, c := range claims {
				if k != name {
					bad[k] = c
				}
			}
			b, err := json.Marshal(bad)
			if err != nil {
				t.Fatal(err)
			}
			try(b)
		}
	}
	for _, raw := range []string{"", "null", "[]", "1", `""`, "{}", "{", `{"exp":1e999}`, strings.Repeat("[", 5000), `{"a":` + strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2001), "\xff", `{"sub":"\ud800"}`} {
		try([]byte(raw))
	}
}

// hmacSigner signs payloads as the realm signs refresh tokens.
func hmacSigner(t *testing.T, s *servertest.Server, header string) func(payload []byte) string {
	t.Helper()
	snap, err := s.Realms.Snapshot(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range snap.Components {
		if c.ProviderID != "hmac-generated" || len(c.Config["secret"]) == 0 {
			continue
		}
		key, err := base64.RawURLEncoding.DecodeString(c.Config["secret"][0])
		if err != nil {
			t.Fatal(err)
		}
		return func(payload []byte) string {
			input := header + "." + base64.RawURLEncoding.EncodeToString(payload)
			mac := hmac.New(sha512.New, key)
			mac.Write([]byte(input))
			return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	t.Fatal("realm shop has no HMAC key")
	return nil
}
