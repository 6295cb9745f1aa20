package login

import (
	"net/netip"
	"sync"
)

// guesses counts wrong user codes by address: a user code is short, so nobody
// may try many. The count is this node's own, so that n nodes let n times as
// many through; with 26^8 codes that is still none in a lifetime of one. What
// it holds is bounded: a minute's addresses, and not more than guessAddresses.
type guesses struct {
	mu     sync.Mutex
	minute int64
	count  map[netip.Prefix]int
}

const (
	guessLimit     = 20     // wrong user codes a minute and address
	guessAddresses = 10_000 // all beyond count as one
)

// wait tells how long an address must wait before it may name a user code
// again, in seconds; 0 for not at all.
func (g *guesses) wait(address string, now int64) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.minute != now/60 || g.count[g.key(address)] < guessLimit {
		return 0
	}
	return 60 - now%60
}

// wrong counts a wrong user code.
func (g *guesses) wrong(address string, now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.minute != now/60 || g.count == nil {
		g.minute, g.count = now/60, map[netip.Prefix]int{}
	}
	g.count[g.key(address)]++
}

// key is whom an address counts for: itself, of IPv6 its /64 network, which one
// machine may have whole.
func (g *guesses) key(address string) netip.Prefix {
	var key netip.Prefix
	if a, err := netip.ParseAddr(address); err == nil {
		a = a.Unmap().WithZone("")
		bits := 64
		if a.Is4() {
			bits = 32
		}
		key, _ = a.Prefix(bits)
	}
	if _, known := g.count[key]; !known && len(g.count) >= guessAddresses {
		return netip.Prefix{}
	}
	return key
}
