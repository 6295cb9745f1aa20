package token

import "encoding/json"

// AccessClaims are the claims of an access or ID token. Times are Unix
// seconds, 0 for an absent claim; strings are "" when absent.
type AccessClaims struct {
	Exp, Nbf, Iat, AuthTime int64

	JTI   string // with its prefix: ParseJTI
	Iss   string
	Aud   []string
	Sub   string // absent in lightweight tokens
	Typ   string // TypBearer, TypID
	Azp   string
	Nonce string
	Sid   string
	Scope string

	// All holds every claim of the token, those above too, as it was sent.
	All map[string]json.RawMessage
}

// ParseAccess verifies a token of this realm, as introspection and userinfo
// get it, and reads its claims. It checks the signature and the shape, nothing
// else: not typ, iss, audience or times.
//
// Errors: ErrInvalid.
func (r *Keyring) ParseAccess(token string) (*AccessClaims, Header, error) {
	payload, h, err := r.Verify(token)
	if err != nil {
		return nil, Header{}, err
	}
	c := &AccessClaims{All: map[string]json.RawMessage{}}
	shared := claims{
		exp: &c.Exp, nbf: &c.Nbf, iat: &c.Iat, jti: &c.JTI, iss: &c.Iss, sub: &c.Sub, typ: &c.Typ, azp: &c.Azp,
		nonce: &c.Nonce, sid: &c.Sid, scope: &c.Scope, aud: &c.Aud,
	}
	err = eachMember(payload, func(name, raw string) (err error) {
		c.All[name] = json.RawMessage(raw)
		if name == "auth_time" {
			c.AuthTime, err = numberValue(raw)
			return err
		}
		return shared.read(name, raw)
	})
	if err != nil {
		return nil, Header{}, err
	}
	return c, h, nil
}
