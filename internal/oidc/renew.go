package oidc

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
)

// A request may name what another node made a moment ago: a client, a secret,
// a key that signed its token. Before it is refused, the realm's version is
// compared with the store's.

// renew goes on with a newer version of the realm; false when there is none,
// or none with the client that was authenticated.
func (q *request) renew() (bool, error) {
	snap, err := q.e.Realms.Newer(q.ctx, q.snap)
	if err != nil || snap == nil {
		return false, err
	}
	if q.client != nil {
		c := snap.Client(q.client.ClientID)
		if c == nil {
			return false, nil
		}
		q.client = c
	}
	q.snap = snap
	return true, nil
}

// clientNamed finds a client by its clientId; nil when there is none.
func (q *request) clientNamed(id string) (*model.Client, error) {
	c := q.snap.Client(id)
	if c != nil || id == "" {
		return c, nil
	}
	if newer, err := q.renew(); err != nil || !newer {
		return nil, err
	}
	return q.snap.Client(id), nil
}

// parseRefresh is Keyring.ParseRefresh with the realm's newest keys.
func (q *request) parseRefresh(raw string) (*token.RefreshClaims, error) {
	return withKeys(q, raw, (*token.Keyring).ParseRefresh)
}

// parseAccess is Keyring.ParseAccess with the realm's newest keys.
func (q *request) parseAccess(raw string) (*token.AccessClaims, error) {
	return withKeys(q, raw, func(k *token.Keyring, raw string) (*token.AccessClaims, error) {
		c, _, err := k.ParseAccess(raw)
		return c, err
	})
}

// withKeys parses a token, once more when a key is named that is not known.
//
// Errors: token.ErrInvalid; those of the store.
func withKeys[T any](q *request, raw string, parse func(*token.Keyring, string) (*T, error)) (*T, error) {
	claims, err := parse(q.snap.Keys, raw)
	if !errors.Is(err, token.ErrUnknownKey) {
		return claims, err
	}
	newer, renewErr := q.renew()
	switch {
	case renewErr != nil:
		return nil, renewErr
	case !newer:
		return nil, err
	}
	return parse(q.snap.Keys, raw)
}
