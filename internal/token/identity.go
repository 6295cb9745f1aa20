package token

import (
	"encoding/json"
	"fmt"
)

// TypIdentity is the typ of identity cookies.
const TypIdentity = "Serialized-ID"

// IdentityClaims are what cookie KEYCLOAK_IDENTITY says: whose login, since
// when, in which session. Only this realm reads it; what it names is looked up.
type IdentityClaims struct {
	Exp   int64  `json:"exp,omitempty"`
	Iat   int64  `json:"iat"`
	JTI   string `json:"jti"`
	Iss   string `json:"iss"`
	Sub   string `json:"sub"`
	Typ   string `json:"typ"`
	Sid   string `json:"sid"`
	State string `json:"state_checker"`
}

// SignIdentity makes the cookie's value.
func (r *Keyring) SignIdentity(c *IdentityClaims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("identity: %w", err)
	}
	return r.SignInternal(payload)
}

// ParseIdentity reads one. ErrInvalid for what this realm did not sign as such;
// issuer, times and session are the caller's to check.
func (r *Keyring) ParseIdentity(value string) (*IdentityClaims, error) {
	payload, _, err := r.VerifyInternal(value)
	if err != nil {
		return nil, err
	}
	c := &IdentityClaims{}
	if err := json.Unmarshal(payload, c); err != nil || c.Typ != TypIdentity {
		return nil, invalid("not an identity")
	}
	return c, nil
}
