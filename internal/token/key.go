package token

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

// States of a key.
const (
	StatusActive   = "ACTIVE"   // signs and verifies
	StatusPassive  = "PASSIVE"  // verifies what it signed before
	StatusDisabled = "DISABLED" // listed, nothing else
)

// KeyInfo is one key as admin REST lists it (GET /admin/realms/{realm}/keys),
// in Keycloak's member order.
type KeyInfo struct {
	ProviderID       string `json:"providerId"` // the component's id
	ProviderPriority int64  `json:"providerPriority"`
	KID              string `json:"kid"`
	Status           string `json:"status"`
	Type             string `json:"type"` // RSA, EC, OKP, OCT
	Algorithm        string `json:"algorithm"`
	PublicKey        string `json:"publicKey,omitempty"`   // base64 SubjectPublicKeyInfo
	Certificate      string `json:"certificate,omitempty"` // base64 DER
	Use              string `json:"use"`                   // SIG, ENC
	ValidTo          int64  `json:"validTo,omitempty"`     // Unix milliseconds, of the certificate
}

// key is a component that could be read.
type key struct {
	KeyInfo
	alg     *algorithm       // nil when it does not sign (ENC)
	public  crypto.PublicKey // nil for OCT
	private crypto.Signer    // nil for OCT
	secret  []byte           // OCT only
	cert    *x509.Certificate
	header  string // base64url of the JOSE header it signs under
	sign    signer // active signing keys only
	mac     signer // HMAC keys: what a signature must be
}

func (k *key) enabled() bool { return k.Status != StatusDisabled }

// readKey reads a completed component. A certificate that cannot be read is
// left out and reported as certFault: the key itself is good.
func readKey(c *model.Component) (k *key, certFault, err error) {
	p, err := providerOf(c)
	if err != nil {
		return nil, nil, err
	}
	cfg := config(c.Config)
	k = &key{KeyInfo: KeyInfo{ProviderID: c.ID, KID: cfg.get("kid"), Type: p.kind}}
	if k.ProviderPriority, err = cfg.priority(); err != nil {
		return nil, nil, err
	}
	if k.Status, err = cfg.status(); err != nil {
		return nil, nil, err
	}
	if k.Use, err = cfg.use(p); err != nil {
		return nil, nil, err
	}
	switch p.kind {
	case "OCT":
		err = k.readSecret(cfg, p)
	case "RSA":
		err = k.readRSA(cfg)
	case "EC":
		err = k.readEC(cfg)
	default:
		err = k.readEd(cfg)
	}
	if err != nil {
		return nil, nil, err
	}
	if k.public != nil {
		if certFault, err = k.publish(cfg); err != nil {
			return nil, nil, err
		}
	}
	if k.KID == "" {
		return nil, nil, configError("kid", "missing")
	}
	if k.Use == "SIG" {
		k.alg = algorithms[k.Algorithm]
		k.header = encodeHeader(k.Algorithm, "JWT", k.KID)
	}
	return k, certFault, nil
}

func (k *key) readSecret(cfg config, p *provider) (err error) {
	k.Algorithm = p.algorithms[0]
	if a := cfg.get("algorithm"); a != "" && k.Use == "SIG" {
		k.Algorithm = a
	}
	if k.Use == "SIG" && (algorithms[k.Algorithm] == nil || algorithms[k.Algorithm].family != familyHMAC) {
		return configError("algorithm", "%q is no HMAC algorithm", k.Algorithm)
	}
	if k.secret, err = parseSecret(cfg); err == nil && k.Use == "SIG" {
		k.mac = macPool(algorithms[k.Algorithm].hash, k.secret)
	}
	return err
}

func (k *key) readRSA(cfg config) error {
	k.Algorithm = cfg.get("algorithm")
	if k.Algorithm == "" {
		k.Algorithm = rsaSigAlgs[0]
		if k.Use == "ENC" {
			k.Algorithm = rsaEncAlgs[0]
		}
	}
	if k.Use == "SIG" && (algorithms[k.Algorithm] == nil || !algorithms[k.Algorithm].isRSA()) {
		return configError("algorithm", "%q is no RSA signature algorithm", k.Algorithm)
	}
	r, err := parseRSA(cfg.get("privateKey"))
	if err != nil {
		return err
	}
	k.private, k.public = r, r.Public()
	return nil
}

func (k *key) readEC(cfg config) error {
	e, err := parseEC(cfg)
	if err != nil {
		return err
	}
	for _, a := range algorithms {
		if a.curve == e.Curve {
			k.Algorithm = a.name
		}
	}
	if k.Algorithm == "" {
		return configError("ecdsaPrivateKey", "unknown curve %s", e.Curve.Params().Name)
	}
	k.private, k.public = e, e.Public()
	return nil
}

func (k *key) readEd(cfg config) error {
	e, err := parseEd(cfg)
	if err != nil {
		return err
	}
	k.Algorithm, k.private, k.public = "EdDSA", e, e.Public()
	return nil
}

// publish fills in what others see of an asymmetric key.
func (k *key) publish(cfg config) (certFault, err error) {
	spki, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	k.PublicKey = base64.StdEncoding.EncodeToString(spki)
	if k.KID == "" {
		sum := sha256.Sum256(spki)
		k.KID = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if k.cert, certFault = parseCertificate(cfg, k.public); k.cert != nil {
		k.Certificate = base64.StdEncoding.EncodeToString(k.cert.Raw)
		k.ValidTo = k.cert.NotAfter.UnixMilli()
	}
	return certFault, nil
}

// encodeHeader is the base64url form of a JOSE header, in Keycloak's member
// order.
func encodeHeader(alg, typ, kid string) string {
	b := append([]byte(`{"alg":`), appendString(nil, alg)...)
	b = appendString(append(b, `,"typ":`...), typ)
	b = appendString(append(b, `,"kid":`...), kid)
	return base64.RawURLEncoding.EncodeToString(append(b, '}'))
}
