package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is SHA-1 by definition, RFC 7517 §4.8
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// jwk is a public key in Keycloak's member order (RFC 7517 §4, RFC 7518 §6,
// RFC 8037 §2).
type jwk struct {
	KID     string   `json:"kid"`
	KTY     string   `json:"kty"`
	Alg     string   `json:"alg"`
	Use     string   `json:"use"`
	X5C     []string `json:"x5c,omitempty"`
	X5T     string   `json:"x5t,omitempty"`
	X5TS256 string   `json:"x5t#S256,omitempty"`
	Crv     string   `json:"crv,omitempty"`
	X       string   `json:"x,omitempty"`
	Y       string   `json:"y,omitempty"`
	N       string   `json:"n,omitempty"`
	E       string   `json:"e,omitempty"`
}

// publicKeys is the JSON of all enabled asymmetric keys.
func publicKeys(keys []*key) ([]byte, error) {
	doc := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range keys {
		if k.public == nil || !k.enabled() {
			continue
		}
		j, err := k.jwk()
		if err != nil {
			return nil, fmt.Errorf("publish key %s: %w", k.KID, err)
		}
		doc.Keys = append(doc.Keys, j)
	}
	return json.Marshal(doc)
}

func (k *key) jwk() (jwk, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	j := jwk{KID: k.KID, KTY: k.Type, Alg: k.Algorithm, Use: "sig"}
	if k.Use == "ENC" {
		j.Use = "enc"
	}
	if k.cert != nil {
		sum1, sum256 := sha1.Sum(k.cert.Raw), sha256.Sum256(k.cert.Raw) //nolint:gosec // see the import
		j.X5C, j.X5T, j.X5TS256 = []string{k.Certificate}, b64(sum1[:]), b64(sum256[:])
	}
	switch p := k.public.(type) {
	case *rsa.PublicKey:
		j.N, j.E = b64(p.N.Bytes()), b64(big.NewInt(int64(p.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 4, x, y
		if err != nil {
			return jwk{}, err
		}
		half := len(point) / 2
		j.Crv, j.X, j.Y = p.Params().Name, b64(point[1:half+1]), b64(point[half+1:])
	case ed25519.PublicKey:
		j.Crv, j.X = "Ed25519", b64(p)
	}
	return j, nil
}
