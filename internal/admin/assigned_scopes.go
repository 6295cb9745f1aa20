package admin

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

// scopeRefs shows assigned client scopes.
func (c *call) scopeRefs(ids []string, withProtocol bool) error {
	var scopes []*model.ClientScope
	for _, id := range ids {
		if s := c.snap.ScopeByID(id); s != nil {
			scopes = append(scopes, s)
		}
	}
	return c.answer(each(keycloak.OptionalScopeOrder(scopes), func(s *model.ClientScope) keycloak.Object {
		return keycloak.ClientScopeRef(s, withProtocol)
	}))
}

// assignedScope is the client scope of the path that is to be assigned.
func (c *call) assignedScope() (*model.ClientScope, error) {
	s := c.snap.ScopeByID(c.r.PathValue("scope"))
	if s == nil {
		return nil, errNoAssignedScope
	}
	return s, nil
}

func (c *call) clientDefaultScopes() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	return c.scopeRefs(x.DefaultScopes, false)
}

func (c *call) clientOptionalScopes() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	return c.scopeRefs(x.OptionalScopes, false)
}

// A scope that is assigned in one way already stays so, in silence: as in
// Keycloak.

func (c *call) addClientDefaultScope() error {
	return c.assignToClient(opCreate, "default", func(x *model.Client, id string) {
		if !slices.Contains(x.OptionalScopes, id) {
			x.DefaultScopes = with(x.DefaultScopes, id)
		}
	})
}

func (c *call) addClientOptionalScope() error {
	return c.assignToClient(opCreate, "optional", func(x *model.Client, id string) {
		if !slices.Contains(x.DefaultScopes, id) {
			x.OptionalScopes = with(x.OptionalScopes, id)
		}
	})
}

func (c *call) removeClientDefaultScope() error {
	return c.assignToClient(opDelete, "default", unassign)
}

func (c *call) removeClientOptionalScope() error {
	return c.assignToClient(opDelete, "optional", unassign)
}

func unassign(x *model.Client, id string) {
	x.DefaultScopes, x.OptionalScopes = without(x.DefaultScopes, id), without(x.OptionalScopes, id)
}

func (c *call) assignToClient(op, kind string, fn func(x *model.Client, scopeID string)) error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	s, err := c.assignedScope()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: op, on: onScopeOfClient, path: "clients/" + x.ID + "/" + kind + "-client-scopes/" + s.ID})
	if err := c.changeClient(x.ID, rec, func(x *model.Client) error { fn(x, s.ID); return nil }); err != nil {
		return err
	}
	return c.noContent()
}

// changeClient changes a copy of a client and stores it.
func (c *call) changeClient(id string, rec realm.Record, fn func(x *model.Client) error) error {
	return c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.ClientByID(id)
		if old == nil {
			return nil, errNoClient
		}
		x := *old
		if err := fn(&x); err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutClients: []*model.Client{&x}}, nil
	})
}

func (c *call) realmDefaultScopes() error {
	return c.scopeRefs(c.snap.Realm.DefaultClientScopes, true)
}

func (c *call) realmOptionalScopes() error {
	return c.scopeRefs(c.snap.Realm.OptionalClientScopes, true)
}

func (c *call) addRealmDefaultScope() error {
	return c.assignToRealm(opCreate, "default-default", func(r *model.Realm, id string) error {
		if slices.Contains(r.DefaultClientScopes, id) || slices.Contains(r.OptionalClientScopes, id) {
			return errDuplicate
		}
		r.DefaultClientScopes = with(r.DefaultClientScopes, id)
		return nil
	})
}

func (c *call) addRealmOptionalScope() error {
	return c.assignToRealm(opCreate, "default-optional", func(r *model.Realm, id string) error {
		if slices.Contains(r.DefaultClientScopes, id) || slices.Contains(r.OptionalClientScopes, id) {
			return errDuplicate
		}
		r.OptionalClientScopes = with(r.OptionalClientScopes, id)
		return nil
	})
}

func (c *call) removeRealmDefaultScope() error {
	return c.assignToRealm(opDelete, "default-default", unassignFromRealm)
}

func (c *call) removeRealmOptionalScope() error {
	return c.assignToRealm(opDelete, "default-optional", unassignFromRealm)
}

func unassignFromRealm(r *model.Realm, id string) error {
	r.DefaultClientScopes, r.OptionalClientScopes = without(r.DefaultClientScopes, id), without(r.OptionalClientScopes, id)
	return nil
}

func (c *call) assignToRealm(op, kind string, fn func(r *model.Realm, scopeID string) error) error {
	s, err := c.assignedScope()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: op, on: onClientScope, path: kind + "-client-scopes/" + s.ID})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		r := *cfg.Realm
		if err := fn(&r, s.ID); err != nil {
			return nil, err
		}
		return &store.ConfigChange{Realm: &r}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
