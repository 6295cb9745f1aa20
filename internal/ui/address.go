package ui

import (
	"html/template"
	"net/url"
	"slices"
	"strings"
)

// active are the schemes that run or show what the address itself contains, or
// reach into the browser or its disk.
var active = []string{"javascript", "vbscript", "data", "blob", "filesystem", "file", "about", "view-source", "livescript", "mocha", "jar", "chrome", "resource"}

// followable reports whether a page may link to an address.
func followable(address string) bool {
	u, err := url.Parse(address)
	switch {
	case err != nil || address == "" || strings.ContainsAny(address, "\\\t\r\n "):
		return false
	case u.Scheme == "":
		return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//")
	case u.Scheme == "http" || u.Scheme == "https":
		return u.Host != ""
	}
	return !slices.Contains(active, strings.ToLower(u.Scheme))
}

// webAddress reports whether address is absolute, with a host, in one of the
// schemes, and without credentials.
func webAddress(address string, schemes ...string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && slices.Contains(schemes, u.Scheme) && followable(address)
}

// link makes an address safe to follow, "" if it is not: a path of this server,
// http, https, or an application's own scheme. Templates escape it as any other
// value; the type only keeps them from refusing own schemes, which applications
// on phones register as redirect URIs.
func link(address string) template.URL {
	if !followable(address) {
		return ""
	}
	return template.URL(address)
}
