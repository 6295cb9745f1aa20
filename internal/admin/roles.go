package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Three families of paths lead to a role: by name in the realm, by name in a
// client, by id. The first two have the same routes.
var roleRoutes = slices.Concat(
	rolesByName("/{realm}/roles", roleNeeds{
		list: viewRoles, view: viewRealm, manage: manageRealm, users: viewRoleUsers, groups: viewRoleGroups,
	}),
	rolesByName("/{realm}/clients/{id}/roles", roleNeeds{
		list: viewClients, view: viewClients, manage: manageClients, users: viewClientRoleUsers, groups: viewClientRoleGroups,
	}),
	[]route{
		{"GET", "/{realm}/roles-by-id/{role}", viewAnyRole, byID(false, (*call).getRole)},
		{"PUT", "/{realm}/roles-by-id/{role}", manageAnyRole, byID(true, (*call).putRole)},
		{"DELETE", "/{realm}/roles-by-id/{role}", manageAnyRole, byID(true, (*call).deleteRole)},
		{"GET", "/{realm}/roles-by-id/{role}/composites", viewAnyRole, byID(false, (*call).listComposites)},
		{"POST", "/{realm}/roles-by-id/{role}/composites", manageAnyRole, byID(true, (*call).addComposites)},
		{"DELETE", "/{realm}/roles-by-id/{role}/composites", manageAnyRole, byID(true, (*call).removeComposites)},
		{"GET", "/{realm}/roles-by-id/{role}/composites/realm", viewAnyRole, byID(false, (*call).realmComposites)},
		{"GET", "/{realm}/roles-by-id/{role}/composites/clients/{client}", viewAnyRole, byID(false, (*call).clientComposites)},
	},
	permissionRoutes("/{realm}/roles-by-id/{role}/management/permissions", viewAnyRole, manageAnyRole, byID(false, func(*call, named) error { return nil })),
)

type roleNeeds struct{ list, view, manage, users, groups need }

func rolesByName(base string, n roleNeeds) []route {
	one := base + "/{role}"
	return append(permissionRoutes(one+"/management/permissions", n.view, n.manage, byName(false, func(*call, named) error { return nil })), []route{
		{"GET", base, n.list, (*call).listRoles},
		{"POST", base, n.manage, (*call).postRole},
		{"GET", one, n.view, byName(false, (*call).getRole)},
		{"PUT", one, n.manage, byName(true, (*call).putRole)},
		{"DELETE", one, n.manage, byName(true, (*call).deleteRole)},
		{"GET", one + "/composites", n.view, byName(false, (*call).listComposites)},
		{"POST", one + "/composites", n.manage, byName(true, (*call).addComposites)},
		{"DELETE", one + "/composites", n.manage, byName(true, (*call).removeComposites)},
		{"GET", one + "/composites/realm", n.view, byName(false, (*call).realmComposites)},
		{"GET", one + "/composites/clients/{client}", n.view, byName(false, (*call).clientComposites)},
		{"GET", one + "/users", n.users, byName(false, (*call).roleUsers)},
		{"GET", one + "/groups", n.groups, byName(false, (*call).roleGroups)},
	}...)
}

// named is a role as a path found it; path and on are those of its admin
// events.
type named struct {
	*model.Role
	path, on string
}

// owner is the client of the path's {id} that owns roles, nil for the realm.
func (c *call) owner() (*model.Client, error) {
	if c.id() == "" {
		return nil, nil
	}
	return c.client()
}

func ownerID(x *model.Client) string {
	if x == nil {
		return ""
	}
	return x.ID
}

// ownerPath is where an owner's roles lie, and what events call them.
func ownerPath(x *model.Client) (path, on string) {
	if x == nil {
		return "roles", onRealmRole
	}
	return "clients/" + x.ID + "/roles", onClientRole
}

// byName makes a handler of the role that the path names. Administration roles
// are not to be changed.
func byName(write bool, h func(c *call, r named) error) func(c *call) error {
	return func(c *call) error {
		owner, err := c.owner()
		if err == nil && write {
			err = c.guard(owner)
		}
		if err != nil {
			return err
		}
		r := c.snap.Role(ownerID(owner), c.r.PathValue("role"))
		if r == nil {
			return errNoRole
		}
		path, on := ownerPath(owner)
		return h(c, named{r, path + "/" + r.Name, on})
	}
}

// byID makes a handler of the role whose id the path says. Which rights it
// needs depends on whose role it is.
func byID(write bool, h func(c *call, r named) error) func(c *call) error {
	return func(c *call) error {
		r := c.snap.RoleByID(c.r.PathValue("role"))
		if r == nil {
			return errNoRoleID
		}
		_, on := ownerPath(c.snap.ClientByID(r.ClientID))
		needs := viewClients
		switch {
		case r.ClientID == "" && write:
			needs = manageRealm
		case r.ClientID == "":
			needs = viewRealm
		case write:
			needs = manageClients
		}
		if err := c.require(needs); err != nil {
			return err
		}
		if write {
			if err := c.guard(c.snap.ClientByID(r.ClientID)); err != nil {
				return err
			}
		}
		return h(c, named{r, "roles-by-id/" + r.ID, on})
	}
}

// listRoles lists the realm's or a client's roles by name; search is part of
// name or description. max=0 is no limit here, as in Keycloak.
func (c *call) listRoles() error {
	owner, err := c.owner()
	if err != nil {
		return err
	}
	p, err := c.page(noLimit)
	if err != nil {
		return err
	}
	if p.max == 0 {
		p.max = noLimit
	}
	search := strings.ToLower(c.query("search"))
	found := c.roleObjects(c.isSet("briefRepresentation", true), func(r *model.Role) bool {
		return r.ClientID == ownerID(owner) && (strings.Contains(strings.ToLower(r.Name), search) || strings.Contains(strings.ToLower(r.Description), search))
	})
	return c.answer(each(cut(found, p), func(o keycloak.Object) keycloak.Object { return o }))
}

func (c *call) postRole() error {
	owner, err := c.owner()
	if err == nil {
		err = c.guard(owner)
	}
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	made, err := keycloak.NewRole(c.snap.Config, ownerID(owner), doc, newID)
	if err != nil {
		return err
	}
	for _, id := range made.Composites {
		if err := c.mayInclude(c.snap.RoleByID(id)); err != nil {
			return err
		}
	}
	path, on := ownerPath(owner)
	err = c.change(c.record(deed{op: opCreate, on: on, path: path + "/" + made.Name, body: doc}), func(cfg *model.Config) (*store.ConfigChange, error) {
		if cfg.Role(made.ClientID, made.Name) != nil {
			return nil, &store.ConflictError{Kind: "role", Value: made.Name}
		}
		return &store.ConfigChange{PutRoles: []*model.Role{made}}, nil
	})
	if err != nil {
		return err
	}
	return c.created(append(strings.Split(path, "/"), made.Name)...)
}

func (c *call) getRole(r named) error {
	return c.answer(keycloak.RoleRepresentation(c.snap.Config, r.Role, keycloak.RoleOptions{}))
}

// changeRole changes a copy of a role and stores it.
func (c *call) changeRole(id string, rec realm.Record, fn func(cfg *model.Config, old *model.Role) (*model.Role, error)) error {
	err := c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old := cfg.RoleByID(id)
		if old == nil {
			return nil, errNoRole
		}
		next, err := fn(cfg, old)
		if err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutRoles: []*model.Role{next}}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) putRole(r named) error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: r.on, path: r.path, body: doc})
	err = c.changeRole(r.ID, rec, func(cfg *model.Config, old *model.Role) (*model.Role, error) {
		return keycloak.UpdateRole(cfg, old, doc)
	})
	var d *keycloak.DocumentError
	if errors.As(err, &d) && d.Conflict {
		return errDuplicate
	}
	return err
}

func (c *call) deleteRole(r named) error {
	if r.ID == c.snap.Realm.DefaultRoleID {
		return web.ErrorMessage(http.StatusBadRequest, r.Name+" is default role of the realm and cannot be removed.")
	}
	rec := c.record(deed{op: opDelete, on: r.on, path: r.path, body: jsonOf(keycloak.Object{{Name: "id", Value: r.ID}, {Name: "name", Value: r.Name}})})
	err := c.api.Realms.DeleteRole(c.ctx, c.realmName(), r.ID, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoRole
	}
	if err != nil {
		return err
	}
	return c.noContent()
}

// roleUsers lists who is given the role directly.
func (c *call) roleUsers(r named) error {
	p, err := c.page(usersPerPage)
	if err != nil {
		return err
	}
	var users []*model.User
	if p.max != 0 && c.may(viewUsers) {
		if users, err = c.api.Store.UsersWithRole(c.ctx, c.snap.Realm.Num, r.ID, p.first, p.max); err != nil {
			return err
		}
	}
	return c.answer(c.memberObjects(users))
}

// memberObjects shows users where they are listed as members.
func (c *call) memberObjects(users []*model.User) []keycloak.Object {
	brief := c.isSet("briefRepresentation", false)
	return each(users, func(u *model.User) keycloak.Object {
		return keycloak.UserRepresentation(c.shown(u), keycloak.UserOptions{Brief: brief})
	})
}

func (c *call) roleGroups(r named) error {
	p, err := c.page(noLimit)
	if err != nil {
		return err
	}
	var found []*model.Group
	for _, g := range c.snap.Groups {
		if slices.Contains(g.Roles, r.ID) && c.may(viewUsers) {
			found = append(found, g)
		}
	}
	brief := c.isSet("briefRepresentation", true)
	return c.answer(each(cut(found, p), func(g *model.Group) keycloak.Object { return c.memberGroup(g, brief) }))
}
