package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

func alice() *model.User {
	return &model.User{ID: "0f8fad5b-d9cb-469f-a165-70867728950e", RealmNum: 1, Username: "alice", Email: "alice@example.org", FirstName: "Alice", LastName: "Liddell",
		Enabled: true, EmailVerified: true, CreatedMS: 1_790_000_000_123, NotBefore: 5, ServiceClientID: "c1",
		Grants:     model.Grants{Roles: []string{"role-1", "role-2"}, Groups: []string{"group-1"}},
		Attributes: map[string][]string{"locale": {"de", "en"}}, RequiredActions: []string{"UPDATE_PASSWORD"}, Extra: model.Extra{"totp": []byte("false")}}
}

func password(id, value string) model.Credential {
	return model.Credential{ID: id, Type: "password", Label: "my", CreatedMS: 7, Priority: 10, SecretData: `{"value":"` + value + `"}`, CredentialData: `{"algorithm":"argon2"}`}
}

func insert(s *store.Store, t testing.TB, n store.NewUser) error {
	return s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertUser(n) })
}

func mustInsert(t testing.TB, s *store.Store, us ...*model.User) {
	t.Helper()
	for _, u := range us {
		if err := insert(s, t, store.NewUser{User: u, UniqueEmail: true}); err != nil {
			t.Fatal(err)
		}
	}
}

func named(n int, name, email string) *model.User {
	return &model.User{ID: fmt.Sprintf("user-%d", n), RealmNum: 1, Username: name, Email: email, Enabled: true}
}

func TestUser_RoundTrip(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	if _, err := apply(s, t, fullChange("realm-1")); err != nil {
		t.Fatal(err)
	}
	consents := []model.Consent{{ClientID: "c1", ScopeIDs: []string{"s1"}, CreatedMS: 1, UpdatedMS: 2}}
	creds := []model.Credential{password("cred-1", "x")}
	gone := model.Consent{ClientID: "deleted-client"}
	if err := insert(s, t, store.NewUser{User: alice(), Credentials: creds, Consents: append(consents, gone), UniqueEmail: true}); err != nil {
		t.Fatal(err)
	}
	byID, err1 := s.UserByID(t.Context(), 1, alice().ID)
	byName, err2 := s.UserByUsername(t.Context(), 1, "alice")
	byEmail, err3 := s.UserByEmail(t.Context(), 1, "alice@example.org")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, got := range []*model.User{byID, byName, byEmail} {
		if diff := cmp.Diff(alice(), got); diff != "" {
			t.Error(diff)
		}
	}
	gotCreds, err := s.Credentials(t.Context(), alice().ID)
	if diff := cmp.Diff(creds, gotCreds); err != nil || diff != "" {
		t.Error(err, diff)
	}
	gotConsents, err := s.Consents(t.Context(), 1, alice().ID)
	if diff := cmp.Diff(consents, gotConsents); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := s.UserByID(t.Context(), 2, alice().ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("user of another realm: %v", err)
	}
	if got, err := s.Consents(t.Context(), 2, alice().ID); err != nil || len(got) != 0 {
		t.Errorf("consents of a user of another realm: %v, %v", got, err)
	}
}

func TestUser_Claims(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, named(1, "alice", "a@example.org"), named(2, "bob", ""))
	for _, tt := range []struct {
		name   string
		user   *model.User
		unique bool
		want   string
	}{
		{"same name", named(3, "alice", ""), true, "username"},
		{"same e-mail", named(3, "carol", "a@example.org"), true, "email"},
		{"same id", named(1, "dave", ""), true, "id"},
		{"same e-mail where that is allowed", named(4, "erin", "a@example.org"), false, ""},
	} {
		if got := conflict(insert(s, t, store.NewUser{User: tt.user, UniqueEmail: tt.unique})); got != tt.want {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	elsewhere := named(5, "alice", "a@example.org")
	elsewhere.RealmNum = 2
	mustInsert(t, s, elsewhere)
	if u, err := s.UserByUsername(t.Context(), 2, "alice"); err != nil || u.ID != "user-5" {
		t.Errorf("same name in another realm: %v, %v", u, err)
	}
	if u, err := s.UserByEmail(t.Context(), 1, "a@example.org"); err != nil || u.ID != "user-1" {
		t.Errorf("duplicate e-mail: %v, %v", u, err)
	}
}

func TestUser_Update(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	mustInsert(t, s, alice(), named(2, "bob", "bob@example.org"))
	update := func(old, new *model.User) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.UpdateUser(old, new, true) })
	}
	taken := alice()
	taken.Username = "bob"
	if got := conflict(update(alice(), taken)); got != "username" {
		t.Errorf("taken name: %q", got)
	}
	taken = alice()
	taken.Email = "bob@example.org"
	if got := conflict(update(alice(), taken)); got != "email" {
		t.Errorf("taken e-mail: %q", got)
	}
	moved := alice()
	moved.Username, moved.Email = "lewis", ""
	moved.Grants = model.Grants{Roles: []string{"role-2", "role-3"}}
	moved.Attributes = nil
	if err := update(alice(), moved); err != nil {
		t.Fatal(err)
	}
	if err := update(alice(), moved); !errors.Is(err, store.ErrStale) {
		t.Errorf("from an old state: %v", err)
	}
	got, err := s.UserByUsername(t.Context(), 1, "lewis")
	if diff := cmp.Diff(moved, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, role := range []string{"role-1", "role-2", "role-3"} {
		if us, err := s.UsersWithRole(t.Context(), 1, role, 0, 10); err != nil || (len(us) == 1) != (role != "role-1") {
			t.Errorf("%s: %v, %v", role, us, err)
		}
	}
	if us, err := s.UsersInGroup(t.Context(), 1, "group-1", 0, 10); err != nil || len(us) != 0 {
		t.Errorf("left group: %v, %v", us, err)
	}
	mustInsert(t, s, named(3, "alice", "alice@example.org")) // both are free again
}

func TestUser_Delete(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	if err := insert(s, t, store.NewUser{User: alice(), Credentials: []model.Credential{password("p", "x")}}); err != nil {
		t.Fatal(err)
	}
	start(t, s, alice(), 3, true, 100)
	del := func(realm int64) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.DeleteUser(realm, alice().ID) })
	}
	if err := del(2); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("in another realm: %v", err)
	}
	if err := del(1); err != nil {
		t.Fatal(err)
	}
	creds, err := s.Credentials(t.Context(), alice().ID)
	if err != nil || len(creds) != 0 {
		t.Errorf("credentials left: %v, %v", creds, err)
	}
	if n := count(t, s, 3, true); n != 0 {
		t.Errorf("%d sessions are counted", n)
	}
	mustInsert(t, s, alice())
}

func TestCredentials_LabelAndDelete(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	other := named(2, "bob", "")
	for u, cred := range map[*model.User]string{alice(): "one", other: "two"} {
		if err := insert(s, t, store.NewUser{User: u, Credentials: []model.Credential{password(cred, "1")}}); err != nil {
			t.Fatal(err)
		}
	}
	labels := func(userID string) (out []string) {
		creds, err := s.Credentials(t.Context(), userID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range creds {
			out = append(out, c.ID+" "+c.Label)
		}
		return out
	}
	label := func(id, text string) (found bool) {
		write(t, s, func(tx *store.Tx) (err error) {
			found, err = tx.LabelCredential(alice().ID, id, text)
			return err
		})
		return found
	}
	if !label("one", "laptop") || label("two", "x") || label("none", "x") {
		t.Error("a credential is labelled that is not the user's, or the user's is not")
	}
	if diff := cmp.Diff([]string{"one laptop"}, labels(alice().ID)); diff != "" {
		t.Errorf("labelled (-want +got):\n%s", diff)
	}
	if label("one", ""); labels(alice().ID)[0] != "one " {
		t.Errorf("label %q is not gone", labels(alice().ID)[0])
	}
	remove := func(id string) (found bool) {
		write(t, s, func(tx *store.Tx) (err error) {
			found, err = tx.DeleteCredential(alice().ID, id)
			return err
		})
		return found
	}
	if remove("two") || !remove("one") || remove("one") || len(labels(alice().ID)) != 0 || len(labels(other.ID)) != 1 {
		t.Error("another credential is removed than the user's one")
	}
}

func TestCredentials_SetAndReplace(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	if err := insert(s, t, store.NewUser{User: alice(), Credentials: []model.Credential{password("old", "1")}, UniqueEmail: true}); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error {
		return tx.SetCredentials(alice().ID, []model.Credential{password("new", "2")})
	})
	write(t, s, func(tx *store.Tx) error {
		return tx.ReplaceCredential(alice().ID, password("new", "2"), password("new", "3"))
	})
	write(t, s, func(tx *store.Tx) error {
		return tx.ReplaceCredential(alice().ID, password("new", "2"), password("new", "4")) // old is gone
	})
	for _, login := range []string{"alice", "alice@example.org"} {
		u, creds, err := s.UserAndPassword(t.Context(), 1, login, true)
		if err != nil || u.ID != alice().ID {
			t.Fatalf("%s: %v, %v", login, u, err)
		}
		if diff := cmp.Diff([]model.Credential{password("new", "3")}, creds); diff != "" {
			t.Error(diff)
		}
	}
	if _, _, err := s.UserAndPassword(t.Context(), 1, "alice@example.org", false); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("by e-mail where that is off: %v", err)
	}
}

func TestCredentials_LabelOrderDelete(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	creds := []model.Credential{password("a", "1"), {ID: "b", Type: "otp", Priority: 20, SecretData: "{}", CredentialData: "{}"}}
	if err := insert(s, t, store.NewUser{User: alice(), Credentials: creds}); err != nil {
		t.Fatal(err)
	}
	write(t, s, func(tx *store.Tx) error {
		if _, err := tx.LabelCredential(alice().ID, "b", "phone"); err != nil {
			return err
		}
		return tx.OrderCredentials(alice().ID, []string{"b", "a"})
	})
	creds[0].Priority, creds[1].Priority, creds[1].Label = 20, 10, "phone"
	slices.Reverse(creds)
	for range 2 {
		got, err := s.Credentials(t.Context(), alice().ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(creds, got); diff != "" {
			t.Error(diff)
		}
		write(t, s, func(tx *store.Tx) error { _, err := tx.DeleteCredential(alice().ID, "b"); return err })
		creds = slices.DeleteFunc(creds, func(c model.Credential) bool { return c.ID == "b" })
	}
}

func TestConsent_PutAndDelete(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	newRealm(t, s, "realm-1", "demo")
	if _, err := apply(s, t, fullChange("realm-1")); err != nil {
		t.Fatal(err)
	}
	mustInsert(t, s, alice())
	put := func(c model.Consent) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.PutConsent(1, alice().ID, c) })
	}
	want := model.Consent{ClientID: "c1", ScopeIDs: []string{"s1", "s2"}, CreatedMS: 1, UpdatedMS: 9}
	if err := errors.Join(put(model.Consent{ClientID: "c1", CreatedMS: 1, UpdatedMS: 1}), put(want)); err != nil {
		t.Fatal(err)
	}
	got, err := s.Consents(t.Context(), 1, alice().ID)
	if diff := cmp.Diff([]model.Consent{want}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if err := put(model.Consent{ClientID: "none"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown client: %v", err)
	}
	for _, want := range []bool{true, false} {
		var was bool
		write(t, s, func(tx *store.Tx) (err error) {
			was, err = tx.DeleteConsent(1, alice().ID, 1)
			return err
		})
		if was != want {
			t.Errorf("deleted %v, want %v", was, want)
		}
	}
}

func TestUsers_Filter(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	off := false
	anna := named(1, "anna", "anna@one.example")
	anna.FirstName, anna.LastName, anna.Attributes = "Anna", "Smith", map[string][]string{"dept": {"x", "Y"}}
	bob := named(2, "bob", "bob@two.example")
	bob.FirstName, bob.LastName, bob.Enabled = "Bob", "Annable", false
	robot := named(3, "service-account-app", "")
	robot.ServiceClientID = "c1"
	odd := named(4, "o_dd%", "")
	foreign := named(5, "anna", "")
	foreign.RealmNum = 2
	mustInsert(t, s, anna, bob, robot, odd, foreign)
	for _, tt := range []struct {
		name string
		f    store.UserFilter
		want []string
	}{
		{"everybody", store.UserFilter{}, []string{"anna", "bob", "o_dd%"}},
		{"service accounts too", store.UserFilter{ServiceAccounts: true}, []string{"anna", "bob", "o_dd%", "service-account-app"}},
		{"prefix of any field", store.UserFilter{Search: "ann"}, []string{"anna", "bob"}},
		{"prefix only", store.UserFilter{Search: "nna"}, nil},
		{"infix", store.UserFilter{Search: "*nna*"}, []string{"anna", "bob"}},
		{"exact", store.UserFilter{Search: `"anna"`}, []string{"anna"}},
		{"all words", store.UserFilter{Search: "ANN smi"}, []string{"anna"}},
		{"wildcards of SQL are text", store.UserFilter{Search: "o_d"}, []string{"o_dd%"}},
		{"underscore is no wildcard", store.UserFilter{Search: "_nna"}, nil},
		{"field contains", store.UserFilter{Email: "TWO"}, []string{"bob"}},
		{"field equals", store.UserFilter{Username: "ann", Exact: true}, nil},
		{"first name equals", store.UserFilter{FirstName: "anna", Exact: true}, []string{"anna"}},
		{"disabled", store.UserFilter{Enabled: &off}, []string{"bob"}},
		{"e-mail not verified", store.UserFilter{EmailVerified: &off, LastName: "smith"}, []string{"anna"}},
		{"attribute", store.UserFilter{Attributes: map[string]string{"dept": "y"}}, []string{"anna"}},
		{"attribute that nobody has", store.UserFilter{Attributes: map[string]string{"dept": "z"}}, nil},
		{"page", store.UserFilter{First: 1, Max: 1}, []string{"bob"}},
		{"page of several words", store.UserFilter{Search: "* *", First: 1, Max: 1}, []string{"bob"}},
	} {
		us, err := s.Users(t.Context(), 1, tt.f)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []string
		for _, u := range us {
			got = append(got, u.Username)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
		if n, err := s.CountUsers(t.Context(), 1, tt.f); err != nil || tt.f.Max == 0 && int(n) != len(tt.want) {
			t.Errorf("%s: count %d, %v", tt.name, n, err)
		}
	}
}

func TestUsersWithRole_Pages(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	const n = 2010 // more than are sorted
	write(t, s, func(tx *store.Tx) error {
		for i := range n {
			u := named(i, fmt.Sprintf("u%05d", n-i), "")
			u.Grants.Roles = []string{"everybody"}
			if i%1000 == 0 {
				u.Grants.Roles = append(u.Grants.Roles, "few")
			}
			if err := tx.InsertUser(store.NewUser{User: u}); err != nil {
				return err
			}
		}
		return nil
	})
	few, err := s.UsersWithRole(t.Context(), 1, "few", 1, 2)
	if err != nil || len(few) != 2 || few[0].Username != "u01010" || few[1].Username != "u02010" {
		t.Errorf("second page of few: %v, %v", few, err)
	}
	seen := map[string]bool{}
	for first := 0; ; first += 500 {
		page, err := s.UsersWithRole(t.Context(), 1, "everybody", first, 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page {
			seen[u.ID] = true
		}
		if len(page) < 500 {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("pages hold %d users of %d", len(seen), n)
	}
	if none, err := s.UsersWithRole(t.Context(), 2, "everybody", 0, 10); err != nil || len(none) != 0 {
		t.Errorf("in another realm: %d, %v", len(none), err)
	}
}
