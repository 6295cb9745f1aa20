package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// ErrUnknownProvider means a key component of a provider that is not known
// here (java-keystore, ecdh-generated, …).
var ErrUnknownProvider = errors.New("unknown key provider")

// ConfigError names the member of a component's config that is no good.
// Message is Keycloak's text for it, fit for the errorMessage of admin REST.
type ConfigError struct {
	Member  string
	Message string
}

func (e *ConfigError) Error() string { return "config " + e.Member + ": " + e.Message }

func configError(member, format string, args ...any) error {
	return &ConfigError{Member: member, Message: fmt.Sprintf(format, args...)}
}

// provider says which config members a key provider has and what they may be.
type provider struct {
	kind       string   // RSA, OCT, EC, OKP
	use        string   // SIG or ENC, unless keyUse says otherwise
	imported   bool     // the private key comes from outside and is required
	algorithms []string // the first is what an absent algorithm means
	sizes      []string // of keySize or secretSize
	sizeDef    int
	prefix     string // of EC and OKP members: ecdsa, eddsa
}

var (
	rsaSigAlgs  = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	rsaEncAlgs  = []string{"RSA-OAEP", "RSA-OAEP-256", "RSA1_5"}
	rsaSizes    = []string{"1024", "2048", "3072", "4096"}
	secretSizes = []string{"16", "24", "32", "64", "128", "256", "512"}
	ecCurves    = []string{"P-256", "P-384", "P-521"}
	edCurves    = []string{"Ed25519"}
)

// providers is the table of Keycloak's key providers. An hmac-generated
// component without algorithm is HS256, as Keycloak reads it: that is what
// realms made before version 24 hold.
var providers = map[string]*provider{
	"rsa-generated":     {kind: "RSA", use: "SIG", algorithms: rsaSigAlgs, sizes: rsaSizes, sizeDef: 2048},
	"rsa-enc-generated": {kind: "RSA", use: "ENC", algorithms: rsaEncAlgs, sizes: rsaSizes, sizeDef: 2048},
	"rsa":               {kind: "RSA", use: "SIG", imported: true, algorithms: rsaSigAlgs},
	"rsa-enc":           {kind: "RSA", use: "ENC", imported: true, algorithms: rsaEncAlgs},
	"hmac-generated":    {kind: "OCT", use: "SIG", algorithms: []string{"HS256", "HS384", "HS512"}, sizes: secretSizes, sizeDef: 128},
	"aes-generated":     {kind: "OCT", use: "ENC", algorithms: []string{"AES"}, sizes: []string{"16", "24", "32"}, sizeDef: 32},
	"ecdsa-generated":   {kind: "EC", use: "SIG", prefix: "ecdsa"},
	"eddsa-generated":   {kind: "OKP", use: "SIG", prefix: "eddsa"},
}

// config reads single values of a component's config.
type config map[string][]string

func (c config) get(member string) string {
	if v := c[member]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// priority is 0 when absent, as Keycloak's.
func (c config) priority() (int64, error) {
	v := c.get("priority")
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, configError("priority", "'Priority' should be a number")
	}
	return n, nil
}

// flag is true when absent.
func (c config) flag(member, label string) (bool, error) {
	switch v := strings.ToLower(c.get(member)); v {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, configError(member, "'%s' should be 'true' or 'false'", label)
}

// status is ACTIVE (may sign), PASSIVE (verifies only) or DISABLED.
func (c config) status() (string, error) {
	enabled, err := c.flag("enabled", "Enabled")
	if err != nil {
		return "", err
	}
	active, err := c.flag("active", "Active")
	switch {
	case err != nil:
		return "", err
	case !enabled:
		return StatusDisabled, nil
	case !active:
		return StatusPassive, nil
	}
	return StatusActive, nil
}

// use is SIG or ENC; keyUse may be written in either case.
func (c config) use(p *provider) (string, error) {
	switch v := strings.ToUpper(c.get("keyUse")); {
	case v == "" || p.kind == "OCT":
		return p.use, nil
	case v == "SIG" || v == "ENC":
		return v, nil
	}
	return "", configError("keyUse", "'Key use' should be SIG or ENC")
}

// providerOf looks up a key component's provider.
func providerOf(c *model.Component) (*provider, error) {
	p := providers[c.ProviderID]
	if p == nil || c.ProviderType != "" && c.ProviderType != model.KeyProviderType {
		return nil, fmt.Errorf("%w %q", ErrUnknownProvider, c.ProviderID)
	}
	return p, nil
}

// decodeDER takes PEM or one-line base64.
func decodeDER(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-----BEGIN") {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, errors.New("not PEM")
		}
		return block.Bytes, nil
	}
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
}

// parseRSA reads a private key in PKCS#1 or PKCS#8; it comes precomputed.
func parseRSA(text string) (*rsa.PrivateKey, error) {
	fail := configError("privateKey", "Failed to decode private key")
	der, err := decodeDER(text)
	if err != nil {
		return nil, fail
	}
	k, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		any8, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fail
		}
		var ok bool
		if k, ok = any8.(*rsa.PrivateKey); !ok {
			return nil, fail
		}
	}
	k.Precompute()
	return k, nil
}

// parseEC reads the members of an ecdsa-generated component. The public half
// must belong to the private one when it is given.
func parseEC(c config) (*ecdsa.PrivateKey, error) {
	fail := configError("ecdsaPrivateKey", "Failed to decode private key")
	der, err := decodeDER(c.get("ecdsaPrivateKey"))
	if err != nil {
		return nil, fail
	}
	k, err := x509.ParseECPrivateKey(der)
	if err != nil {
		any8, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, fail
		}
		var ok bool
		if k, ok = any8.(*ecdsa.PrivateKey); !ok {
			return nil, fail
		}
	}
	return k, samePublic("ecdsaPublicKey", c.get("ecdsaPublicKey"), k.Public())
}

// parseEd reads the members of an eddsa-generated component.
func parseEd(c config) (ed25519.PrivateKey, error) {
	fail := configError("eddsaPrivateKey", "Failed to decode private key")
	der, err := decodeDER(c.get("eddsaPrivateKey"))
	if err != nil {
		return nil, fail
	}
	any8, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fail
	}
	k, ok := any8.(ed25519.PrivateKey)
	if !ok {
		return nil, fail
	}
	return k, samePublic("eddsaPublicKey", c.get("eddsaPublicKey"), k.Public())
}

func samePublic(member, text string, public crypto.PublicKey) error {
	if text == "" {
		return nil
	}
	der, err := decodeDER(text)
	if err != nil {
		return configError(member, "Failed to decode public key")
	}
	got, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return configError(member, "Failed to decode public key")
	}
	want, ok := public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !want.Equal(got) {
		return configError(member, "Public key does not belong to the private key")
	}
	return nil
}

// parseSecret reads base64url, with or without padding.
func parseSecret(c config) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(c.get("secret"), "="))
	if err != nil || len(b) < 16 {
		return nil, configError("secret", "Failed to decode secret")
	}
	return b, nil
}

// parseCertificate reads the member certificate, which must be for public; the
// result is nil when there is none.
func parseCertificate(c config, public crypto.PublicKey) (*x509.Certificate, error) {
	text := c.get("certificate")
	if text == "" {
		return nil, nil
	}
	der, err := decodeDER(text)
	if err != nil {
		return nil, configError("certificate", "Failed to decode certificate")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, configError("certificate", "Failed to decode certificate")
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil || !bytes.Equal(spki, cert.RawSubjectPublicKeyInfo) {
		return nil, configError("certificate", "Certificate does not belong to the private key")
	}
	return cert, nil
}
