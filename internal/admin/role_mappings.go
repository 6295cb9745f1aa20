package admin

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

// grantee is a user or a group as one that has roles.
type grantee struct {
	path      string          // of admin events
	direct    []string        // role ids given directly
	effective map[string]bool // those and what they and groups bring
	// change replaces the direct roles by what fn makes of them.
	change func(rec realm.Record, fn func(cfg *model.Config, direct []string) []string) error
}

// ofUser makes a handler of the user of the path of one for grantees.
func ofUser(h func(c *call, g *grantee) error) func(c *call) error {
	return func(c *call) error {
		u, err := c.user()
		if err != nil {
			return err
		}
		return h(c, &grantee{
			path: userPath(u.ID, ""), direct: u.Grants.Roles, effective: c.snap.UserRoles(u.Grants),
			change: func(rec realm.Record, fn func(*model.Config, []string) []string) error {
				return c.changeUser(rec, func(cfg *model.Config, u *model.User) error {
					u.Grants.Roles = fn(cfg, u.Grants.Roles)
					return nil
				})
			},
		})
	}
}

// ofGroup is ofUser for groups.
func ofGroup(h func(c *call, g *grantee) error) func(c *call) error {
	return func(c *call) error {
		group, err := c.group()
		if err != nil {
			return err
		}
		return h(c, &grantee{
			path: "groups/" + group.ID, direct: group.Roles,
			effective: c.snap.UserRoles(model.Grants{Groups: []string{group.ID}}),
			change: func(rec realm.Record, fn func(*model.Config, []string) []string) error {
				return c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
					old := cfg.GroupByID(group.ID)
					if old == nil {
						return nil, errNoGroup
					}
					g := *old
					g.Roles = fn(cfg, old.Roles)
					return &store.ConfigChange{PutGroups: []*model.Group{&g}}, nil
				})
			},
		})
	}
}

// roleObjects shows roles, in the order of the configuration: by name.
func (c *call) roleObjects(brief bool, keep func(r *model.Role) bool) []keycloak.Object {
	out := []keycloak.Object{}
	for _, r := range c.snap.Roles {
		if keep(r) {
			out = append(out, keycloak.RoleRepresentation(c.snap.Config, r, keycloak.RoleOptions{Brief: brief}))
		}
	}
	return out
}

// mappingsByOwner is Keycloak's MappingsRepresentation of role ids.
func (c *call) mappingsByOwner(ids []string) keycloak.Object {
	o := keycloak.Object{}
	among := func(owner string) []keycloak.Object {
		return c.roleObjects(true, func(r *model.Role) bool { return r.ClientID == owner && slices.Contains(ids, r.ID) })
	}
	if realmRoles := among(""); len(realmRoles) > 0 {
		o = append(o, keycloak.Member{Name: "realmMappings", Value: realmRoles})
	}
	byClient := keycloak.Object{}
	for _, client := range c.snap.Clients {
		if roles := among(client.ID); len(roles) > 0 {
			byClient = append(byClient, keycloak.Member{Name: client.ClientID, Value: keycloak.Object{
				{Name: "id", Value: client.ID}, {Name: "client", Value: client.ClientID}, {Name: "mappings", Value: roles},
			}})
		}
	}
	if len(byClient) > 0 {
		o = append(o, keycloak.Member{Name: "clientMappings", Value: byClient})
	}
	return o
}

func (c *call) allMappings(g *grantee) error { return c.answer(c.mappingsByOwner(g.direct)) }

// mappingClient is the client of the path whose roles are mapped.
func (c *call) mappingClient() (*model.Client, error) {
	client := c.snap.ClientByID(c.r.PathValue("client"))
	if client == nil {
		return nil, errNoMappingClient
	}
	return client, nil
}

func (c *call) direct(g *grantee, owner string) error {
	return c.answer(c.roleObjects(true, func(r *model.Role) bool { return r.ClientID == owner && slices.Contains(g.direct, r.ID) }))
}

// available are the roles that are not given yet and that the caller may give.
func (c *call) available(g *grantee, owner string) error {
	return c.answer(c.roleObjects(true, func(r *model.Role) bool {
		return r.ClientID == owner && !slices.Contains(g.direct, r.ID) && c.mayGive(c.snap.Config, r)
	}))
}

func (c *call) effective(g *grantee, owner string) error {
	brief := c.isSet("briefRepresentation", true)
	return c.answer(c.roleObjects(brief, func(r *model.Role) bool { return r.ClientID == owner && g.effective[r.ID] }))
}

func (c *call) realmMappings(g *grantee) error       { return c.direct(g, "") }
func (c *call) availableRealmRoles(g *grantee) error { return c.available(g, "") }
func (c *call) effectiveRealmRoles(g *grantee) error { return c.effective(g, "") }

// forClient runs a mapping handler with the client of the path as owner.
func (c *call) forClient(g *grantee, h func(g *grantee, owner string) error) error {
	client, err := c.mappingClient()
	if err != nil {
		return err
	}
	return h(g, client.ID)
}

func (c *call) clientMappings(g *grantee) error       { return c.forClient(g, c.direct) }
func (c *call) availableClientRoles(g *grantee) error { return c.forClient(g, c.available) }
func (c *call) effectiveClientRoles(g *grantee) error { return c.forClient(g, c.effective) }

func (c *call) addRealmMappings(g *grantee) error     { return c.addMappings(g, "") }
func (c *call) removeRealmMappings(g *grantee) error  { return c.removeMappings(g, "") }
func (c *call) addClientMappings(g *grantee) error    { return c.forClient(g, c.addMappings) }
func (c *call) removeClientMappings(g *grantee) error { return c.forClient(g, c.removeMappings) }

// roleRef names a role in a request.
type roleRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// roleRefs reads a list of roles; without a body there is none, and the raw
// body is nil.
func (c *call) roleRefs() (refs []roleRef, doc []byte, err error) {
	if c.r.Body == nil || c.r.ContentLength == 0 {
		return nil, nil, nil
	}
	if doc, err = c.body(); err != nil {
		return nil, nil, err
	}
	if err = unmarshal(doc, &refs); err != nil {
		return nil, nil, err
	}
	return refs, doc, nil
}

// rolesNamed resolves roles of an owner by name and id, which must agree, and
// checks that the caller may give them.
func (c *call) rolesNamed(refs []roleRef, owner string) ([]string, error) {
	var ids []string
	for _, ref := range refs {
		r := c.snap.Role(owner, ref.Name)
		if r == nil || r.ID != ref.ID {
			return nil, errNoMappingRole
		}
		if !c.mayGive(c.snap.Config, r) {
			return nil, errForbidden
		}
		ids = append(ids, r.ID)
	}
	return ids, nil
}

func (c *call) addMappings(g *grantee, owner string) error {
	refs, doc, err := c.roleRefs()
	if err != nil {
		return err
	}
	if doc == nil {
		return errNoBody
	}
	ids, err := c.rolesNamed(refs, owner)
	if err != nil {
		return err
	}
	err = g.change(c.record(mappingDeed(opCreate, g, owner, doc)), func(_ *model.Config, direct []string) []string {
		for _, id := range ids {
			direct = with(direct, id)
		}
		return direct
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

// removeMappings takes roles back; without a body all of the owner.
func (c *call) removeMappings(g *grantee, owner string) error {
	refs, doc, err := c.roleRefs()
	if err != nil {
		return err
	}
	if doc == nil {
		for _, id := range g.direct {
			if r := c.snap.RoleByID(id); r != nil && r.ClientID == owner {
				refs = append(refs, roleRef{r.ID, r.Name})
			}
		}
		doc = jsonOf(refs)
	}
	ids, err := c.rolesNamed(refs, owner)
	if err != nil {
		return err
	}
	err = g.change(c.record(mappingDeed(opDelete, g, owner, doc)), func(_ *model.Config, direct []string) []string {
		return without(direct, ids...)
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func mappingDeed(op string, g *grantee, owner string, doc []byte) deed {
	if owner == "" {
		return deed{op: op, on: onRealmRoleMapping, path: g.path + "/role-mappings/realm", body: doc}
	}
	return deed{op: op, on: onClientRoleMapping, path: g.path + "/role-mappings/clients/" + owner, body: doc}
}
