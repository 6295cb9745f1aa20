package realm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// ImportOptions are the caller's part in an import. Zero is fine.
type ImportOptions struct {
	Progress func(users int64) // called as users are stored
	// Record makes the note of the realm that is being made; nil: none.
	Record func(made *model.Config) Record
}

// userBatch is how many users one transaction of an import stores.
const userBatch = 500

// CreateRealm makes a realm from Keycloak's RealmRepresentation, users
// included; what the document leaves out is filled in as Keycloak does. doc is
// read more than once. The realm is built unseen and shown at the end: after
// an error, or a kill, there is none.
//
// Errors: keycloak.DocumentError, store.ConflictError (realm, id).
func (s *Service) CreateRealm(ctx context.Context, doc io.ReadSeeker, opt ImportOptions) (*model.Realm, error) {
	d, users, err := keycloak.ReadRealm(doc, s.newID)
	if err != nil {
		return nil, err
	}
	if _, err := s.Snapshot(ctx, d.Realm.Name); err == nil {
		return nil, &store.ConflictError{Kind: "realm", Value: d.Realm.Name}
	}
	if err := s.build(ctx, d, users, opt); err != nil {
		return nil, err
	}
	return d.Realm, nil
}

// build stores a document's realm unseen, then shows it.
func (s *Service) build(ctx context.Context, d *keycloak.RealmDocument, users iter.Seq2[*keycloak.UserDocument, error], opt ImportOptions) error {
	if err := checkPolicy(d.Realm); err != nil {
		return err
	}
	if err := s.completeDocument(d); err != nil {
		return err
	}
	if err := s.holdImport(ctx, d.Realm.ID); err != nil {
		return err
	}
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.CreateRealm(d.Realm, false); err != nil {
			return err
		}
		_, err := tx.ApplyConfig(&store.ConfigChange{
			RealmID: d.Realm.ID, BaseVersion: 1, PutClients: d.Clients, PutScopes: d.Scopes, PutRoles: d.Roles,
			PutGroups: d.Groups, PutComponents: d.Components,
		})
		return err
	})
	if err != nil {
		return err
	}
	err = s.insertUsers(ctx, d, users, opt.Progress)
	if err == nil {
		err = s.show(ctx, d, opt)
	}
	if err != nil {
		undo := context.WithoutCancel(ctx)
		return errors.Join(err, s.Store.Write(undo, func(tx *store.Tx) error { return tx.DeleteRealm(d.Realm.ID) }))
	}
	return s.reload(ctx, d.Realm.ID)
}

// importLease is how long an import may be silent, in seconds, before another
// node may take it for dead and remove what it wrote.
const importLease = 10 * 60

// holdImport says that the import of a realm is alive.
func (s *Service) holdImport(ctx context.Context, realmID string) error {
	now := s.Now().Unix()
	_, err := s.Store.Lease(ctx, store.ImportLease+realmID, realmID, now, now+importLease)
	return err
}

// completeDocument makes what a document leaves to the server: key material
// and client secrets.
func (s *Service) completeDocument(d *keycloak.RealmDocument) error {
	for i, c := range d.Components {
		if c.ProviderType != model.KeyProviderType {
			continue
		}
		s.presetKey(c)
		err := token.Complete(c, d.Realm.Name, s.Now(), s.Rand)
		var bad *token.ConfigError
		switch {
		case errors.As(err, &bad):
			return &keycloak.DocumentError{Path: fmt.Sprintf("components[%d] %s", i, c.Name), Problem: bad.Error()}
		case err != nil && !errors.Is(err, token.ErrUnknownProvider):
			return err
		}
	}
	for _, c := range d.Clients {
		if err := s.completeSecret(c); err != nil {
			return err
		}
	}
	return nil
}

// presetKey gives a component that would generate an RSA key the one the
// service was given; making one takes a good part of a second.
func (s *Service) presetKey(c *model.Component) {
	if s.PresetRSAKey == nil || c.Config["privateKey"] != nil || c.ProviderID != "rsa-generated" && c.ProviderID != "rsa-enc-generated" {
		return
	}
	cfg := map[string][]string{"privateKey": {s.PresetRSAKey()}}
	for k, v := range c.Config {
		cfg[k] = v
	}
	c.Config = cfg
}

// insertUsers stores the users in batches. Plain passwords are hashed on all
// CPUs, as many at a time as the hasher allows.
func (s *Service) insertUsers(ctx context.Context, d *keycloak.RealmDocument, users iter.Seq2[*keycloak.UserDocument, error], progress func(int64)) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	var done int64
	batch := make([]*keycloak.UserDocument, 0, userBatch)
	flush := func() error {
		ready, err := s.hashBatch(ctx, cfg, batch)
		if err != nil {
			return err
		}
		err = s.Store.Write(ctx, func(tx *store.Tx) error {
			for _, n := range ready {
				if err := tx.InsertUser(n); err != nil {
					return userFault(n.User, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.holdImport(ctx, d.Realm.ID); err != nil {
			return err
		}
		done += int64(len(batch))
		if progress != nil {
			progress(done)
		}
		batch = batch[:0]
		return nil
	}
	for u, err := range users {
		if err != nil {
			return err
		}
		if batch = append(batch, u); len(batch) == cap(batch) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return flush()
}

// userFault says which user of a document could not be stored.
func userFault(u *model.User, err error) error {
	var taken *store.ConflictError
	if errors.As(err, &taken) {
		return &keycloak.DocumentError{Path: fmt.Sprintf("users %q", u.Username), Problem: taken.Kind + " " + fmt.Sprintf("%q", taken.Value) + " stands twice"}
	}
	return err
}

func (s *Service) hashBatch(ctx context.Context, cfg *model.Config, batch []*keycloak.UserDocument) ([]store.NewUser, error) {
	ready := make([]store.NewUser, len(batch))
	faults := make([]error, len(batch))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				ready[i], faults[i] = s.newUser(ctx, cfg, batch[i])
				var weak *credential.ViolationError
				if errors.As(faults[i], &weak) {
					faults[i] = &keycloak.DocumentError{Path: fmt.Sprintf("users %q", batch[i].User.Username), Problem: "password policy not met: " + weak.Text}
				}
			}
		})
	}
	for i := range batch {
		next <- i
	}
	close(next)
	wg.Wait()
	return ready, errors.Join(faults...)
}

// show makes a built realm visible, together with the client by which
// master's administrators manage it.
func (s *Service) show(ctx context.Context, d *keycloak.RealmDocument, opt ImportOptions) error {
	r := d.Realm
	var rec Record
	if opt.Record != nil {
		made, err := d.Config()
		if err != nil {
			return err
		}
		rec = opt.Record(made)
	}
	publish := func(tx *store.Tx) error {
		if err := tx.ShowRealm(r.ID); err != nil {
			return err
		}
		return inOrder(tx, rec)
	}
	if r.Name == Master {
		return s.Store.Write(ctx, publish)
	}
	return s.Change(ctx, Master, publish, func(master *model.Config) (*store.ConfigChange, error) {
		return s.withAdminClient(master, r), nil
	})
}

// EnsureMaster makes realm master in an empty installation.
func (s *Service) EnsureMaster(ctx context.Context) error {
	if _, err := s.Snapshot(ctx, Master); err == nil {
		return nil
	}
	d := keycloak.MasterRealm(s.newID)
	none := func(yield func(*keycloak.UserDocument, error) bool) {
		for _, u := range d.Users {
			if !yield(u, nil) {
				return
			}
		}
	}
	err := s.build(ctx, d, none, ImportOptions{})
	var taken *store.ConflictError
	if errors.As(err, &taken) { // another node was first
		return s.Poll(ctx)
	}
	return err
}
