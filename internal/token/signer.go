package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes that crypto.Hash.New needs
	_ "crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"sync"
)

// SignerMode says what makes RSA signatures; all else is Go's crypto.
type SignerMode string

// Signer modes. The empty mode is SignerAuto.
const (
	SignerAuto      SignerMode = "auto"      // libcrypto where the host has it, else crypto/rsa
	SignerGo        SignerMode = "go"        // crypto/rsa
	SignerLibcrypto SignerMode = "libcrypto" // libcrypto.so.3, an error without it
)

// ErrNoLibcrypto means that libcrypto 3 cannot be used here.
var ErrNoLibcrypto = errors.New("libcrypto 3 not usable")

// backend makes a signer of an RSA key.
type backend struct {
	name string
	open func(*rsa.PrivateKey) (crypto.Signer, error)
}

var goBackend = backend{name: "crypto/rsa", open: func(k *rsa.PrivateKey) (crypto.Signer, error) { return k, nil }}

func openBackend(mode SignerMode) (backend, error) {
	switch mode {
	case SignerGo:
		return goBackend, nil
	case SignerAuto, "":
		b, err := libcryptoBackend()
		if err != nil {
			return goBackend, nil //nolint:nilerr // auto means: the best there is
		}
		open := b.open
		b.open = func(k *rsa.PrivateKey) (crypto.Signer, error) {
			if s, err := open(k); err == nil {
				return s, nil
			}
			return k, nil
		}
		return b, nil
	case SignerLibcrypto:
		return libcryptoBackend()
	}
	return backend{}, fmt.Errorf("signer %q: want auto, go or libcrypto", string(mode))
}

// ProbeSigner names what makes RSA signatures in a mode, for the log at start:
// "libcrypto 3.0.17" or "crypto/rsa".
//
// Errors: ErrNoLibcrypto (mode libcrypto only), an unknown mode.
func ProbeSigner(mode SignerMode) (name string, err error) {
	b, err := openBackend(mode)
	return b.name, err
}

// signer appends the JWS signature of input to dst. It may be shared.
type signer func(dst, input []byte) ([]byte, error)

// newSigner makes the signer of an active key. The back end opens an RSA key at
// its first signature: a realm nobody uses costs nothing.
func newSigner(k *key, b backend) signer {
	switch k.alg.family {
	case familyHMAC:
		return k.mac
	case familyRSA, familyPSS:
		private := k.private.(*rsa.PrivateKey)
		return rsaSigner(k.alg, sync.OnceValues(func() (crypto.Signer, error) { return b.open(private) }))
	case familyEC:
		return ecSigner(k.alg, k.private.(*ecdsa.PrivateKey))
	}
	private := k.private.(ed25519.PrivateKey)
	return func(dst, input []byte) ([]byte, error) { return append(dst, ed25519.Sign(private, input)...), nil }
}

func macPool(h crypto.Hash, secret []byte) signer {
	pool := sync.Pool{New: func() any { return hmac.New(h.New, secret) }}
	return func(dst, input []byte) ([]byte, error) {
		m := pool.Get().(hash.Hash)
		m.Reset()
		m.Write(input)
		dst = m.Sum(dst)
		pool.Put(m)
		return dst, nil
	}
}

// signerOpts are crypto/rsa's words for an algorithm; RFC 7518 §3.5 wants a
// salt as long as the hash.
func signerOpts(a *algorithm) crypto.SignerOpts {
	if a.family == familyPSS {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	return a.hash
}

func rsaSigner(a *algorithm, open func() (crypto.Signer, error)) signer {
	opts := signerOpts(a)
	return func(dst, input []byte) ([]byte, error) {
		private, err := open()
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", a.name, err)
		}
		var buf [64]byte
		sig, err := private.Sign(rand.Reader, digest(a.hash, input, &buf), opts)
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", a.name, err)
		}
		return append(dst, sig...), nil
	}
}

func ecSigner(a *algorithm, private *ecdsa.PrivateKey) signer {
	size := (a.curve.Params().BitSize + 7) / 8
	return func(dst, input []byte) ([]byte, error) {
		var buf [64]byte
		der, err := ecdsa.SignASN1(rand.Reader, private, digest(a.hash, input, &buf))
		if err != nil {
			return nil, fmt.Errorf("sign %s: %w", a.name, err)
		}
		return appendRaw(dst, der, size)
	}
}

// appendRaw turns SEQUENCE { r INTEGER, s INTEGER } into the two numbers of
// size bytes each, one after the other (RFC 7518 §3.4).
func appendRaw(dst, der []byte, size int) ([]byte, error) {
	bad := errors.New("malformed ECDSA signature")
	if len(der) < 2 || der[0] != 0x30 {
		return nil, bad
	}
	rest := der[2:]
	if der[1] == 0x81 { // P-521: more than 127 bytes
		rest = der[3:]
	}
	for range 2 {
		if len(rest) < 2 || rest[0] != 0x02 || len(rest) < 2+int(rest[1]) {
			return nil, bad
		}
		n := rest[2 : 2+int(rest[1])]
		rest = rest[2+int(rest[1]):]
		for len(n) > 0 && n[0] == 0 {
			n = n[1:]
		}
		if len(n) > size {
			return nil, bad
		}
		for range size - len(n) {
			dst = append(dst, 0)
		}
		dst = append(dst, n...)
	}
	return dst, nil
}

// verifySignature checks sig over input. The key's own type and algorithm
// decide how, never the token: an RSA public key is never used as a secret.
func (k *key) verifySignature(input, sig []byte) bool {
	var buf [64]byte
	switch k.alg.family {
	case familyHMAC:
		want, err := k.mac(buf[:0], input)
		return err == nil && hmac.Equal(want, sig)
	case familyRSA:
		return rsa.VerifyPKCS1v15(k.public.(*rsa.PublicKey), k.alg.hash, digest(k.alg.hash, input, &buf), sig) == nil
	case familyPSS:
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(k.public.(*rsa.PublicKey), k.alg.hash, digest(k.alg.hash, input, &buf), sig, opts) == nil
	case familyEC:
		size := (k.alg.curve.Params().BitSize + 7) / 8
		if len(sig) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		return ecdsa.Verify(k.public.(*ecdsa.PublicKey), digest(k.alg.hash, input, &buf), r, s)
	}
	return len(sig) == ed25519.SignatureSize && ed25519.Verify(k.public.(ed25519.PublicKey), input, sig)
}
