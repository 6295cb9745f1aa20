package adapter

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
)

// adminAction is what the server posts to a client's admin URL: a JWS signed
// with the realm's key.
type adminAction struct {
	ID        string  `json:"id"`
	Expires   seconds `json:"expiration"`
	Client    string  `json:"resource"`
	Action    string  `json:"action"`
	NotBefore seconds `json:"notBefore"`
}

const maxAction = 64 << 10 // bytes

// readAction checks a posted action: signature, client, expiry.
func readAction(r *http.Request, p *Provider) (*adminAction, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxAction+1))
	if err != nil || r.Method != http.MethodPost || len(raw) > maxAction {
		return nil, errors.New("no action")
	}
	jws, err := jose.ParseSignedCompact(string(raw), asymmetric)
	if err != nil {
		return nil, fmt.Errorf("action: %w", err)
	}
	head := jws.Signatures[0].Protected
	if err := ordinary(head); err != nil {
		return nil, err
	}
	key, ok, err := p.key(r.Context(), head.KeyID, head.Algorithm)
	if err != nil || !ok {
		return nil, errors.Join(err, refused(ReasonKey))
	}
	claims, err := jws.Verify(key)
	if err != nil {
		return nil, refused(ReasonSignature)
	}
	a := &adminAction{}
	if err := josejson.Unmarshal(claims, a); err != nil {
		return nil, &TokenError{Reason: ReasonClaims, Err: err}
	}
	if a.Client != p.cfg.ClientID || !p.cfg.Clock().Before(a.Expires.time()) {
		return nil, errors.New("action is for another client, or has expired")
	}
	return a, nil
}
