package token

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/latchkey-id/latchkey/internal/model"
)

// ErrNoKey means the realm has no active key for an algorithm; see NeedsFallback.
var ErrNoKey = errors.New("no active key")

// Keyring is the keys of a realm at one version of its components. It is
// immutable and safe for concurrent use. Keys are ordered as Keycloak's: by
// priority, highest first, then by component id.
type Keyring struct {
	keys     []*key
	active   map[string]*key   // by algorithm: the one that signs
	byKID    map[string][]*key // enabled signature keys
	byHeader map[string]*key   // enabled signature keys, by encoded header
	jwks     []byte
	infos    []KeyInfo
	faults   []error
}

// NewKeyring reads key components that Complete has filled in; the components
// are not kept. A component that cannot be read is left out and reported by
// Faults, since a realm must go on with the keys it has.
//
// Errors: ErrNoLibcrypto when mode insists on libcrypto and it is missing, an
// unknown mode.
func NewKeyring(components []*model.Component, mode SignerMode) (*Keyring, error) {
	backend, err := openBackend(mode)
	if err != nil {
		return nil, err
	}
	r := &Keyring{active: map[string]*key{}, byKID: map[string][]*key{}, byHeader: map[string]*key{}}
	for _, c := range components {
		k, certFault, err := readKey(c)
		for _, fault := range []error{certFault, err} {
			if fault != nil {
				r.faults = append(r.faults, fmt.Errorf("key component %q (%s): %w", c.Name, c.ID, fault))
			}
		}
		if err == nil {
			r.keys = append(r.keys, k)
		}
	}
	slices.SortStableFunc(r.keys, func(a, b *key) int {
		return cmp.Or(cmp.Compare(b.ProviderPriority, a.ProviderPriority), cmp.Compare(a.ProviderID, b.ProviderID))
	})
	for _, k := range r.keys {
		r.index(k, backend)
	}
	r.jwks, err = publicKeys(r.keys)
	return r, err
}

func (r *Keyring) index(k *key, b backend) {
	r.infos = append(r.infos, k.KeyInfo)
	if k.alg != nil && k.enabled() {
		r.byKID[k.KID] = append(r.byKID[k.KID], k)
		for _, h := range []string{k.header, k.keycloakHeader()} {
			if r.byHeader[h] == nil {
				r.byHeader[h] = k
			}
		}
	}
	if k.Status != StatusActive || r.active[k.Algorithm] != nil {
		return
	}
	if k.alg != nil {
		k.sign = newSigner(k, b)
	}
	r.active[k.Algorithm] = k
}

// keycloakHeader is the header as Keycloak spaces it, seen on tokens that were
// taken over.
func (k *key) keycloakHeader() string {
	b := append([]byte(`{"alg":`), appendString(nil, k.Algorithm)...)
	b = appendString(append(b, `,"typ" : "JWT","kid" : `...), k.KID)
	return base64.RawURLEncoding.EncodeToString(append(b, '}'))
}

// Faults are the components and certificates that could not be used.
func (r *Keyring) Faults() []error { return slices.Clone(r.faults) }

// Has tells whether the realm can sign with alg.
func (r *Keyring) Has(alg string) bool {
	k := r.active[alg]
	return k != nil && k.sign != nil
}

// NeedsFallback tells whether alg is known and no active key serves it. Then
// the caller may add FallbackComponent(alg), as Keycloak does when it must
// sign; a passive key does not help, and an RSA key serves one algorithm only.
func (r *Keyring) NeedsFallback(alg string) bool { return KnownAlg(alg) && !r.Has(alg) }

// Active is the kid of the active key of each algorithm, RSA-OAEP and AES
// included.
func (r *Keyring) Active() map[string]string {
	m := make(map[string]string, len(r.active))
	for alg, k := range r.active {
		m[alg] = k.KID
	}
	return m
}

// Keys lists every key, disabled ones too, as admin REST does.
func (r *Keyring) Keys() []KeyInfo { return slices.Clone(r.infos) }

// JWKS is the body of the certs endpoint: the public halves of all enabled
// asymmetric keys, encryption keys included. The caller must not change it.
func (r *Keyring) JWKS() []byte { return r.jwks }

// RealmPublicKey is public_key of the realm document: the base64
// SubjectPublicKeyInfo of the RS256 key, else of the first active RSA
// signature key; "" when there is none.
func (r *Keyring) RealmPublicKey() string {
	if k := r.active["RS256"]; k != nil {
		return k.PublicKey
	}
	for _, k := range r.keys {
		if k.Status == StatusActive && k.alg != nil && k.alg.isRSA() {
			return k.PublicKey
		}
	}
	return ""
}

// scratch holds the buffers of Sign and Verify between calls.
var scratch = sync.Pool{New: func() any { return &buffers{make([]byte, 0, 4096), make([]byte, 0, 512)} }}

type buffers struct{ token, signature []byte }

// Sign makes a compact JWS of payload with the realm's active key for alg. Its
// header is {"alg":…,"typ":"JWT","kid":…} in that order (RFC 7515 §3.1).
//
// Errors: ErrNoKey.
func (r *Keyring) Sign(alg string, payload []byte) (string, error) {
	k := r.active[alg]
	if k == nil || k.sign == nil {
		return "", fmt.Errorf("%w for %s", ErrNoKey, alg)
	}
	return k.compact(k.header, payload)
}

// SignAs is Sign with another typ in the header, such as logout+jwt.
func (r *Keyring) SignAs(alg, typ string, payload []byte) (string, error) {
	k := r.active[alg]
	if k == nil || k.sign == nil {
		return "", fmt.Errorf("%w for %s", ErrNoKey, alg)
	}
	return k.compact(encodeHeader(k.Algorithm, typ, k.KID), payload)
}

// SignInternal signs what only this server reads: refresh and offline tokens,
// cookies, action tokens. Errors: ErrNoKey.
func (r *Keyring) SignInternal(payload []byte) (string, error) { return r.Sign(InternalAlg, payload) }

func (k *key) compact(header string, payload []byte) (string, error) {
	b := scratch.Get().(*buffers)
	defer scratch.Put(b)
	t := append(append(b.token[:0], header...), '.')
	t = base64.RawURLEncoding.AppendEncode(t, payload)
	sig, err := k.sign(b.signature[:0], t)
	if err != nil {
		return "", err
	}
	t = base64.RawURLEncoding.AppendEncode(append(t, '.'), sig)
	b.token, b.signature = t, sig
	return string(t), nil
}
