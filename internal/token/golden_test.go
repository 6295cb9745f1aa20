package token

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// testdata holds a realm of a real Keycloak 26.7.2: its key components (the
// keys were made for this test), and what it then published and issued.

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func goldenComponents(t testing.TB) []*model.Component {
	t.Helper()
	var cs []*model.Component
	readJSON(t, "components.json", &cs)
	return cs
}

func component(t testing.TB, name string) *model.Component {
	t.Helper()
	for _, c := range goldenComponents(t) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no component %q", name)
	return nil
}

func goldenRing(t testing.TB, mode SignerMode) *Keyring {
	t.Helper()
	r, err := NewKeyring(goldenComponents(t), mode)
	if err != nil {
		t.Fatal(err)
	}
	if faults := r.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return r
}

type issued struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

func goldenTokens(t testing.TB) map[string]issued {
	t.Helper()
	var m map[string]issued
	readJSON(t, "tokens.json", &m)
	return m
}

func TestJWKS_IsKeycloaks(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/certs.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := goldenRing(t, SignerGo).JWKS(); !bytes.Equal(got, want) {
		t.Errorf("JWKS differs:\n got %s\nwant %s", got, want)
	}
}

func TestKeys_AreKeycloaks(t *testing.T) {
	t.Parallel()
	var want struct {
		Active map[string]string
		Keys   []KeyInfo
	}
	readJSON(t, "keys.json", &want)
	r := goldenRing(t, SignerGo)
	if diff := cmp.Diff(want.Keys, r.Keys()); diff != "" {
		t.Errorf("Keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Active, r.Active()); diff != "" {
		t.Errorf("Active (-want +got):\n%s", diff)
	}
	if got := r.RealmPublicKey(); got != want.Keys[0].PublicKey {
		t.Errorf("RealmPublicKey = %s, want %s", got, want.Keys[0].PublicKey)
	}
}

func TestVerify_KeycloaksTokens(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	for alg, tokens := range goldenTokens(t) {
		access, h, err := r.ParseAccess(tokens.Access)
		if err != nil || h.Alg != alg || access.Typ != TypBearer || access.Azp != "offline-access-portal" {
			t.Errorf("%s access token: %+v, %v", alg, h, err)
		}
		id, _, err := r.ParseAccess(tokens.ID)
		if err != nil {
			t.Fatalf("%s ID token: %v", alg, err)
		}
		var want string
		if err := json.Unmarshal(id.All["at_hash"], &want); err != nil {
			t.Fatal(err)
		}
		if got := HashHalf(alg, tokens.Access); got != want {
			t.Errorf("HashHalf(%s) = %s, want %s", alg, got, want)
		}
	}
}

func TestRefreshClaims_KeepKeycloaksOrder(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	payloads := []string{
		// With rotation and a maximum; a client without scopes. Both as Keycloak wrote them.
		`{"exp":1797845623,"iat":1795253623,"jti":"c82ce1d5-7b2f-8de2-68de-57374b7f2eb9","iss":"http://127.0.0.1:8180/realms/one","aud":"http://127.0.0.1:8180/realms/one","sub":"3570ffaf-0b43-40be-9ebf-87dd53d703a4","typ":"Offline","azp":"offline-access-portal","sid":"O_jVAv9_AVN3-x7kQA0nS3NO","scope":"openid offline_access","aud_x":["database-service","account"],"prov":"default","reuse_id":"3c1a3073-4c5e-47e3-bd44-0095951bd302"}`,
		`{"exp":1795255829,"iat":1795254029,"jti":"3766216a-768a-8fd8-61e0-4d4b8d933ca1","iss":"http://127.0.0.1:8180/realms/one","aud":"http://127.0.0.1:8180/realms/one","typ":"Refresh","azp":"bare","sid":"L9Ewp5nGxfPkmHo7597S32aE","scope":"","prov":"default","reuse_id":"d4bb23fe-edb4-47eb-9d3c-9b40d27485f1"}`,
	}
	// Of a token exchange with an audience.
	payloads = append(payloads, `{"exp":1795276870,"iat":1795275070,"jti":"2d8b7181-32e3-2191-8b2e-1cab3e2d26da","iss":"http://127.0.0.1:8180/realms/one","aud":"http://127.0.0.1:8180/realms/one","sub":"3570ffaf-0b43-40be-9ebf-87dd53d703a4","typ":"Refresh","azp":"exchanger","sid":"4NdxFi6yg1TC2trEHUY0wuzM","scope":"openid","aud_x":"target3","prov":"default","req-aud":["target3"]}`)
	for _, tokens := range goldenTokens(t) {
		p, _, err := r.VerifyInternal(tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, string(p))
	}
	for _, want := range payloads {
		c, err := parseRefreshClaims([]byte(want))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(c.AppendJSON(nil)); got != want {
			t.Errorf("AppendJSON:\n got %s\nwant %s", got, want)
		}
	}
}

func TestSign_HeaderOrder(t *testing.T) {
	t.Parallel()
	r := goldenRing(t, SignerGo)
	tok, err := r.Sign("RS256", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(tok, ".")
	got, err := strict.DecodeString(head)
	want := `{"alg":"RS256","typ":"JWT","kid":"uViuZE6f1vYHntq6eDQANtSg8Dkj2TOvMoIp0Av6oT0"}`
	if err != nil || string(got) != want {
		t.Errorf("header = %s, want %s", got, want)
	}
}
