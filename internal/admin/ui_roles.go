package admin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// clientRoleObjects is a page of client roles as the Admin Console's tables
// want them: those that keep chooses and that the query's search finds, by
// client and name.
func (c *call) clientRoleObjects(keep func(r *model.Role) bool) error {
	p, err := c.page(uiPerPage)
	if err != nil {
		return err
	}
	search := strings.ToLower(c.query("search"))
	var roles []*model.Role
	for _, r := range c.snap.Roles {
		if r.ClientID == "" || c.snap.ClientByID(r.ClientID) == nil || !keep(r) {
			continue
		}
		if strings.Contains(strings.ToLower(r.Name), search) || strings.Contains(strings.ToLower(c.ownerOf(r)), search) {
			roles = append(roles, r)
		}
	}
	slices.SortStableFunc(roles, func(a, b *model.Role) int {
		return cmp.Or(cmp.Compare(c.ownerOf(a), c.ownerOf(b)), cmp.Compare(a.Name, b.Name))
	})
	return c.answer(each(cut(roles, p), func(r *model.Role) keycloak.Object {
		o := keycloak.Object{{Name: "id", Value: r.ID}, {Name: "role", Value: r.Name}, {Name: "client", Value: c.ownerOf(r)}, {Name: "clientId", Value: r.ClientID}}
		if r.Description != "" {
			o = append(o, keycloak.Member{Name: "description", Value: r.Description})
		}
		return o
	}))
}

// ownerOf is the clientId of a client role's client.
func (c *call) ownerOf(r *model.Role) string { return c.snap.ClientByID(r.ClientID).ClientID }

// availableIn lists the client roles that are not among ids; nothing where the
// caller may not hand out roles.
func (c *call) availableIn(ids []string, give need) error {
	may := c.may(give)
	return c.clientRoleObjects(func(r *model.Role) bool {
		return may && !slices.Contains(ids, r.ID) && c.mayGive(c.snap.Config, r)
	})
}

// effectiveIn lists the client roles that ids bring with them.
func (c *call) effectiveIn(ids []string) error {
	set := c.snap.Expand(ids...)
	return c.clientRoleObjects(func(r *model.Role) bool { return set[r.ID] })
}

func (c *call) uiAvailableForUser() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	return c.availableIn(u.Grants.Roles, manageUsers)
}

func (c *call) uiEffectiveOfUser() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	set := c.snap.UserRoles(u.Grants)
	return c.clientRoleObjects(func(r *model.Role) bool { return set[r.ID] })
}

// uiGroup is the group of the path.
func (c *call) uiGroup() (*model.Group, error) {
	if g := c.snap.GroupByID(c.id()); g != nil {
		return g, nil
	}
	return nil, web.AdminError(404, "Could not find group")
}

func (c *call) uiAvailableForGroup() error {
	g, err := c.uiGroup()
	if err != nil {
		return err
	}
	return c.availableIn(g.Roles, manageUsers)
}

func (c *call) uiEffectiveOfGroup() error {
	g, err := c.uiGroup()
	if err != nil {
		return err
	}
	set := c.snap.UserRoles(model.Grants{Groups: []string{g.ID}})
	return c.clientRoleObjects(func(r *model.Role) bool { return set[r.ID] })
}

func (c *call) uiAvailableForClient() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	return c.availableIn(x.ScopeMappings, manageClients)
}

func (c *call) uiEffectiveOfClient() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	return c.effectiveIn(x.ScopeMappings)
}

// uiScope is the client scope of the path.
func (c *call) uiScope() (*model.ClientScope, error) {
	if s := c.snap.ScopeByID(c.id()); s != nil {
		return s, nil
	}
	return nil, errNoScope
}

func (c *call) uiAvailableForScope() error {
	s, err := c.uiScope()
	if err != nil {
		return err
	}
	return c.availableIn(s.ScopeMappings, manageClients)
}

func (c *call) uiEffectiveOfScope() error {
	s, err := c.uiScope()
	if err != nil {
		return err
	}
	return c.effectiveIn(s.ScopeMappings)
}

func (c *call) uiRole() (*model.Role, error) {
	if r := c.snap.RoleByID(c.id()); r != nil {
		return r, nil
	}
	return nil, errNoRole
}

func (c *call) uiAvailableForRole() error {
	r, err := c.uiRole()
	if err != nil {
		return err
	}
	return c.availableIn(append([]string{r.ID}, r.Composites...), manageAnyRole)
}

func (c *call) uiEffectiveOfRole() error {
	r, err := c.uiRole()
	if err != nil {
		return err
	}
	return c.effectiveIn(r.Composites)
}
