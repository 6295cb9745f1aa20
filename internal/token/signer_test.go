package token

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func goldenRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := parseRSA(component(t, "rsa-generated").Config["privateKey"][0])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func libcryptoSigner(t testing.TB, k *rsa.PrivateKey) crypto.Signer {
	t.Helper()
	b, err := libcryptoBackend()
	if errors.Is(err, ErrNoLibcrypto) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.open(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLibcrypto_SignsWhatGoSigns(t *testing.T) {
	t.Parallel()
	k := goldenRSA(t)
	lib := libcryptoSigner(t, k)
	if !k.PublicKey.Equal(lib.Public()) {
		t.Error("Public differs")
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		var buf [64]byte
		sum := digest(h, []byte("message"), &buf)
		want, err := k.Sign(rand.Reader, sum, h)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // the context is used again
			got, err := lib.Sign(rand.Reader, sum, h)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("PKCS#1 v1.5 %v: %x, %v, want %x", h, got, err, want)
			}
		}
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
		sig, err := lib.Sign(rand.Reader, sum, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := rsa.VerifyPSS(&k.PublicKey, h, sum, sig, opts); err != nil {
			t.Errorf("PSS %v: %v", h, err)
		}
	}
}

func TestLibcrypto_RefusesWhatItCannotSign(t *testing.T) {
	t.Parallel()
	lib := libcryptoSigner(t, goldenRSA(t))
	if _, err := lib.Sign(nil, make([]byte, 20), crypto.SHA1); err == nil {
		t.Error("SHA-1 was signed")
	}
	if _, err := lib.Sign(nil, make([]byte, 20), crypto.SHA256); err == nil {
		t.Error("a short digest was signed")
	}
	if _, err := lib.Sign(nil, make([]byte, 32), &rsa.PSSOptions{SaltLength: 7, Hash: crypto.SHA256}); err == nil {
		t.Error("an odd salt length was signed")
	}
}

func TestLibcrypto_OutlivesGarbageCollection(t *testing.T) {
	t.Parallel()
	k := goldenRSA(t)
	for range 5 {
		s := libcryptoSigner(t, k)
		runtime.GC()
		if _, err := s.Sign(nil, make([]byte, 32), crypto.SHA256); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
}

func TestProbeSigner(t *testing.T) {
	t.Parallel()
	if name, err := ProbeSigner(SignerGo); name != "crypto/rsa" || err != nil {
		t.Errorf("go: %q, %v", name, err)
	}
	name, err := ProbeSigner(SignerLibcrypto)
	if err != nil && !errors.Is(err, ErrNoLibcrypto) || err == nil && !strings.HasPrefix(name, "libcrypto 3.") {
		t.Errorf("libcrypto: %q, %v", name, err)
	}
	auto, autoErr := ProbeSigner("")
	if autoErr != nil || err == nil && auto != name || err != nil && auto != "crypto/rsa" {
		t.Errorf("auto: %q, %v beside %q, %v", auto, autoErr, name, err)
	}
	if _, err := ProbeSigner("openssl"); err == nil {
		t.Error("an unknown mode was accepted")
	}
	if _, err := NewKeyring(nil, "openssl"); err == nil {
		t.Error("NewKeyring accepted an unknown mode")
	}
}

func TestAppendRaw_PadsAndRefuses(t *testing.T) {
	t.Parallel()
	got, err := appendRaw(nil, []byte{0x30, 8, 2, 2, 0, 0x81, 2, 2, 1, 2}, 3)
	if want := []byte{0, 0, 0x81, 0, 1, 2}; err != nil || !bytes.Equal(got, want) {
		t.Errorf("appendRaw = %x, %v, want %x", got, err, want)
	}
	for _, der := range [][]byte{nil, {0x30}, {0x30, 0}, {0x30, 3, 2, 9, 1}, {0x30, 6, 2, 4, 1, 2, 3, 4}} {
		if _, err := appendRaw(nil, der, 3); err == nil {
			t.Errorf("appendRaw(%x) was accepted", der)
		}
	}
}
