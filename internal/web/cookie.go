package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// Cookies of a login, under Keycloak's names and paths, so that a browser that
// is moved over keeps none it does not know.
const (
	CookieIdentity = "KEYCLOAK_IDENTITY"    // who is logged in, signed
	CookieSession  = "KEYCLOAK_SESSION"     // digest of the session, read by the session iframe's script
	CookieBrowser  = "AUTH_SESSION_ID"      // binds logins in progress to this browser
	CookieRemember = "KEYCLOAK_REMEMBER_ME" // username:… of the last login
	CookieProof    = "AUTH_STEP_"           // and a login's digest: that this browser gave its password
)

// ProofCookie is the name of the cookie CookieProof of the login with a handle.
func ProofCookie(handle string) string {
	sum := sha256.Sum256([]byte(handle))
	return CookieProof + hex.EncodeToString(sum[:4])
}

// CookieJar sets and reads the cookies of a realm in one answer.
type CookieJar struct {
	w      http.ResponseWriter
	r      *http.Request
	path   string
	secure bool
}

// Cookies is the jar of a realm whose server is at base (scheme, host, relative
// path). Cookies are SameSite=None and Secure, because the login is also asked
// from frames of applications; on plain HTTP beyond loopback, where browsers
// would drop such a cookie, they are Lax.
func Cookies(w http.ResponseWriter, r *http.Request, base, realm string) CookieJar {
	u, err := url.Parse(base)
	if err != nil {
		u = &url.URL{}
	}
	return CookieJar{w, r, strings.TrimRight(u.Path, "/") + "/realms/" + url.PathEscape(realm) + "/", u.Scheme == "https" || loopback(u.Host)}
}

// Get is a cookie's value; "" when it is not there.
func (j CookieJar) Get(name string) string {
	c, err := j.r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// Set sets a cookie for maxAge seconds; 0 until the browser closes. Only one
// that scripts must read is not HttpOnly.
func (j CookieJar) Set(name, value string, maxAge int64, scripts bool) {
	j.set(&http.Cookie{Name: name, Value: value, MaxAge: int(maxAge), HttpOnly: !scripts})
}

// Clear removes a cookie.
func (j CookieJar) Clear(name string) {
	j.set(&http.Cookie{Name: name, MaxAge: -1, HttpOnly: true})
}

func (j CookieJar) set(c *http.Cookie) {
	c.Path, c.Secure, c.SameSite = j.path, j.secure, http.SameSiteNoneMode
	if !j.secure {
		c.SameSite = http.SameSiteLaxMode
	}
	http.SetCookie(j.w, c)
}

// SameText compares secrets in a time that does not tell where they differ.
func SameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// FromOtherSite tells whether a browser says that a page of another origin sent
// a request (Fetch Metadata, Sec-Fetch-Site). Browsers say so on TLS and
// loopback alone, so false is no proof; Origin would be none either, because
// our pages send no referrer and then it is "null".
func FromOtherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}
