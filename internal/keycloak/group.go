package keycloak

import (
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// GroupOptions say how a group is shown. Brief leaves attributes and roles
// out; Bare leaves the number of subgroups out too (groups of a user). Access
// is member access, nil for none; SubGroups are shown as they are.
type GroupOptions struct {
	Brief     bool
	Bare      bool
	Access    map[string]bool
	SubGroups []Object
}

// GroupRepresentation is a group as admin REST shows it.
func GroupRepresentation(cfg *model.Config, g *model.Group, opts GroupOptions) Object {
	o := Object{{"id", g.ID}, {"name", g.Name}}
	o.addText("description", g.Description)
	o.add("path", cfg.GroupPath(g))
	o.addText("parentId", g.ParentID)
	if !opts.Bare {
		o.add("subGroupCount", len(cfg.SubGroups(g.ID)))
	}
	sub := opts.SubGroups
	if sub == nil {
		sub = []Object{}
	}
	o.add("subGroups", sub)
	if !opts.Brief && !opts.Bare {
		addGroupRoles(&o, cfg, g)
		o.addExtra(g.Extra)
	}
	if opts.Access != nil {
		o.add("access", opts.Access)
	}
	return o
}

func addGroupRoles(o *Object, cfg *model.Config, g *model.Group) {
	o.add("attributes", table(g.Attributes))
	realm, client := roleNames(cfg, g.Roles)
	o.add("realmRoles", list(realm))
	o.add("clientRoles", table(client))
}

// readGroup reads description, attributes and what no rule reads.
func readGroup(f *fields, g *model.Group) {
	f.str("description", &g.Description)
	if set, _, ok := f.lists("attributes"); ok {
		g.Attributes = set
	}
	f.drop("path", "parentId", "subGroupCount", "access")
	g.Extra = merged(g.Extra, f.rest())
}

// NewGroup is the group that POST /groups (parentID "") or
// /groups/{id}/children with that body makes. Roles and subgroups in the body
// are ignored, as in Keycloak.
//
// Errors: *DocumentError; Conflict when a sibling has the name.
func NewGroup(cfg *model.Config, parentID string, doc []byte, newID func() string) (*model.Group, error) {
	f := body(doc)
	g := &model.Group{ID: newID(), ParentID: parentID}
	f.drop("id", "realmRoles", "clientRoles", "subGroups")
	f.str("name", &g.Name)
	f.checkGroupName(g.Name)
	readGroup(f, g)
	if f.err != nil {
		return nil, f.err
	}
	if err := siblingTaken(cfg, g); err != nil {
		return nil, err
	}
	return g, nil
}

// UpdateGroup is the body of PUT /groups/{id} applied to old. The name must be
// there; a description left out is removed, attributes left out stay: all as
// in Keycloak.
//
// Errors: *DocumentError; Conflict when a sibling has the new name.
func UpdateGroup(cfg *model.Config, old *model.Group, doc []byte) (*model.Group, error) {
	f := body(doc)
	g := *old
	id := g.ID
	if f.str("id", &id); id != g.ID {
		f.failf(f.at("id"), "Invalid group id")
	}
	f.drop("realmRoles", "clientRoles", "subGroups")
	g.Name, g.Description = "", ""
	f.str("name", &g.Name)
	f.checkGroupName(g.Name)
	readGroup(f, &g)
	if f.err != nil {
		return nil, f.err
	}
	if err := siblingTaken(cfg, &g); err != nil {
		return nil, err
	}
	return &g, nil
}

func (f *fields) checkGroupName(name string) {
	if strings.TrimSpace(name) == "" {
		f.failf(f.at("name"), "Group name is missing")
	}
	f.checkName(f.at("name"), name)
}

func siblingTaken(cfg *model.Config, g *model.Group) error {
	for _, s := range cfg.SubGroups(g.ParentID) {
		switch {
		case s.ID == g.ID || s.Name != g.Name:
		case g.ParentID == "":
			return &DocumentError{Path: "name", Problem: "Top level group named '" + g.Name + "' already exists.", Conflict: true}
		default:
			return &DocumentError{Path: "name", Problem: "Sibling group named '" + g.Name + "' already exists.", Conflict: true}
		}
	}
	return nil
}
