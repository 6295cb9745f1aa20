package admin

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

// scoped is a client or a client scope as one that has role scope mappings.
type scoped struct {
	path   string   // of admin events
	direct []string // role ids
	all    bool     // full scope allowed: every role is in scope
	own    string   // id of the client itself, whose roles are always in scope; "" for a client scope
	change func(rec realm.Record, fn func(direct []string) []string) error
}

// scopedOf finds the scoped thing of the path; for a write it refuses what must
// not be changed.
type scopedOf func(c *call, write bool) (*scoped, error)

// scopeMappingRoutes are the routes below a client or a client scope. Realm
// roles need rights over the realm as well: they decide what tokens may carry.
func scopeMappingRoutes(base string, of scopedOf) []route {
	with := func(write bool, h func(c *call, s *scoped) error) func(c *call) error {
		return func(c *call) error {
			s, err := of(c, write)
			if err != nil {
				return err
			}
			return h(c, s)
		}
	}
	m := base + "/scope-mappings"
	return []route{
		{"GET", m, viewClients, with(false, (*call).allScopeRoles)},
		{"GET", m + "/realm", viewClients, with(false, (*call).scopeRealmRoles)},
		{"GET", m + "/realm/available", viewClients, with(false, (*call).availableScopeRealmRoles)},
		{"GET", m + "/realm/composite", viewClients, with(false, (*call).effectiveScopeRealmRoles)},
		{"POST", m + "/realm", mapRealmRoles, with(true, (*call).addScopeRealmRoles)},
		{"DELETE", m + "/realm", mapRealmRoles, with(true, (*call).removeScopeRealmRoles)},
		{"GET", m + "/clients/{client}", viewClients, with(false, (*call).scopeClientRoles)},
		{"GET", m + "/clients/{client}/available", viewClients, with(false, (*call).availableScopeClientRoles)},
		{"GET", m + "/clients/{client}/composite", viewClients, with(false, (*call).effectiveScopeClientRoles)},
		{"POST", m + "/clients/{client}", manageClients, with(true, (*call).addScopeClientRoles)},
		{"DELETE", m + "/clients/{client}", manageClients, with(true, (*call).removeScopeClientRoles)},
	}
}

func ofClientScopeRoles(c *call, write bool) (*scoped, error) {
	x, err := c.client()
	if err == nil && write {
		err = c.guard(x)
	}
	if err != nil {
		return nil, err
	}
	return &scoped{
		path: "clients/" + x.ID, direct: x.ScopeMappings, all: x.FullScopeAllowed, own: x.ID,
		change: func(rec realm.Record, fn func([]string) []string) error {
			return c.changeClient(x.ID, rec, func(x *model.Client) error {
				x.ScopeMappings = fn(x.ScopeMappings)
				return nil
			})
		},
	}, nil
}

func ofScopeRoles(c *call, _ bool) (*scoped, error) {
	s, err := c.scope()
	if err != nil {
		return nil, err
	}
	return &scoped{
		path: "client-scopes/" + s.ID, direct: s.ScopeMappings,
		change: func(rec realm.Record, fn func([]string) []string) error {
			return c.changeScope(s.ID, rec, func(s *model.ClientScope) error {
				s.ScopeMappings = fn(s.ScopeMappings)
				return nil
			})
		},
	}, nil
}

// changeScope changes a copy of a client scope and stores it.
func (c *call) changeScope(id string, rec realm.Record, fn func(s *model.ClientScope) error) error {
	return c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.ScopeByID(id)
		if old == nil {
			return nil, errNoScope
		}
		s := *old
		if err := fn(&s); err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutScopes: []*model.ClientScope{&s}}, nil
	})
}

func (c *call) allScopeRoles(s *scoped) error { return c.answer(c.mappingsByOwner(s.direct)) }

func (c *call) scopeRoles(s *scoped, owner string) error {
	return c.answer(c.roleObjects(true, func(r *model.Role) bool { return r.ClientID == owner && slices.Contains(s.direct, r.ID) }))
}

// inScope are the roles in scope, composites looked into.
func (c *call) inScope(s *scoped) func(r *model.Role) bool {
	deep := c.snap.Expand(s.direct...)
	return func(r *model.Role) bool { return s.all || deep[r.ID] || s.own != "" && r.ClientID == s.own }
}

func (c *call) availableScopeRoles(s *scoped, owner string) error {
	return c.answer(c.roleObjects(true, func(r *model.Role) bool {
		return r.ClientID == owner && !slices.Contains(s.direct, r.ID) && (owner == "" || owner != s.own)
	}))
}

func (c *call) effectiveScopeRoles(s *scoped, owner string) error {
	in, brief := c.inScope(s), c.isSet("briefRepresentation", true)
	return c.answer(c.roleObjects(brief, func(r *model.Role) bool { return r.ClientID == owner && in(r) }))
}

func (c *call) addScopeRoles(s *scoped, owner string) error {
	refs, doc, err := c.roleRefs()
	if err != nil {
		return err
	}
	if doc == nil {
		return errNoBody
	}
	ids, err := c.ownedRoles(refs, owner)
	if err != nil {
		return err
	}
	return c.changeScopeRoles(s, opCreate, owner, doc, func(direct []string) []string {
		for _, id := range ids {
			direct = with(direct, id)
		}
		return direct
	})
}

// removeScopeRoles takes roles out of scope; without a body all of the owner.
func (c *call) removeScopeRoles(s *scoped, owner string) error {
	refs, doc, err := c.roleRefs()
	if err != nil {
		return err
	}
	if doc == nil {
		mine := func(r *model.Role) bool { return r.ClientID == owner && slices.Contains(s.direct, r.ID) }
		for _, r := range c.snap.Roles {
			if mine(r) {
				refs = append(refs, roleRef{r.ID, r.Name})
			}
		}
		doc = jsonOf(refs)
	}
	ids, err := c.ownedRoles(refs, owner)
	if err != nil {
		return err
	}
	return c.changeScopeRoles(s, opDelete, owner, doc, func(direct []string) []string { return without(direct, ids...) })
}

// ownedRoles resolves roles by id; they must be the owner's.
func (c *call) ownedRoles(refs []roleRef, owner string) ([]string, error) {
	var ids []string
	for _, ref := range refs {
		r := c.snap.RoleByID(ref.ID)
		if r == nil || r.ClientID != owner {
			return nil, errNoMappingRole
		}
		ids = append(ids, r.ID)
	}
	return ids, nil
}

func (c *call) changeScopeRoles(s *scoped, op, owner string, doc []byte, fn func(direct []string) []string) error {
	d := deed{op: op, on: onRealmScope, path: s.path + "/scope-mappings/realm", body: doc}
	if owner != "" {
		d.on, d.path = onClientScopeRoles, s.path+"/scope-mappings/clients/"+owner
	}
	if err := s.change(c.record(d), fn); err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) scopeRealmRoles(s *scoped) error          { return c.scopeRoles(s, "") }
func (c *call) availableScopeRealmRoles(s *scoped) error { return c.availableScopeRoles(s, "") }
func (c *call) effectiveScopeRealmRoles(s *scoped) error { return c.effectiveScopeRoles(s, "") }
func (c *call) addScopeRealmRoles(s *scoped) error       { return c.addScopeRoles(s, "") }
func (c *call) removeScopeRealmRoles(s *scoped) error    { return c.removeScopeRoles(s, "") }

// forOwner runs a scope mapping handler with the client of the path as owner.
func (c *call) forOwner(s *scoped, h func(s *scoped, owner string) error) error {
	owner := c.snap.ClientByID(c.r.PathValue("client"))
	if owner == nil {
		return errNoClient
	}
	return h(s, owner.ID)
}

func (c *call) scopeClientRoles(s *scoped) error { return c.forOwner(s, c.scopeRoles) }
func (c *call) availableScopeClientRoles(s *scoped) error {
	return c.forOwner(s, c.availableScopeRoles)
}
func (c *call) effectiveScopeClientRoles(s *scoped) error {
	return c.forOwner(s, c.effectiveScopeRoles)
}
func (c *call) addScopeClientRoles(s *scoped) error    { return c.forOwner(s, c.addScopeRoles) }
func (c *call) removeScopeClientRoles(s *scoped) error { return c.forOwner(s, c.removeScopeRoles) }
