package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	certificateYears = 10
	clockSkew        = 100 * time.Second // Keycloak dates its certificates back by this
)

// FallbackComponent is what Keycloak adds to a realm that must sign with alg
// and has no active key for it; see Keyring.NeedsFallback. It has no id and is
// not yet completed. ok is false for an unknown alg.
func FallbackComponent(alg string) (c model.Component, ok bool) {
	a := algorithms[alg]
	if a == nil {
		return model.Component{}, false
	}
	name, priority := "fallback-"+alg, []string{"priority", "-100"}
	switch a.family {
	case familyHMAC:
		return newComponent(name, "hmac-generated", append(priority, "algorithm", alg)...), true
	case familyEC:
		return newComponent(name, "ecdsa-generated", append(priority, "ecdsaEllipticCurveKey", a.curve.Params().Name)...), true
	case familyEd:
		return newComponent(name, "eddsa-generated", append(priority, "eddsaEllipticCurveKey", "Ed25519")...), true
	}
	return newComponent(name, "rsa-generated", append(priority, "algorithm", alg)...), true
}

func newComponent(name, providerID string, config ...string) model.Component {
	c := model.Component{Name: name, ProviderID: providerID, ProviderType: model.KeyProviderType, Config: map[string][]string{}}
	for i := 0; i < len(config); i += 2 {
		c.Config[config[i]] = []string{config[i+1]}
	}
	return c
}

// Complete checks a key component and fills in what it lacks, in Keycloak's
// formats: RSA keys as PKCS#1, EC and Ed25519 keys as PKCS#8 and
// SubjectPublicKeyInfo, all base64; a self-signed certificate for CN=realmName,
// ten years long; secrets base64url; a UUID as kid of a secret. A key that is
// there is kept, unless keySize, secretSize or the curve asks for another one:
// then key, certificate and kid are made anew, as Keycloak does on an update.
// c.Config is replaced, never changed in place; on an error c is untouched.
//
// Errors: ErrUnknownProvider, *ConfigError naming the member.
func Complete(c *model.Component, realmName string, now time.Time, rand io.Reader) error {
	p, err := providerOf(c)
	if err != nil {
		return err
	}
	g := generator{p: p, realm: realmName, now: now, rand: rand, config: make(config, len(c.Config)+4)}
	for k, v := range c.Config {
		g.config[k] = slices.Clone(v)
	}
	if err := g.check(); err != nil {
		return err
	}
	switch p.kind {
	case "RSA":
		err = g.rsa()
	case "OCT":
		err = g.secret()
	case "EC":
		err = g.ec()
	default:
		err = g.ed()
	}
	if err != nil {
		return err
	}
	c.Config = g.config
	return nil
}

// generator completes one component's config.
type generator struct {
	config
	p     *provider
	realm string
	now   time.Time
	rand  io.Reader
}

func (g generator) set(member, value string) { g.config[member] = []string{value} }

func (g generator) drop(members ...string) {
	for _, m := range members {
		delete(g.config, m)
	}
}

// check looks at the members that all providers share.
func (g generator) check() error {
	if _, err := g.priority(); err != nil {
		return err
	}
	if _, err := g.status(); err != nil {
		return err
	}
	use, err := g.use(g.p)
	if err != nil {
		return err
	}
	allowed := g.p.algorithms
	if g.p.kind == "RSA" && use != g.p.use {
		// rsa and rsa-generated may be told to encrypt instead, and the other way round.
		allowed = slices.Concat(rsaSigAlgs, rsaEncAlgs)
	}
	if a := g.get("algorithm"); a != "" && len(allowed) > 0 && !slices.Contains(allowed, a) {
		return configError("algorithm", "'Algorithm' should be %s", orList(allowed))
	}
	return nil
}

// size is the wanted keySize or secretSize; asked is false when it is not set.
func (g generator) size(member, label string) (n int, asked bool, err error) {
	v := g.get(member)
	if v == "" {
		return g.p.sizeDef, false, nil
	}
	if !slices.Contains(g.p.sizes, v) {
		return 0, false, configError(member, "'%s' should be %s", label, orList(g.p.sizes))
	}
	n, err = strconv.Atoi(v)
	return n, true, err
}

func (g generator) rsa() error {
	bits, asked := 0, false
	if g.p.imported {
		if g.get("privateKey") == "" {
			return configError("privateKey", "'Private RSA Key' is required")
		}
	} else {
		var err error
		if bits, asked, err = g.size("keySize", "Key size"); err != nil {
			return err
		}
	}
	var key *rsa.PrivateKey
	if text := g.get("privateKey"); text != "" {
		k, err := parseRSA(text)
		if err != nil {
			return err
		}
		key = k
	}
	if key == nil || asked && key.N.BitLen() != bits {
		if key != nil {
			g.drop("certificate", "kid")
		}
		k, err := rsa.GenerateKey(g.rand, bits)
		if err != nil {
			return fmt.Errorf("generate RSA key: %w", err)
		}
		key = k
		g.set("privateKey", base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(k)))
	}
	if g.get("keyUse") == "" {
		g.set("keyUse", g.p.use)
	}
	return g.certificate(key, x509.SHA256WithRSA)
}

func (g generator) secret() error {
	n, asked, err := g.size("secretSize", "Secret size")
	if err != nil {
		return err
	}
	if g.get("secret") != "" {
		b, err := parseSecret(g.config)
		if err != nil {
			return err
		}
		switch {
		case asked && len(b) != n:
			g.drop("secret", "kid")
		case len(b) != n:
			g.set("secretSize", strconv.Itoa(len(b)))
		}
	}
	if g.get("secret") == "" {
		b := make([]byte, n)
		if _, err := io.ReadFull(g.rand, b); err != nil {
			return fmt.Errorf("generate secret: %w", err)
		}
		g.set("secret", base64.RawURLEncoding.EncodeToString(b))
	}
	if g.get("kid") == "" {
		id, err := model.NewUUID(g.rand)
		if err != nil {
			return err
		}
		g.set("kid", id)
	}
	return nil
}

func (g generator) ec() error {
	curve, asked, err := g.curve(ecCurves)
	if err != nil {
		return err
	}
	var key *ecdsa.PrivateKey
	if g.get("ecdsaPrivateKey") != "" {
		if key, err = parseEC(g.config); err != nil {
			return err
		}
		if !asked {
			curve = key.Curve.Params().Name
		}
	}
	if key == nil || key.Curve.Params().Name != curve {
		if key != nil {
			g.drop("certificate", "kid")
		}
		byName := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
		if key, err = ecdsa.GenerateKey(byName[curve], g.rand); err != nil {
			return fmt.Errorf("generate EC key: %w", err)
		}
		g.drop("ecdsaPrivateKey", "ecdsaPublicKey")
	}
	g.set("ecdsaEllipticCurveKey", curve)
	if err := g.pair(key); err != nil {
		return err
	}
	if g.get("ecGenerateCertificate") != "true" {
		return nil
	}
	hash := map[string]x509.SignatureAlgorithm{"P-256": x509.ECDSAWithSHA256, "P-384": x509.ECDSAWithSHA384, "P-521": x509.ECDSAWithSHA512}
	return g.certificate(key, hash[curve])
}

func (g generator) ed() error {
	curve, _, err := g.curve(edCurves)
	if err != nil {
		return err
	}
	var key ed25519.PrivateKey
	if g.get("eddsaPrivateKey") != "" {
		key, err = parseEd(g.config)
	} else {
		_, key, err = ed25519.GenerateKey(g.rand)
	}
	if err != nil {
		return err
	}
	g.set("eddsaEllipticCurveKey", curve)
	return g.pair(key)
}

// curve is the wanted curve; asked is false when it is not set.
func (g generator) curve(known []string) (name string, asked bool, err error) {
	member := g.p.prefix + "EllipticCurveKey"
	v := g.get(member)
	switch {
	case v == "":
		return known[0], false, nil
	case slices.Contains(known, v):
		return v, true, nil
	}
	return "", false, configError(member, "'Elliptic Curve' should be %s", orList(known))
}

// pair writes the two halves of an EC or Ed25519 key where they are missing.
func (g generator) pair(key crypto.Signer) error {
	if g.get(g.p.prefix+"PrivateKey") == "" {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return fmt.Errorf("encode private key: %w", err)
		}
		g.set(g.p.prefix+"PrivateKey", base64.StdEncoding.EncodeToString(der))
	}
	if g.get(g.p.prefix+"PublicKey") == "" {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return fmt.Errorf("encode public key: %w", err)
		}
		g.set(g.p.prefix+"PublicKey", base64.StdEncoding.EncodeToString(der))
	}
	return nil
}

// certificate keeps the one that is there if it belongs to key, else makes one.
func (g generator) certificate(key crypto.Signer, alg x509.SignatureAlgorithm) error {
	if cert, err := parseCertificate(g.config, key.Public()); err != nil || cert != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber:       big.NewInt(g.now.UnixMilli()),
		Subject:            pkix.Name{CommonName: g.realm},
		NotBefore:          g.now.Add(-clockSkew),
		NotAfter:           g.now.AddDate(certificateYears, 0, 0),
		SignatureAlgorithm: alg,
	}
	der, err := x509.CreateCertificate(g.rand, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	g.set("certificate", base64.StdEncoding.EncodeToString(der))
	return nil
}

// orList writes "a, b or c".
func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
