package keycloak

import (
	"cmp"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// index finds the things of one document by name.
type index struct {
	*reader
	clients map[string]*model.Client
	scopes  map[string]*model.ClientScope
	roles   map[roleKey]*model.Role // by owner's id, not clientId
	groups  map[string]string       // slash path -> id
}

func (x *index) finder() roleFinder {
	return roleFinder{
		client: func(id string) *model.Client { return x.clients[id] },
		role:   func(owner, name string) *model.Role { return x.roles[roleKey{owner, name}] },
	}
}

func (x *index) groupByPath(path string) string { return x.groups["/"+strings.Trim(path, "/")] }

// resolve turns a completed source into model values.
func (s *source) resolve(newID func() string) (*RealmDocument, *index) {
	x := &index{reader: s.reader, clients: map[string]*model.Client{}, scopes: map[string]*model.ClientScope{},
		roles: map[roleKey]*model.Role{}, groups: map[string]string{}}
	d := &RealmDocument{Realm: s.realm}
	x.enter(s, d)
	for _, r := range s.roles {
		r.r.Composites = append(r.r.Composites, readComposites(r.f, x.finder())...)
		slices.Sort(r.r.Composites)
		if r.r.Composites = slices.Compact(r.r.Composites); slices.Contains(r.r.Composites, r.r.ID) {
			s.failf(r.f.at("composites"), "role %q must not contain itself", r.r.Name)
		}
	}
	for _, g := range s.groups {
		g.g.Roles = g.f.roleIDs("realmRoles", "clientRoles", x.finder())
	}
	for _, c := range s.clients {
		c.c.DefaultScopes = x.scopeIDs(c.def, c.c, c.named)
		c.c.OptionalScopes = x.scopeIDs(c.opt, c.c, c.named)
	}
	s.realm.DefaultClientScopes = x.scopeIDs(s.defaultScopes, nil, true)
	s.realm.OptionalClientScopes = x.scopeIDs(s.optionalScopes, nil, true)
	for _, it := range s.defaultGroups {
		path, ok := (&fields{reader: s.reader}).scalar(it, false)
		if id := x.groupByPath(path); id != "" {
			s.realm.DefaultGroups = append(s.realm.DefaultGroups, id)
		} else if ok {
			s.failf(it.path, "unknown group %q", path)
		}
	}
	for _, m := range s.scopeMappings {
		x.resolveMapping(m)
	}
	x.serviceAccounts(s, d, newID)
	return d, x
}

// enter puts everything with a name or an id into the index and the document,
// refusing what stands twice.
func (x *index) enter(s *source, d *RealmDocument) {
	ids := map[string]string{}
	enterID := func(what, path, id string) {
		if other, ok := ids[what+id]; ok {
			x.failf(join(path, "id"), "%s has this id too", other)
		}
		ids[what+id] = path
	}
	for _, c := range s.clients {
		if x.clients[c.c.ClientID] != nil {
			x.failf(join(c.path, "clientId"), "client %q stands twice", c.c.ClientID)
		}
		enterID("client", c.path, c.c.ID)
		x.clients[c.c.ClientID] = c.c
		d.Clients = append(d.Clients, c.c)
	}
	for _, c := range s.scopes {
		if x.scopes[c.s.Name] != nil {
			x.failf(join(c.path, "name"), "client scope %q stands twice", c.s.Name)
		}
		enterID("scope", c.path, c.s.ID)
		x.scopes[c.s.Name] = c.s
		d.Scopes = append(d.Scopes, c.s)
	}
	for _, r := range s.roles {
		if r.owner != "" {
			c := x.clients[r.owner]
			if c == nil {
				x.failf(r.f.path, "unknown client %q", r.owner)
				continue
			}
			r.r.ClientID = c.ID
		}
		k := roleKey{r.r.ClientID, r.r.Name}
		if x.roles[k] != nil {
			x.failf(r.f.at("name"), "role %q stands twice", r.r.Name)
		}
		enterID("role", r.f.path, r.r.ID)
		x.roles[k] = r.r
		d.Roles = append(d.Roles, r.r)
	}
	for _, g := range s.groups {
		if x.groups[g.slash] != "" {
			x.failf(g.f.at("name"), "group %q stands twice", g.slash)
		}
		enterID("group", g.f.path, g.g.ID)
		x.groups[g.slash] = g.g.ID
		d.Groups = append(d.Groups, g.g)
	}
	for _, c := range s.components {
		enterID("component", c.path, c.c.ID)
		d.Components = append(d.Components, c.c)
	}
	d.sort()
}

// scopeIDs resolves scope names, in the order of the names' scopes; for a
// client that did not name them itself, those of its protocol alone.
func (x *index) scopeIDs(names []item, c *model.Client, named bool) []string {
	var scopes []*model.ClientScope
	for _, it := range names {
		name, ok := (&fields{reader: x.reader}).scalar(it, false)
		switch s := x.scopes[name]; {
		case !ok:
		case s == nil:
			x.failf(it.path, "unknown client scope %q", name)
		case (named || s.Protocol == c.Protocol) && !slices.Contains(scopes, s):
			scopes = append(scopes, s)
		}
	}
	return sortedIDs(scopes)
}

// sortedIDs are ids of scopes, sorted by name: the order in which lists show them.
func sortedIDs(scopes []*model.ClientScope) []string {
	slices.SortFunc(scopes, func(a, b *model.ClientScope) int { return strings.Compare(a.Name, b.Name) })
	var ids []string
	for _, s := range scopes {
		ids = append(ids, s.ID)
	}
	return ids
}

func (x *index) resolveMapping(m mappingSource) {
	var ids []string
	names, _ := m.f.items("roles")
	owner := ""
	if m.owner != "" {
		c := x.clients[m.owner]
		if c == nil {
			x.failf(m.f.path, "unknown client %q", m.owner)
			return
		}
		owner = c.ID
	}
	for _, it := range names {
		name, _ := m.f.scalar(it, false)
		if r := x.roles[roleKey{owner, name}]; r != nil {
			ids = append(ids, r.ID)
		} else {
			x.failf(it.path, "unknown role %q", name)
		}
	}
	var client, scope string
	m.f.str("client", &client)
	m.f.str("clientScope", &scope)
	add := func(to *[]string) {
		*to = append(*to, ids...)
		slices.Sort(*to)
		*to = slices.Compact(*to)
	}
	switch {
	case client != "" && x.clients[client] != nil:
		add(&x.clients[client].ScopeMappings)
	case client != "":
		x.failf(m.f.at("client"), "unknown client %q", client)
	case x.scopes[scope] != nil:
		add(&x.scopes[scope].ScopeMappings)
	default:
		x.failf(m.f.at("clientScope"), "unknown client scope %q", scope)
	}
}

// serviceAccounts ties the document's service account users to their clients
// and makes those that are missing; with the latter comes scope
// service_account, as in Keycloak.
func (x *index) serviceAccounts(s *source, d *RealmDocument, newID func() string) {
	for _, u := range s.users {
		if c := x.clients[u.clientID]; c == nil {
			x.failf(join(u.path, "serviceAccountClientId"), "unknown client %q", u.clientID)
		} else if c.ServiceUserID != "" {
			x.failf(join(u.path, "serviceAccountClientId"), "client %q has another service account", u.clientID)
		} else {
			c.ServiceUserID = u.userID
		}
	}
	for _, c := range d.Clients {
		if !c.ServiceAccountsEnabled || c.ServiceUserID != "" {
			continue
		}
		u := ServiceAccountUser(d.Realm, c, newID)
		c.ServiceUserID = u.ID
		d.made = append(d.made, &UserDocument{User: u})
		setServiceScope(c, x.scopes[serviceAccountScope])
		slices.SortFunc(c.DefaultScopes, func(a, b string) int { return strings.Compare(x.scopeName(a), x.scopeName(b)) })
	}
}

func (x *index) scopeName(id string) string {
	for name, s := range x.scopes {
		if s.ID == id {
			return name
		}
	}
	return ""
}

// sort brings a document into one order, whatever order it was written in.
func (d *RealmDocument) sort() {
	slices.SortFunc(d.Clients, func(a, b *model.Client) int { return strings.Compare(a.ClientID, b.ClientID) })
	slices.SortFunc(d.Scopes, func(a, b *model.ClientScope) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Roles, func(a, b *model.Role) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ClientID, b.ClientID))
	})
	slices.SortFunc(d.Groups, func(a, b *model.Group) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	slices.SortFunc(d.Components, func(a, b *model.Component) int {
		return cmp.Or(strings.Compare(a.ProviderType, b.ProviderType), strings.Compare(a.Name, b.Name),
			strings.Compare(a.SubType, b.SubType), strings.Compare(a.ID, b.ID))
	})
}
