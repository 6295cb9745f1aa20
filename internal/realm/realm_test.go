package realm_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

var rsaKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PrivateKey(key))
})

// node is one server's realm service over st; several share a store as nodes
// share a database.
func node(t *testing.T, st *store.Store) *realm.Service {
	t.Helper()
	s := &realm.Service{
		Store: st, Rand: rand.Reader, Now: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
		Hasher: credential.NewHasher(2), Log: slog.New(slog.DiscardHandler), PresetRSAKey: rsaKey,
	}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.EnsureMaster(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

const quick = `"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)"`

func create(t *testing.T, s *realm.Service, doc string) *model.Realm {
	t.Helper()
	r, err := s.CreateRealm(t.Context(), strings.NewReader(doc), realm.ImportOptions{})
	if err != nil {
		t.Fatalf("CreateRealm: %v", err)
	}
	return r
}

func snapshot(t *testing.T, s *realm.Service, name string) *realm.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(t.Context(), name)
	if err != nil {
		t.Fatalf("Snapshot(%q): %v", name, err)
	}
	return snap
}

func TestCreateRealm_FaultyUsersLeaveNothing(t *testing.T) {
	t.Parallel()
	st := storetest.Open(t)
	s := node(t, st)
	twice := `{"realm":"half",` + quick + `,"users":[{"username":"a"},{"username":"b"},{"username":"A"}]}`
	_, err := s.CreateRealm(t.Context(), strings.NewReader(twice), realm.ImportOptions{})
	var fault *keycloak.DocumentError
	if !errors.As(err, &fault) {
		t.Fatalf("CreateRealm = %v, want a DocumentError", err)
	}
	if _, err := s.Snapshot(t.Context(), "half"); !errors.Is(err, realm.ErrUnknownRealm) {
		t.Errorf("Snapshot after the failure = %v, want ErrUnknownRealm", err)
	}
	if c := snapshot(t, s, "master").Client("half-realm"); c != nil {
		t.Error("master kept a client for a realm that was never made")
	}
	create(t, s, `{"realm":"half",`+quick+`,"users":[{"username":"a"}]}`)
}

func TestCreateRealm_NameTwiceIsAConflict(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"demo"}`)
	_, err := s.CreateRealm(t.Context(), strings.NewReader(`{"realm":"demo"}`), realm.ImportOptions{})
	var conflict *store.ConflictError
	if !errors.As(err, &conflict) || conflict.Kind != "realm" {
		t.Errorf("CreateRealm = %v, want a conflict of the realm's name", err)
	}
}

func TestCreateRealm_MastersAdminMayManageIt(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"demo"}`)
	master := snapshot(t, s, "master")
	admin := master.Expand(master.Role("", "admin").ID)
	c := master.Client("demo-realm")
	if c == nil {
		t.Fatal("master has no client demo-realm")
	}
	for _, name := range []string{"manage-users", "view-users", "manage-realm", "view-clients"} {
		if r := master.Role(c.ID, name); r == nil || !admin[r.ID] {
			t.Errorf("role admin does not reach %s of demo-realm", name)
		}
	}
	if err := s.DeleteRealm(t.Context(), "demo", nil); err != nil {
		t.Fatal(err)
	}
	if snapshot(t, s, "master").Client("demo-realm") != nil {
		t.Error("master kept demo-realm after the realm was deleted")
	}
}

func TestCreateRealm_ReportsProgress(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	var b strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&b, `,{"username":"u%d"}`, i)
	}
	var seen []int64
	_, err := s.CreateRealm(t.Context(), strings.NewReader(`{"realm":"big","users":[`+b.String()[1:]+`]}`), realm.ImportOptions{Progress: func(n int64) { seen = append(seen, n) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(seen); got != "[500 1000 1200]" {
		t.Errorf("progress = %s", got)
	}
	n, err := s.Store.CountUsers(t.Context(), snapshot(t, s, "big").Realm.Num, store.UserFilter{})
	if err != nil || n != 1200 {
		t.Errorf("CountUsers = %d, %v", n, err)
	}
}

func TestChange_ParallelWritersAllApply(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"demo"}`)
	var wg sync.WaitGroup
	faults := make([]error, 16)
	for i := range faults {
		wg.Go(func() {
			_, faults[i] = s.CreateClient(context.Background(), "demo", fmt.Appendf(nil, `{"clientId":"c%d"}`, i), nil)
		})
	}
	wg.Wait()
	if err := errors.Join(faults...); err != nil {
		t.Fatal(err)
	}
	for i := range faults {
		if snapshot(t, s, "demo").Client(fmt.Sprintf("c%d", i)) == nil {
			t.Errorf("client c%d was lost", i)
		}
	}
}

func TestPoll_SeesAnotherNodesWrite(t *testing.T) {
	t.Parallel()
	st := storetest.Open(t)
	a, b := node(t, st), node(t, st)
	create(t, a, `{"realm":"demo"}`)
	if err := b.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.UpdateRealm(t.Context(), "demo", []byte(`{"revokeRefreshToken":true}`), nil); err != nil {
		t.Fatal(err)
	}
	if snapshot(t, b, "demo").Realm.RevokeRefreshToken {
		t.Fatal("node b saw the write without a poll: the test proves nothing")
	}
	if err := b.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !snapshot(t, b, "demo").Realm.RevokeRefreshToken {
		t.Error("node b did not see the write after a poll")
	}
}

func TestUpdateRealm_RenameMovesTheAdminClient(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"old"}`)
	if err := s.UpdateRealm(t.Context(), "old", []byte(`{"realm":"new"}`), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshot(t.Context(), "old"); !errors.Is(err, realm.ErrUnknownRealm) {
		t.Errorf("Snapshot(old) = %v", err)
	}
	if m := snapshot(t, s, "master"); m.Client("new-realm") == nil || m.Client("old-realm") != nil {
		t.Error("master's client did not follow the name")
	}
	if got := snapshot(t, s, "new").Client("account").BaseURL; got != "/realms/new/account/" {
		t.Errorf("base URL of client account = %q", got)
	}
}

func TestEnsureKey_MakesOneKeyForManyCallers(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"demo"}`)
	before := snapshot(t, s, "demo")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.EnsureKey(context.Background(), before, "ES256"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, c := range snapshot(t, s, "demo").Components {
		if strings.HasPrefix(c.Name, "fallback-ES256") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d fallback keys, want 1", n)
	}
}

func TestDeleteClient_TakesItsRolesEverywhere(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"demo","clients":[{"clientId":"api","serviceAccountsEnabled":true}],
	 "roles":{"client":{"api":[{"name":"read"}]},"realm":[{"name":"all","composite":true,"composites":{"client":{"api":["read"]}}}]},
	 "groups":[{"name":"staff","clientRoles":{"api":["read"]}}]}`)
	snap := snapshot(t, s, "demo")
	api := snap.Client("api")
	if _, err := s.User(t.Context(), snap, api.ServiceUserID); err != nil {
		t.Fatalf("service account: %v", err)
	}
	if err := s.DeleteClient(t.Context(), "demo", api.ID, "", nil); err != nil {
		t.Fatal(err)
	}
	after := snapshot(t, s, "demo")
	if r := after.Role("", "all"); len(r.Composites) != 0 {
		t.Errorf("composites of all = %v", r.Composites)
	}
	if g := after.GroupByPath("/staff"); len(g.Roles) != 0 {
		t.Errorf("roles of /staff = %v", g.Roles)
	}
	if _, err := s.User(t.Context(), after, api.ServiceUserID); !errors.Is(err, realm.ErrUnknown) {
		t.Errorf("service account after = %v, want ErrUnknown", err)
	}
	if err := s.DeleteClient(t.Context(), "demo", api.ID, "", nil); !errors.Is(err, realm.ErrUnknown) {
		t.Errorf("deleting it again = %v, want ErrUnknown", err)
	}
}

func TestSetPassword_TemporaryLeavesAnAction(t *testing.T) {
	t.Parallel()
	s := node(t, storetest.Open(t))
	create(t, s, `{"realm":"demo",`+quick+`}`)
	u, err := s.CreateUser(t.Context(), "demo", []byte(`{"username":"uma","enabled":true}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, temporary := range []bool{true, true, false} {
		if err := s.SetPassword(t.Context(), "demo", u.ID, "pw", temporary, nil); err != nil {
			t.Fatal(err)
		}
		got, err := s.User(t.Context(), snapshot(t, s, "demo"), u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if has := len(got.RequiredActions) == 1; has != temporary {
			t.Errorf("temporary %v: required actions %v", temporary, got.RequiredActions)
		}
	}
	creds, err := s.Store.Credentials(t.Context(), u.ID)
	if err != nil || len(creds) != 1 {
		t.Errorf("credentials = %d, %v; want 1", len(creds), err)
	}
}
