package adapter

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// OnlineCheck asks the server whether an access token still counts, so that an
// ended session or a disabled user acts before the token expires. Make one for
// the routes that share its cache.
type OnlineCheck struct {
	// Introspect asks the introspection endpoint (RFC 7662), as this client,
	// which must be confidential. Otherwise userinfo is asked with the token
	// itself, which must have scope openid: one without it is refused.
	Introspect bool
	// CacheFor is how long "it counts" is believed without asking again; 0 = ask
	// on every request. A refusal is believed until the token expires. When the
	// server cannot be asked the request is refused, with 503 in Middleware.
	CacheFor time.Duration

	mu   sync.Mutex
	seen map[[sha256.Size]byte]verdict
}

type verdict struct {
	active bool
	until  time.Time
}

// maxSeen is how many tokens are remembered, about 100 bytes each.
const maxSeen = 10_000

// check returns nil, a *TokenError with ReasonInactive, or what kept it from
// asking.
func (c *OnlineCheck) check(ctx context.Context, p *Provider, t *Token) error {
	key, now := sha256.Sum256([]byte(t.Raw)), p.cfg.Clock()
	c.mu.Lock()
	v, ok := c.seen[key]
	c.mu.Unlock()
	if !ok || !now.Before(v.until) {
		active, err := c.ask(ctx, p, t.Raw)
		if err != nil {
			return err
		}
		v = verdict{active, now.Add(c.CacheFor)}
		if !active || v.until.After(t.Expires) {
			v.until = t.Expires
		}
		if !active || c.CacheFor > 0 {
			c.remember(key, v, now)
		}
	}
	if !v.active {
		return refused(ReasonInactive)
	}
	return nil
}

// remember keeps a verdict. When there are too many, those that have run out
// go, and then any.
func (c *OnlineCheck) remember(key [sha256.Size]byte, v verdict, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[[sha256.Size]byte]verdict{}
	}
	if len(c.seen) >= maxSeen {
		for k, old := range c.seen {
			if !now.Before(old.until) || len(c.seen) > maxSeen*9/10 {
				delete(c.seen, k)
			}
		}
	}
	c.seen[key] = v
}

func (c *OnlineCheck) ask(ctx context.Context, p *Provider, raw string) (active bool, err error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return false, err
	}
	if c.Introspect {
		return p.introspect(ctx, m, raw)
	}
	return p.userinfo(ctx, m, raw)
}

func (p *Provider) introspect(ctx context.Context, m *Metadata, raw string) (bool, error) {
	const op = "introspection"
	a, err := p.post(ctx, op, m.IntrospectionEndpoint, url.Values{"token": {raw}})
	if err != nil {
		return false, err
	}
	var said struct {
		Active bool `json:"active"`
	}
	err = a.decode(op, &said)
	return said.Active, err
}

func (p *Provider) userinfo(ctx context.Context, m *Metadata, raw string) (bool, error) {
	const op = "userinfo"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.UserinfoEndpoint, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+raw)
	a, err := p.do(op, req)
	switch {
	case err != nil:
		return false, err
	case a.status == http.StatusOK:
		return true, nil
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return false, nil
	}
	return false, a.failure(op)
}
