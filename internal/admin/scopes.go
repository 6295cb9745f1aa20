package admin

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

var scopeRoutes = slices.Concat([]route{
	{"GET", "/{realm}/client-scopes", queryClients, (*call).listScopes},
	{"POST", "/{realm}/client-scopes", manageClients, (*call).postScope},
	{"GET", "/{realm}/client-scopes/{id}", viewClients, (*call).getScope},
	{"PUT", "/{realm}/client-scopes/{id}", manageClients, (*call).putScope},
	{"DELETE", "/{realm}/client-scopes/{id}", manageClients, (*call).deleteScope},

	{"GET", "/{realm}/default-default-client-scopes", viewClients, (*call).realmDefaultScopes},
	{"PUT", "/{realm}/default-default-client-scopes/{scope}", manageClients, (*call).addRealmDefaultScope},
	{"DELETE", "/{realm}/default-default-client-scopes/{scope}", manageClients, (*call).removeRealmDefaultScope},
	{"GET", "/{realm}/default-optional-client-scopes", viewClients, (*call).realmOptionalScopes},
	{"PUT", "/{realm}/default-optional-client-scopes/{scope}", manageClients, (*call).addRealmOptionalScope},
	{"DELETE", "/{realm}/default-optional-client-scopes/{scope}", manageClients, (*call).removeRealmOptionalScope},
}, scopeMappingRoutes("/{realm}/client-scopes/{id}", ofScopeRoles), mapperRoutes("/{realm}/client-scopes/{id}", ofScopeMappers))

// scope finds the client scope of the path.
//
// Errors: errNoScope.
func (c *call) scope() (*model.ClientScope, error) {
	s := c.snap.ScopeByID(c.id())
	if s == nil {
		return nil, errNoScope
	}
	return s, nil
}

func (c *call) listScopes() error {
	var scopes []*model.ClientScope
	if c.may(viewClients) {
		scopes = c.snap.Scopes
	}
	return c.answer(each(scopes, keycloak.ClientScopeRepresentation))
}

func (c *call) getScope() error {
	s, err := c.scope()
	if err != nil {
		return err
	}
	return c.answer(keycloak.ClientScopeRepresentation(s))
}

func (c *call) postScope() error {
	given, err := c.body()
	if err != nil {
		return err
	}
	doc, id, err := withID(given)
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opCreate, on: onClientScope, path: "client-scopes/" + id, body: given})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		made, err := keycloak.NewClientScope(cfg, doc, newID)
		if err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutScopes: []*model.ClientScope{made}}, nil
	})
	if err != nil {
		return err
	}
	return c.created("client-scopes", id)
}

func (c *call) putScope() error {
	s, err := c.scope()
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: onClientScope, path: "client-scopes/" + s.ID, body: doc})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.ScopeByID(s.ID)
		if old == nil {
			return nil, errNoScope
		}
		next, err := keycloak.UpdateClientScope(cfg, old, doc)
		if err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutScopes: []*model.ClientScope{next}}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

// deleteScope removes a client scope and every assignment of it.
func (c *call) deleteScope() error {
	s, err := c.scope()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opDelete, on: onClientScope, path: "client-scopes/" + s.ID})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		if cfg.ScopeByID(s.ID) == nil {
			return nil, errNoScope
		}
		ch := &store.ConfigChange{DeleteScopes: []string{s.ID}}
		for _, old := range cfg.Clients {
			if slices.Contains(old.DefaultScopes, s.ID) || slices.Contains(old.OptionalScopes, s.ID) {
				x := *old
				unassign(&x, s.ID)
				ch.PutClients = append(ch.PutClients, &x)
			}
		}
		if r := *cfg.Realm; slices.Contains(r.DefaultClientScopes, s.ID) || slices.Contains(r.OptionalClientScopes, s.ID) {
			_ = unassignFromRealm(&r, s.ID)
			ch.Realm = &r
		}
		return ch, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
