package keycloak

import (
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// maxText bounds addresses and descriptions; Keycloak's columns hold 255
// characters of most of them.
const maxText = 2048

// uris reads a list of addresses; empty ones are dropped.
func (f *fields) uris(name string, to *[]string) {
	list, ok := f.items(name)
	if !ok {
		return
	}
	var out []string
	for _, it := range list {
		s, good := f.scalar(it, false)
		switch {
		case !good || s == "" || slices.Contains(out, s):
		case len(s) > maxText:
			f.failf(it.path, "must not be longer than %d characters", maxText)
		default:
			out = append(out, s)
		}
	}
	*to = out
}

// checkClientURLs refuses addresses a browser would run or cut: Keycloak's
// rules and texts of POST and PUT of clients.
func checkClientURLs(f *fields, c *model.Client) {
	for _, u := range []struct{ path, what, value string }{
		{"rootUrl", "Root URL", c.RootURL},
		{"baseUrl", "Base URL", c.BaseURL},
		{"adminUrl", "Admin URL", extraText(c.Extra, "adminUrl")},
		{"attributes", "Backchannel logout URL", c.Attributes["backchannel.logout.url"]},
		{"attributes", "Logo URL", c.Attributes["logoUri"]},
	} {
		checkURL(f, f.at(u.path), u.what, "a valid URL", u.value)
	}
	for i, u := range c.RedirectURIs {
		checkURL(f, indexed(f.at("redirectUris"), i), "A redirect URI", "a valid URI", u)
	}
	for _, u := range strings.Split(c.Attributes[attrPostLogout], "##") {
		checkURL(f, f.at("attributes"), "A post-logout redirect URI", "a valid URI", u)
	}
}

func checkURL(f *fields, path, what, valid, s string) {
	if s == "" || strings.HasPrefix(s, "${") {
		return
	}
	lower := strings.ToLower(strings.TrimSpace(s))
	switch {
	case strings.HasPrefix(lower, "javascript:"), strings.HasPrefix(lower, "data:"):
		f.failf(path, "%s uses an illegal scheme", what)
	case strings.Contains(s, "#"):
		f.failf(path, "%s must not contain an URL fragment", what)
	case strings.ContainsAny(s, " \t\r\n<>\"`") && s[0] != '/': // a realm's name may have spaces, and stands in its clients' paths
		f.failf(path, "%s is not %s", what, valid)
	}
}

func extraText(x model.Extra, name string) string {
	if kind(x[name]) != 's' {
		return ""
	}
	return unquote(x[name])
}

// origins are the origins of absolute http redirect URIs, which Keycloak takes
// as web origins when none are named.
func origins(redirectURIs []string) []string {
	var out []string
	for _, s := range redirectURIs {
		u, err := url.Parse(strings.TrimSuffix(s, "*"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			continue
		}
		if o := u.Scheme + "://" + u.Host; !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}
