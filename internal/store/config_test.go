package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

func write(t testing.TB, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// conflict is the kind of a ConflictError, "" for another or no error.
func conflict(err error) string {
	var c *store.ConflictError
	if errors.As(err, &c) {
		return c.Kind
	}
	return ""
}

func newRealm(t testing.TB, s *store.Store, id, name string) *model.Realm {
	t.Helper()
	r := &model.Realm{ID: id, Name: name, Enabled: true, SSLRequired: "external", DefaultSignatureAlgorithm: "RS256"}
	write(t, s, func(tx *store.Tx) error { return tx.CreateRealm(r, true) })
	return r
}

func apply(s *store.Store, t testing.TB, ch *store.ConfigChange) (version int64, err error) {
	err = s.Write(t.Context(), func(tx *store.Tx) (err error) {
		version, err = tx.ApplyConfig(ch)
		return err
	})
	return version, err
}

func fullChange(realmID string) *store.ConfigChange {
	return &store.ConfigChange{
		RealmID: realmID, BaseVersion: 1,
		PutClients: []*model.Client{
			{ID: "c1", ClientID: "app", Enabled: true, Protocol: "openid-connect", Secret: "the-client-secret", RedirectURIs: []string{"https://app.example/*"},
				Attributes: map[string]string{"a": "b"}, ProtocolMappers: []model.ProtocolMapper{{ID: "m", Name: "n", Config: map[string]string{"x": "y"}}},
				Extra: model.Extra{"surrogateAuthRequired": []byte("false")}},
			{ID: "c2", ClientID: "public", PublicClient: true},
		},
		PutScopes:     []*model.ClientScope{{ID: "s1", Name: "profile", Protocol: "openid-connect"}},
		PutRoles:      []*model.Role{{ID: "r1", Name: "admin"}, {ID: "r2", Name: "admin", ClientID: "c1", Composites: []string{"r1"}}},
		PutGroups:     []*model.Group{{ID: "g1", Name: "staff"}, {ID: "g2", Name: "staff", ParentID: "g1", Roles: []string{"r1"}}},
		PutComponents: []*model.Component{{ID: "k1", Name: "hmac", ProviderType: model.KeyProviderType, Config: map[string][]string{"secret": {"the-signing-secret"}}}, {ID: "k2", Name: "hmac"}},
	}
}

func TestConfig_RoundTrip(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	s := storetest.OpenAt(t, path)
	newRealm(t, s, "realm-1", "demo")
	ch := fullChange("realm-1")
	if v, err := apply(s, t, ch); err != nil || v != 2 {
		t.Fatalf("apply: version %d, %v", v, err)
	}
	cfg, err := s.LoadConfig(t.Context(), "realm-1")
	if err != nil {
		t.Fatal(err)
	}
	want := fullChange("realm-1")
	want.PutClients[0].Num, want.PutClients[1].Num = 1, 2
	byID := cmpopts.SortSlices(func(a, b *model.Group) bool { return a.ID < b.ID })
	for _, x := range []struct{ got, want any }{
		{cfg.Clients, want.PutClients}, {cfg.Scopes, want.PutScopes}, {cfg.Roles, want.PutRoles}, {cfg.Groups, want.PutGroups}, {cfg.Components, want.PutComponents},
	} {
		if diff := cmp.Diff(x.want, x.got, cmpopts.EquateEmpty(), byID); diff != "" {
			t.Error(diff)
		}
	}
	if cfg.Version != 2 || cfg.Realm.Num != 1 || cfg.Realm.Name != "demo" {
		t.Errorf("realm %+v at version %d", cfg.Realm, cfg.Version)
	}
	if ch.PutClients[1].Num != 2 {
		t.Errorf("number of the new client: %d", ch.PutClients[1].Num)
	}
	for _, file := range []string{path, path + "-wal"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"the-client-secret", "the-signing-secret"} {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds %q in clear", filepath.Base(file), secret)
			}
		}
	}
}

func TestConfig_SealedUnderInstanceKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	s := storetest.OpenAt(t, path)
	newRealm(t, s, "realm-1", "demo")
	if _, err := apply(s, t, fullChange("realm-1")); err != nil {
		t.Fatal(err)
	}
	other, err := store.Open(t.Context(), "sqlite:"+path, store.Options{InstanceKey: make([]byte, store.InstanceKeyBytes)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.LoadConfig(t.Context(), "realm-1"); err == nil {
		t.Error("another instance key opens the secrets")
	}
}

func TestConfig_ReplaceAndDelete(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	if _, err := apply(s, t, fullChange("realm-1")); err != nil {
		t.Fatal(err)
	}
	renamed := &model.Realm{Name: "demo2", Enabled: true}
	v, err := apply(s, t, &store.ConfigChange{RealmID: "realm-1", BaseVersion: 2, Realm: renamed,
		PutClients:    []*model.Client{{ID: "c1", ClientID: "app-renamed", Secret: "new"}},
		DeleteClients: []string{"c2", "unknown"}, DeleteScopes: []string{"s1"}, DeleteRoles: []string{"r1"}, DeleteGroups: []string{"g2"}, DeleteComponents: []string{"k1"}})
	if err != nil || v != 3 {
		t.Fatalf("version %d, %v", v, err)
	}
	cfg, err := s.LoadConfig(t.Context(), "realm-1")
	if err != nil {
		t.Fatal(err)
	}
	if c := cfg.Client("app-renamed"); c == nil || c.Num != 1 || c.Secret != "new" || len(cfg.Clients) != 1 {
		t.Errorf("clients %+v", cfg.Clients)
	}
	if len(cfg.Scopes)+len(cfg.Groups)+len(cfg.Roles)+len(cfg.Components) != 3 {
		t.Errorf("left: %v %v %v %v", cfg.Scopes, cfg.Groups, cfg.Roles, cfg.Components)
	}
	if cfg.Realm.Name != "demo2" || cfg.Realm.ID != "realm-1" || cfg.Realm.Num != 1 {
		t.Errorf("realm %+v", cfg.Realm)
	}
	newRealm(t, s, "realm-2", "demo") // the old name is free
	got, err := s.RealmVersions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []store.RealmVersion{{ID: "realm-1", Name: "demo2", Num: 1, Version: 3}, {ID: "realm-2", Name: "demo", Num: 2, Version: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfig_Conflicts(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	newRealm(t, s, "realm-2", "other")
	if _, err := apply(s, t, fullChange("realm-1")); err != nil {
		t.Fatal(err)
	}
	change := func(fill func(ch *store.ConfigChange)) error {
		ch := &store.ConfigChange{RealmID: "realm-1", BaseVersion: 2}
		fill(ch)
		_, err := apply(s, t, ch)
		return err
	}
	for _, tt := range []struct {
		kind string
		fill func(ch *store.ConfigChange)
	}{
		{"clientId", func(ch *store.ConfigChange) { ch.PutClients = []*model.Client{{ID: "c9", ClientID: "app"}} }},
		{"clientId", func(ch *store.ConfigChange) { ch.PutClients = []*model.Client{{ID: "c2", Num: 2, ClientID: "app"}} }},
		{"clientScope", func(ch *store.ConfigChange) { ch.PutScopes = []*model.ClientScope{{ID: "s9", Name: "profile"}} }},
		{"role", func(ch *store.ConfigChange) { ch.PutRoles = []*model.Role{{ID: "r9", Name: "admin", ClientID: "c1"}} }},
		{"group", func(ch *store.ConfigChange) { ch.PutGroups = []*model.Group{{ID: "g9", Name: "staff", ParentID: "g1"}} }},
		{"realm", func(ch *store.ConfigChange) { ch.Realm = &model.Realm{Name: "other"} }},
		{"", func(ch *store.ConfigChange) { ch.PutRoles = []*model.Role{{ID: "r9", Name: "admin", ClientID: "c2"}} }},
	} {
		if got := conflict(change(tt.fill)); got != tt.kind {
			t.Errorf("conflict %q, want %q", got, tt.kind)
		}
	}
	if err := change(func(*store.ConfigChange) {}); !errors.Is(err, store.ErrStale) {
		t.Errorf("old version: %v", err)
	}
	if _, err := apply(s, t, &store.ConfigChange{RealmID: "none"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown realm: %v", err)
	}
	if _, err := s.LoadConfig(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("load unknown realm: %v", err)
	}
	create := func(r *model.Realm) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.CreateRealm(r, true) })
	}
	if got := conflict(create(&model.Realm{ID: "realm-3", Name: "demo"})); got != "realm" {
		t.Errorf("realm name: %q", got)
	}
	if got := conflict(create(&model.Realm{ID: "realm-1", Name: "demo3"})); got != "id" {
		t.Errorf("realm id: %q", got)
	}
}

func TestConfig_FailedWriteTakesNumbersBack(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	c := &model.Client{ID: "c1", ClientID: "app"}
	errLater := errors.New("later")
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.ApplyConfig(&store.ConfigChange{RealmID: "realm-1", BaseVersion: 1, PutClients: []*model.Client{c}}); err != nil {
			return err
		}
		return errLater
	})
	if !errors.Is(err, errLater) || c.Num != 0 {
		t.Errorf("%v, number %d", err, c.Num)
	}
}

func TestConfig_OneWriterWinsPerVersion(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 64 {
		wg.Go(func() {
			_, err := apply(s, t, &store.ConfigChange{RealmID: "realm-1", BaseVersion: 1})
			if err != nil && !errors.Is(err, store.ErrStale) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
}

func TestRealm_InvisibleUntilShown(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	hidden := &model.Realm{ID: "hidden", Name: "demo"}
	write(t, s, func(tx *store.Tx) error { return tx.CreateRealm(hidden, false) })
	newRealm(t, s, "realm-1", "demo")
	show := func() error { return s.Write(t.Context(), func(tx *store.Tx) error { return tx.ShowRealm("hidden") }) }
	if got := conflict(show()); got != "realm" {
		t.Errorf("name taken meanwhile: %q", got)
	}
	if all, err := s.RealmVersions(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("visible: %v, %v", all, err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.DeleteRealm("realm-1") })
	if err := show(); err != nil {
		t.Error(err)
	}
	if all, err := s.RealmVersions(t.Context()); err != nil || len(all) != 1 || all[0].ID != "hidden" || all[0].Version != 2 {
		t.Errorf("visible: %v, %v", all, err)
	}
	if n, err := s.DropInvisibleRealms(t.Context(), 1000); err != nil || n != 0 {
		t.Errorf("dropped %d, %v", n, err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.CreateRealm(&model.Realm{ID: "crashed", Name: "x"}, false) })
	if held, err := s.Lease(t.Context(), store.ImportLease+"crashed", "crashed", 1000, 1600); err != nil || !held {
		t.Fatal(held, err)
	}
	if n, err := s.DropInvisibleRealms(t.Context(), 1599); err != nil || n != 0 {
		t.Errorf("dropped %d, %v while its import runs", n, err)
	}
	if n, err := s.DropInvisibleRealms(t.Context(), 1600); err != nil || n != 1 {
		t.Errorf("dropped %d, %v", n, err)
	}
	if _, err := s.LoadConfig(t.Context(), "crashed"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the drop: %v", err)
	}
}

func TestInstanceKey_File(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "instance.key")
	key, err := store.LoadOrCreateInstanceKey(path)
	if err != nil || len(key) != store.InstanceKeyBytes {
		t.Fatalf("create: %d bytes, %v", len(key), err)
	}
	again, err := store.LoadOrCreateInstanceKey(path)
	if err != nil || !bytes.Equal(key, again) {
		t.Errorf("load: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := store.LoadOrCreateInstanceKey(path); err == nil {
		t.Error("a key that others may read is taken")
	}
	bad := filepath.Join(t.TempDir(), "bad.key")
	if err := os.WriteFile(bad, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.LoadOrCreateInstanceKey(bad); err == nil {
		t.Error("a damaged key is taken")
	}
}
