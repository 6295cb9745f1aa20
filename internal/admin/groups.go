package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

var groupRoutes = slices.Concat([]route{
	{"GET", "/{realm}/groups", queryGroups, (*call).listGroups},
	{"POST", "/{realm}/groups", manageUsers, (*call).postGroup},
	{"GET", "/{realm}/groups/count", queryGroups, (*call).countGroups},
	{"GET", "/{realm}/groups/{id}", viewUsers, (*call).getGroup},
	{"PUT", "/{realm}/groups/{id}", manageUsers, (*call).putGroup},
	{"DELETE", "/{realm}/groups/{id}", manageUsers, (*call).deleteGroup},
	{"GET", "/{realm}/groups/{id}/children", viewUsers, (*call).listChildren},
	{"POST", "/{realm}/groups/{id}/children", manageUsers, (*call).postChild},
	{"GET", "/{realm}/groups/{id}/members", viewUsers, (*call).listMembers},
	{"GET", "/{realm}/group-by-path/{path...}", viewUsers, (*call).groupByPath},

	{"GET", "/{realm}/default-groups", viewRealm, (*call).listDefaultGroups},
	{"PUT", "/{realm}/default-groups/{group}", manageRealm, (*call).addDefaultGroup},
	{"DELETE", "/{realm}/default-groups/{group}", manageRealm, (*call).removeDefaultGroup},

	{"GET", "/{realm}/groups/{id}/role-mappings", viewUsers, ofGroup((*call).allMappings)},
	{"GET", "/{realm}/groups/{id}/role-mappings/realm", viewUsers, ofGroup((*call).realmMappings)},
	{"GET", "/{realm}/groups/{id}/role-mappings/realm/available", viewUsers, ofGroup((*call).availableRealmRoles)},
	{"GET", "/{realm}/groups/{id}/role-mappings/realm/composite", viewUsers, ofGroup((*call).effectiveRealmRoles)},
	{"POST", "/{realm}/groups/{id}/role-mappings/realm", manageUsers, ofGroup((*call).addRealmMappings)},
	{"DELETE", "/{realm}/groups/{id}/role-mappings/realm", manageUsers, ofGroup((*call).removeRealmMappings)},
	{"GET", "/{realm}/groups/{id}/role-mappings/clients/{client}", viewUsers, ofGroup((*call).clientMappings)},
	{"GET", "/{realm}/groups/{id}/role-mappings/clients/{client}/available", viewUsers, ofGroup((*call).availableClientRoles)},
	{"GET", "/{realm}/groups/{id}/role-mappings/clients/{client}/composite", viewUsers, ofGroup((*call).effectiveClientRoles)},
	{"POST", "/{realm}/groups/{id}/role-mappings/clients/{client}", manageUsers, ofGroup((*call).addClientMappings)},
	{"DELETE", "/{realm}/groups/{id}/role-mappings/clients/{client}", manageUsers, ofGroup((*call).removeClientMappings)},
}, permissionRoutes("/{realm}/groups/{id}/management/permissions", viewUsers, manageUsers, func(c *call) error {
	_, err := c.group()
	return err
}))

// group finds the group of the path.
//
// Errors: errNoGroup.
func (c *call) group() (*model.Group, error) {
	g := c.snap.GroupByID(c.id())
	if g == nil {
		return nil, errNoGroup
	}
	return g, nil
}

// groupAccess is what the caller may do with groups.
func (c *call) groupAccess() map[string]bool {
	manage := c.may(manageUsers)
	return map[string]bool{"view": true, "viewMembers": true, "manageMembers": manage, "manage": manage, "manageMembership": manage}
}

func (c *call) groupObject(g *model.Group, brief bool, sub []keycloak.Object) keycloak.Object {
	return keycloak.GroupRepresentation(c.snap.Config, g, keycloak.GroupOptions{Brief: brief, Access: c.groupAccess(), SubGroups: sub})
}

func (c *call) getGroup() error {
	g, err := c.group()
	if err != nil {
		return err
	}
	return c.answer(c.groupObject(g, false, nil))
}

func (c *call) groupByPath() error {
	g := c.snap.GroupByPath(c.r.PathValue("path"))
	if g == nil {
		return errNoGroupPath
	}
	return c.answer(keycloak.GroupRepresentation(c.snap.Config, g, keycloak.GroupOptions{}))
}

func (c *call) postGroup() error { return c.makeGroup(nil) }

func (c *call) postChild() error {
	parent, err := c.group()
	if err != nil {
		return err
	}
	return c.makeGroup(parent)
}

// makeGroup makes a group below parent, or moves there the one whose id the
// body names.
func (c *call) makeGroup(parent *model.Group) error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	parentID, path := "", "groups"
	if parent != nil {
		parentID, path = parent.ID, "groups/"+parent.ID+"/children"
	}
	var ref struct{ ID json.RawMessage }
	if err := unmarshal(doc, &ref); err != nil {
		return err
	}
	var id string
	if json.Unmarshal(ref.ID, &id) == nil && id != "" {
		switch {
		case c.snap.GroupByID(id) == nil:
			return errNoChildGroup
		case strings.TrimSpace(nameOf(doc)) == "":
			return web.ErrorMessage(http.StatusBadRequest, "Group name is missing")
		}
		return c.moveGroup(id, parentID, deed{op: opUpdate, on: onGroup, path: path, body: doc})
	}
	id = newID()
	if parent == nil {
		path += "/" + id
	}
	err = c.change(c.record(deed{op: opCreate, on: onGroup, path: path, body: doc}), func(cfg *model.Config) (*store.ConfigChange, error) {
		made, err := keycloak.NewGroup(cfg, parentID, doc, func() string { return id })
		if err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutGroups: []*model.Group{made}}, nil
	})
	if err != nil {
		return err
	}
	if parent == nil {
		return c.created("groups", id)
	}
	return c.showChild(id)
}

// showChild answers 201 with the group that was made below another.
func (c *call) showChild(id string) error {
	snap, err := c.api.Realms.Snapshot(c.ctx, c.realmName())
	if err != nil {
		return err
	}
	g := snap.GroupByID(id)
	if g == nil {
		return errNoGroup
	}
	o := keycloak.GroupRepresentation(snap.Config, g, keycloak.GroupOptions{Access: c.groupAccess()})
	c.locate("groups", id)
	return web.WriteJSON(c.w, http.StatusCreated, slices.DeleteFunc(o, func(m keycloak.Member) bool { return m.Name == "subGroupCount" }))
}

func (c *call) moveGroup(id, parentID string, d deed) error {
	// What lies above a group gives it roles, so a move may give roles away.
	if to := c.snap.GroupByID(parentID); to != nil && !c.mayJoin(c.snap.Config, to) {
		return errForbidden
	}
	err := c.change(c.record(d), func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.GroupByID(id)
		if old == nil {
			return nil, errNoGroup
		}
		for up := cfg.GroupByID(parentID); up != nil; up = cfg.GroupByID(up.ParentID) {
			if up.ID == id {
				return nil, errGroupCycle
			}
		}
		for _, sibling := range cfg.SubGroups(parentID) {
			if sibling.ID != id && sibling.Name == old.Name {
				return nil, &store.ConflictError{Kind: "group", Value: old.Name}
			}
		}
		g := *old
		g.ParentID = parentID
		return &store.ConfigChange{PutGroups: []*model.Group{&g}}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) putGroup() error {
	g, err := c.group()
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: onGroup, path: "groups/" + g.ID, body: doc})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.GroupByID(g.ID)
		if old == nil {
			return nil, errNoGroup
		}
		next, err := keycloak.UpdateGroup(cfg, old, doc)
		if err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutGroups: []*model.Group{next}}, nil
	})
	var d *keycloak.DocumentError
	if errors.As(err, &d) && d.Conflict { // Keycloak says so at the top level too
		return &store.ConflictError{Kind: "group", Value: nameOf(doc)}
	}
	if err != nil {
		return err
	}
	return c.noContent()
}

// nameOf is the member name of a document that was accepted as having one.
func nameOf(doc []byte) string {
	var named struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(doc, &named)
	return named.Name
}

// deleteGroup removes a group with all below it. Users keep no trace of it:
// what is no group gives no roles.
func (c *call) deleteGroup() error {
	g, err := c.group()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opDelete, on: onGroup, path: "groups/" + g.ID, body: jsonOf(keycloak.Object{{Name: "id", Value: g.ID}, {Name: "name", Value: g.Name}})})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		if cfg.GroupByID(g.ID) == nil {
			return nil, errNoGroup
		}
		ch := &store.ConfigChange{DeleteGroups: []string{g.ID}}
		for i := 0; i < len(ch.DeleteGroups); i++ {
			for _, sub := range cfg.SubGroups(ch.DeleteGroups[i]) {
				ch.DeleteGroups = with(ch.DeleteGroups, sub.ID)
			}
		}
		if rest := without(cfg.Realm.DefaultGroups, ch.DeleteGroups...); len(rest) != len(cfg.Realm.DefaultGroups) {
			r := *cfg.Realm
			r.DefaultGroups = rest
			ch.Realm = &r
		}
		return ch, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
