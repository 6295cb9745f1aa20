package model

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// How an action that the application started ended (kc_action_status).
const (
	ActionDone      = "success"
	ActionCancelled = "cancelled"
	ActionFailed    = "error" // nothing here does it
)

// AuthorizationAnswer is what goes back to the client, an error or not.
type AuthorizationAnswer struct {
	Error, Description string // the rest is left out with an error

	SessionState string
	ActionStatus string // kc_action_status: success, cancelled, error; "" when no action was asked for
	Code         string
	IDToken      string
	AccessToken  string
	ExpiresIn    int64 // seconds; of the access token
}

// Answer lists the parameters of the answer in Keycloak's order. What the
// client keeps out (exclude.session.state.from.auth.response,
// exclude.issuer.from.auth.response) is left out. RFC 9207 for iss.
func (a *AuthorizationRequest) Answer(c *Client, issuer string, ans AuthorizationAnswer) [][2]string {
	var out params
	if ans.Error != "" {
		out.add("error", ans.Error)
		out.add("error_description", ans.Description)
	}
	if a.State != nil {
		out = append(out, [2]string{"state", *a.State})
	}
	if ans.Error == "" && !c.Flag("exclude.session.state.from.auth.response", false) {
		out.add("session_state", ans.SessionState)
	}
	if !c.Flag("exclude.issuer.from.auth.response", false) {
		out.add("iss", issuer)
	}
	if ans.Error != "" {
		return out
	}
	if ans.ActionStatus != "" && ans.ActionStatus != ActionFailed {
		out.add("kc_action", a.Action)
	}
	out.add("kc_action_status", ans.ActionStatus)
	out.add("code", ans.Code)
	out.add("id_token", ans.IDToken)
	if ans.AccessToken != "" {
		out.add("access_token", ans.AccessToken)
		out.add("token_type", "Bearer")
		out.add("expires_in", strconv.FormatInt(ans.ExpiresIn, 10))
	}
	return out
}

// Answer lists the parameters of the answer to the client. Only for an error
// that is Trusted.
func (e *AuthorizationError) Answer(c *Client, issuer string) [][2]string {
	a := &AuthorizationRequest{State: e.State}
	return a.Answer(c, issuer, AuthorizationAnswer{Error: e.Code, Description: e.Description})
}

type params [][2]string

func (p *params) add(name, value string) {
	if value != "" {
		*p = append(*p, [2]string{name, value})
	}
}

// ResponseURL puts the parameters of an answer onto a redirect URI: into its
// query, or for mode "fragment" behind "#". A query the URI has stays as it is,
// and a fragment, which the URI was checked to have in mode "query" alone, stays
// at its end. Values are form encoded.
// RFC 6749 §4.1.2, §4.2.2.
func ResponseURL(redirectURI, mode string, params [][2]string) string {
	var b strings.Builder
	separator := byte('?')
	redirectURI, route, routed := strings.Cut(redirectURI, "#")
	switch {
	case mode == "fragment":
		separator = '#'
	case strings.HasSuffix(redirectURI, "?"):
		separator = 0
	case strings.Contains(redirectURI, "?"):
		separator = '&'
	}
	writeURI(&b, redirectURI)
	for _, p := range params {
		if separator != 0 {
			b.WriteByte(separator)
		}
		separator = '&'
		b.WriteString(p[0])
		b.WriteByte('=')
		writeFormValue(&b, p[1])
	}
	if routed {
		b.WriteByte('#')
		writeURI(&b, route)
	}
	return b.String()
}

// writeURI writes a URI for a header: what is not ASCII is percent encoded, and
// brackets but for those of a host.
func writeURI(b *strings.Builder, uri string) {
	query := strings.IndexByte(uri, '?')
	for i := range len(uri) {
		if c := uri[i]; c >= utf8.RuneSelf || query >= 0 && i > query && (c == '[' || c == ']') {
			writePercent(b, c)
		} else {
			b.WriteByte(c)
		}
	}
}

// writeFormValue encodes as Keycloak does: letters, digits and -._~*? stay, a
// space is "+", control characters are dropped (a state has none, RFC 6749 §A.5).
func writeFormValue(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~*?", c) >= 0:
			b.WriteByte(c)
		case c == ' ':
			b.WriteByte('+')
		case c < ' ', c == 0x7f:
		default:
			writePercent(b, c)
		}
	}
}

func writePercent(b *strings.Builder, c byte) {
	const hex = "0123456789ABCDEF"
	b.WriteByte('%')
	b.WriteByte(hex[c>>4])
	b.WriteByte(hex[c&15])
}
