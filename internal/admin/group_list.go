package admin

import (
	"cmp"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// groupQuery is what a list of groups is narrowed by.
type groupQuery struct {
	search string // part of the name, where * stands for anything; all of it when exact
	exact  bool
	attrs  map[string]string
	any    bool // nothing was asked for
}

// groupQuery reads the query; attributes count where no search is, as in
// Keycloak.
func (c *call) groupQuery() groupQuery {
	q := groupQuery{search: c.query("search"), exact: c.isSet("exact", false), any: c.query("search") == "" && c.query("q") == ""}
	if q.search == "" {
		q.attrs = attributeQuery(c.query("q"))
	}
	return q
}

func (q groupQuery) matches(g *model.Group) bool {
	for k, v := range q.attrs {
		if !slices.Contains(g.Attributes[k], v) {
			return false
		}
	}
	if q.exact {
		return q.search == "" || g.Name == q.search
	}
	name := strings.ToLower(g.Name)
	for part := range strings.SplitSeq(strings.ToLower(q.search), "*") {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return true
}

// listGroups lists the top level. A query finds groups at any level and shows
// them below their ancestors, or plainly with populateHierarchy=false.
func (c *call) listGroups() error {
	p, err := c.page(noLimit)
	if err != nil {
		return err
	}
	out := []keycloak.Object{}
	if c.may(viewUsers) {
		out = c.groupTree(p)
	}
	return c.answer(c.counted(out))
}

// counted leaves the number of subgroups out of groups, and of those below
// them, where it is not asked for.
func (c *call) counted(groups []keycloak.Object) []keycloak.Object {
	if c.isSet("subGroupsCount", true) {
		return groups
	}
	for i, g := range groups {
		groups[i] = slices.DeleteFunc(g, func(m keycloak.Member) bool { return m.Name == "subGroupCount" })
		if sub, ok := g.Get("subGroups").([]keycloak.Object); ok {
			c.counted(sub)
		}
	}
	return groups
}

func (c *call) groupTree(p page) []keycloak.Object {
	q, brief := c.groupQuery(), c.isSet("briefRepresentation", true)
	plain := func(g *model.Group) keycloak.Object { return c.groupObject(g, brief, nil) }
	if q.any {
		return each(cut(c.snap.SubGroups(""), p), plain)
	}
	found := map[string]bool{}
	var flat []*model.Group
	for _, g := range c.snap.Groups {
		if q.matches(g) {
			flat = append(flat, g)
		}
	}
	// A page is one of the groups found: their ancestors come with them.
	slices.SortStableFunc(flat, func(a, b *model.Group) int {
		one, other := c.snap.GroupPath(a), c.snap.GroupPath(b)
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Count(one, "/")-strings.Count(other, "/"), strings.Compare(one, other))
	})
	flat = cut(flat, p)
	if !c.isSet("populateHierarchy", true) {
		return each(flat, plain)
	}
	var tops []*model.Group
	for _, g := range flat {
		found[g.ID] = true
		top := g
		for up := c.snap.GroupByID(g.ParentID); up != nil; up = c.snap.GroupByID(up.ParentID) {
			found[up.ID], top = true, up
		}
		if !slices.Contains(tops, top) {
			tops = append(tops, top)
		}
	}
	slices.SortFunc(tops, func(a, b *model.Group) int { return strings.Compare(a.Name, b.Name) })
	return each(tops, func(g *model.Group) keycloak.Object { return c.branch(g, found, brief) })
}

// branch shows a group with those below it that are in found.
func (c *call) branch(g *model.Group, found map[string]bool, brief bool) keycloak.Object {
	sub := []keycloak.Object{}
	for _, s := range c.snap.SubGroups(g.ID) {
		if found[s.ID] {
			sub = append(sub, c.branch(s, found, brief))
		}
	}
	return c.groupObject(g, brief, sub)
}

// countGroups counts by part of the name alone, as Keycloak; without a search
// it may count the top level.
func (c *call) countGroups() error {
	q, groups := groupQuery{search: c.query("search")}, c.snap.Groups
	if c.isSet("top", false) && q.search == "" {
		groups = c.snap.SubGroups("")
	}
	n := int64(0)
	for _, g := range groups {
		if q.matches(g) {
			n++
		}
	}
	return c.answer(count(n))
}

// childrenPerPage is Keycloak's default page of subgroups.
const childrenPerPage = 10

func (c *call) listChildren() error {
	g, err := c.group()
	if err != nil {
		return err
	}
	p, err := c.page(childrenPerPage)
	if err != nil {
		return err
	}
	q, brief := c.groupQuery(), c.isSet("briefRepresentation", false)
	q.attrs = nil
	children := slices.DeleteFunc(c.snap.SubGroups(g.ID), func(s *model.Group) bool { return !q.matches(s) })
	return c.answer(c.counted(each(cut(children, p), func(s *model.Group) keycloak.Object { return c.groupObject(s, brief, nil) })))
}

func (c *call) listMembers() error {
	g, err := c.group()
	if err != nil {
		return err
	}
	p, err := c.page(usersPerPage)
	if err != nil {
		return err
	}
	var users []*model.User
	if p.max != 0 {
		if users, err = c.api.Store.UsersInGroup(c.ctx, c.snap.Realm.Num, g.ID, p.first, p.max); err != nil {
			return err
		}
	}
	return c.answer(c.memberObjects(users))
}

func (c *call) listDefaultGroups() error {
	var groups []*model.Group
	for _, g := range c.snap.Groups {
		if slices.Contains(c.snap.Realm.DefaultGroups, g.ID) {
			groups = append(groups, g)
		}
	}
	return c.answer(each(groups, func(g *model.Group) keycloak.Object { return c.memberGroup(g, true) }))
}

func (c *call) addDefaultGroup() error { return c.changeDefaultGroups(opCreate, with) }

func (c *call) removeDefaultGroup() error {
	return c.changeDefaultGroups(opDelete, func(ids []string, id string) []string { return without(ids, id) })
}

// changeDefaultGroups changes what groups new users join: whoever does must be
// able to put them there himself.
func (c *call) changeDefaultGroups(op string, fn func(ids []string, id string) []string) error {
	g := c.snap.GroupByID(c.r.PathValue("group"))
	if g == nil {
		return errNoMemberGroup
	}
	if op == opCreate && !c.mayJoin(c.snap.Config, g) {
		return errForbidden
	}
	err := c.change(c.record(deed{op: op, on: onGroup, path: "default-groups/" + g.ID}), func(cfg *model.Config) (*store.ConfigChange, error) {
		r := *cfg.Realm
		r.DefaultGroups = fn(r.DefaultGroups, g.ID)
		return &store.ConfigChange{Realm: &r}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
