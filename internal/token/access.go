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
	err = eachMember(payload, func(name, raw string) (err error) {
		c.All[name] = json.RawMessage(raw)
		switch name {
		case "exp":
			c.Exp, err = numberValue(raw)
		case "nbf":
			c.Nbf, err = numberValue(raw)
		case "iat":
			c.Iat, err = numberValue(raw)
		case "auth_time":
			c.AuthTime, err = numberValue(raw)
		case "jti":
			c.JTI, err = stringValue(raw)
		case "iss":
			c.Iss, err = stringValue(raw)
		case "aud":
			c.Aud, err = listValue(raw)
		case "sub":
			c.Sub, err = stringValue(raw)
		case "typ":
			c.Typ, err = stringValue(raw)
		case "azp":
			c.Azp, err = stringValue(raw)
		case "nonce":
			c.Nonce, err = stringValue(raw)
		case "sid":
			c.Sid, err = stringValue(raw)
		case "scope":
			c.Scope, err = stringValue(raw)
		}
		return err
	})
	if err != nil {
		return nil, Header{}, err
	}
	return c, h, nil
}
