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
	// Header is "xforwarded" (X-Forwarded-For, X-Forwarded-Proto) or "forwarded"
	// (RFC 7239), as Keycloak's option proxy-headers; any other is none.
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

// Secure tells whether the caller spoke TLS: with this server, or with the
// proxies in front, if they are believed.
func Secure(r *http.Request) bool {
	if ev := Log(r.Context()); ev != nil {
		return ev.secure
	}
	return r.TLS != nil
}

// secure wants every proxy to have seen https: what a stranger sent stands
// beside what a proxy adds. Keycloak looks at the first value alone.
func (p *ProxyHeaders) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !p.believes(hostOf(r.RemoteAddr)) {
		return false
	}
	protos := p.protos(r)
	return len(protos) > 0 && !slices.ContainsFunc(protos, func(s string) bool { return s != "https" })
}

// believes tells whether a peer's headers count.
func (p *ProxyHeaders) believes(peer string) bool {
	if p == nil || p.Header != "xforwarded" && p.Header != "forwarded" {
		return false
	}
	addr, err := netip.ParseAddr(peer)
	return err == nil && (len(p.Trusted) == 0 || p.trusts(addr))
}

func (p *ProxyHeaders) clientIP(r *http.Request) string {
	peer := hostOf(r.RemoteAddr)
	if !p.believes(peer) {
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
	if p.Header == "forwarded" {
		return forwarded(r, "for")
	}
	return listed(r, "X-Forwarded-For")
}

// protos are the schemes proxies wrote down.
func (p *ProxyHeaders) protos(r *http.Request) []string {
	if p.Header == "forwarded" {
		return forwarded(r, "proto")
	}
	return listed(r, "X-Forwarded-Proto")
}

// listed are the values of a header, over all its lines; name is canonical.
func listed(r *http.Request, name string) []string {
	lines := r.Header[name]
	if len(lines) == 0 {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		out = append(out, strings.TrimSpace(part))
	}
	return out
}

// forwarded are the values of a parameter of all forwarded elements (RFC 7239
// §4), "" where an element has none.
func forwarded(r *http.Request, parameter string) []string {
	elements := listed(r, "Forwarded")
	for i, element := range elements {
		elements[i] = ""
		for param := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			if strings.EqualFold(name, parameter) {
				elements[i] = strings.Trim(value, `"`)
			}
		}
	}
	return elements
}

// Local tells whether an address is one of this machine or a private network:
// realms that require TLS from outside only do not require it there. These
// are the ranges Keycloak takes (SslRequired.EXTERNAL); what is no address is
// outside.
func Local(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || siteLocal.Contains(addr)
}

// siteLocal are IPv6's older private addresses (RFC 3879).
var siteLocal = netip.MustParsePrefix("fec0::/10")

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

// PlainHTTP tells whether a request came without the TLS that a realm's
// sslRequired ("none", "external", "all") asks for. A public base URL with https
// means that a proxy in front speaks it.
func PlainHTTP(r *http.Request, base, sslRequired string) bool {
	if sslRequired == "none" || strings.HasPrefix(base, "https://") || Secure(r) {
		return false
	}
	return sslRequired == "all" || !Local(ClientIP(r))
}
