package web

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// checkPath refuses what a proxy and this server could read in different ways:
// empty and dot segments, percent-encoded letters, ";" and "\" (Keycloak since
// 26.5 and 26.6), and text a database would refuse: NUL and what is not UTF-8,
// in path or query.
func checkPath(r *http.Request) *Error {
	u := r.URL
	p := u.RawPath
	if p == "" {
		p = u.Path // its only encoding
	}
	if p == "" || p[0] != '/' {
		return errNotNormalized
	}
	start := 1
	for i := 1; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			switch {
			case p[i] == ';':
				return errSemicolon
			case p[i] == '\\':
				return errBackslash
			case p[i] == '%' && u.RawPath != "" && encodesUnreserved(p[i:]):
				return errNotNormalized
			}
			continue
		}
		segment := p[start:i]
		if segment == "" && i < len(p) || segment == "." || segment == ".." {
			return errNotNormalized
		}
		start = i + 1
	}
	if strings.IndexByte(u.Path, 0) >= 0 || !utf8.ValidString(u.Path) {
		return notFound(u.Path)
	}
	if u.RawQuery != "" && !textQuery(u.RawQuery) {
		return errQueryText
	}
	return nil
}

var (
	errQueryText     = OAuthError(http.StatusBadRequest, "invalid_request", "Query contains bytes that are no text")
	errNotNormalized = OAuthError(http.StatusBadRequest, "missingNormalization", "Request path not normalized")
	errSemicolon     = OAuthError(http.StatusBadRequest, "invalidCharacter", "Request path contains invalid character ';'")
	errBackslash     = OAuthError(http.StatusBadRequest, "invalidCharacter", `Request path contains invalid character '\'`)
)

// encodesUnreserved tells whether s begins with %XX for a character that needs
// no encoding (RFC 3986 §2.3).
func encodesUnreserved(s string) bool {
	if len(s) < 3 {
		return false
	}
	hi, lo := unhex(s[1]), unhex(s[2])
	if hi < 0 || lo < 0 {
		return false
	}
	c := byte(hi<<4 | lo)
	return alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// textQuery tells whether a query, decoded, is UTF-8 without NUL. What is
// encoded wrongly is left to the parser, which drops it.
func textQuery(q string) bool {
	decoded := q
	if strings.IndexByte(q, '%') >= 0 {
		b := make([]byte, 0, len(q))
		for i := 0; i < len(q); i++ {
			if q[i] == '%' && i+2 < len(q) && unhex(q[i+1]) >= 0 && unhex(q[i+2]) >= 0 {
				b = append(b, byte(unhex(q[i+1])<<4|unhex(q[i+2])))
				i += 2
				continue
			}
			b = append(b, q[i])
		}
		decoded = string(b)
	}
	return strings.IndexByte(decoded, 0) < 0 && utf8.ValidString(decoded)
}

// StripRelativePath serves h below prefix ("/auth", as http-relative-path of
// Keycloak); "" and "/" mean at the root. Other paths are 404.
func StripRelativePath(prefix string, h http.Handler) http.Handler {
	prefix = cleanRelativePath(prefix)
	if prefix == "" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := cutPath(r.URL.Path, prefix)
		raw, okRaw := "", true
		if r.URL.RawPath != "" {
			raw, okRaw = cutPath(r.URL.RawPath, prefix)
		}
		if !ok || !okRaw {
			writeError(w, notFound("/"))
			return
		}
		u := *r.URL
		u.Path, u.RawPath = path, raw
		inner := *r
		inner.URL = &u
		h.ServeHTTP(w, &inner)
	})
}

func cutPath(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	if rest == "" {
		return "/", ok
	}
	return rest, ok && rest[0] == '/'
}

func cleanRelativePath(p string) string {
	p = strings.Trim(p, "/")
	if p == "" {
		return ""
	}
	return "/" + p
}
