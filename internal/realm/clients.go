package realm

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// CreateClient makes a client from a ClientRepresentation, with a secret for a
// confidential client and a service-account user where asked for.
//
// Errors: keycloak.DocumentError, store.ConflictError.
func (s *Service) CreateClient(ctx context.Context, name string, body []byte, rec Record) (*model.Client, error) {
	var made *model.Client
	err := s.changeWith(ctx, name, rec, func(snap *Snapshot) (*store.ConfigChange, Record, error) {
		c, err := keycloak.NewClient(snap.Config, body, s.newID)
		if err != nil {
			return nil, nil, err
		}
		if err := s.completeSecret(c); err != nil {
			return nil, nil, err
		}
		also := s.withServiceUser(snap, c)
		made = c
		return &store.ConfigChange{PutClients: []*model.Client{c}}, also, nil
	})
	if err != nil {
		return nil, err
	}
	return s.clientOf(ctx, name, made.ID)
}

func (s *Service) clientOf(ctx context.Context, name, id string) (*model.Client, error) {
	snap, err := s.Snapshot(ctx, name)
	if err != nil {
		return nil, err
	}
	c := snap.ClientByID(id)
	if c == nil {
		return nil, ErrUnknown
	}
	return c, nil
}

// completeSecret gives a confidential client without a secret one, and notes
// when, as Keycloak does.
func (s *Service) completeSecret(c *model.Client) error {
	if c.Secret != "" || !keycloak.NeedsSecret(c) {
		return nil
	}
	secret, err := newSecret(s.Rand)
	if err != nil {
		return err
	}
	s.setSecret(c, secret)
	return nil
}

func (s *Service) setSecret(c *model.Client, secret string) {
	c.Secret = secret
	c.Attributes = maps.Clone(c.Attributes)
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	c.Attributes["client.secret.creation.time"] = strconv.FormatInt(s.Now().Unix(), 10)
}

// newSecret is a client secret of 86 characters, as long as Keycloak's.
func newSecret(r io.Reader) (string, error) {
	if r == nil {
		r = rand.Reader
	}
	b := make([]byte, 64)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// withServiceUser makes the service-account user of a client that needs one
// and has none; the user is inserted in the client's transaction.
func (s *Service) withServiceUser(snap *Snapshot, c *model.Client) Record {
	if !c.ServiceAccountsEnabled || c.ServiceUserID != "" {
		return nil
	}
	u := keycloak.ServiceAccountUser(snap.Realm, c, s.newID)
	u.CreatedMS = s.Now().UnixMilli()
	c.ServiceUserID = u.ID
	return func(tx *store.Tx) error { return tx.InsertUser(store.NewUser{User: u}) }
}

// UpdateClient applies a partial ClientRepresentation.
//
// Errors: ErrUnknown, keycloak.DocumentError, store.ConflictError.
func (s *Service) UpdateClient(ctx context.Context, name, id string, body []byte, rec Record) (*model.Client, error) {
	err := s.changeWith(ctx, name, rec, func(snap *Snapshot) (*store.ConfigChange, Record, error) {
		old := snap.ClientByID(id)
		if old == nil {
			return nil, nil, ErrUnknown
		}
		c, err := keycloak.UpdateClient(snap.Config, old, body, s.newID)
		if err != nil {
			return nil, nil, err
		}
		if err := s.completeSecret(c); err != nil {
			return nil, nil, err
		}
		also := s.withServiceUser(snap, c)
		return &store.ConfigChange{PutClients: []*model.Client{c}}, also, nil
	})
	if err != nil {
		return nil, err
	}
	return s.clientOf(ctx, name, id)
}

// DeleteClient removes a client with its roles, its service-account user and
// every reference to them. Its sessions end with it: their rows are removed
// later, in small batches. by is who deletes it, "" when nobody is known.
//
// Errors: ErrUnknown.
func (s *Service) DeleteClient(ctx context.Context, name, id, by string, rec Record) error {
	return s.changeWith(ctx, name, rec, func(snap *Snapshot) (*store.ConfigChange, Record, error) {
		c := snap.ClientByID(id)
		if c == nil {
			return nil, nil, ErrUnknown
		}
		ch := &store.ConfigChange{DeleteClients: []string{id}, At: s.Now().Unix(), By: by}
		for _, r := range snap.ClientRoles(id) {
			ch.DeleteRoles = append(ch.DeleteRoles, r.ID)
		}
		dropRoles(snap.Config, ch)
		var also Record
		if c.ServiceUserID != "" {
			also = func(tx *store.Tx) error {
				if err := tx.DeleteUser(snap.Realm.Num, c.ServiceUserID); !errors.Is(err, store.ErrNotFound) {
					return err
				}
				return nil
			}
		}
		return ch, also, nil
	})
}

// DropRoles takes roles that ch deletes out of whatever refers to them:
// composites, groups, scope mappings. Users keep a dead id, which no rule sees.
func dropRoles(cfg *model.Config, ch *store.ConfigChange) {
	gone := func(id string) bool { return slices.Contains(ch.DeleteRoles, id) }
	if len(ch.DeleteRoles) == 0 {
		return
	}
	for _, r := range cfg.Roles {
		if !gone(r.ID) && slices.ContainsFunc(r.Composites, gone) {
			c := *r
			c.Composites = without(r.Composites, gone)
			ch.PutRoles = append(ch.PutRoles, &c)
		}
	}
	for _, g := range cfg.Groups {
		if slices.ContainsFunc(g.Roles, gone) {
			c := *g
			c.Roles = without(g.Roles, gone)
			ch.PutGroups = append(ch.PutGroups, &c)
		}
	}
	for _, x := range cfg.Scopes {
		if slices.ContainsFunc(x.ScopeMappings, gone) {
			c := *x
			c.ScopeMappings = without(x.ScopeMappings, gone)
			ch.PutScopes = append(ch.PutScopes, &c)
		}
	}
	for _, x := range cfg.Clients {
		if !slices.Contains(ch.DeleteClients, x.ID) && slices.ContainsFunc(x.ScopeMappings, gone) {
			c := *x
			c.ScopeMappings = without(x.ScopeMappings, gone)
			ch.PutClients = append(ch.PutClients, &c)
		}
	}
}

func without(list []string, gone func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(list), gone)
}

// DeleteRole removes a role and every reference to it.
//
// Errors: ErrUnknown.
func (s *Service) DeleteRole(ctx context.Context, name, id string, rec Record) error {
	return s.Change(ctx, name, rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		if cfg.RoleByID(id) == nil {
			return nil, ErrUnknown
		}
		ch := &store.ConfigChange{DeleteRoles: []string{id}}
		dropRoles(cfg, ch)
		return ch, nil
	})
}

// RegenerateSecret gives a client a new secret.
//
// Errors: ErrUnknown.
func (s *Service) RegenerateSecret(ctx context.Context, name, id string, rec Record) (string, error) {
	secret, err := newSecret(s.Rand)
	if err != nil {
		return "", err
	}
	err = s.Change(ctx, name, rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.ClientByID(id)
		if old == nil {
			return nil, ErrUnknown
		}
		c := *old
		s.setSecret(&c, secret)
		return &store.ConfigChange{PutClients: []*model.Client{&c}}, nil
	})
	return secret, err
}
