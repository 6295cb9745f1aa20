package adapter

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// NotBefore holds the time before which no access token may be issued: what an
// administrator sets to revoke all tokens at once. It learns it when the server
// pushes it (Push) and when it is asked (Poll), and never goes back. The zero
// value refuses nothing.
type NotBefore struct {
	mu sync.RWMutex
	at time.Time
}

// Time is the latest time known, zero if there is none.
func (n *NotBefore) Time() time.Time {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.at
}

// Raise sets the time if it is later than the one known, in whole seconds.
func (n *NotBefore) Raise(at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at = at.Truncate(time.Second).UTC(); at.After(n.at) && at.Unix() > 0 {
		n.at = at
	}
}

// Poll asks the realm document for tokens-not-before, Keycloak's public value
// of the realm. Call it as often as a revocation may take to act.
//
// Errors: *TemporaryError, *ProtocolError.
func (n *NotBefore) Poll(ctx context.Context, p *Provider) error {
	var doc struct {
		NotBefore seconds `json:"tokens-not-before"`
	}
	if err := p.getJSON(ctx, "not-before", p.cfg.Issuer, &doc); err != nil {
		return err
	}
	n.Raise(doc.NotBefore.time())
	return nil
}

// Push is the handler for k_push_not_before below the client's admin URL: the
// server posts a JWT signed with the realm's key that names the time and the
// client it is for. What is not for this client, has expired or is not signed
// by the issuer is answered 400 and changes nothing.
func (n *NotBefore) Push(p *Provider) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		action, err := readAction(r, p)
		if err != nil || action.Action != "PUSH_NOT_BEFORE" {
			http.Error(w, "not a not-before of the issuer for this client", http.StatusBadRequest)
			return
		}
		n.Raise(action.NotBefore.time())
		w.WriteHeader(http.StatusNoContent)
	})
}
