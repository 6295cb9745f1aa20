package adapter

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// open checks form and signature of a JWT and returns its payload.
//
// go-jose reads the header of every token but those whose header is, letter for
// letter, one it has read before in a token of the issuer: there are few, and
// reading them is a quarter of the work. Whatever does not fit then goes to
// go-jose all the same.
func (p *Provider) open(ctx context.Context, raw string, algorithms []jose.SignatureAlgorithm) ([]byte, error) {
	header, _, _ := strings.Cut(raw, ".")
	if known, ok := p.heads.find(header); ok && slices.Contains(algorithms, known.algorithm) {
		key, found, err := p.key(ctx, known.keyID, string(known.algorithm))
		if err != nil {
			return nil, err
		}
		if found {
			if claims, ok := openKnown(raw, known.algorithm, key); ok {
				return claims, nil
			}
		}
	}
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, &TokenError{parseReason(err), err}
	}
	head := jws.Signatures[0].Protected
	if err := ordinary(head); err != nil {
		return nil, err
	}
	key, ok, err := p.key(ctx, head.KeyID, head.Algorithm)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, refused(ReasonKey)
	}
	claims, err := jws.Verify(key)
	if err != nil {
		return nil, refused(ReasonSignature)
	}
	p.heads.add(header, head)
	return claims, nil
}

// openKnown checks a token whose header is known. ok is false for all it does
// not understand.
func openKnown(raw string, algorithm jose.SignatureAlgorithm, key any) (claims []byte, ok bool) {
	first, last := strings.IndexByte(raw, '.'), strings.LastIndexByte(raw, '.')
	if strings.Count(raw, ".") != 2 || strings.ContainsAny(raw, "\r\n") { // which base64 would pass over
		return nil, false
	}
	encoding := base64.RawURLEncoding.Strict()
	signature, err := encoding.DecodeString(raw[last+1:])
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256([]byte(raw[:last]))
	switch k := key.(type) {
	case *rsa.PublicKey:
		ok = algorithm == jose.RS256 && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey: // RFC 7518 §3.4
		ok = algorithm == jose.ES256 && k.Curve == elliptic.P256() && len(signature) == 64 &&
			ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	if !ok {
		return nil, false
	}
	claims, err = encoding.DecodeString(raw[first+1 : last])
	return claims, err == nil
}

// heads remembers the headers of tokens whose signature was good, so that
// strangers cannot fill it.
type heads struct {
	mu    sync.RWMutex
	known map[string]knownHead // by the header as it is in the token
}

type knownHead struct {
	keyID     string
	algorithm jose.SignatureAlgorithm
}

// maxHeads is enough for some keys of an issuer and the types of its tokens.
const maxHeads = 64

func (h *heads) find(header string) (knownHead, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	k, ok := h.known[header]
	return k, ok
}

func (h *heads) add(header string, head jose.Header) {
	algorithm := jose.SignatureAlgorithm(head.Algorithm)
	if algorithm != jose.RS256 && algorithm != jose.ES256 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHeads { // keys change: begin anew
		h.known = map[string]knownHead{}
	}
	h.known[strings.Clone(header)] = knownHead{head.KeyID, algorithm}
}
