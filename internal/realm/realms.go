package realm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// Master is the realm of the server's own administrators.
const Master = "master"

// adminClientID is the client in realm master whose roles administer a realm.
func adminClientID(realm string) string { return realm + "-realm" }

// ConfigByNum finds a realm's configuration by its session-row number; nil
// when it is gone.
func (s *Service) ConfigByNum(num int64) *model.Config {
	for _, snap := range s.all() {
		if snap.Realm.Num == num {
			return snap.Config
		}
	}
	return nil
}

// PasswordPolicy is how new password hashes of the realm are made.
func (s *Service) PasswordPolicy(snap *Snapshot) credential.Policy {
	return credential.ParsePolicy(snap.Realm.PasswordPolicy)
}

// EnsureKey makes the key a realm lacks for a signature algorithm, a component
// "fallback-<alg>" of lowest priority as Keycloak's, and returns the new
// snapshot. A second caller finds the first one's key.
func (s *Service) EnsureKey(ctx context.Context, snap *Snapshot, alg string) (*Snapshot, error) {
	name := snap.Realm.Name
	c, ok := token.FallbackComponent(alg)
	if !ok {
		return nil, fmt.Errorf("unknown signature algorithm %q", alg)
	}
	c.ID, c.ParentID = s.newID(), snap.Realm.ID
	if err := token.Complete(&c, name, s.Now(), s.Rand); err != nil {
		return nil, fmt.Errorf("make a key for %s: %w", alg, err)
	}
	err := s.changeWith(ctx, name, nil, func(now *Snapshot) (*store.ConfigChange, Record, error) {
		if !now.Keys.NeedsFallback(alg) {
			return nil, nil, errNothingToDo
		}
		return &store.ConfigChange{PutComponents: []*model.Component{&c}}, nil, nil
	})
	if err != nil && !errors.Is(err, errNothingToDo) {
		return nil, err
	}
	return s.Snapshot(ctx, name)
}

var errNothingToDo = errors.New("nothing to do")

// UpdateRealm applies a partial RealmRepresentation. A new name also renames
// the realm's client in master.
//
// Errors: ErrUnknownRealm, keycloak.DocumentError, store.ConflictError.
func (s *Service) UpdateRealm(ctx context.Context, name string, body []byte, rec Record) error {
	for range maxRetries {
		snap, err := s.Snapshot(ctx, name)
		if err != nil {
			return err
		}
		next, err := keycloak.UpdateRealm(snap.Config, body)
		if err != nil {
			return err
		}
		change := &store.ConfigChange{RealmID: snap.Realm.ID, BaseVersion: snap.Version, Realm: next}
		changes := []*store.ConfigChange{change}
		if next.PasswordPolicy != snap.Realm.PasswordPolicy {
			if err := checkPolicy(next); err != nil {
				return err
			}
		}
		if next.Name != name {
			if name == Master {
				return &keycloak.DocumentError{Path: "realm", Problem: "the master realm cannot be renamed"}
			}
			change.PutClients = keycloak.RenamedClients(snap.Config, next.Name)
			if m := s.renameAdminClient(name, next.Name); m != nil {
				changes = append(changes, m)
			}
		}
		err = s.apply(ctx, rec, changes...)
		if !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return fmt.Errorf("update realm %q: %w", name, store.ErrStale)
}

// apply writes the changes of several realms in one transaction and reloads
// them.
func (s *Service) apply(ctx context.Context, rec Record, changes ...*store.ConfigChange) error {
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		for _, ch := range changes {
			if _, err := tx.ApplyConfig(ch); err != nil {
				return err
			}
		}
		return inOrder(tx, rec)
	})
	for _, ch := range changes {
		if reloadErr := s.reload(ctx, ch.RealmID); reloadErr != nil && err == nil {
			return reloadErr
		}
	}
	return err
}

func (s *Service) renameAdminClient(from, to string) *store.ConfigChange {
	master := s.all()[Master]
	if master == nil {
		return nil
	}
	old := master.Client(adminClientID(from))
	if old == nil {
		return nil
	}
	c := *old
	c.ClientID = adminClientID(to)
	return &store.ConfigChange{RealmID: master.Realm.ID, BaseVersion: master.Version, PutClients: []*model.Client{&c}}
}

// DeleteRealm removes a realm: at once for every caller, its rows later in
// small batches. Its client in master goes with it.
//
// Errors: ErrUnknownRealm.
func (s *Service) DeleteRealm(ctx context.Context, name string, rec Record) error {
	snap, err := s.Snapshot(ctx, name)
	if err != nil {
		return err
	}
	if name == Master {
		return &keycloak.DocumentError{Path: "realm", Problem: "the master realm cannot be deleted"}
	}
	err = s.Change(ctx, Master, func(tx *store.Tx) error {
		if err := tx.DeleteRealm(snap.Realm.ID); err != nil {
			return err
		}
		return inOrder(tx, rec)
	}, func(cfg *model.Config) (*store.ConfigChange, error) {
		return withoutAdminClient(cfg, name), nil
	})
	if err != nil {
		return err
	}
	return s.reload(ctx, snap.Realm.ID)
}

func withoutAdminClient(master *model.Config, realm string) *store.ConfigChange {
	ch := &store.ConfigChange{}
	c := master.Client(adminClientID(realm))
	if c == nil {
		return ch
	}
	ch.DeleteClients = []string{c.ID}
	for _, r := range master.ClientRoles(c.ID) {
		ch.DeleteRoles = append(ch.DeleteRoles, r.ID)
	}
	dropRoles(master, ch)
	return ch
}

// Bootstrap makes the administrator of an installation, with role admin of
// realm master, unless a user of that name is there.
func (s *Service) Bootstrap(ctx context.Context, username, password string) error {
	master, err := s.Snapshot(ctx, Master)
	if err != nil {
		return err
	}
	if _, err := s.Store.UserByUsername(ctx, master.Realm.Num, username); err == nil {
		return nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	admin := master.Role("", "admin")
	if admin == nil {
		return errors.New("realm master has no role admin")
	}
	cred, err := s.passwordCredential(ctx, master.Config, password)
	if err != nil {
		return err
	}
	u := &model.User{
		ID: s.newID(), RealmNum: master.Realm.Num, Username: username, Enabled: true, CreatedMS: s.Now().UnixMilli(),
		Grants:     model.Grants{Roles: []string{admin.ID, master.Realm.DefaultRoleID}},
		Attributes: map[string][]string{"is_temporary_admin": {"true"}},
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertUser(store.NewUser{User: u, Credentials: []model.Credential{cred}, UniqueEmail: true})
	})
	var conflict *store.ConflictError
	if errors.As(err, &conflict) {
		return nil
	}
	return err
}

// withAdminClient is the change to master that lets its administrators manage
// a new realm: the client, its roles, and those roles in role admin.
func (s *Service) withAdminClient(master *model.Config, r *model.Realm) *store.ConfigChange {
	client, roles := keycloak.AdminClientFor(r, s.newID)
	ch := &store.ConfigChange{PutClients: []*model.Client{client}, PutRoles: roles}
	if admin := master.Role("", "admin"); admin != nil {
		a := *admin
		a.Composites = slices.Clone(admin.Composites)
		for _, role := range roles {
			a.Composites = append(a.Composites, role.ID)
		}
		ch.PutRoles = append(slices.Clone(roles), &a)
	}
	return ch
}
