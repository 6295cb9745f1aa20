package keycloak

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// RoleOptions say how a role is shown: Brief leaves attributes out, as lists do.
type RoleOptions struct{ Brief bool }

// RoleRepresentation is a role as admin REST shows it. containerId is the
// owning client's id or the realm's.
func RoleRepresentation(cfg *model.Config, r *model.Role, opts RoleOptions) Object {
	o := Object{{"id", r.ID}, {"name", r.Name}}
	o.addText("description", r.Description)
	o.add("composite", len(r.Composites) > 0)
	o.add("clientRole", r.ClientID != "")
	container := r.ClientID
	if container == "" {
		container = cfg.Realm.ID
	}
	o.add("containerId", container)
	if !opts.Brief {
		o.add("attributes", table(r.Attributes))
		o.addExtra(r.Extra)
	}
	return o
}

// composites are a role's composites by name: {realm: [], client: {clientId: []}}.
func composites(cfg *model.Config, ids []string) Object {
	realm, client := roleNames(cfg, ids)
	var o Object
	if realm != nil {
		o.add("realm", realm)
	}
	if len(client) > 0 {
		o.add("client", client)
	}
	return o
}

// roleNames splits role ids into realm roles and roles by clientId, as names,
// sorted; ids nobody knows fall out.
func roleNames(cfg *model.Config, ids []string) (realm []string, client map[string][]string) {
	for _, id := range ids {
		r := cfg.RoleByID(id)
		if r == nil {
			continue
		}
		if r.ClientID == "" {
			realm = append(realm, r.Name)
			continue
		}
		if c := cfg.ClientByID(r.ClientID); c != nil {
			if client == nil {
				client = map[string][]string{}
			}
			client[c.ClientID] = append(client[c.ClientID], r.Name)
		}
	}
	slices.Sort(realm)
	for _, names := range client {
		slices.Sort(names)
	}
	return realm, client
}

// roleIDs are the ids of roles named in a document or body, in members
// realmName ([names]) and clientName ({clientId: [names]}) of f.
func (f *fields) roleIDs(realmName, clientName string, find roleFinder) (ids []string) {
	given, _ := f.items(realmName)
	for _, it := range given {
		name, ok := f.scalar(it, false)
		if !ok {
			continue
		}
		if r := find.role("", name); r != nil {
			ids = append(ids, r.ID)
		} else {
			f.failf(it.path, "unknown realm role %q", name)
		}
	}
	owners, _ := f.members(clientName)
	for _, owner := range owners {
		c := find.client(owner.key)
		if c == nil {
			f.failf(owner.path, "unknown client %q", owner.key)
			continue
		}
		names, _ := f.elements(owner)
		for _, it := range names {
			name, ok := f.scalar(it, false)
			if !ok {
				continue
			}
			if r := find.role(c.ID, name); r != nil {
				ids = append(ids, r.ID)
			} else {
				f.failf(it.path, "client %q has no role %q", owner.key, name)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// roleFinder is where a document's names are looked up.
type roleFinder struct {
	client func(clientID string) *model.Client
	role   func(ownerID, name string) *model.Role
}

// readRole reads description, attributes and what no rule reads.
func readRole(f *fields, r *model.Role) {
	f.str("description", &r.Description)
	if len(r.Description) > maxText {
		f.failf(f.at("description"), "must not be longer than %d characters", maxText)
	}
	if set, _, ok := f.lists("attributes"); ok {
		r.Attributes = set
	}
	f.drop("composite", "clientRole", "containerId", "clientRoles")
	r.Extra = merged(r.Extra, f.rest())
}

// NewRole is the role that POST /roles (ownerID "") or /clients/{id}/roles
// (ownerID the client's id) with that body makes; composites named in it are
// resolved.
//
// Errors: *DocumentError; Conflict when the name is taken.
func NewRole(cfg *model.Config, ownerID string, doc []byte, newID func() string) (*model.Role, error) {
	f := body(doc)
	r := &model.Role{ID: newID(), ClientID: ownerID}
	f.drop("id")
	f.str("name", &r.Name)
	f.checkRoleName(r.Name)
	composite := false
	if f.boolean("composite", &composite); composite { // else Keycloak passes over them
		r.Composites = f.newComposites(cfg)
	}
	f.drop("composites")
	readRole(f, r)
	if f.err == nil && cfg.Role(ownerID, r.Name) != nil {
		return nil, roleTaken(r.Name)
	}
	if f.err != nil {
		return nil, f.err
	}
	return r, nil
}

// UpdateRole is the body of PUT of a role applied to old. The name must be
// there; a description left out is removed, attributes left out stay,
// composites are ignored: all as in Keycloak.
//
// Errors: *DocumentError; Conflict when the new name is taken.
func UpdateRole(cfg *model.Config, old *model.Role, doc []byte) (*model.Role, error) {
	f := body(doc)
	r := *old
	f.drop("id", "composites")
	r.Name, r.Description = "", ""
	f.str("name", &r.Name)
	f.checkRoleName(r.Name)
	readRole(f, &r)
	if f.err != nil {
		return nil, f.err
	}
	if other := cfg.Role(r.ClientID, r.Name); other != nil && other.ID != old.ID {
		return nil, roleTaken(r.Name)
	}
	return &r, nil
}

func (f *fields) checkRoleName(name string) {
	if name == "" {
		f.failf(f.at("name"), "role has no name")
	}
	f.checkName(f.at("name"), name)
}

func roleTaken(name string) *DocumentError {
	return &DocumentError{Path: "name", Problem: "Role with name " + name + " already exists", Conflict: true}
}

// newComposites are the composites of a new role. A client that is not there is
// passed over, a role that is not there is an error: as in Keycloak.
func (f *fields) newComposites(cfg *model.Config) (ids []string) {
	raw, ok := f.take("composites")
	if !ok {
		return nil
	}
	sub := f.object(raw, f.at("composites"))
	find := func(ownerID, kind, name string) {
		if r := cfg.Role(ownerID, name); r != nil {
			ids = append(ids, r.ID)
		} else if f.err == nil {
			f.err = &DocumentError{Path: sub.path, Problem: kind + " Role with name " + name + " does not exist", Missing: true}
		}
	}
	names, _ := sub.strs("realm")
	for _, name := range names {
		find("", "Realm", name)
	}
	owners, _ := sub.members("client")
	for _, owner := range owners {
		list, _ := sub.elements(owner)
		for _, it := range list {
			name, ok := sub.scalar(it, false)
			if c := cfg.Client(owner.key); ok && c != nil {
				find(c.ID, "Client", name)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// readComposites resolves member composites.
func readComposites(f *fields, find roleFinder) []string {
	raw, ok := f.take("composites")
	if !ok {
		return nil
	}
	sub := f.object(raw, f.at("composites"))
	return sub.roleIDs("realm", "client", find)
}
