package model

import (
	"strconv"
	"strings"
)

// Seconds reads a client attribute that is a number of seconds; 0 when it is
// absent or no number.
func (c *Client) Seconds(attribute string) int64 {
	n, err := strconv.ParseInt(c.Attributes[attribute], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Flag reads a client attribute that is "true" or "false"; def when absent.
func (c *Client) Flag(attribute string, def bool) bool {
	v, ok := c.Attributes[attribute]
	if !ok || v == "" {
		return def
	}
	return strings.EqualFold(v, "true")
}

// UseRefreshTokens is client attribute use.refresh.tokens, true by default.
func (c *Client) UseRefreshTokens() bool { return c.Flag("use.refresh.tokens", true) }

// Lightweight tells whether access tokens leave out all claims that are not
// flagged for lightweight tokens.
func (c *Client) Lightweight() bool {
	return c.Flag("client.use.lightweight.access.token.enabled", false)
}

// AccessTokenAlg is the signature algorithm of access tokens.
func AccessTokenAlg(r *Realm, c *Client) string {
	return firstNonEmpty(c.Attributes["access.token.signed.response.alg"], r.DefaultSignatureAlgorithm, "RS256")
}

// IDTokenAlg is the signature algorithm of ID tokens.
func IDTokenAlg(r *Realm, c *Client) string {
	return firstNonEmpty(c.Attributes["id.token.signed.response.alg"], r.DefaultSignatureAlgorithm, "RS256")
}

func firstNonEmpty(vs ...string) string {
	for _, v := range vs {
		if v != "" {
			return v
		}
	}
	return ""
}
