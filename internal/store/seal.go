package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// InstanceKeyBytes is the length of the instance key.
const InstanceKeyBytes = 32

// sealer encrypts columns that hold secrets: AES-256-GCM with a random nonce
// in front. The row's key is associated data, so that a sealed value copied
// to another row does not open.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	if len(key) != InstanceKeyBytes {
		return sealer{}, fmt.Errorf("instance key has %d bytes, want %d", len(key), InstanceKeyBytes)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, fmt.Errorf("instance key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return sealer{}, fmt.Errorf("instance key: %w", err)
	}
	return sealer{aead}, nil
}

func sealedFor(realmID, kind, id string) []byte {
	return []byte(realmID + "\x00" + kind + "\x00" + id)
}

// seal encrypts plain for one object; nil for nothing.
func (s sealer) seal(plain []byte, realmID, kind, id string) []byte {
	if len(plain) == 0 {
		return nil
	}
	return s.aead.Seal(nil, nil, plain, sealedFor(realmID, kind, id))
}

func (s sealer) open(sealed []byte, realmID, kind, id string) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := s.aead.Open(nil, nil, sealed, sealedFor(realmID, kind, id))
	if err != nil {
		return nil, fmt.Errorf("unseal %s %s: wrong instance key or damaged row: %w", kind, id, err)
	}
	return plain, nil
}

// LoadOrCreateInstanceKey reads the instance key (one line of base64) from a
// file, or makes one. A file that others may read is refused. Without this
// file client secrets and realm keys in the database are lost.
func LoadOrCreateInstanceKey(path string) ([]byte, error) {
	key, err := loadInstanceKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, InstanceKeyBytes)
	rand.Read(key)
	err = createInstanceKey(path, key)
	if errors.Is(err, fs.ErrExist) { // another process was first
		return loadInstanceKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("create instance key: %w", err)
	}
	return key, nil
}

func loadInstanceKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("instance key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("instance key %s: mode is %#o, others may read it; run chmod 600", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("instance key: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != InstanceKeyBytes {
		return nil, fmt.Errorf("instance key %s: not %d bytes in base64", path, InstanceKeyBytes)
	}
	return key, nil
}

// createInstanceKey writes the key so that it is either there whole, and
// stays there after a crash, or not at all.
func createInstanceKey(path string, key []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".instance-key-*") // mode 0600, opened with O_EXCL
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when it was renamed
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(f.Name(), path) // fails when the file exists
	}
	if err == nil {
		err = syncDir(dir)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
