package store

import (
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/latchkey-id/latchkey/internal/model"
)

// ReadRealm gives each user of the realm once, as it was stored, and none of
// another realm.
func TestReadRealm_GivesEveryUserWhole(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	client := &model.Client{ID: testUUID(3_000_000), ClientID: "app"}
	want := map[string]NewUser{}
	for i, name := range []string{"one", "other"} {
		mustWrite(t, s, func(tx *Tx) error {
			r := &model.Realm{ID: name, Name: name}
			if err := tx.CreateRealm(r, true); err != nil {
				return err
			}
			if i == 0 {
				if _, err := tx.ApplyConfig(&ConfigChange{RealmID: name, BaseVersion: 1, PutClients: []*model.Client{client}}); err != nil {
					return err
				}
			}
			for n := range 50 {
				u := NewUser{User: testUser(100*i + n)}
				u.User.RealmNum = r.Num
				for c := range n % 3 {
					u.Credentials = append(u.Credentials, model.Credential{ID: testUUID(1000 + 10*n + c), Type: typePassword, SecretData: fmt.Sprint(n, c), Priority: c})
				}
				if i == 0 && n%4 == 0 {
					u.Consents = []model.Consent{{ClientID: client.ID, ScopeIDs: []string{"s"}, CreatedMS: int64(n), UpdatedMS: 9}}
				}
				if err := tx.InsertUser(u); err != nil {
					return err
				}
				if i == 0 {
					want[u.User.ID] = u
				}
			}
			return nil
		})
	}
	err := s.ReadRealm(t.Context(), "one", func(cfg *model.Config, users iter.Seq2[NewUser, error]) error {
		if cfg.Realm.Name != "one" || cfg.Client("app") == nil {
			t.Errorf("config = %+v", cfg)
		}
		for u, err := range users {
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want[u.User.ID], u, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			delete(want, u.User.ID)
		}
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%d users are missing, %v", len(want), err)
	}
	if err := s.ReadRealm(t.Context(), "none", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown realm: %v", err)
	}
}
