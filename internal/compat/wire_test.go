package compat_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
)

// A wire is a server as a replay meets it: a way to send requests, and its
// clock.
type wire struct {
	base  string // base URL without a slash at the end
	now   func() time.Time
	sleep func(time.Duration) // returns when now has passed that much
	send  func(*http.Request) (*http.Response, error)
}

// handlerWire sends requests straight to h, whose clock now reads and advance
// moves. A panic in h is an error.
func handlerWire(base string, h http.Handler, now func() time.Time, advance func(time.Duration)) wire {
	return wire{base: base, now: now, sleep: advance, send: func(r *http.Request) (resp *http.Response, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
			}
		}()
		// What net/http's server makes of a request in origin form.
		r.RemoteAddr = "127.0.0.1:50000"
		r.RequestURI = r.URL.RequestURI()
		r.URL.Scheme, r.URL.Host = "", ""
		if r.Body == nil {
			r.Body = http.NoBody
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Result(), nil
	}}
}

// httpWire sends requests over the network to base, in real time.
func httpWire(base string) wire {
	client := &http.Client{
		Timeout:       time.Minute,
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return wire{base: strings.TrimRight(base, "/"), now: time.Now, sleep: time.Sleep, send: client.Do}
}

// An answer is a response with its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
	json   any // nil where the body is not JSON
}

func (a *answer) redirects() bool {
	return a.status == http.StatusMovedPermanently || a.status == http.StatusFound || a.status == http.StatusSeeOther
}

// location is nil where the answer has no Location header.
func (a *answer) location() any {
	if v := a.header.Values("Location"); len(v) > 0 {
		return v[0]
	}
	return nil
}

// entry is what a recording keeps of an answer, before placeholders.
func (a *answer) entry() map[string]any {
	e := map[string]any{"status": int64(a.status)}
	if a.redirects() {
		e["location"] = a.location()
	}
	mediaType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	switch {
	case strings.HasPrefix(mediaType, "text/html"):
		e["html"] = true
	case a.json != nil:
		e["body"] = a.json
	case len(a.body) > 0:
		text := []rune(string(a.body))
		e["text"] = string(text[:min(len(text), 300)])
	}
	return e
}

// userAgent is that of the client that made the recordings: session lists and
// events show what it says of a browser and device.
const userAgent = "Python-urllib/3.11"

// do sends a request with the cookies of jar, which may be nil, and keeps
// those that come back.
func (w wire) do(r *http.Request, jar http.CookieJar) (*answer, error) {
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", userAgent)
	}
	if jar != nil {
		for _, c := range jar.Cookies(secure(r.URL)) {
			r.AddCookie(c)
		}
	}
	at := secure(r.URL)
	resp, err := w.send(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if jar != nil {
		jar.SetCookies(at, resp.Cookies())
	}
	a := &answer{status: resp.StatusCode, header: resp.Header, body: body}
	if v, err := parseJSON(body); err == nil {
		a.json = v
	}
	return a, nil
}

// secure makes a jar treat loopback http as browsers do: cookies marked Secure
// are sent there.
func secure(u *url.URL) *url.URL {
	s := *u
	s.Scheme = "https"
	return &s
}

func newJar() http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // New without options has no error to return
	}
	return jar
}
