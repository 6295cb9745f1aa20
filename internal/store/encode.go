package store

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strconv"
)

// Ids are stored by what they are, told apart by length alone:
//
//	UUID in canonical lower case            16 bytes
//	24 characters of URL-safe base64        18 bytes
//	anything else                           1 byte p, the text, p zeros
//
// where p makes the length neither 16, 17 nor 18. A session id is stored
// within its shard: one that carries that shard needs only its 16 random
// bytes, and a UUID gets a byte in front.
const (
	uuidBytes   = 16
	base64Bytes = 18
	base64Chars = 24
	uuidMark    = 1
)

func appendID(dst []byte, id string) []byte {
	if b, ok := appendUUID(dst, id); ok {
		return b
	}
	if b, ok := appendBase64(dst, id); ok {
		return b
	}
	return appendOther(dst, id)
}

func decodeID(b []byte) string {
	switch len(b) {
	case uuidBytes:
		return formatUUID(b)
	case base64Bytes:
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return decodeOther(b)
}

func appendSessionID(dst []byte, shard int64, id string) []byte {
	at := len(dst)
	if b, ok := appendBase64(dst, id); ok {
		if int64(b[at])<<8|int64(b[at+1]) == shard {
			return append(b[:at], b[at+2:]...)
		}
		return b
	}
	if b, ok := appendUUID(append(dst, uuidMark), id); ok {
		return b
	}
	return appendOther(dst, id)
}

func decodeSessionID(shard int64, b []byte) string {
	switch len(b) {
	case base64Bytes - 2:
		var full [base64Bytes]byte
		full[0], full[1] = byte(shard>>8), byte(shard)
		copy(full[2:], b)
		var s [base64Chars]byte
		base64.RawURLEncoding.Encode(s[:], full[:])
		return string(s[:])
	case uuidBytes + 1:
		return formatUUID(b[1:])
	case base64Bytes:
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return decodeOther(b)
}

func appendOther(dst []byte, id string) []byte {
	pad := 0
	if n := 1 + len(id); n >= uuidBytes && n <= base64Bytes {
		pad = base64Bytes + 1 - n
	}
	dst = append(append(dst, byte(pad)), id...)
	return append(dst, "\x00\x00\x00"[:pad]...)
}

func decodeOther(b []byte) string {
	if len(b) == 0 || int(b[0]) >= len(b) {
		return ""
	}
	return string(b[1 : len(b)-int(b[0])])
}

// appendUUID decodes a UUID in canonical lower case; dst is as it was when
// the text is none.
func appendUUID(dst []byte, s string) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return dst, false
	}
	var b [uuidBytes]byte
	n := 0
	for i := 0; i < 36; i += 2 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		hi, lo := nibble(s[i]), nibble(s[i+1])
		if hi|lo > 15 {
			return dst, false
		}
		b[n] = hi<<4 | lo
		n++
	}
	return append(dst, b[:]...), true
}

// nibble is the value of a lower-case hexadecimal digit, above 15 for others.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

func formatUUID(b []byte) string {
	var s [36]byte
	hex.Encode(s[0:8], b[0:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:36], b[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

func appendBase64(dst []byte, s string) ([]byte, bool) {
	if len(s) != base64Chars {
		return dst, false
	}
	var b [base64Bytes]byte
	// The decoder passes over line breaks: then n is smaller.
	n, err := base64.RawURLEncoding.Decode(b[:], []byte(s))
	if err != nil || n != base64Bytes {
		return dst, false
	}
	return append(dst, b[:]...), true
}

// encodeIP stores an address in 4 or 16 bytes, any other text behind a zero
// byte; nil for "".
func encodeIP(ip string) []byte {
	if ip == "" {
		return nil
	}
	if a, err := netip.ParseAddr(ip); err == nil && a.Zone() == "" && a.String() == ip {
		return a.AsSlice()
	}
	b := append([]byte{0}, ip...)
	if len(b) == 4 || len(b) == 16 {
		b = append(b, 0) // cannot stand for an address: no text ends in a zero byte
	}
	return b
}

func decodeIP(b []byte) string {
	if a, ok := netip.AddrFromSlice(b); ok {
		return a.String()
	}
	if len(b) == 0 {
		return ""
	}
	if n := len(b) - 1; b[n] == 0 && (n == 4 || n == 16) {
		b = b[:n]
	}
	return string(b[1:])
}

// noteKeys are the keys of session notes that are stored as one byte, their
// place in this list plus one. Only ever append.
var noteKeys = []string{
	"AUTH_TIME", "acr", "amr", "clientHost", "clientAddress", "clientId", "client_id", "startedAt",
	"userSessionStartedAt", "identity_provider", "identity_provider_identity", "authMethod", "iss", "nonce",
	"IMPERSONATOR_ID", "IMPERSONATOR_USERNAME", "redirect_uri", "loa-map", "resource", "browser",
}

var noteCodes = func() map[string]byte {
	m := make(map[string]byte, len(noteKeys))
	for i, k := range noteKeys {
		m[k] = byte(i + 1)
	}
	return m
}()

// encodeNotes packs session notes: per note a key (its code, or 0, length and
// text) and a value (an odd number 2n+1 for the decimal n, else twice the
// length and the text). nil for none.
func encodeNotes(notes map[string]string) []byte {
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(notes)) {
		if code := noteCodes[k]; code != 0 {
			b = append(b, code)
		} else {
			b = append(binary.AppendUvarint(append(b, 0), uint64(len(k))), k...)
		}
		v := notes[k]
		if n, err := strconv.ParseUint(v, 10, 63); err == nil && strconv.FormatUint(n, 10) == v {
			b = binary.AppendUvarint(b, n<<1|1)
		} else {
			b = append(binary.AppendUvarint(b, uint64(len(v))<<1), v...)
		}
	}
	return b
}

// decodeNotes reads what encodeNotes wrote; damage ends the reading.
func decodeNotes(b []byte) map[string]string {
	if len(b) == 0 {
		return nil
	}
	notes := map[string]string{}
	take := func(n uint64) (string, bool) {
		if n > uint64(len(b)) {
			return "", false
		}
		s := string(b[:n])
		b = b[n:]
		return s, true
	}
	number := func() (uint64, bool) {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return 0, false
		}
		b = b[size:]
		return n, true
	}
	for len(b) > 0 {
		var key string
		ok := true
		switch code := b[0]; {
		case code == 0:
			b = b[1:]
			var n uint64
			if n, ok = number(); ok {
				key, ok = take(n)
			}
		case int(code) <= len(noteKeys):
			key, b = noteKeys[code-1], b[1:]
		default:
			ok = false
		}
		n, valid := uint64(0), false
		if ok {
			n, valid = number()
		}
		if !valid {
			return notes
		}
		if n&1 == 1 {
			notes[key] = strconv.FormatUint(n>>1, 10)
		} else if notes[key], ok = take(n >> 1); !ok {
			return notes
		}
	}
	return notes
}
