package model

import (
	"net/url"
	"strings"
)

// PostLogoutAllowed tells whether a browser may be sent to uri after a logout:
// by the rules of redirect URIs, in the list of client attribute
// post.logout.redirect.uris, which "##" separates. There "+" stands for the
// redirect URIs; no attribute is "+", and "-" allows nothing. An address that
// carries "state" is refused, since that of the request is added.
//
// OpenID Connect RP-Initiated Logout 1.0 §2.
func (c *Client) PostLogoutAllowed(uri string) bool {
	if u, err := url.Parse(uri); err != nil || u.Query().Has("state") {
		return false
	}
	attr := c.Attributes["post.logout.redirect.uris"]
	if attr == "" {
		attr = "+"
	}
	var list []string
	for entry := range strings.SplitSeq(attr, "##") {
		switch entry {
		case "+":
			list = append(list, c.RedirectURIs...)
		case "-", "":
		default:
			list = append(list, entry)
		}
	}
	return c.allows(list, uri)
}

// FrontchannelLogout tells whether the client is told of a logout by the
// browser; else it is told by the server, if it has an address for that.
func (c *Client) FrontchannelLogout() bool { return extra(c.Extra, "frontchannelLogout", false) }

// FrontchannelLogoutURL is what a frame loads to tell the client that session
// sid of issuer has ended; "" when it is not told that way. Without attribute
// frontchannel.logout.session.required, or with "true", both are named.
//
// OpenID Connect Front-Channel Logout 1.0 §2.
func (c *Client) FrontchannelLogoutURL(issuer, sid string) string {
	address := c.Attributes["frontchannel.logout.url"]
	if !c.FrontchannelLogout() || origin(address) == "" {
		return ""
	}
	if !c.Flag("frontchannel.logout.session.required", true) {
		return address
	}
	address, fragment, _ := strings.Cut(address, "#")
	sep := "?"
	if strings.Contains(address, "?") {
		sep = "&"
	}
	address += sep + "sid=" + url.QueryEscape(sid) + "&iss=" + url.QueryEscape(issuer)
	if fragment != "" {
		address += "#" + fragment
	}
	return address
}

// BackchannelLogoutURL is where the server tells the client that a session has
// ended; "" when it does not, as when the browser does.
//
// OpenID Connect Back-Channel Logout 1.0 §2.2.
func (c *Client) BackchannelLogoutURL() string {
	address := c.Attributes["backchannel.logout.url"]
	if c.FrontchannelLogout() || origin(c.absolute(address)) == "" {
		return ""
	}
	return c.absolute(address)
}

// BackchannelNamesSession tells whether logout tokens for the client have sid.
func (c *Client) BackchannelNamesSession() bool {
	return c.Flag("backchannel.logout.session.required", false)
}

// BackchannelRevokesOffline tells whether a logout ends the client's offline
// session of that login too, and says so in the logout token.
func (c *Client) BackchannelRevokesOffline() bool {
	return c.BackchannelLogoutURL() != "" && c.Flag("backchannel.logout.revoke.offline.tokens", false)
}
