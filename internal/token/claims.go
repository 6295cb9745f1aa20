package token

// claims is where what a token says is kept, for the claims that several kinds
// of tokens have. nil = this kind does not read the claim, whatever it holds.
type claims struct {
	exp, nbf, iat                              *int64
	jti, iss, sub, typ, azp, nonce, sid, scope *string
	aud                                        *[]string
}

// read keeps a claim if it is one of these.
//
// Errors: ErrInvalid, for a value of the wrong type.
func (c *claims) read(name, raw string) error {
	switch name {
	case "exp":
		return keep(c.exp, raw, numberValue)
	case "nbf":
		return keep(c.nbf, raw, numberValue)
	case "iat":
		return keep(c.iat, raw, numberValue)
	case "jti":
		return keep(c.jti, raw, stringValue)
	case "iss":
		return keep(c.iss, raw, stringValue)
	case "sub":
		return keep(c.sub, raw, stringValue)
	case "typ":
		return keep(c.typ, raw, stringValue)
	case "azp":
		return keep(c.azp, raw, stringValue)
	case "nonce":
		return keep(c.nonce, raw, stringValue)
	case "sid":
		return keep(c.sid, raw, stringValue)
	case "scope":
		return keep(c.scope, raw, stringValue)
	case "aud":
		return keep(c.aud, raw, listValue)
	}
	return nil
}

func keep[T any](into *T, raw string, value func(raw string) (T, error)) (err error) {
	if into != nil {
		*into, err = value(raw)
	}
	return err
}
