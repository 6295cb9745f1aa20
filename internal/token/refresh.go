package token

import "encoding/json"

// Types of tokens, claim typ.
const (
	TypBearer  = "Bearer"
	TypID      = "ID"
	TypRefresh = "Refresh"
	TypOffline = "Offline"
)

// ProvDefault is claim prov of every refresh token of Keycloak 26.7.
const ProvDefault = "default"

// RefreshClaims are the claims of a refresh or offline token. Times are Unix
// seconds, 0 for an absent claim; strings are "" when absent.
type RefreshClaims struct {
	Exp int64 // absent in an offline token unless the realm limits the maximum
	Nbf int64
	Iat int64

	JTI   string // no prefix
	Iss   string // of the login, kept on every refresh
	Aud   []string
	Sub   string // absent where the client has no scope basic
	Typ   string // TypRefresh, TypOffline
	Azp   string
	Nonce string
	Sid   string // read from session_state in tokens of before version 15
	Scope string // every scope in effect, hidden ones too
	AudX  []string
	Prov  string
	// ReqAud are the client ids a token exchange was restricted to; nil: all.
	ReqAud []string
	// ReuseID names the rotation chain; "" when issued while rotation was off.
	ReuseID string
	// SessionState is read only; Sid is set from it where sid is absent.
	SessionState string
	// Confirmation is the raw claim cnf. A token that has one is bound to a key
	// or certificate: who cannot check that must refuse it. It is never written.
	Confirmation json.RawMessage
}

// ParseRefresh verifies a refresh or offline token and reads its claims. It
// checks the signature and the shape, nothing else: not typ, iss, azp or times.
// aud and aud_x may be a string or an array, times may have a fraction.
//
// Errors: ErrInvalid (wrong types and members that stand twice, too).
func (r *Keyring) ParseRefresh(token string) (*RefreshClaims, error) {
	payload, _, err := r.VerifyInternal(token)
	if err != nil {
		return nil, err
	}
	return parseRefreshClaims(payload)
}

func parseRefreshClaims(payload []byte) (*RefreshClaims, error) {
	c := &RefreshClaims{}
	shared := claims{
		exp: &c.Exp, nbf: &c.Nbf, iat: &c.Iat, jti: &c.JTI, iss: &c.Iss, sub: &c.Sub, typ: &c.Typ, azp: &c.Azp,
		nonce: &c.Nonce, sid: &c.Sid, scope: &c.Scope, aud: &c.Aud,
	}
	err := eachMember(payload, func(name, raw string) (err error) {
		switch name {
		case "session_state":
			c.SessionState, err = stringValue(raw)
		case "aud_x":
			c.AudX, err = listValue(raw)
		case "prov":
			c.Prov, err = stringValue(raw)
		case "req-aud":
			c.ReqAud, err = listValue(raw)
		case "reuse_id":
			c.ReuseID, err = stringValue(raw)
		case "cnf":
			if raw != "null" {
				c.Confirmation = json.RawMessage(raw)
			}
		default:
			err = shared.read(name, raw)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.Sid == "" {
		c.Sid = c.SessionState
	}
	return c, nil
}

// AppendJSON appends the payload of a refresh token in Keycloak's member order:
// exp, nbf, iat, jti, iss, aud, sub, typ, azp, nonce, sid, scope, aud_x, prov,
// req-aud, reuse_id. What is empty is left out, except iat, typ and scope; aud
// and aud_x are a string when there is one, req-aud is always a list.
func (c *RefreshClaims) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if c.Exp != 0 {
		dst = appendNumber(dst, "exp", c.Exp)
	}
	if c.Nbf != 0 {
		dst = appendNumber(dst, "nbf", c.Nbf)
	}
	dst = appendNumber(dst, "iat", c.Iat)
	dst = appendOptional(dst, "jti", c.JTI)
	dst = appendOptional(dst, "iss", c.Iss)
	dst = appendStrings(dst, "aud", c.Aud)
	dst = appendOptional(dst, "sub", c.Sub)
	dst = appendMember(dst, "typ", c.Typ)
	dst = appendOptional(dst, "azp", c.Azp)
	dst = appendOptional(dst, "nonce", c.Nonce)
	dst = appendOptional(dst, "sid", c.Sid)
	dst = appendMember(dst, "scope", c.Scope)
	dst = appendStrings(dst, "aud_x", c.AudX)
	dst = appendOptional(dst, "prov", c.Prov)
	if len(c.ReqAud) > 0 {
		dst = appendList(appendName(dst, "req-aud"), c.ReqAud)
	}
	dst = appendOptional(dst, "reuse_id", c.ReuseID)
	return append(dst, '}')
}

func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendMember(dst, name, value)
}
