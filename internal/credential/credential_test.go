package credential_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
)

// vector is a password a real Keycloak 26.7.2 hashed under a policy, taken
// from a full realm export.
type vector struct {
	Policy, Password           string
	SecretData, CredentialData string
}

func (v vector) credential() model.Credential { return password(v.SecretData, v.CredentialData) }

// slow marks hashes of a tenth of a second and more: they are computed once.
func (v vector) slow() bool {
	return strings.Contains(v.Policy, "pbkdf2") && !strings.Contains(v.Policy, "hashIterations")
}

func password(secret, data string) model.Credential {
	return model.Credential{Type: "password", SecretData: secret, CredentialData: data}
}

func vectors(tb testing.TB) []vector {
	tb.Helper()
	b, err := os.ReadFile("testdata/keycloak-26.7.2.json")
	if err != nil {
		tb.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil {
		tb.Fatal(err)
	}
	return vs
}

func TestVerify_KeycloaksHashes(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(0)
	for _, v := range vectors(t) {
		t.Run(v.Policy, func(t *testing.T) {
			t.Parallel()
			if v.slow() && testing.Short() {
				t.Skip("up to a second of hashing")
			}
			policy := credential.ParsePolicy(v.Policy)
			ok, rehash, err := h.Verify(t.Context(), v.credential(), v.Password, policy)
			if !ok || rehash || err != nil {
				t.Errorf("Verify of the right password = %v, rehash %v, %v; want true, false, nil", ok, rehash, err)
			}
			if v.slow() {
				return
			}
			ok, rehash, err = h.Verify(t.Context(), v.credential(), v.Password+"x", policy)
			if ok || rehash || err != nil {
				t.Errorf("Verify of a wrong password = %v, rehash %v, %v; want false, false, nil", ok, rehash, err)
			}
		})
	}
}

// A new hash has exactly the bytes Keycloak writes, but for salt and value.
func TestHash_WritesKeycloaksStrings(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.slow() {
			continue // TestVerify_KeycloaksHashes compares their parameters
		}
		t.Run(v.Policy, func(t *testing.T) {
			t.Parallel()
			var s struct{ Salt string }
			if err := json.Unmarshal([]byte(v.SecretData), &s); err != nil {
				t.Fatal(err)
			}
			salt, err := base64.StdEncoding.DecodeString(s.Salt)
			if err != nil {
				t.Fatal(err)
			}
			secret, data, err := credential.Hash(v.Password, bytes.NewReader(salt), credential.ParsePolicy(v.Policy))
			if err != nil {
				t.Fatal(err)
			}
			if secret != v.SecretData {
				t.Errorf("secret data = %s, Keycloak has %s", secret, v.SecretData)
			}
			if data != v.CredentialData {
				t.Errorf("credential data = %s, Keycloak has %s", data, v.CredentialData)
			}
		})
	}
}

func TestHash_FailsWithoutRandomness(t *testing.T) {
	t.Parallel()
	if _, _, err := credential.Hash("x", strings.NewReader("short"), credential.Policy{}); err == nil {
		t.Error("Hash with five bytes of randomness succeeded")
	}
}

// Vectors of the reference implementation of Argon2, version 1.3, for
// "password" and "somesalt" with two passes.
func TestVerify_Argon2Reference(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		variant         string
		memory, threads int
		want            string
	}{
		{"i", 256, 1, "89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f"},
		{"i", 256, 2, "4ff5ce2769a1d7f4c8a491df09d41a9fbe90e5eb02155a13e4c01e20cd4eab61"},
		{"id", 256, 1, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
		{"id", 256, 2, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
	} {
		t.Run(fmt.Sprintf("%s with %d lanes", tt.variant, tt.threads), func(t *testing.T) {
			t.Parallel()
			value, err := hex.DecodeString(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			c := password(secret(value, []byte("somesalt")), argon(2, tt.memory, tt.threads, tt.variant, "1.3"))
			var h credential.Hasher
			ok, rehash, err := h.Verify(t.Context(), c, "password", credential.Policy{})
			if !ok || !rehash || err != nil {
				t.Errorf("Verify = %v, rehash %v, %v; want true, true, nil", ok, rehash, err)
			}
		})
	}
}

func secret(value, salt []byte) string {
	e := base64.StdEncoding.EncodeToString
	return fmt.Sprintf(`{"value":%q,"salt":%q,"additionalParameters":{}}`, e(value), e(salt))
}

func argon(iterations, memory, threads int, variant, version string) string {
	return fmt.Sprintf(`{"hashIterations":%d,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["%d"],"type":[%q],"version":[%q],"parallelism":["%d"]}}`,
		iterations, memory, variant, version, threads)
}

func TestVerify_RefusesAbsurdParameters(t *testing.T) {
	t.Parallel()
	good := secret(make([]byte, 32), make([]byte, 16))
	const pbkdf = `{"hashIterations":1000,"algorithm":"pbkdf2-sha256","additionalParameters":{}}`
	for _, tt := range []struct {
		name         string
		secret, data string
		want         error
	}{
		{"memory above 1 GiB", good, argon(1, 1<<20+1, 1, "id", "1.3"), credential.ErrUnsupported},
		{"too much work in all", good, argon(17, 1<<20, 1, "id", "1.3"), credential.ErrUnsupported},
		{"memory below eight blocks a lane", good, argon(1, 15, 2, "id", "1.3"), credential.ErrUnsupported},
		{"no lanes", good, argon(1, 7168, 0, "id", "1.3"), credential.ErrUnsupported},
		{"negative lanes", good, argon(1, 7168, -1, "id", "1.3"), credential.ErrUnsupported},
		{"too many lanes", good, argon(1, 7168, 1000, "id", "1.3"), credential.ErrUnsupported},
		{"argon2d", good, argon(1, 7168, 1, "d", "1.3"), credential.ErrUnsupported},
		{"old argon2", good, argon(1, 7168, 1, "id", "1.0"), credential.ErrUnsupported},
		{"memory no number", good, strings.Replace(argon(1, 7168, 1, "id", "1.3"), "7168", "many", 1), credential.ErrMalformed},
		{"lanes no number", good, strings.Replace(argon(1, 7168, 9, "id", "1.3"), `"9"`, `"x"`, 1), credential.ErrMalformed},
		{"no iterations", good, `{"algorithm":"pbkdf2-sha256"}`, credential.ErrUnsupported},
		{"negative iterations", good, `{"hashIterations":-1,"algorithm":"pbkdf2-sha256"}`, credential.ErrUnsupported},
		{"iterations above 10 million", good, `{"hashIterations":10000001,"algorithm":"pbkdf2"}`, credential.ErrUnsupported},
		{"no algorithm", good, `{"hashIterations":1}`, credential.ErrUnsupported},
		{"unknown algorithm", good, `{"hashIterations":1,"algorithm":"bcrypt"}`, credential.ErrUnsupported},
		{"empty value", secret(nil, make([]byte, 16)), pbkdf, credential.ErrUnsupported},
		{"value of 8 bytes", secret(make([]byte, 8), make([]byte, 16)), pbkdf, credential.ErrUnsupported},
		{"value of 1 KiB", secret(make([]byte, 1024), make([]byte, 16)), pbkdf, credential.ErrUnsupported},
		{"no salt", secret(make([]byte, 32), nil), pbkdf, credential.ErrUnsupported},
		{"salt of 2 KiB", secret(make([]byte, 32), make([]byte, 2048)), pbkdf, credential.ErrUnsupported},
		{"secret no JSON", `x`, pbkdf, credential.ErrMalformed},
		{"data no JSON", good, ``, credential.ErrMalformed},
		{"value not base64", `{"value":"!","salt":"AAAA"}`, pbkdf, credential.ErrMalformed},
		{"salt not base64", `{"value":"AAAA","salt":"!"}`, pbkdf, credential.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h credential.Hasher
			c := password(tt.secret, tt.data)
			ok, _, err := h.Verify(t.Context(), c, "", credential.Policy{})
			if ok || !errors.Is(err, tt.want) {
				t.Errorf("Verify = %v, %v; want %v", ok, err, tt.want)
			}
		})
	}
	otp := model.Credential{Type: "otp", SecretData: good, CredentialData: pbkdf}
	var h credential.Hasher
	if _, _, err := h.Verify(t.Context(), otp, "", credential.Policy{}); !errors.Is(err, credential.ErrUnsupported) {
		t.Errorf("Verify of a one-time password = %v, want ErrUnsupported", err)
	}
}

// Errors about a credential reach logs: the hash must not.
func TestVerify_ErrorsDoNotShowTheHash(t *testing.T) {
	t.Parallel()
	c := password(`{"value":["c2VjcmV0"],"salt":"c2FsdA=="}`, `{}`)
	var h credential.Hasher
	if _, _, err := h.Verify(t.Context(), c, "", credential.Policy{}); err == nil || strings.Contains(err.Error(), "c2V") {
		t.Errorf("Verify = %v", err)
	}
}

// Rows written without additionalParameters are accepted by Keycloak.
func TestVerify_AdditionalParametersMayBeAbsent(t *testing.T) {
	t.Parallel()
	v := vectors(t)[0]
	data := `{"hashIterations":5,"algorithm":"argon2"}`
	secret := strings.Replace(v.SecretData, `,"additionalParameters":{}`, "", 1)
	var h credential.Hasher
	ok, rehash, err := h.Verify(t.Context(), password(secret, data), v.Password, credential.Policy{})
	if !ok || rehash || err != nil {
		t.Errorf("Verify = %v, rehash %v, %v; want true, false, nil", ok, rehash, err)
	}
}

func TestVerify_RehashAsThePolicySays(t *testing.T) {
	t.Parallel()
	cheap := credential.Policy{Algorithm: credential.PBKDF2SHA256, Iterations: 10}
	secret, data, err := credential.Hash("pw", rand.Reader, cheap)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		policy credential.Policy
		want   bool
	}{
		{"same policy", cheap, false},
		{"other iterations", credential.Policy{Algorithm: credential.PBKDF2SHA256, Iterations: 11}, true},
		{"default iterations", credential.Policy{Algorithm: credential.PBKDF2SHA256}, true},
		{"other algorithm", credential.Policy{Algorithm: credential.PBKDF2SHA512, Iterations: 10}, true},
		{"default policy", credential.Policy{}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h credential.Hasher
			ok, got, err := h.Verify(t.Context(), password(secret, data), "pw", tt.policy)
			if !ok || err != nil || got != tt.want {
				t.Errorf("Verify = %v, rehash %v, %v; want rehash %v", ok, got, err, tt.want)
			}
		})
	}
}

func TestHasher_WaitersEndWithTheirContext(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(1)
	r := blockingReader{entered: make(chan struct{}), release: make(chan struct{})}
	done := make(chan error, 1)
	cheap := credential.Policy{Algorithm: credential.PBKDF2SHA1, Iterations: 1}
	go func() {
		_, _, err := h.Hash(context.Background(), "pw", r, cheap)
		done <- err
	}()
	<-r.entered // the only slot is taken

	ctx, cancel := context.WithCancel(t.Context())
	waiter := make(chan error, 1)
	go func() { waiter <- h.VerifyNothingUnder(ctx, "pw", cheap) }()
	cancel()
	if err := <-waiter; !errors.Is(err, credential.ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("VerifyNothing while busy = %v, want ErrBusy and context.Canceled", err)
	}
	if _, _, err := h.Verify(ctx, vectors(t)[0].credential(), "pw", cheap); !errors.Is(err, credential.ErrBusy) {
		t.Errorf("Verify while busy = %v, want ErrBusy", err)
	}
	if _, _, err := h.Hash(ctx, "pw", rand.Reader, cheap); !errors.Is(err, credential.ErrBusy) {
		t.Errorf("Hash while busy = %v, want ErrBusy", err)
	}
	close(r.release)
	if err := <-done; err != nil {
		t.Errorf("Hash of the first = %v", err)
	}
	if err := h.VerifyNothing(t.Context(), "pw"); err != nil {
		t.Errorf("VerifyNothing afterwards = %v", err)
	}
}

type blockingReader struct{ entered, release chan struct{} }

func (r blockingReader) Read(p []byte) (int, error) {
	close(r.entered)
	<-r.release
	return len(p), nil
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, refused string
		want        credential.Policy
	}{
		{in: ""},
		{in: "length(8) and digits(1)"},
		{in: "hashAlgorithm(argon2)", want: credential.Policy{Algorithm: "argon2"}},
		{in: "length(8) and hashAlgorithm(pbkdf2-sha512) and hashIterations(1234)", want: credential.Policy{Algorithm: "pbkdf2-sha512", Iterations: 1234}},
		{in: " hashIterations( 9 ) and hashAlgorithm(pbkdf2) ", refused: "Invalid config for hashIterations: Not a valid number", want: credential.Policy{Algorithm: "pbkdf2", Iterations: 9}},
		{in: "hashIterations"},
		{in: "hashIterations(-1)"},
		{in: "hashIterations(x)", refused: "Invalid config for hashIterations: Not a valid number"},
		{in: "hashIterations()", refused: "Invalid config for hashIterations: Not a valid number"},
		{in: "hashAlgorithm(nope)", refused: "Invalid config for hashAlgorithm: Password hashing provider not found"},
		{in: "hashAlgorithm(PBKDF2)", refused: "Invalid config for hashAlgorithm: Password hashing provider not found"},
		{in: "hashAlgorithm", refused: "Invalid config for hashAlgorithm: Password hashing provider id must be set"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			if got := credential.ParsePolicy(tt.in); got != tt.want {
				t.Errorf("ParsePolicy = %+v, want %+v", got, tt.want)
			}
			_, err := credential.ParseRules(tt.in)
			var refused *credential.PolicyError
			if errors.As(err, &refused) != (tt.refused != "") || err != nil && err.Error() != tt.refused {
				t.Errorf("ParseRules = %v, want %q", err, tt.refused)
			}
		})
	}
}

// Keycloak takes at most 100 iterations for argon2 and else its default.
func TestHash_ArgonIterationsAboveTheLimitAreTheDefault(t *testing.T) {
	t.Parallel()
	_, data, err := credential.Hash("pw", rand.Reader, credential.Policy{Iterations: 101})
	if err != nil || !strings.HasPrefix(data, `{"hashIterations":5,"algorithm":"argon2"`) {
		t.Errorf("Hash = %s, %v", data, err)
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, v := range vectors(b) {
		if strings.Contains(v.Policy, "hashIterations") {
			continue // the defaults alone
		}
		b.Run("policy="+v.Policy, func(b *testing.B) {
			var h credential.Hasher
			policy := credential.ParsePolicy(v.Policy)
			b.ReportAllocs()
			for b.Loop() {
				if ok, _, err := h.Verify(b.Context(), v.credential(), v.Password, policy); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}
