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

// ExchangesTokens tells whether the client may exchange tokens (RFC 8693).
func (c *Client) ExchangesTokens() bool { return c.Flag("standard.token.exchange.enabled", false) }

// ExchangesForRefresh tells whether a token exchange may end in a refresh token
// of the subject's session. The attribute's other value is NO.
func (c *Client) ExchangesForRefresh() bool {
	return c.Attributes["standard.token.exchange.enableRefreshRequestedTokenType"] == "SAME_SESSION" && c.UseRefreshTokens()
}

// OfflineAudiences are the clientIds the client may prepare offline tokens for
// by token exchange, nil for none. The attribute lists them with ## between, as
// Keycloak's lists, or with commas or spaces.
func (c *Client) OfflineAudiences() []string {
	list := strings.ReplaceAll(c.Attributes["standard.token.exchange.offline.audiences"], "##", " ")
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

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
