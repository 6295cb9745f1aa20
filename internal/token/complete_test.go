package token

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

var testNow = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func complete(t testing.TB, providerID string, config ...string) *model.Component {
	t.Helper()
	c := newComponent(providerID, providerID, config...)
	if err := Complete(&c, "acme", testNow, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return &c
}

func first(c *model.Component, member string) string { return config(c.Config).get(member) }

func onlyKey(t testing.TB, c *model.Component) *key {
	t.Helper()
	k, certFault, err := readKey(c)
	if err != nil || certFault != nil {
		t.Fatal(err, certFault)
	}
	return k
}

func TestComplete_KeepsAnRSAKeyAndMakesItsCertificate(t *testing.T) {
	t.Parallel()
	private := first(component(t, "rsa-generated"), "privateKey")
	c := complete(t, "rsa-generated", "privateKey", private, "priority", "100")
	if first(c, "privateKey") != private || first(c, "keyUse") != "SIG" {
		t.Errorf("config = %v", c.Config)
	}
	cert := onlyKey(t, c).cert
	if cert.Subject.CommonName != "acme" || !cert.NotAfter.Equal(testNow.AddDate(10, 0, 0)) || !cert.NotBefore.Before(testNow) {
		t.Errorf("certificate for %v from %v to %v", cert.Subject, cert.NotBefore, cert.NotAfter)
	}
	if err := cert.CheckSignature(x509.SHA256WithRSA, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Errorf("certificate is not self-signed: %v", err)
	}
	before := first(c, "certificate")
	if err := Complete(c, "acme", testNow.Add(time.Hour), rand.Reader); err != nil || first(c, "certificate") != before {
		t.Errorf("a complete component changed: %v", err)
	}
}

func TestComplete_NewKeyOnlyWhenTheSizeIsAskedFor(t *testing.T) {
	t.Parallel()
	private := first(component(t, "rsa-generated"), "privateKey")
	c := complete(t, "rsa-generated", "privateKey", private, "keySize", "2048")
	if first(c, "privateKey") != private {
		t.Error("keySize 2048 replaced a key of 2048 bits")
	}
	old := first(c, "certificate")
	c.Config["keySize"] = []string{"1024"}
	if err := Complete(c, "acme", testNow, rand.Reader); err != nil {
		t.Fatal(err)
	}
	k, err := parseRSA(first(c, "privateKey"))
	if err != nil || k.N.BitLen() != 1024 || first(c, "certificate") == old {
		t.Errorf("after keySize 1024: %v, %v", k, err)
	}
	der, err := base64.StdEncoding.DecodeString(first(c, "privateKey"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParsePKCS1PrivateKey(der); err != nil {
		t.Errorf("not PKCS#1: %v", err)
	}

	h := complete(t, "hmac-generated", "algorithm", "HS512")
	kid := first(h, "kid")
	h.Config["secretSize"] = []string{"64"}
	if err := Complete(h, "acme", testNow, rand.Reader); err != nil || first(h, "kid") == kid {
		t.Errorf("secretSize 64 kept kid %s: %v", kid, err)
	}
	e := complete(t, "ecdsa-generated")
	e.Config["ecdsaEllipticCurveKey"] = []string{"P-384"}
	if err := Complete(e, "acme", testNow, rand.Reader); err != nil || onlyKey(t, e).Algorithm != "ES384" {
		t.Errorf("curve P-384: %v, %v", e.Config["ecdsaEllipticCurveKey"], err)
	}
}

func TestComplete_GeneratesWhatKeycloakGenerates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider string
		config   []string
		alg, use string
		secret   int // bytes
	}{
		{"hmac-generated", []string{"algorithm", "HS512"}, "HS512", "SIG", 128},
		{"hmac-generated", nil, "HS256", "SIG", 128},
		{"hmac-generated", []string{"secretSize", "32", "algorithm", "HS384"}, "HS384", "SIG", 32},
		{"aes-generated", nil, "AES", "ENC", 32},
		{"aes-generated", []string{"secretSize", "16"}, "AES", "ENC", 16},
		{"ecdsa-generated", nil, "ES256", "SIG", 0},
		{"ecdsa-generated", []string{"ecdsaEllipticCurveKey", "P-521", "ecGenerateCertificate", "true"}, "ES512", "SIG", 0},
		{"eddsa-generated", nil, "EdDSA", "SIG", 0},
	} {
		c := complete(t, tt.provider, tt.config...)
		k := onlyKey(t, c)
		if k.Algorithm != tt.alg || k.Use != tt.use || len(k.secret) != tt.secret || k.KID == "" {
			t.Errorf("%s %v: %+v with %d bytes of secret", tt.provider, tt.config, k.KeyInfo, len(k.secret))
		}
		if want := first(c, "ecGenerateCertificate") == "true"; (k.cert != nil) != want {
			t.Errorf("%s %v: certificate is %v, want %v", tt.provider, tt.config, k.cert != nil, want)
		}
	}
	given := complete(t, "hmac-generated", "secret", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid", "k")
	if first(given, "secretSize") != "24" || first(given, "kid") != "k" {
		t.Errorf("a given secret: %v", given.Config)
	}
}

func TestComplete_NamesTheBadMember(t *testing.T) {
	t.Parallel()
	rsaKey := first(component(t, "rsa-generated"), "privateKey")
	otherCert := first(component(t, "rsa-enc-generated"), "certificate")
	ec := config(component(t, "ec256").Config)
	for _, tt := range []struct {
		provider string
		config   []string
		member   string
		message  string
	}{
		{"rsa-generated", []string{"keySize", "1000"}, "keySize", "'Key size' should be 1024, 2048, 3072 or 4096"},
		{"rsa-generated", []string{"priority", "x"}, "priority", "'Priority' should be a number"},
		{"rsa-generated", []string{"active", "x"}, "active", "'Active' should be 'true' or 'false'"},
		{"rsa-generated", []string{"enabled", "x"}, "enabled", "'Enabled' should be 'true' or 'false'"},
		{"rsa-generated", []string{"algorithm", "HS256"}, "algorithm", "'Algorithm' should be RS256, RS384, RS512, PS256, PS384 or PS512"},
		{"rsa-generated", []string{"keyUse", "x"}, "keyUse", "'Key use' should be SIG or ENC"},
		{"rsa-generated", []string{"privateKey", "junk"}, "privateKey", "Failed to decode private key"},
		{"rsa", nil, "privateKey", "'Private RSA Key' is required"},
		{"rsa", []string{"privateKey", ec.get("ecdsaPrivateKey")}, "privateKey", "Failed to decode private key"},
		{"rsa", []string{"privateKey", rsaKey, "certificate", "junk"}, "certificate", "Failed to decode certificate"},
		{"rsa", []string{"privateKey", rsaKey, "certificate", otherCert}, "certificate", "Certificate does not belong to the private key"},
		{"hmac-generated", []string{"secretSize", "7"}, "secretSize", "'Secret size' should be 16, 24, 32, 64, 128, 256 or 512"},
		{"hmac-generated", []string{"secret", "short"}, "secret", "Failed to decode secret"},
		{"aes-generated", []string{"secretSize", "17"}, "secretSize", "'Secret size' should be 16, 24 or 32"},
		{"ecdsa-generated", []string{"ecdsaEllipticCurveKey", "P-1"}, "ecdsaEllipticCurveKey", "'Elliptic Curve' should be P-256, P-384 or P-521"},
		{"ecdsa-generated", []string{"ecdsaPrivateKey", "junk"}, "ecdsaPrivateKey", "Failed to decode private key"},
		{"ecdsa-generated", []string{"ecdsaPrivateKey", ec.get("ecdsaPrivateKey"), "ecdsaPublicKey", "junk"}, "ecdsaPublicKey", "Failed to decode public key"},
		{"eddsa-generated", []string{"eddsaEllipticCurveKey", "Ed448"}, "eddsaEllipticCurveKey", "'Elliptic Curve' should be Ed25519"},
	} {
		c := newComponent("x", tt.provider, tt.config...)
		before := len(c.Config)
		err := Complete(&c, "acme", testNow, rand.Reader)
		var bad *ConfigError
		if !errors.As(err, &bad) || bad.Member != tt.member || bad.Message != tt.message || len(c.Config) != before {
			t.Errorf("%s %s: %v, want %s: %s", tt.provider, tt.member, err, tt.member, tt.message)
		}
	}
	c := newComponent("x", "java-keystore")
	if err := Complete(&c, "acme", testNow, rand.Reader); !errors.Is(err, ErrUnknownProvider) {
		t.Errorf("java-keystore: %v, want ErrUnknownProvider", err)
	}
}

func TestComplete_TakesPEMAndPKCS8(t *testing.T) {
	t.Parallel()
	imported := component(t, "imported")
	c := complete(t, "rsa", "privateKey", first(imported, "privateKey"))
	if k := onlyKey(t, c); k.KID != rs256KID || k.Algorithm != "RS256" || k.cert == nil {
		t.Errorf("imported key: %+v", k.KeyInfo)
	}
	c = complete(t, "rsa-enc", "privateKey", first(imported, "privateKey"), "kid", "mine")
	if k := onlyKey(t, c); k.KID != "mine" || k.Algorithm != "RSA-OAEP" || k.Use != "ENC" {
		t.Errorf("imported encryption key: %+v", k.KeyInfo)
	}
}

func TestFallbackComponent_ServesItsAlgorithm(t *testing.T) {
	t.Parallel()
	private := first(component(t, "rsa-generated"), "privateKey")
	for alg, a := range algorithms {
		c, ok := FallbackComponent(alg)
		if !ok || c.Name != "fallback-"+alg || first(&c, "priority") != "-100" {
			t.Errorf("FallbackComponent(%s) = %+v, %v", alg, c, ok)
		}
		if a.isRSA() {
			c.Config["privateKey"] = []string{private}
		}
		if err := Complete(&c, "acme", testNow, rand.Reader); err != nil {
			t.Fatal(err)
		}
		r, err := NewKeyring([]*model.Component{&c}, SignerGo)
		if err != nil || !r.Has(alg) || r.NeedsFallback(alg) {
			t.Errorf("the fallback for %s does not serve it: %v", alg, err)
		}
	}
	if _, ok := FallbackComponent("none"); ok {
		t.Error("a fallback for alg none")
	}
}
