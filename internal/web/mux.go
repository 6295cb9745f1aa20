package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Body limits of a route, in bytes.
const (
	DefaultMaxBody      = 64 << 10 // protocol endpoints and pages
	DefaultMaxAdminBody = 32 << 20 // below /admin/: realm documents are large
)

// Mux routes requests to Handlers by http.ServeMux patterns. Beside that it
//   - refuses paths that could be read in two ways (see checkPath),
//   - serves a path with one trailing slash as the path without it,
//   - answers unknown paths and methods, and OPTIONS, as Keycloak does,
//   - limits the bodies handlers may read.
//
// Routes are registered before it serves.
type Mux struct {
	MaxBody      int64     // 0: DefaultMaxBody
	MaxAdminBody int64     // 0: DefaultMaxAdminBody
	ErrorPage    ErrorPage // for browsers; nil: JSON for all

	mux       *http.ServeMux
	once      sync.Once // complete, before the first request
	slashed   []slashed
	unmatched []unmatched
}

type unmatched struct {
	prefix string
	check  func(r *http.Request) error
}

// NewMux makes a Mux without routes.
func NewMux() *Mux {
	m := &Mux{mux: http.NewServeMux()}
	m.mux.HandleFunc("/", m.serveUnmatched)
	return m
}

// Handle registers a handler for a pattern such as "POST /realms/{realm}/x".
// GET serves HEAD too. It panics, as http.ServeMux does, when two patterns
// conflict, and for a path that ends in "/": "/x/{rest...}" serves what is
// below, and "/x" too.
func (m *Mux) Handle(pattern string, h Handler) {
	if strings.HasSuffix(pattern, "/") {
		panic("web: pattern " + pattern + " ends in a slash")
	}
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = "", pattern
	}
	t := &route{mux: m, path: path, admin: strings.HasPrefix(path, "/admin/"), h: h}
	m.mux.Handle(pattern, t)
	if i := strings.LastIndex(path, "/{"); i > 0 && (strings.HasSuffix(path, "...}") || strings.HasSuffix(path, "{$}")) {
		m.slashed = append(m.slashed, slashed{pattern, method, path[:i], t})
	}
}

// slashed is a route that matches only with a slash after path.
type slashed struct {
	pattern, method, path string
	route                 *route
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// complete registers such routes for the path without the slash as well, unless
// that has a route of its own. Else http.ServeMux would redirect, to a location
// without the relative path.
func (m *Mux) complete() {
	for _, s := range m.slashed {
		probe := &http.Request{Method: s.method, URL: &url.URL{Path: wildcard.ReplaceAllString(s.path, "x")}}
		if s.method == "" {
			probe.Method = http.MethodGet
		}
		if _, pattern := m.mux.Handler(probe); pattern == "/" || pattern == s.pattern {
			m.mux.Handle(strings.TrimSpace(s.method+" "+s.path), s.route)
		}
	}
}

// Unmatched asks check about requests below prefix that match no route, before
// they are answered 404 or 405: an error it returns is the answer instead
// (401 for strangers in admin REST, "Realm does not exist"). The first prefix
// that fits is asked alone.
func (m *Mux) Unmatched(prefix string, check func(r *http.Request) error) {
	m.unmatched = append(m.unmatched, unmatched{prefix, check})
}

func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e := checkPath(r); e != nil {
		fail(w, r, e, m.queryPage(e))
		return
	}
	m.once.Do(m.complete)
	m.mux.ServeHTTP(w, r)
}

// queryPage shows a query that is no text to a person; a path that is none gets
// its one answer.
func (m *Mux) queryPage(e *Error) ErrorPage {
	if e == errQueryText {
		return m.ErrorPage
	}
	return nil
}

type route struct {
	mux   *Mux
	path  string
	admin bool
	h     Handler
}

func (t *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if ev := Log(r.Context()); ev != nil {
		ev.route = t.path
	}
	if r.Body != nil && r.Body != http.NoBody {
		// The innermost writer, because MaxBytesReader tells it to close.
		inner := w
		if rw, ok := w.(*response); ok {
			inner = rw.ResponseWriter
		}
		r.Body = http.MaxBytesReader(inner, r.Body, t.maxBody())
	}
	if err := t.h(w, r); err != nil {
		fail(w, r, err, t.mux.ErrorPage)
	}
}

func (t *route) maxBody() int64 {
	limit, def := t.mux.MaxBody, int64(DefaultMaxBody)
	if t.admin {
		limit, def = t.mux.MaxAdminBody, DefaultMaxAdminBody
	}
	if limit > 0 {
		return limit
	}
	return def
}

// methods in the order Keycloak lists them in Allow.
var methods = []string{"HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"}

// serveUnmatched has the requests no pattern took.
func (m *Mux) serveUnmatched(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.EscapedPath(); len(p) > 1 && strings.HasSuffix(p, "/") {
		if short := withoutSlash(r); m.takes(short, r.Method) {
			m.mux.ServeHTTP(w, short)
			return
		}
		r = withoutSlash(r)
	}
	allow := m.allow(r)
	if r.Method == http.MethodOptions && allow != nil {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		delete(w.Header(), "X-Frame-Options")
		w.WriteHeader(http.StatusOK)
		return
	}
	for _, u := range m.unmatched {
		if strings.HasPrefix(r.URL.Path, u.prefix) {
			if err := u.check(r); err != nil {
				fail(w, r, err, m.ErrorPage)
				return
			}
			break
		}
	}
	if allow != nil {
		w.Header().Set("Allow", strings.Join(allow, ", ")) // RFC 9110 §15.5.6; Keycloak leaves it out
		fail(w, r, HTTPStatus(http.StatusMethodNotAllowed), m.ErrorPage)
		return
	}
	fail(w, r, notFound(r.URL.Path), m.ErrorPage)
}

// notFound is Keycloak's 404: below a realm a resource misses a part, elsewhere
// there is no resource at all.
func notFound(path string) *Error {
	for _, prefix := range []string{"/realms/", "/admin/realms/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok && rest != "" {
			return HTTPStatus(http.StatusNotFound)
		}
	}
	return AdminError(http.StatusNotFound, "Unable to find matching target resource method")
}

// withoutSlash is the request for the path without its trailing slash.
func withoutSlash(r *http.Request) *http.Request {
	u := *r.URL
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawPath = strings.TrimSuffix(u.RawPath, "/")
	short := *r
	short.URL = &u
	return &short
}

// takes tells whether a registered pattern serves a method at r's path.
func (m *Mux) takes(r *http.Request, method string) bool {
	probe := *r
	probe.Method = method
	_, pattern := m.mux.Handler(&probe)
	return pattern != "/" && pattern != ""
}

// allow lists the methods r's path has, nil for none.
func (m *Mux) allow(r *http.Request) []string {
	var out []string
	for _, method := range methods {
		if m.takes(r, method) {
			out = append(out, method)
		}
	}
	if out != nil && !slices.Contains(out, "OPTIONS") {
		out = append(out, "OPTIONS")
	}
	return out
}
