package server_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// newNodes are two nodes on one store with realm shop, known to both. Nobody
// polls: what node b learns it learns because it was asked.
func newNodes(t *testing.T) (a, b *servertest.Server) {
	t.Helper()
	a = newShop(t, "")
	b = servertest.Beside(t, a)
	return a, b
}

// addKey makes a key above all others of its algorithm.
func addKey(t *testing.T, s *servertest.Server, alg string) {
	t.Helper()
	addKeyTo(t, s, "shop", alg)
}

func addKeyTo(t *testing.T, s *servertest.Server, in, alg string) {
	t.Helper()
	c, ok := token.FallbackComponent(alg)
	if !ok {
		t.Fatalf("no key for %s", alg)
	}
	id, err := model.NewUUID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := s.Realms.Snapshot(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	c.ID, c.ParentID, c.Name = id, snap.Realm.ID, "new-"+alg
	c.Config["priority"] = []string{"1000"}
	if err := token.Complete(&c, in, s.Clock.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	err = s.Realms.Change(t.Context(), in, nil, func(*model.Config) (*store.ConfigChange, error) {
		return &store.ConfigChange{PutComponents: []*model.Component{&c}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNodes_TokenOfANewKeyIsKnownAtOnce: one node begins to sign with a key,
// another gets the token before its next poll.
func TestNodes_TokenOfANewKeyIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		alg  string
		asks func(b *servertest.Server, of tokens) bool // whether b takes the token
	}{
		{"HS512", func(b *servertest.Server, of tokens) bool { return refresh(t, b, of.Refresh).Status == http.StatusOK }},
		{"HS512", func(b *servertest.Server, of tokens) bool {
			w := send(b, http.MethodPost, protocolPath+"/logout", formType, "client_id=portal&client_secret=s3cret&refresh_token="+of.Refresh)
			return w.Code == http.StatusNoContent
		}},
		{"RS256", func(b *servertest.Server, of tokens) bool {
			w := send(b, http.MethodGet, protocolPath+"/userinfo", "", "", "Authorization", "Bearer "+of.Access)
			return w.Code == http.StatusOK
		}},
		{"RS256", func(b *servertest.Server, of tokens) bool {
			w := send(b, http.MethodPost, protocolPath+"/revoke", formType, "client_id=portal&client_secret=s3cret&token="+of.Access)
			return w.Code == http.StatusOK && w.Body.Len() == 0
		}},
		{"RS256", func(b *servertest.Server, of tokens) bool {
			w := send(b, http.MethodGet, protocolPath+"/certs", "", "")
			return strings.Contains(w.Body.String(), headerOf(t, of.Access).KID)
		}},
	} {
		a, b := newNodes(t)
		addKey(t, a, tt.alg)
		if of := login(t, a); !tt.asks(b, of) {
			t.Errorf("node b does not take what node a signed with its new %s key", tt.alg)
		}
	}
}

func headerOf(t *testing.T, jwt string) (h struct{ KID string }) {
	t.Helper()
	head, _, _ := strings.Cut(jwt, ".")
	doc, err := base64.RawURLEncoding.DecodeString(head)
	if err == nil {
		err = json.Unmarshal(doc, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestNodes_NewNamesAreKnownAtOnce: a realm, a client and a secret made at one
// node are served at another before its next poll.
func TestNodes_NewNamesAreKnownAtOnce(t *testing.T) {
	t.Parallel()
	a, b := newNodes(t)
	if _, err := a.Realms.CreateClient(t.Context(), "shop", []byte(`{"clientId":"kiosk","secret":"k","directAccessGrantsEnabled":true}`), nil); err != nil {
		t.Fatal(err)
	}
	made := ask(t, b, "client_id", "kiosk", "client_secret", "k", "grant_type", "password", "username", "alice", "password", "pw", "scope", "openid offline_access")
	if made.Status != http.StatusOK {
		t.Fatalf("login with a client made at another node: %d %s", made.Status, made.Error)
	}
	snap, err := a.Realms.Snapshot(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := a.Realms.RegenerateSecret(t.Context(), "shop", snap.Client("kiosk").ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	with := func(secret string) int {
		return ask(t, b, "client_id", "kiosk", "client_secret", secret, "grant_type", "refresh_token", "refresh_token", made.Refresh).Status
	}
	if got := with(secret); got != http.StatusOK {
		t.Errorf("refresh with a secret made at another node: %d", got)
	}
	if got := with("k"); got != http.StatusUnauthorized {
		t.Errorf("refresh with the old secret: %d", got)
	}
	if _, err := a.Realms.CreateRealm(t.Context(), strings.NewReader(`{"realm":"late","enabled":true}`), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if w := send(b, http.MethodGet, "/realms/late", "", ""); w.Code != http.StatusOK {
		t.Errorf("a realm made at another node: %d", w.Code)
	}
	if w := send(b, http.MethodGet, "/realms/never", "", ""); w.Code != http.StatusNotFound {
		t.Errorf("a realm nobody made: %d", w.Code)
	}
}

// TestNodes_AdministratorReadsOwnWrites: an administrator whose requests go to
// several nodes finds at each what another acknowledged.
func TestNodes_AdministratorReadsOwnWrites(t *testing.T) {
	t.Parallel()
	a, b := newNodes(t)
	addKeyTo(t, a, "master", "RS256")
	bearer := "Bearer " + adminToken(t, a)
	w := send(a, http.MethodPost, "/admin/realms/shop/clients", "application/json", `{"clientId":"kiosk"}`, "Authorization", bearer)
	path, ok := strings.CutPrefix(w.Header().Get("Location"), a.BaseURL)
	if w.Code != http.StatusCreated || !ok {
		t.Fatalf("create client: %d %s", w.Code, w.Body)
	}
	if w := send(b, http.MethodGet, path, "", "", "Authorization", bearer); w.Code != http.StatusOK {
		t.Errorf("the new client at another node: %d %s", w.Code, w.Body)
	}
	if w := send(b, http.MethodPut, path, "application/json", `{"clientId":"kiosk","name":"Kiosk"}`, "Authorization", bearer); w.Code != http.StatusNoContent {
		t.Errorf("its change at another node: %d %s", w.Code, w.Body)
	}
	made := send(a, http.MethodPost, "/admin/realms", "application/json", `{"realm":"late"}`, "Authorization", bearer)
	if w := send(b, http.MethodGet, "/admin/realms/late", "", "", "Authorization", bearer); made.Code != http.StatusCreated || w.Code != http.StatusOK {
		t.Errorf("a new realm at another node: %d, %d %s", made.Code, w.Code, w.Body)
	}
	if w := send(a, http.MethodGet, path, "", "", "Authorization", bearer); !strings.Contains(w.Body.String(), "Kiosk") {
		t.Errorf("read back: %d %s", w.Code, w.Body)
	}
}
