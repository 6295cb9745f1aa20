package adapter

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyCache holds an issuer's keys by key id. They are fetched again when they
// are an hour old, and for an unknown key id, but not twice within ten seconds:
// tokens with made-up ids must not become a load on the server.
type keyCache struct {
	mu      sync.RWMutex
	byID    map[string]jose.JSONWebKey
	fetched time.Time // of the keys that are here

	fetching gate      // guards the two below
	tried    time.Time // of the last fetch, also one that failed
	failed   error     // what the last fetch ended in
}

// key gives the key with the id for signatures by the algorithm. ok is false
// when the issuer has none.
func (p *Provider) key(ctx context.Context, id, algorithm string) (key any, ok bool, err error) {
	now := p.cfg.Clock()
	k, found, age := p.keys.look(id, now)
	if !found || age >= keysMaxAge {
		if err = p.refreshKeys(ctx, id, found); err == nil {
			k, found, _ = p.keys.look(id, now)
		}
	}
	switch {
	case !found && err != nil:
		return nil, false, err
	case !found, k.Algorithm != "" && k.Algorithm != algorithm:
		return nil, false, nil
	}
	return k.Key, true, nil
}

// look finds a key and tells how old the keys are.
func (c *keyCache) look(id string, now time.Time) (k jose.JSONWebKey, found bool, age time.Duration) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, found = c.byID[id]
	return k, found, now.Sub(c.fetched)
}

// refreshKeys fetches the keys unless somebody else did while this call waited,
// or tried a moment ago. found tells that the key is at hand, only old: then
// nobody waits for who asks already.
func (p *Provider) refreshKeys(ctx context.Context, id string, found bool) error {
	c := &p.keys
	if !c.fetching.try() {
		if found {
			return nil
		}
		if err := c.fetching.enter(ctx); err != nil {
			return &TemporaryError{Op: "keys", Err: err}
		}
	}
	defer c.fetching.leave()
	now := p.cfg.Clock()
	if _, found, age := c.look(id, now); found && age < keysMaxAge {
		return nil
	}
	if !c.tried.IsZero() && now.Sub(c.tried) < keysMinAge {
		return c.failed
	}
	// Who asks may go away: that must not count as a failure of the server.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	c.tried = now
	var byID map[string]jose.JSONWebKey
	if byID, c.failed = p.fetchKeys(ctx); c.failed != nil {
		return c.failed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID, c.fetched = byID, now
	return nil
}

// fetchKeys reads a JWK set (RFC 7517 §5). Keys that are not for signatures, or
// of kinds nobody here knows, are left out.
func (p *Provider) fetchKeys(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	const op = "keys"
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := p.getJSON(ctx, op, m.JWKSURI, &set); err != nil {
		return nil, err
	}
	byID := make(map[string]jose.JSONWebKey, len(set.Keys))
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) == nil && k.KeyID != "" && k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") {
			byID[k.KeyID] = k
		}
	}
	if len(byID) == 0 {
		return nil, &ProtocolError{Op: op, Status: http.StatusOK, Description: "the document holds no key that can be read"}
	}
	return byID, nil
}
