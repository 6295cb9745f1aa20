package model

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Origins are the web origins a client allows: "+" stands for the origins of
// its redirect URIs. The list is sorted; "*" stays as it is.
func (c *Client) Origins() []string {
	var out []string
	for _, o := range c.WebOrigins {
		if o != "+" {
			out = append(out, o)
			continue
		}
		for _, r := range c.RedirectURIs {
			if o := origin(c.absolute(r)); o != "" {
				out = append(out, o)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// AllowsOrigin tells whether a browser page of that origin may call for the
// client.
func (c *Client) AllowsOrigin(o string) bool {
	list := c.Origins()
	return slices.Contains(list, "*") || slices.Contains(list, o)
}

func origin(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// HomeURL is where the client's own pages begin, if that is an address a link
// may lead to; "" otherwise.
func (c *Client) HomeURL() string {
	home := c.absolute(c.BaseURL)
	if home == "" {
		home = c.RootURL
	}
	if origin(home) == "" {
		return ""
	}
	return home
}

// BaseAddress is the client's base URL as a link people can follow: one that is
// a path lies below the root URL, or where that is missing or stands for the
// server, below base, the server's own address. "" without a base URL, or when
// it is no address of the web.
func (c *Client) BaseAddress(base string) string {
	address := c.BaseURL
	if strings.HasPrefix(address, "/") {
		root := c.RootURL
		if root == "" || strings.HasPrefix(root, "${") {
			root = base
		}
		address = strings.TrimSuffix(root, "/") + address
	}
	if origin(address) == "" {
		return ""
	}
	return address
}

// absolute puts the root URL before a redirect URI that is only a path.
func (c *Client) absolute(uri string) string {
	if strings.HasPrefix(uri, "/") && c.RootURL != "" && !strings.HasPrefix(c.RootURL, "${") {
		return strings.TrimSuffix(c.RootURL, "/") + uri
	}
	return uri
}

// RedirectAllowed tells whether a redirect URI matches one the client
// registered: exactly, or by Keycloak's trailing "*" and nothing more. The
// part of the asked URI before "?" is compared with a wildcard. URIs with a
// fragment, a user, control characters or dot segments never match a wildcard.
// A loopback URI registered without a port is allowed with any: native apps
// listen where they find a free one.
//
// RFC 6749 §3.1.2, RFC 9700 §2.1; RFC 8252 §7.3 and, as Keycloak, localhost.
func (c *Client) RedirectAllowed(uri string) bool { return c.allows(c.RedirectURIs, uri) }

// routeAllowed is RedirectAllowed for a URI with a fragment, which RFC 6749
// §3.1.2 forbids. Applications whose pages are fragments, Keycloak's Admin
// Console first, send them to come back to their page, and Keycloak takes them.
// It is for answers in the query alone: there the fragment comes back as it was
// sent, and cannot pass for part of an answer. As there, only a wildcard allows
// them.
func (c *Client) routeAllowed(uri string) bool {
	page, route, found := strings.Cut(uri, "#")
	wild := slices.DeleteFunc(slices.Clone(c.RedirectURIs), func(r string) bool { return !strings.HasSuffix(r, "*") })
	return found && len(uri) <= maxRedirect && c.allows(wild, page) && safeBytes(route)
}

// maxRedirect is the longest redirect URI that is looked at.
const maxRedirect = 4000

// allows is RedirectAllowed for a list of registered URIs.
func (c *Client) allows(list []string, uri string) bool {
	if uri == "" || len(uri) > maxRedirect {
		return false
	}
	if c.registered(list, uri) {
		return true
	}
	without, ok := cutLoopbackPort(uri)
	return ok && c.registered(list, without)
}

// cutLoopbackPort takes the port out of an http URI on this machine.
func cutLoopbackPort(uri string) (string, bool) {
	for _, origin := range []string{"http://127.0.0.1", "http://[::1]", "http://localhost"} {
		rest, ok := strings.CutPrefix(uri, origin+":")
		if !ok {
			continue
		}
		rest = strings.TrimLeft(rest, "0123456789")
		if rest == "" || rest[0] == '/' || rest[0] == '?' {
			return origin + rest, true
		}
	}
	return "", false
}

// registered tells whether a redirect URI matches a registered one as it is.
func (c *Client) registered(list []string, uri string) bool {
	for _, r := range list {
		valid := c.absolute(r)
		if valid == uri {
			return safeRedirect(uri)
		}
		prefix, wild := strings.CutSuffix(valid, "*")
		if !wild || !safeRedirect(uri) {
			continue
		}
		if wildcardMatches(prefix, uri) {
			return true
		}
	}
	return false
}

// wildcardMatches compares a URI with what stands before a registered "*".
// The authority never grows: "http://host*" does not allow "http://host.evil".
// Only a private-use scheme registered without one ("myapp://*") allows any,
// since the whole scheme belongs to the app (RFC 8252 §7.1).
func wildcardMatches(prefix, uri string) bool {
	asked, _, _ := strings.Cut(uri, "?")
	if prefix == "" { // the lone "*": any http(s) URI
		return origin(uri) != ""
	}
	if !strings.HasPrefix(asked, prefix) && asked != strings.TrimSuffix(prefix, "/") {
		return false
	}
	p, err := url.Parse(prefix)
	if err != nil || p.Scheme == "" {
		return false
	}
	u, err := url.Parse(asked)
	if err != nil || u.Scheme != p.Scheme || climbs(u.EscapedPath()) {
		return false
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Host != "" && u.Host == p.Host // browsers read "http:/evil" as "http://evil"
	}
	return p.Host == "" || u.Host == p.Host
}

// climbs tells whether a path has a dot segment, also one that shows only when
// it is decoded again and again or read as having path parameters ("..;"), or
// a backslash, which many read as a slash.
func climbs(path string) bool {
	for range maxDecodings {
		for segment := range strings.SplitSeq(path, "/") {
			name, _, _ := strings.Cut(segment, ";")
			if name == "." || name == ".." || strings.Contains(segment, `\`) {
				return true
			}
		}
		decoded := decodeOnce(path)
		if decoded == path {
			return false
		}
		path = decoded
	}
	return true
}

// maxDecodings is more layers of percent encoding than an honest URI has.
const maxDecodings = 8

// decodeOnce decodes what is percent encoded and leaves what only looks so.
func decodeOnce(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// safeRedirect refuses what browsers and servers read in different ways.
func safeRedirect(uri string) bool {
	if !safeBytes(uri) {
		return false
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.User != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "data", "vbscript":
		return false
	}
	return true
}

// safeBytes tells whether a part of a URI has no control character, space,
// backslash or number sign.
func safeBytes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '\\' || s[i] == '#' {
			return false
		}
	}
	return true
}
