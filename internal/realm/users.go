package realm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// User reads a user of the realm.
//
// Errors: ErrUnknown.
func (s *Service) User(ctx context.Context, snap *Snapshot, id string) (*model.User, error) {
	u, err := s.Store.UserByID(ctx, snap.Realm.Num, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	return u, err
}

// CreateUser makes a user from a UserRepresentation, with the realm's default
// role and groups. rec, when not nil, makes the note of the user that is being
// made.
//
// Errors: keycloak.DocumentError, store.ConflictError (username, email),
// credential.ViolationError, credential.ErrBusy.
func (s *Service) CreateUser(ctx context.Context, name string, body []byte, rec func(made *model.User) Record) (*model.User, error) {
	snap, err := s.Snapshot(ctx, name)
	if err != nil {
		return nil, err
	}
	doc, err := keycloak.NewUser(snap.Config, body, s.newID)
	if err != nil {
		return nil, err
	}
	n, err := s.newUser(ctx, snap.Config, doc)
	var weak *credential.ViolationError
	if errors.As(err, &weak) { // that the name is taken is told first
		err = cmp.Or(s.usernameFree(ctx, snap.Realm.Num, doc.User.Username), err)
	}
	if err == nil {
		err = s.loginNamesFree(ctx, snap.Config, nil, doc.User)
	}
	if err != nil {
		return nil, err
	}
	var note Record
	if rec != nil {
		note = rec(doc.User)
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.InsertUser(n); err != nil {
			return err
		}
		return inOrder(tx, note)
	})
	return doc.User, err
}

// newUser makes a document's user ready to be stored: plain passwords are
// hashed.
func (s *Service) newUser(ctx context.Context, cfg *model.Config, doc *keycloak.UserDocument) (store.NewUser, error) {
	u := doc.User
	u.RealmNum = cfg.Realm.Num
	if u.CreatedMS == 0 {
		u.CreatedMS = s.Now().UnixMilli()
	}
	n := store.NewUser{User: u, Consents: doc.Consents, UniqueEmail: !cfg.Realm.DuplicateEmailsAllowed}
	for i, in := range doc.Credentials {
		cred := in.Credential
		if cred.Priority == 0 { // else their order would be lost
			cred.Priority = 10 * (i + 1)
		}
		if cred.CreatedMS == 0 {
			cred.CreatedMS = s.Now().UnixMilli()
		}
		if in.Value != "" {
			if err := checkPassword(cfg, u, in.Value); err != nil {
				return n, err
			}
			made, err := s.passwordCredential(ctx, cfg, in.Value)
			if err != nil {
				return n, err
			}
			made.Label, made.Priority = cred.Label, cred.Priority
			cred = made
		}
		n.Credentials = append(n.Credentials, cred)
	}
	return n, nil
}

// UpdateUser applies a partial UserRepresentation, its password included. One
// that says enabled ends a lockout of brute force protection.
//
// Errors: ErrUnknown, keycloak.DocumentError, store.ConflictError,
// credential.ViolationError, credential.ErrBusy.
func (s *Service) UpdateUser(ctx context.Context, name, id string, body []byte, rec Record) error {
	var creds []model.Credential // nil: the password stays
	var free func(tx *store.Tx) error
	return s.ChangeUser(ctx, name, id, func(tx *store.Tx) error {
		if free != nil {
			if err := free(tx); err != nil {
				return err
			}
		}
		if creds != nil {
			if err := tx.SetCredentials(id, creds); err != nil {
				return err
			}
		}
		return inOrder(tx, rec)
	}, func(cfg *model.Config, u *model.User) error {
		next, err := keycloak.UpdateUser(cfg, u, body)
		if err != nil {
			return err
		}
		if next.Username != u.Username {
			// That the name is taken is told before that it may not change.
			if err := s.usernameFree(ctx, cfg.Realm.Num, next.Username); err != nil {
				return err
			}
			if err := keycloak.CheckUsernameChange(cfg.Realm, u, next); err != nil {
				return err
			}
		}
		*u = *next
		if keycloak.Enables(body) { // ends a lockout, as in Keycloak; a new password does not
			delete(u.Attributes, model.DisabledReason)
			free = func(tx *store.Tx) error { return tx.ClearLoginFailures(u.RealmNum, u.ID) }
		}
		in, err := keycloak.NewPassword(body)
		if err != nil || in == nil {
			return err
		}
		creds, err = s.newPasswords(ctx, cfg, u, in.Value, in.Temporary)
		return err
	})
}

func (s *Service) usernameFree(ctx context.Context, realm int64, name string) error {
	_, err := s.Store.UserByUsername(ctx, realm, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return &store.ConflictError{Kind: "username", Value: name}
}

// ChangeUser reads a user, lets fn change the given copy and writes it; fn
// runs again when another write came first.
//
// Errors: ErrUnknown, store.ConflictError, fn's own.
func (s *Service) ChangeUser(ctx context.Context, name, id string, rec Record, fn func(cfg *model.Config, u *model.User) error) error {
	for range maxRetries {
		snap, err := s.Snapshot(ctx, name)
		if err != nil {
			return err
		}
		old, err := s.User(ctx, snap, id)
		if err != nil {
			return err
		}
		next := cloneUser(old)
		if err := fn(snap.Config, next); err != nil {
			return err
		}
		if err := s.loginNamesFree(ctx, snap.Config, old, next); err != nil {
			return err
		}
		err = s.Store.Write(ctx, func(tx *store.Tx) error {
			if err := tx.UpdateUser(old, next, !snap.Realm.DuplicateEmailsAllowed); err != nil {
				return err
			}
			return inOrder(tx, rec)
		})
		if !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return fmt.Errorf("change user: %w", store.ErrStale)
}

func cloneUser(u *model.User) *model.User {
	c := *u
	c.Grants = model.Grants{Roles: slices.Clone(u.Grants.Roles), Groups: slices.Clone(u.Grants.Groups)}
	c.Attributes = maps.Clone(u.Attributes)
	c.RequiredActions = slices.Clone(u.RequiredActions)
	c.Extra = maps.Clone(u.Extra)
	return &c
}

// DeleteUser removes a user with everything that is theirs.
//
// Errors: ErrUnknown.
func (s *Service) DeleteUser(ctx context.Context, name, id string, rec Record) error {
	snap, err := s.Snapshot(ctx, name)
	if err != nil {
		return err
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DeleteUser(snap.Realm.Num, id); err != nil {
			return err
		}
		return inOrder(tx, rec)
	})
	if errors.Is(err, store.ErrNotFound) {
		return ErrUnknown
	}
	return err
}
