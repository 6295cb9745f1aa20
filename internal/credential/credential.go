// Package credential checks and makes password hashes in the two JSON strings
// Keycloak stores them as, so that passwords move between the two servers in
// both directions:
//
//	SecretData      {"value":"<base64 hash>","salt":"<base64>","additionalParameters":{}}
//	CredentialData  {"hashIterations":5,"algorithm":"argon2","additionalParameters":{…}}
//
// A hash is checked with the parameters it was made with; whether it should be
// made again is a question to the realm's policy. Hashing costs memory and
// time, so a Hasher lets only so many run at once.
//
// Argon2: RFC 9106. PBKDF2: RFC 8018. Who may log in is not decided here.
package credential

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/crypto/argon2"

	"github.com/latchkey-id/latchkey/internal/model"
)

// TypePassword is the credential type this package handles.
const TypePassword = "password"

// Algorithms, as credential data and the password policy name them.
const (
	Argon2       = "argon2"
	PBKDF2SHA512 = "pbkdf2-sha512"
	PBKDF2SHA256 = "pbkdf2-sha256"
	PBKDF2SHA1   = "pbkdf2"
)

// ErrMalformed marks a stored credential that cannot be read; ErrUnsupported
// one of a type, algorithm or size this server does not compute.
var (
	ErrMalformed   = errors.New("malformed credential")
	ErrUnsupported = errors.New("unsupported credential")
)

// Limits for stored parameters, which an imported document may set: one check
// must not take the server's memory or a minute of its time.
const (
	maxMemory     = 1 << 20    // KiB: 1 GiB
	maxPasses     = 1 << 24    // KiB × iterations: seconds, not minutes
	maxIterations = 10_000_000 // PBKDF2; Keycloak's largest default is 1,300,000
	maxThreads    = 64
	minValue      = 16 // bytes; a shorter hash could be hit by chance
	maxValue      = 512
	maxSalt       = 1024
)

const saltSize = 16

// Argon2 parameters of a new hash, as Keycloak's.
const (
	argonMemory  = 7168 // KiB
	argonThreads = 1
)

type secretData struct {
	Value string `json:"value"`
	Salt  string `json:"salt"`
}

type credentialData struct {
	Iterations int                 `json:"hashIterations"`
	Algorithm  string              `json:"algorithm"`
	Additional map[string][]string `json:"additionalParameters"`
}

// hash is a stored hash with all that is needed to compute it again.
type hash struct {
	params
	salt, value []byte
}

// params are what a policy and a stored hash are compared by.
type params struct {
	algorithm  string
	iterations int
	size       int    // bytes of the derived key
	memory     int    // KiB; Argon2 only, as the rest
	threads    int    // lanes
	variant    string // id or i
}

// parse reads a stored credential and refuses what must not be computed.
func parse(c model.Credential) (hash, error) {
	if c.Type != TypePassword {
		return hash{}, fmt.Errorf("%w: type %q", ErrUnsupported, c.Type)
	}
	var secret secretData
	var data credentialData
	if json.Unmarshal([]byte(c.SecretData), &secret) != nil { // its error may quote the hash
		return hash{}, fmt.Errorf("%w: secret data is not the expected JSON", ErrMalformed)
	}
	if err := json.Unmarshal([]byte(c.CredentialData), &data); err != nil {
		return hash{}, fmt.Errorf("%w: credential data: %w", ErrMalformed, err)
	}
	value, err := base64.StdEncoding.DecodeString(secret.Value)
	if err != nil {
		return hash{}, fmt.Errorf("%w: value is not base64", ErrMalformed)
	}
	salt, err := base64.StdEncoding.DecodeString(secret.Salt)
	if err != nil {
		return hash{}, fmt.Errorf("%w: salt is not base64", ErrMalformed)
	}
	h := hash{salt: salt, value: value, params: params{
		algorithm: data.Algorithm, iterations: data.Iterations, size: len(value),
	}}
	if h.algorithm == Argon2 {
		if err := h.readArgon2(data.Additional); err != nil {
			return hash{}, err
		}
	}
	return h, h.check()
}

// readArgon2 takes the parameters Keycloak keeps beside the iterations. What is
// missing has Keycloak's default; hashLength is not read, the value has it.
func (h *hash) readArgon2(additional map[string][]string) error {
	get := func(name, def string) string {
		if v := additional[name]; len(v) > 0 {
			return v[0]
		}
		return def
	}
	var err error
	if h.memory, err = strconv.Atoi(get("memory", strconv.Itoa(argonMemory))); err != nil {
		return fmt.Errorf("%w: memory is no number", ErrMalformed)
	}
	if h.threads, err = strconv.Atoi(get("parallelism", strconv.Itoa(argonThreads))); err != nil {
		return fmt.Errorf("%w: parallelism is no number", ErrMalformed)
	}
	h.variant = get("type", "id")
	if h.variant != "id" && h.variant != "i" {
		return fmt.Errorf("%w: argon2 type %q, known are id and i", ErrUnsupported, h.variant)
	}
	if v := get("version", "1.3"); v != "1.3" {
		return fmt.Errorf("%w: argon2 version %q, known is 1.3", ErrUnsupported, v)
	}
	return nil
}

// check refuses parameters that are unsafe to compute with.
func (h *hash) check() error {
	if len(h.value) < minValue || len(h.value) > maxValue {
		return fmt.Errorf("%w: hash of %d bytes, allowed are %d to %d", ErrUnsupported, len(h.value), minValue, maxValue)
	}
	if len(h.salt) == 0 || len(h.salt) > maxSalt {
		return fmt.Errorf("%w: salt of %d bytes, allowed are 1 to %d", ErrUnsupported, len(h.salt), maxSalt)
	}
	if h.iterations < 1 || h.iterations > maxIterations {
		return fmt.Errorf("%w: %d iterations, allowed are 1 to %d", ErrUnsupported, h.iterations, maxIterations)
	}
	switch h.algorithm {
	case PBKDF2SHA512, PBKDF2SHA256, PBKDF2SHA1:
		return nil
	case Argon2:
		return h.checkArgon2()
	}
	return fmt.Errorf("%w: algorithm %q", ErrUnsupported, h.algorithm)
}

func (h *hash) checkArgon2() error {
	switch {
	case h.threads < 1 || h.threads > maxThreads:
		return fmt.Errorf("%w: parallelism %d, allowed are 1 to %d", ErrUnsupported, h.threads, maxThreads)
	case h.memory < 8*h.threads || h.memory > maxMemory: // RFC 9106 §3.1: at least 8 blocks a lane
		return fmt.Errorf("%w: memory %d KiB, allowed are %d to %d", ErrUnsupported, h.memory, 8*h.threads, maxMemory)
	case int64(h.memory)*int64(h.iterations) > maxPasses:
		return fmt.Errorf("%w: %d iterations over %d KiB are too much work", ErrUnsupported, h.iterations, h.memory)
	}
	return nil
}

// derive computes the key for a password. The parameters have been checked.
func (p params) derive(password string, salt []byte) ([]byte, error) {
	switch p.algorithm {
	case Argon2:
		if p.variant == "i" {
			return argon2.Key([]byte(password), salt, uint32(p.iterations), uint32(p.memory), uint8(p.threads), uint32(p.size)), nil
		}
		return argon2.IDKey([]byte(password), salt, uint32(p.iterations), uint32(p.memory), uint8(p.threads), uint32(p.size)), nil
	case PBKDF2SHA512:
		return pbkdf2.Key(sha512.New, password, salt, p.iterations, p.size)
	case PBKDF2SHA256:
		return pbkdf2.Key(sha256.New, password, salt, p.iterations, p.size)
	case PBKDF2SHA1:
		return pbkdf2.Key(sha1.New, password, salt, p.iterations, p.size)
	}
	return nil, fmt.Errorf("%w: algorithm %q", ErrUnsupported, p.algorithm)
}

// Hash makes a new hash with a salt from rand, in the two strings Keycloak
// writes, byte for byte in its order of members. It waits for nobody: requests
// go through Hasher.Hash.
func Hash(password string, rand io.Reader, policy Policy) (secretData, credentialData string, err error) {
	p := policy.params()
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return "", "", fmt.Errorf("read salt: %w", err)
	}
	value, err := p.derive(password, salt)
	if err != nil {
		return "", "", err
	}
	return formatSecret(value, salt), p.format(), nil
}

func formatSecret(value, salt []byte) string {
	b := make([]byte, 0, 192)
	b = append(b, `{"value":"`...)
	b = base64.StdEncoding.AppendEncode(b, value)
	b = append(b, `","salt":"`...)
	b = base64.StdEncoding.AppendEncode(b, salt)
	return string(append(b, `","additionalParameters":{}}`...))
}

// format writes credential data. The algorithm is one of ours or has been
// checked, so nothing needs escaping.
func (p params) format() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"hashIterations":%d,"algorithm":"%s","additionalParameters":{`, p.iterations, p.algorithm)
	if p.algorithm == Argon2 {
		fmt.Fprintf(&b, `"hashLength":["%d"],"memory":["%d"],"type":["%s"],"version":["1.3"],"parallelism":["%d"]`,
			p.size, p.memory, p.variant, p.threads)
	}
	b.WriteString("}}")
	return b.String()
}
