package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// BaseURL is where the server is reached from outside: what issuers and links
// begin with. Fixed by configuration, or, on a developer's machine, taken from
// the Host header of loopback requests. Other hosts are refused then: whoever
// chooses the Host would choose the issuer.
type BaseURL struct {
	public   string // no trailing slash; "" for none
	relative string // path prefix, "" for none
}

// NewBaseURL checks a configured public URL, e.g. https://id.example.com/auth,
// which includes the relative path if there is one; "" serves loopback hosts
// only, with relativePath after the host.
func NewBaseURL(public, relativePath string) (*BaseURL, error) {
	b := &BaseURL{relative: cleanRelativePath(relativePath)}
	if public == "" {
		return b, nil
	}
	u, err := url.Parse(public)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%q: scheme is neither https nor http", public)
	case u.Host == "" || u.User != nil:
		return nil, fmt.Errorf("%q: host is missing or has a user", public)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(public, "#"):
		return nil, fmt.Errorf("%q: has a query or fragment", public)
	}
	if checkPath(&http.Request{URL: &url.URL{Path: "/" + strings.TrimPrefix(u.Path, "/"), RawPath: u.RawPath}}) != nil {
		return nil, fmt.Errorf("%q: path is not normalized", public)
	}
	b.public = strings.TrimRight(public, "/")
	return b, nil
}

var errForeignHost = errors.New("host is not loopback and no public URL is set")

// Of is the base URL for a request, without trailing slash.
//
// Errors: *Error 400 for a host that is not loopback while no public URL is set.
func (b *BaseURL) Of(r *http.Request) (string, error) {
	if b.public != "" {
		return b.public, nil
	}
	if !loopback(r.Host) {
		return "", OAuthError(http.StatusBadRequest, "invalid_request",
			"This server answers only to localhost until its address is set with --public-url").WithCause(errForeignHost)
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + strings.ToLower(r.Host) + b.relative, nil
}

// loopback tells whether a Host header names this machine: localhost,
// 127.0.0.0/8 or ::1, with any port.
func loopback(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
		if _, err := strconv.ParseUint(host[i+1:], 10, 16); err != nil {
			return false
		}
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return ok && err == nil && addr == netip.IPv6Loopback()
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Is4() && addr.IsLoopback()
}
