package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrInvalid means a token that is not ours, damaged, or not shaped as its
// kind must be. The reason in its text is for the log, never for the caller.
var ErrInvalid = errors.New("invalid token")

// ErrUnknownKey is the ErrInvalid of a token whose header names a key that the
// realm does not have, or not for that algorithm: it may be newer than the
// keyring.
var ErrUnknownKey = fmt.Errorf("%w: no such key for the algorithm", ErrInvalid)

func invalid(reason string) error { return fmt.Errorf("%w: %s", ErrInvalid, reason) }

// maxTokenLength is Keycloak's limit for token parameters, in characters.
const maxTokenLength = 20_000

// Header is the JOSE header of a token; Typ and KID may be "".
type Header struct {
	Alg string
	Typ string
	KID string
}

var strict = base64.RawURLEncoding.Strict()

// Verify checks a compact JWS made by this realm and returns its payload. The
// header's alg and kid choose among the enabled signature keys, passive ones
// too; without kid the active key of that algorithm is taken, as very old
// tokens need. The key's own algorithm must be the header's: alg none, an HMAC
// over a public key and every other mix-up have no key to match. A header with
// crit is refused, since no extension is understood here (RFC 7515 §4.1.11).
// Claims are not looked at.
//
// Errors: ErrInvalid, ErrUnknownKey among them.
func (r *Keyring) Verify(token string) (payload []byte, h Header, err error) {
	if len(token) > maxTokenLength {
		return nil, Header{}, invalid("too long")
	}
	head, rest, ok := strings.Cut(token, ".")
	body, sig64, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(sig64, ".") || strings.ContainsAny(token, "\r\n") {
		return nil, Header{}, invalid("not a compact JWS")
	}
	k := r.byHeader[head]
	if k != nil {
		h = Header{Alg: k.Algorithm, Typ: "JWT", KID: k.KID}
	} else if k, h, err = r.choose(head); err != nil {
		return nil, Header{}, err
	}
	b := scratch.Get().(*buffers)
	defer scratch.Put(b)
	sig, err := strict.AppendDecode(b.signature[:0], []byte(sig64))
	if err != nil {
		return nil, Header{}, invalid("signature is not base64url")
	}
	b.signature = sig
	b.token = append(b.token[:0], token[:len(head)+1+len(body)]...)
	if !k.verifySignature(b.token, sig) {
		return nil, Header{}, invalid("wrong signature")
	}
	payload, err = strict.DecodeString(body)
	if err != nil {
		return nil, Header{}, invalid("payload is not base64url")
	}
	return payload, h, nil
}

// VerifyInternal is Verify for refresh and offline tokens, cookies and action
// tokens. Keycloak does not pin them to HS512, so that a realm's HS256 tokens
// of before version 24 go on: any enabled signature key may have signed them.
func (r *Keyring) VerifyInternal(token string) (payload []byte, h Header, err error) {
	return r.Verify(token)
}

// choose parses a header and finds the key it names.
func (r *Keyring) choose(head string) (*key, Header, error) {
	doc, err := strict.DecodeString(head)
	if err != nil {
		return nil, Header{}, invalid("header is not base64url")
	}
	var h Header
	hasKID := false
	err = eachMember(doc, func(name, raw string) (err error) {
		switch name {
		case "alg":
			h.Alg, err = stringValue(raw)
		case "typ":
			h.Typ, err = stringValue(raw)
		case "kid":
			hasKID = raw != "null"
			h.KID, err = stringValue(raw)
		case "crit":
			err = invalid("unknown critical header")
		}
		return err
	})
	if err != nil {
		return nil, Header{}, err
	}
	if !hasKID {
		if k := r.active[h.Alg]; k != nil && k.alg != nil {
			return k, h, nil
		}
		return nil, Header{}, invalid("no active key for the algorithm")
	}
	for _, k := range r.byKID[h.KID] {
		if k.Algorithm == h.Alg {
			return k, h, nil
		}
	}
	return nil, Header{}, ErrUnknownKey
}
