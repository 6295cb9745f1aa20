package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ProxyHeaders says which header of a reverse proxy names the client. Without
// a trusted proxy in front anybody can send such a header, so the zero value
// believes none.
type ProxyHeaders struct {
	// Header is "" (none), "xforwarded" (X-Forwarded-For) or "forwarded"
	// (RFC 7239), as Keycloak's option proxy-headers.
	Header string
	// Trusted are the proxies' addresses. The client is the last address that
	// is none of them; a connection from elsewhere is not believed. Empty: any
	// peer is the one proxy there is.
	Trusted []netip.Prefix
}

// ClientIP is the address a request came from, without port: what Chain found
// out, else the peer of the connection. "" if that is no address.
func ClientIP(r *http.Request) string {
	if ev := Log(r.Context()); ev != nil {
		return ev.ip
	}
	return (*ProxyHeaders)(nil).clientIP(r)
}

func (p *ProxyHeaders) clientIP(r *http.Request) string {
	peer := hostOf(r.RemoteAddr)
	if p == nil || p.Header == "" {
		return peer
	}
	if addr, err := netip.ParseAddr(peer); err != nil || len(p.Trusted) > 0 && !p.trusts(addr) {
		return peer
	}
	// From the right: what a stranger sent stands left of what proxies added.
	client := peer
	for _, hop := range slices.Backward(p.hops(r)) {
		addr, err := netip.ParseAddr(hostOf(hop))
		if err != nil {
			break
		}
		client = addr.Unmap().WithZone("").String()
		if !p.trusts(addr) {
			break
		}
	}
	return client
}

func (p *ProxyHeaders) trusts(addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(p.Trusted, func(t netip.Prefix) bool { return t.Contains(addr) })
}

// hops are the addresses proxies wrote down, the first seen first.
func (p *ProxyHeaders) hops(r *http.Request) []string {
	var out []string
	switch p.Header {
	case "xforwarded":
		for part := range strings.SplitSeq(strings.Join(r.Header["X-Forwarded-For"], ","), ",") {
			out = append(out, strings.TrimSpace(part))
		}
	case "forwarded":
		for part := range strings.SplitSeq(strings.Join(r.Header["Forwarded"], ","), ",") {
			out = append(out, forwardedFor(part))
		}
	}
	return out
}

// forwardedFor is the node of the for parameter of one forwarded element.
func forwardedFor(element string) string {
	for param := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// hostOf cuts port and brackets off an address.
func hostOf(addr string) string {
	if strings.HasPrefix(addr, "[") {
		host, _, _ := strings.Cut(addr[1:], "]")
		return host
	}
	if host, _, ok := strings.Cut(addr, ":"); ok && strings.Count(addr, ":") == 1 {
		return host
	}
	return addr
}
