package token

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
)

type family uint8

const (
	familyHMAC family = iota
	familyRSA         // RSASSA-PKCS1-v1_5
	familyPSS         // RSASSA-PSS, salt as long as the hash
	familyEC
	familyEd
)

// algorithm is one JWS algorithm of RFC 7518 §3.1 or RFC 8037 §3.1.
type algorithm struct {
	name   string
	family family
	hash   crypto.Hash    // 0 for EdDSA
	curve  elliptic.Curve // EC only
}

var algorithms = func() map[string]*algorithm {
	m := map[string]*algorithm{}
	for _, a := range []*algorithm{
		{"HS256", familyHMAC, crypto.SHA256, nil}, {"HS384", familyHMAC, crypto.SHA384, nil}, {"HS512", familyHMAC, crypto.SHA512, nil},
		{"RS256", familyRSA, crypto.SHA256, nil}, {"RS384", familyRSA, crypto.SHA384, nil}, {"RS512", familyRSA, crypto.SHA512, nil},
		{"PS256", familyPSS, crypto.SHA256, nil}, {"PS384", familyPSS, crypto.SHA384, nil}, {"PS512", familyPSS, crypto.SHA512, nil},
		{"ES256", familyEC, crypto.SHA256, elliptic.P256()}, {"ES384", familyEC, crypto.SHA384, elliptic.P384()}, {"ES512", familyEC, crypto.SHA512, elliptic.P521()},
		{"EdDSA", familyEd, 0, nil},
	} {
		m[a.name] = a
	}
	return m
}()

func (a *algorithm) isRSA() bool { return a.family == familyRSA || a.family == familyPSS }

// InternalAlg signs refresh and offline tokens, action tokens and cookies,
// whatever realm and client say (Keycloak since 24).
const InternalAlg = "HS512"

// KnownAlg tells whether alg is a signature algorithm this package speaks.
func KnownAlg(alg string) bool { return algorithms[alg] != nil }

// HashHalf is the value of at_hash and c_hash for a token signed with alg: the
// left half of the hash of value, base64url. EdDSA uses SHA-512, as Keycloak
// and Ed25519 itself do. It is "" for an unknown alg.
// OpenID Connect Core §3.1.3.6 and §3.3.2.11.
func HashHalf(alg, value string) string {
	a := algorithms[alg]
	if a == nil {
		return ""
	}
	switch a.hash {
	case crypto.SHA256:
		h := sha256.Sum256([]byte(value))
		return base64.RawURLEncoding.EncodeToString(h[:len(h)/2])
	case crypto.SHA384:
		h := sha512.Sum384([]byte(value))
		return base64.RawURLEncoding.EncodeToString(h[:len(h)/2])
	}
	h := sha512.Sum512([]byte(value))
	return base64.RawURLEncoding.EncodeToString(h[:len(h)/2])
}

// digest hashes b with h, which is SHA-256, SHA-384 or SHA-512, into buf.
func digest(h crypto.Hash, b []byte, buf *[64]byte) []byte {
	switch h {
	case crypto.SHA256:
		*(*[32]byte)(buf[:]) = sha256.Sum256(b)
	case crypto.SHA384:
		*(*[48]byte)(buf[:]) = sha512.Sum384(b)
	default:
		*buf = sha512.Sum512(b)
	}
	return buf[:h.Size()]
}
