package oidc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/credential"
)

func TestToken_PrivateKeyJWT(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	jwks, err := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "n": enc(key.N.Bytes()), "e": enc(big.NewInt(int64(key.E)).Bytes()),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := json.Marshal(map[string]any{
		"clientId": "signer", "clientAuthenticatorType": "client-jwt", "serviceAccountsEnabled": true,
		"attributes": map[string]string{"jwks.string": string(jwks), "use.jwks.string": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(t, strings.Replace(demoRealm, `"clients":[`, `"clients":[`+string(client)+`,`, 1))
	now := d.clock().Unix()
	send := func(alg, jti string) answer {
		claims, err := json.Marshal(map[string]any{"iss": "signer", "sub": "signer", "aud": base + "/realms/demo", "jti": jti, "iat": now, "exp": now + 60})
		if err != nil {
			t.Fatal(err)
		}
		signed := enc([]byte(`{"alg":"`+alg+`","kid":"k1"}`)) + "." + enc(claims)
		digest := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return d.post("/token", "grant_type", "client_credentials", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
			"client_assertion", signed+"."+enc(sig))
	}
	if a := send("RS256", "one"); a.status != http.StatusOK {
		t.Errorf("a good assertion: %d %v", a.status, a.body)
	}
	send("RS256", "one").wants(t, "the same again", 400, "invalid_client", "Token reuse detected")
	for _, alg := range []string{"none", "HS256", "RS512"} {
		if a := send(alg, "two "+alg); a.status == http.StatusOK {
			t.Errorf("an assertion that says %s was accepted", alg)
		}
	}
}

func TestPassword_OldHashIsRenewedAtLogin(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{credential.PBKDF2SHA1, credential.PBKDF2SHA256, credential.PBKDF2SHA512} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			secret, data, err := credential.Hash("from-keycloak", bytes.NewReader(make([]byte, 16)), credential.Policy{Algorithm: algorithm, Iterations: 1000})
			if err != nil {
				t.Fatal(err)
			}
			user, err := json.Marshal(map[string]any{
				"username": "old", "enabled": true, "email": "old@example.org", "firstName": "O", "lastName": "Ld", "realmRoles": []string{"default-roles-demo"},
				"credentials": []any{map[string]any{"type": "password", "secretData": secret, "credentialData": data}},
			})
			if err != nil {
				t.Fatal(err)
			}
			doc := strings.Replace(demoRealm, `"users":[`, `"users":[`+string(user)+`,`, 1)
			d := newDoor(t, strings.Replace(doc, `"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)",`, "", 1))
			login := func(password string) answer {
				return d.post("/token", "grant_type", "password", "client_id", "portal", "client_secret", "portal-secret", "username", "old", "password", password)
			}
			login("wrong").wants(t, "a wrong password", 400, "invalid_grant", "Invalid user credentials")
			for range 2 { // by the old hash, then by the new one
				if a := login("from-keycloak"); a.status != http.StatusOK {
					t.Fatalf("login: %d %v", a.status, a.body)
				}
			}
			snap, err := d.realms.Snapshot(context.Background(), "demo")
			if err != nil {
				t.Fatal(err)
			}
			u, err := d.store.UserByUsername(t.Context(), snap.Realm.Num, "old")
			if err != nil {
				t.Fatal(err)
			}
			creds, err := d.store.Credentials(t.Context(), u.ID)
			if err != nil || len(creds) != 1 || !strings.Contains(creds[0].CredentialData, `"argon2"`) {
				t.Errorf("credentials after the login = %+v, %v; want one of argon2", creds, err)
			}
		})
	}
}
