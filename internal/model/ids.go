package model

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// Shards is the number of values of the shard column sk.
const Shards = 4096

// ShardOf is the shard of a user's rows: the first two bytes of
// SHA-256(user id), modulo Shards.
func ShardOf(userID string) int64 {
	h := sha256.Sum256([]byte(userID))
	return (int64(h[0])<<8 | int64(h[1])) % Shards
}

// ShardOfName is the shard of a uniqueness claim (a login name, a token id):
// it is spread by the claimed value, not by the user.
func ShardOfName(realm int64, kind, value string) int64 {
	return ShardOf(fmt.Sprintf("%d\x00%s\x00%s", realm, kind, value))
}

// NewSessionID makes a session id of 24 URL-safe base64 characters: two bytes
// of shard, sixteen random ones (design §4.2).
func NewSessionID(shard int64, rand io.Reader) (string, error) {
	var b [18]byte
	b[0], b[1] = byte(shard>>8), byte(shard)
	if _, err := io.ReadFull(rand, b[2:]); err != nil {
		return "", fmt.Errorf("session id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// SessionShard reads the shard out of a session id made by NewSessionID; ok is
// false for ids of another shape (those of an imported session).
func SessionShard(id string) (shard int64, ok bool) {
	if len(id) != 24 {
		return 0, false
	}
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return 0, false
	}
	shard = int64(b[0])<<8 | int64(b[1])
	return shard, shard < Shards
}

// handleBytes is how much of a handle is random: 256 bits.
const handleBytes = 32

// NewHandle makes a secret that stands for something in progress (an
// authorization code, a login): 46 URL-safe base64 characters, two bytes of
// shard and 32 random ones.
func NewHandle(shard int64, rand io.Reader) (string, error) {
	var b [2 + handleBytes]byte
	b[0], b[1] = byte(shard>>8), byte(shard)
	if _, err := io.ReadFull(rand, b[2:]); err != nil {
		return "", fmt.Errorf("handle: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// HandleShard reads the shard out of a handle; ok is false for what NewHandle
// did not make.
func HandleShard(handle string) (shard int64, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(handle)
	if err != nil || len(b) != 2+handleBytes {
		return 0, false
	}
	shard = int64(b[0])<<8 | int64(b[1])
	return shard, shard < Shards
}

// NewUUID is a random UUID, version 4 (RFC 9562 §5.4).
func NewUUID(rand io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("uuid: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return FormatUUID(b), nil
}

// FormatUUID writes 128 bits as a UUID's text (RFC 9562 §4), whatever its
// version.
func FormatUUID(b [16]byte) string {
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	s[8] = '-'
	hex.Encode(s[9:13], b[4:6])
	s[13] = '-'
	hex.Encode(s[14:18], b[6:8])
	s[18] = '-'
	hex.Encode(s[19:23], b[8:10])
	s[23] = '-'
	hex.Encode(s[24:36], b[10:16])
	return string(s[:])
}
