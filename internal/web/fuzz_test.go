package web_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/web"
)

// everything is a server whose handlers use all that reads what strangers send.
func everything(tb testing.TB) http.Handler {
	tb.Helper()
	base, err := web.NewBaseURL("", "/auth")
	if err != nil {
		tb.Fatal(err)
	}
	m := web.NewMux()
	m.Handle("POST /realms/{realm}/token", func(w http.ResponseWriter, r *http.Request) error {
		issuer, err := base.Of(r)
		if err != nil {
			return err
		}
		if err := web.CheckOrigin(w, r, issuer, func(string) bool { return true }); err != nil {
			return err
		}
		f, err := web.ParseForm(r)
		if err != nil {
			return err
		}
		id, _, _ := web.BasicClient(r)
		web.Log(r.Context()).Set("client_id", id+f.Get("client_id"))
		return web.WriteJSON(w, 200, []string{issuer, id, f.Get("scope"), web.Bearer(r), web.ClientIP(r), r.PathValue("realm")})
	})
	m.Handle("POST /admin/{rest...}", func(w http.ResponseWriter, r *http.Request) error {
		if _, _, err := web.Paging(r); err != nil {
			return err
		}
		var v struct {
			A string
			B map[string]int
		}
		if err := web.DecodeJSON(r, &v); err != nil {
			return err
		}
		return web.WriteJSON(w, 200, v)
	})
	m.Handle("OPTIONS /{path...}", web.PreflightHandler(web.MethodsAdmin))
	proxy := &web.ProxyHeaders{Header: "forwarded"}
	return web.StripRelativePath("/auth", web.Chain(m, web.ChainOptions{Now: fixed, Proxy: proxy}))
}

// FuzzRequest sends raw requests: whatever they are, the answer is no 500, and
// text that reaches a handler is text.
func FuzzRequest(f *testing.F) {
	h := everything(f)
	for _, s := range []string{
		"GET /auth/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"OPTIONS /auth/x HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n",
		"POST /auth/realms/%61/token?a=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /auth/realms/x/token HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://a\r\nForwarded: for=\"[::1]\"\r\nAuthorization: Basic YTpi\r\n" +
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\n\r\na=%41&b=%zz&a",
		"POST /auth/realms/x/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\nz",
		"POST /auth/admin/x?first=1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"A\":1,\"B\":{}} ",
		"POST /auth/admin/x?max=%ff HTTP/1.1\r\nHost: x\r\nContent-Type: ;;\r\nContent-Length: 2\r\n\r\n{}",
		"GET //x/../%2e/;a\\ HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n",
		"PUT /auth/realms/x/token/ HTTP/1.0\r\nX-Request-Id: a b\r\n\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "192.0.2.1:1234"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("%q = %d %s", raw, w.Code, w.Body)
		}
	})
}
