package admin

import (
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
)

// mayJoin tells whether the caller may put someone into a group, or take him
// out: as mayGive, for all roles the group brings.
func (c *call) mayJoin(cfg *model.Config, g *model.Group) bool {
	for id := range cfg.UserRoles(model.Grants{Groups: []string{g.ID}}) {
		if r := cfg.RoleByID(id); r != nil && !c.mayGive(cfg, r) {
			return false
		}
	}
	return true
}

// memberships are the groups of the user of the path, by name.
func (c *call) memberships() ([]*model.Group, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	var out []*model.Group
	search := strings.ToLower(c.query("search"))
	for _, g := range c.snap.Groups {
		if slices.Contains(u.Grants.Groups, g.ID) && strings.Contains(strings.ToLower(g.Name), search) {
			out = append(out, g)
		}
	}
	return out, nil
}

func (c *call) listMemberships() error {
	p, err := c.page(noLimit)
	if err != nil {
		return err
	}
	groups, err := c.memberships()
	if err != nil {
		return err
	}
	bare := c.isSet("briefRepresentation", true)
	return c.answer(each(cut(groups, p), func(g *model.Group) keycloak.Object { return c.memberGroup(g, bare) }))
}

// memberGroup shows a group where its subgroups are not asked for: without
// their number.
func (c *call) memberGroup(g *model.Group, brief bool) keycloak.Object {
	o := keycloak.GroupRepresentation(c.snap.Config, g, keycloak.GroupOptions{Bare: brief})
	return slices.DeleteFunc(o, func(m keycloak.Member) bool { return m.Name == "subGroupCount" })
}

func (c *call) countMemberships() error {
	groups, err := c.memberships()
	if err != nil {
		return err
	}
	return c.answer(count(int64(len(groups))))
}

// count is Keycloak's {"count": n}.
func count(n int64) keycloak.Object { return keycloak.Object{{Name: "count", Value: n}} }

func (c *call) joinGroup() error {
	return c.changeMembership(opCreate, func(groups []string, id string) []string { return with(groups, id) })
}

func (c *call) leaveGroup() error {
	return c.changeMembership(opDelete, func(groups []string, id string) []string { return without(groups, id) })
}

// changeMembership writes nothing, and tells nothing, when fn changes nothing.
func (c *call) changeMembership(op string, fn func(groups []string, id string) []string) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	g := c.snap.GroupByID(c.r.PathValue("group"))
	if g == nil {
		return errNoMemberGroup
	}
	if !c.mayJoin(c.snap.Config, g) {
		return errForbidden
	}
	details := map[string]string{"username": u.Username}
	if u.Email != "" {
		details["email"] = u.Email
	}
	rec := c.record(deed{op: op, on: onMembership, path: userPath(u.ID, "/groups/"+g.ID), body: jsonOf(c.memberGroup(g, false)), details: details})
	err = c.changeUser(rec, func(_ *model.Config, u *model.User) error {
		next := fn(u.Grants.Groups, g.ID)
		if len(next) == len(u.Grants.Groups) {
			return errUnchanged
		}
		u.Grants.Groups = next
		return nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
