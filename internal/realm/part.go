package realm

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// ImportPart adds a part of a realm document to a realm: clients, roles, groups
// and users, in one transaction. What is there already fails it, stays or is
// overwritten, as the document's policy says; a user that is overwritten is a
// new one, with none of the old one's sessions. allow may refuse what the
// caller may not write; rec notes the results.
//
// Errors: ErrUnknownRealm, keycloak.DocumentError, allow's, store.ConflictError,
// credential.ViolationError, credential.ErrBusy.
func (s *Service) ImportPart(ctx context.Context, name string, body []byte, allow func(cfg *model.Config, p *keycloak.Part) error, rec func([]keycloak.PartResult) Record) ([]keycloak.PartResult, error) {
	var results []keycloak.PartResult
	err := s.changeWith(ctx, name, nil, func(snap *Snapshot) (*store.ConfigChange, Record, error) {
		p, err := keycloak.ReadPart(snap.Config, body, s.newID)
		if err != nil {
			return nil, nil, err
		}
		if err := allow(snap.Config, p); err != nil {
			return nil, nil, err
		}
		for _, c := range p.Clients {
			if err := s.completeSecret(c); err != nil {
				return nil, nil, err
			}
		}
		users, err := s.partUsers(ctx, snap, p)
		if err != nil {
			return nil, nil, err
		}
		results = append(p.Results, users.results...)
		note := rec(results)
		ch := &store.ConfigChange{PutClients: p.Clients, PutRoles: p.Roles, PutGroups: p.Groups}
		return ch, func(tx *store.Tx) error {
			if err := users.write(tx); err != nil {
				return err
			}
			return inOrder(tx, note)
		}, nil
	})
	return results, err
}

// partUsers is what a partial import does to users.
type partUsers struct {
	realm   int64
	gone    []string // ids of users that are overwritten
	made    []store.NewUser
	results []keycloak.PartResult
}

func (p *partUsers) write(tx *store.Tx) error {
	for _, id := range p.gone {
		if err := tx.DeleteUser(p.realm, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	for _, n := range p.made {
		if err := tx.InsertUser(n); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) partUsers(ctx context.Context, snap *Snapshot, p *keycloak.Part) (*partUsers, error) {
	out := &partUsers{realm: snap.Realm.Num}
	for _, u := range p.ServiceUsers {
		u.CreatedMS, u.RealmNum = s.Now().UnixMilli(), snap.Realm.Num
		out.made = append(out.made, store.NewUser{User: u})
	}
	for _, doc := range p.Users {
		old, err := s.sameUser(ctx, snap, doc.User)
		if err != nil {
			return nil, err
		}
		result := keycloak.PartResult{Action: keycloak.PartAdded, Type: "USER", Name: doc.User.Username, ID: doc.User.ID}
		switch {
		case old == nil:
		case p.Policy == keycloak.PolicySkip:
			result.Action, result.ID = keycloak.PartSkipped, old.ID
			out.results = append(out.results, result)
			continue
		case p.Policy == keycloak.PolicyFail:
			return nil, &keycloak.DocumentError{Problem: "User with user name " + doc.User.Username + " already exists.", Conflict: true}
		default:
			result.Action = keycloak.PartOverwritten
			out.gone = append(out.gone, old.ID)
		}
		n, err := s.newUser(ctx, snap.Config, doc)
		var weak *credential.ViolationError
		if errors.As(err, &weak) {
			return nil, &keycloak.DocumentError{Path: fmt.Sprintf("users %q", doc.User.Username), Problem: "password policy not met: " + weak.Text}
		}
		if err != nil {
			return nil, err
		}
		out.made, out.results = append(out.made, n), append(out.results, result)
	}
	return out, nil
}

// sameUser finds the user that an imported one would stand beside: of the same
// name, else of the same address where addresses are unique; nil for none.
func (s *Service) sameUser(ctx context.Context, snap *Snapshot, u *model.User) (*model.User, error) {
	old, err := s.Store.UserByUsername(ctx, snap.Realm.Num, u.Username)
	if errors.Is(err, store.ErrNotFound) && u.Email != "" && !snap.Realm.DuplicateEmailsAllowed {
		old, err = s.Store.UserByEmail(ctx, snap.Realm.Num, u.Email)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return old, err
}
