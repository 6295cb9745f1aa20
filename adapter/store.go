package adapter

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// TokenStore keeps small values under keys and decides races between writers.
// Implementations: MemoryStore, FileStore, SQLStore; Encrypted wraps any of them.
type TokenStore interface {
	// Load reads the value stored under key and its version, which is at least 1
	// and another one after every write. A value that was deleted and made anew
	// must not get a version it had before: start at a random one.
	//
	// Errors: ErrNoToken; ErrCorrupt, with the version that Swap needs to write
	// over it; others may pass.
	Load(ctx context.Context, key string) (value []byte, version int64, err error)
	// Swap stores value under key if the stored version is still the one given,
	// 0 if nothing may be stored, and returns the new version. When it returns
	// without an error the value is safe against a crash of the process and of
	// the machine, as far as the store keeps anything at all.
	//
	// Errors: ErrConflict when another writer came first; others may pass.
	Swap(ctx context.Context, key string, version int64, value []byte) (next int64, err error)
	// Delete removes what is stored under key; nothing there is no error.
	Delete(ctx context.Context, key string) error
}

// MemoryStore keeps values in this process, for tests and programs whose users
// log in anew after every start. The zero value is ready.
type MemoryStore struct {
	mu     sync.Mutex
	values map[string]memoryValue
}

type memoryValue struct {
	value   []byte
	version int64
}

// Load reads a value. Errors: ErrNoToken.
func (s *MemoryStore) Load(_ context.Context, key string) ([]byte, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	if !ok {
		return nil, 0, ErrNoToken
	}
	return append([]byte(nil), v.value...), v.version, nil
}

// Swap writes a value. Errors: ErrConflict.
func (s *MemoryStore) Swap(_ context.Context, key string, version int64, value []byte) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[key].version != version {
		return 0, ErrConflict
	}
	next := nextVersion(version)
	if s.values == nil {
		s.values = map[string]memoryValue{}
	}
	s.values[key] = memoryValue{append([]byte(nil), value...), next}
	return next, nil
}

// nextVersion is the version of a write. The first is random, so that who read a
// value before it was deleted does not write over the one that came after.
func nextVersion(version int64) int64 {
	if version > 0 {
		return version + 1
	}
	var b [8]byte
	_, _ = rand.Read(b[:])                              // never fails
	return int64(binary.BigEndian.Uint64(b[:])>>12) + 1 // below 2^53: exact in every JSON
}

// Delete removes a value.
func (s *MemoryStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

// encrypted seals what a store keeps.
type encrypted struct {
	inner TokenStore
	seals []cipher.AEAD
}

// Encrypted keeps the values of a store sealed with AES-256-GCM, bound to their
// key, so that a value copied to another key does not open. Each secret is 32
// random bytes of the application; the first seals, all open: to change the
// secret put the new one first and keep the old one until every value was
// written once.
//
// A stored value is a byte 1, 12 random bytes, then the sealed value.
//
// Errors: no secret, or one that is not 32 bytes. Its Load returns ErrCorrupt
// for what none of the secrets opens.
func Encrypted(inner TokenStore, secrets ...[]byte) (TokenStore, error) {
	if len(secrets) == 0 {
		return nil, errors.New("encrypted store: a secret of 32 bytes is missing")
	}
	s := &encrypted{inner: inner}
	for _, secret := range secrets {
		if len(secret) != 32 {
			return nil, fmt.Errorf("encrypted store: a secret has %d bytes, not 32", len(secret))
		}
		block, err := aes.NewCipher(secret)
		if err != nil {
			return nil, err
		}
		seal, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		s.seals = append(s.seals, seal)
	}
	return s, nil
}

const sealedFormat = 1

func (s *encrypted) Load(ctx context.Context, key string) ([]byte, int64, error) {
	sealed, version, err := s.inner.Load(ctx, key)
	if err != nil {
		return nil, version, err
	}
	for _, seal := range s.seals {
		n := seal.NonceSize()
		if len(sealed) < 1+n || sealed[0] != sealedFormat {
			break
		}
		if value, err := seal.Open(nil, sealed[1:1+n], sealed[1+n:], []byte(key)); err == nil {
			return value, version, nil
		}
	}
	return nil, version, ErrCorrupt
}

func (s *encrypted) Swap(ctx context.Context, key string, version int64, value []byte) (int64, error) {
	seal := s.seals[0]
	sealed := make([]byte, 1+seal.NonceSize(), 1+seal.NonceSize()+len(value)+seal.Overhead())
	sealed[0] = sealedFormat
	if _, err := rand.Read(sealed[1:]); err != nil {
		return 0, err
	}
	return s.inner.Swap(ctx, key, version, seal.Seal(sealed, sealed[1:], value, []byte(key)))
}

func (s *encrypted) Delete(ctx context.Context, key string) error { return s.inner.Delete(ctx, key) }
