package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// people is how many users a loaded realm has; its sessions are spread over
// them.
const people = 200

const adminPassword = "bench-admin"

// storeRealm holds the stored sessions, loginRealm the users with argon2id.
const storeRealm, loginRealm = "stored", "logins"

// storeSecret signs refresh tokens of the stored sessions, which nobody logged
// in for, and storeKid names it.
var (
	storeSecret = []byte(strings.Repeat("latchkey-bench-", 9)[:128])
	storeKid    = "bench-hmac"
)

// variant is one way to refresh.
type variant struct {
	algorithm string
	rotation  bool
	openid    bool
}

// realm is the realm a variant runs in: sessions of both scopes share one.
func (v variant) realm() string { return realmName(v.algorithm, v.rotation) }

func realmName(algorithm string, rotation bool) string {
	return strings.ToLower(algorithm) + map[bool]string{true: "-rotating", false: "-fixed"}[rotation]
}

func (v variant) name() string {
	return fmt.Sprintf("%s, rotation %s, %s", v.algorithm, onOff(v.rotation), v.scope())
}

// coldVariant is the one of the stored sessions.
var coldVariant = variant{algorithm: "ES256", rotation: true, openid: true}

func (v variant) scope() string {
	if v.openid {
		return "openid offline_access"
	}
	return "offline_access"
}

var variants = func() (all []variant) {
	for _, algorithm := range []string{"RS256", "ES256"} {
		for _, rotation := range []bool{true, false} {
			for _, openid := range []bool{true, false} {
				all = append(all, variant{algorithm, rotation, openid})
			}
		}
	}
	return all
}()

func userName(n int) string { return fmt.Sprintf("user%06d", n) }

// cheapHashes make the logins that only prepare a measurement quick.
const cheapHashes = "hashAlgorithm(pbkdf2-sha256) and hashIterations(1)"

// writeRealms writes the documents of all realms into dir and returns the
// flags that import them.
func writeRealms(dir string) (flags []string, err error) {
	add := func(name, algorithm, policy, hmac string, rotation bool, users int) {
		if err != nil {
			return
		}
		file := filepath.Join(dir, name+".json")
		flags = append(flags, "--import-realm", file)
		err = os.WriteFile(file, []byte(document(name, algorithm, policy, hmac, rotation, users)), 0o600)
	}
	for _, algorithm := range []string{"RS256", "ES256"} {
		for _, rotation := range []bool{true, false} {
			add(realmName(algorithm, rotation), algorithm, cheapHashes, "", rotation, people)
		}
	}
	add(loginRealm, "RS256", "", "", false, people)
	secret := fmt.Sprintf(`,"kid":[%q],"secret":[%q]`, storeKid, base64.RawURLEncoding.EncodeToString(storeSecret))
	add(storeRealm, "ES256", cheapHashes, secret, true, 1)
	return flags, err
}

// document is a realm of default settings with a signing key of the algorithm.
func document(name, algorithm, policy, hmac string, rotation bool, users int) string {
	var list []string
	for n := range users {
		list = append(list, fmt.Sprintf(`{"username":%q,"enabled":true,"emailVerified":true,"email":"%s@example.org","firstName":"Given","lastName":"Family",
"credentials":[{"type":"password","value":"pw","temporary":false}],"realmRoles":["default-roles-%s"]}`, userName(n), userName(n), name))
	}
	key := `{"name":"rsa","providerId":"rsa-generated","config":{"keySize":["2048"]}}`
	if algorithm == "ES256" {
		key = `{"name":"ec","providerId":"ecdsa-generated","config":{"ecdsaEllipticCurveKey":["P-256"]}}`
	}
	return fmt.Sprintf(`{"realm":%q,"enabled":true,"sslRequired":"none","revokeRefreshToken":%v,"defaultSignatureAlgorithm":%q,"passwordPolicy":%q,
"components":{"org.keycloak.keys.KeyProvider":[%s,{"name":"hmac","providerId":"hmac-generated","config":{"algorithm":["HS512"]%s}}]},
"clients":[{"clientId":"portal","secret":"s3cret","publicClient":false,"directAccessGrantsEnabled":true,"redirectUris":["`+callback+`"]}],
"users":[%s]}`, name, rotation, algorithm, policy, key, hmac, strings.Join(list, ","))
}
