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

// begin counts a user code before it is looked up, so that many at once count
// too; right takes back one that was right. wait is how long the address must
// wait before it may name one, in seconds; 0 for not at all.
func (g *guesses) begin(address string, now int64) (wait int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.minute != now/60 || g.count == nil {
		g.minute, g.count = now/60, map[netip.Prefix]int{}
	}
	key := g.key(address)
	if g.count[key] >= guessLimit {
		return 60 - now%60
	}
	g.count[key]++
	return 0
}

func (g *guesses) right(address string, now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if key := g.key(address); g.minute == now/60 && g.count[key] > 0 {
		g.count[key]--
	}
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
