package compat_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// echo is a server that answers a request with what it was sent. Its tokens
// are the time they were made.
type echo struct {
	clock time.Time
	deny  bool // answer administrators with 401
}

func newEcho() *echo { return &echo{clock: time.Unix(1_800_000_000, 0).UTC()} }

func (e *echo) wire() wire {
	return handlerWire("http://localhost:8080", e, func() time.Time { return e.clock }, func(d time.Duration) { e.clock = e.clock.Add(d) })
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	status, out := http.StatusOK, map[string]any{
		"method": r.Method, "uri": r.RequestURI, "host": r.Host, "from": r.RemoteAddr, "body": string(body),
		"type": r.Header.Get("Content-Type"), "authorization": r.Header.Get("Authorization"), "cookie": r.Header.Get("Cookie"),
	}
	switch {
	case r.URL.Path == "/realms/master/protocol/openid-connect/token":
		out = map[string]any{"access_token": fmt.Sprintf("T%d", e.clock.Unix()), "expires_in": 60}
	case r.URL.Path == "/panic":
		panic("boom")
	case e.deny && r.Header.Get("Authorization") != "":
		status = http.StatusUnauthorized
	case r.URL.Path == "/jar":
		http.SetCookie(w, &http.Cookie{Name: "here", Value: "1", Path: "/", Secure: true})
		http.SetCookie(w, &http.Cookie{Name: "there", Value: "1", Path: "/elsewhere"})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(out); err != nil {
		panic(err)
	}
}

// steps reads steps as a recording holds them.
func steps(t *testing.T, lines ...string) *scenario {
	t.Helper()
	sc := &scenario{Name: "test"}
	if err := json.Unmarshal([]byte("["+strings.Join(lines, ",")+"]"), &sc.Steps); err != nil {
		t.Fatal(err)
	}
	return sc
}

// sent plays the steps and returns member of what the server got in step n.
func sent(t *testing.T, e *echo, n int, member string, lines ...string) any {
	t.Helper()
	r := newReplay(e.wire(), "r-test", wantHere)
	for _, res := range r.run(t.Context(), steps(t, lines...)) {
		if res.err != nil {
			t.Fatal(res.String())
		}
	}
	m, ok := r.got[n].(map[string]any)
	if !ok {
		t.Fatalf("step %d has no result", n)
	}
	return m[member]
}

func TestReplay_SendsWhatTheStepSays(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, step, member, want string }{
		{"references in the path", `{"step":1,"do":"http","method":"GET","path":"/realms/{{realm}}?to={{base}}"}`, "uri", "/realms/r-test?to=http://localhost:8080"},
		{"host of the base URL", `{"step":1,"do":"http","method":"GET","path":"/"}`, "host", "localhost:8080"},
		{"from loopback", `{"step":1,"do":"http","method":"GET","path":"/"}`, "from", "127.0.0.1:50000"},
		{"form", `{"step":1,"do":"http","method":"POST","path":"/","form":{"b":"1 2","a":"&"}}`, "body", "a=%26&b=1+2"},
		{"form with a repeated name keeps its order", `{"step":1,"do":"http","method":"POST","path":"/","form":[["b","1"],["b","1"],["a","2"]]}`, "body", "b=1&b=1&a=2"},
		{"form's type", `{"step":1,"do":"http","method":"POST","path":"/","form":{}}`, "type", "application/x-www-form-urlencoded"},
		{"JSON", `{"step":1,"do":"http","method":"PUT","path":"/","json":{"at":"{{now-1000}}","t":"{{now}}","x":[1,true,null]}}`, "body", `{"at":1799999000,"t":1800000000,"x":[1,true,null]}`},
		{"an empty object is a body", `{"step":1,"do":"http","method":"PUT","path":"/","json":{}}`, "body", `{}`},
		{"JSON's type", `{"step":1,"do":"http","method":"PUT","path":"/","json":{}}`, "type", "application/json"},
		{"no body", `{"step":1,"do":"http","method":"DELETE","path":"/"}`, "type", ""},
		{"basic", `{"step":1,"do":"http","method":"GET","path":"/","basic":["id","secret"]}`, "authorization", "Basic aWQ6c2VjcmV0"},
		{"administrator", `{"step":1,"do":"http","method":"GET","path":"/","admin":true}`, "authorization", "Bearer T1800000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(any(tt.want), sent(t, newEcho(), 1, tt.member, tt.step)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.member, diff)
			}
		})
	}
}

func TestReplay_SleepAddsUpFractions(t *testing.T) {
	t.Parallel()
	e := newEcho()
	got := sent(t, e, 3, "body",
		`{"step":1,"do":"sleep","seconds":2.5}`, `{"step":2,"do":"sleep","seconds":2.5}`,
		`{"step":3,"do":"http","method":"POST","path":"/","json":["{{now}}"]}`)
	if want := `[1800000005]`; got != want {
		t.Errorf("now after two sleeps of 2.5 s = %v, want %s", got, want)
	}
}

func TestReplay_AdminTokenIsRenewedAfter30Seconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ seconds, want string }{{"29.9", "Bearer T1800000000"}, {"30", "Bearer T1800000030"}} {
		got := sent(t, newEcho(), 3, "authorization",
			`{"step":1,"do":"http","method":"GET","path":"/","admin":true}`,
			`{"step":2,"do":"sleep","seconds":`+tt.seconds+`}`,
			`{"step":3,"do":"http","method":"GET","path":"/","admin":true}`)
		if got != tt.want {
			t.Errorf("after %s s the administrator sends %v, want %s", tt.seconds, got, tt.want)
		}
	}
}

func TestReplay_AdminTokenIsRenewedAfter401(t *testing.T) {
	t.Parallel()
	e := newEcho()
	e.deny = true
	got := sent(t, e, 3, "authorization",
		`{"step":1,"do":"http","method":"GET","path":"/","admin":true}`,
		`{"step":2,"do":"sleep","seconds":2}`,
		`{"step":3,"do":"http","method":"GET","path":"/","admin":true}`)
	if want := "Bearer T1800000002"; got != want {
		t.Errorf("after a 401 the administrator sends %v, want %s", got, want)
	}
}

func TestReplay_JarsAreApartAndSendSecureCookies(t *testing.T) {
	t.Parallel()
	for jar, want := range map[string]string{"1": "here=1", "2": ""} {
		got := sent(t, newEcho(), 2, "cookie",
			`{"step":1,"do":"http","method":"GET","path":"/jar","browser":1}`,
			`{"step":2,"do":"http","method":"GET","path":"/x","browser":`+jar+`}`)
		if got != want {
			t.Errorf("jar %s sends cookies %q, want %q", jar, got, want)
		}
	}
}

func TestReplay_References(t *testing.T) {
	t.Parallel()
	r := newReplay(newEcho().wire(), "r-test", wantHere)
	r.got[1] = map[string]any{"t": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyIn0.", "n": int64(1)}
	r.got[2] = []any{map[string]any{"id": "first"}}
	for ref, want := range map[string]string{
		"a {{2.0.id}} b": "a first b",
		"{{1.t#sub}}":    "user",
		"{{1.t}}":        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyIn0.",
		"no reference":   "no reference",
	} {
		if got, err := r.resolveText(ref); err != nil || got != want {
			t.Errorf("resolve %s = %q, %v, want %q", ref, got, err, want)
		}
	}
	for _, ref := range []string{"{{3.x}}", "{{1.x}}", "{{1.n}}", "{{2.1.id}}", "{{1.t#sid}}", "{{2.0.id#sub}}", "{{what}}"} {
		if got, err := r.resolveText(ref); err == nil {
			t.Errorf("resolve %s = %q, want an error", ref, got)
		}
	}
}

// TestReplay_TellsFailures: what must count as a difference does.
func TestReplay_TellsFailures(t *testing.T) {
	t.Parallel()
	const head = `{"step":1,"do":"http","method":"GET","path":"/realms/master/protocol/openid-connect/token",`
	for _, tt := range []struct {
		name, step string
		ok         bool
	}{
		{"equal", head + `"expect":{"status":200,"body":{"access_token":"T1800000000","expires_in":60}}}`, true},
		{"other status", head + `"expect":{"status":201,"body":{"access_token":"T1800000000","expires_in":60}}}`, false},
		{"member missing", head + `"expect":{"status":200,"body":{"access_token":"T1800000000","expires_in":60,"scope":"openid"}}}`, false},
		{"member too many", head + `"expect":{"status":200,"body":{"access_token":"T1800000000"}}}`, false},
		{"member missing from a subset", head + `"subset":true,"expect":{"status":200,"body":{"access_token":"T1800000000","expires_in":60,"scope":"openid"}}}`, true},
		{"member too many for a subset", head + `"subset":true,"expect":{"status":200,"body":{"access_token":"T1800000000"}}}`, false},
		{"noted header and status", head + `"noted":{"status":200,"content-type":"application/json"}}`, true},
		{"noted header missing", head + `"noted":{"status":200,"x-robots-tag":"none"}}`, false},
		{"noted header with another value", head + `"noted":{"content-type":"text/html"}}`, false},
		{"noted body", head + `"noted":{"body":{"access_token":"T1800000000","expires_in":60}}}`, true},
		{"noted body that is not the whole", head + `"noted":{"body":{"expires_in":60}}}`, false},
		{"handler that panics", `{"step":1,"do":"http","method":"GET","path":"/panic"}`, false},
		{"unknown step", `{"step":1,"do":"dance"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res := newReplay(newEcho().wire(), "r-test", wantHere).run(t.Context(), steps(t, tt.step))
			if got := res[0].ok(); got != tt.ok {
				t.Errorf("ok = %v, want %v: %s", got, tt.ok, res[0].String())
			}
		})
	}
}

func TestScenario_RefusesMembersItDoesNotKnow(t *testing.T) {
	t.Parallel()
	var s step
	if err := json.Unmarshal([]byte(`{"step":1,"do":"http","expct":{}}`), &s); err == nil {
		t.Error("a misspelt member was taken, want an error")
	}
}
