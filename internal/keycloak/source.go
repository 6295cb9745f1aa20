package keycloak

import (
	"encoding/json"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// source is a realm document as read, before its names are resolved to ids
// and what it leaves out is filled in.
type source struct {
	*reader
	realm       *model.Realm
	clients     []*clientSource
	scopes      []*scopeSource
	scopesGiven bool // member clientScopes is there, if only as []
	roles       []*roleSource
	groups      []*groupSource
	components  []*componentSource
	users       []serviceUser // service accounts only; others are streamed

	defaultRole    *fields // nil when the document does not say
	defaultRoles   *fields // Keycloak ≤ 12: names of roles in the default role
	defaultGroups  []item
	defaultScopes  []item
	optionalScopes []item
	scopeMappings  []mappingSource
}

type clientSource struct {
	path string
	c    *model.Client
	// named: the client lists its scopes itself, in def and opt.
	named        bool
	def, opt     []item
	defaultRoles []item // Keycloak ≤ 12
}

type scopeSource struct {
	path string
	s    *model.ClientScope
}

type roleSource struct {
	f     *fields // composites are still in it
	owner string  // clientId, "" for realm roles
	r     *model.Role
}

type groupSource struct {
	f      *fields // realmRoles and clientRoles are still in it
	parent *groupSource
	g      *model.Group
	slash  string // slash path by which documents name it
}

type componentSource struct {
	path string
	c    *model.Component
}

// mappingSource gives roles of owner (clientId, "" for realm roles) to the
// scope of a client or client scope.
type mappingSource struct {
	f     *fields
	owner string
}

// serviceUser is what the first pass needs of a service account's user.
type serviceUser struct{ path, clientID, userID string }

// readSource reads everything but users out of a document's members.
func readSource(f *fields, newID func() string) *source {
	s := &source{reader: f.reader, realm: newRealm()}
	s.realm.ID = f.id(newID)
	f.str("realm", &s.realm.Name)
	s.readClients(f, newID)
	s.readScopes(f, newID)
	if raw, ok := f.take("roles"); ok {
		s.readRoles(f.object(raw, f.at("roles")), newID)
	}
	top, _ := f.items("groups")
	s.readGroups(top, nil, newID)
	s.readComponents(f, newID)
	if raw, ok := f.take("defaultRole"); ok {
		s.defaultRole = f.object(raw, f.at("defaultRole"))
	}
	s.defaultRoles = &fields{reader: f.reader, path: f.path, m: map[string]json.RawMessage{"defaultRoles": f.m["defaultRoles"]}}
	s.defaultGroups, _ = f.items("defaultGroups")
	s.defaultScopes, _ = f.items("defaultDefaultClientScopes")
	s.optionalScopes, _ = f.items("defaultOptionalClientScopes")
	s.readMappings(f)
	readSettings(f, s.realm, true)
	return s
}

func (s *source) readClients(f *fields, newID func() string) {
	given, _ := f.items("clients")
	for _, it := range given {
		sub := s.object(it.raw, it.path)
		c := newClient()
		c.ID = sub.id(newID)
		c.ClientID = c.ID // as Keycloak, when the document does not say
		sub.name("clientId", &c.ClientID)
		src := &clientSource{path: it.path, c: c, named: sub.has("defaultClientScopes") || sub.has("optionalClientScopes")}
		src.def, _ = sub.items("defaultClientScopes")
		src.opt, _ = sub.items("optionalClientScopes")
		src.defaultRoles, _ = sub.items("defaultRoles")
		readClient(sub, c, newID)
		s.clients = append(s.clients, src)
	}
}

func (s *source) readScopes(f *fields, newID func() string) {
	given, ok := f.items("clientScopes")
	s.scopesGiven = ok
	for _, it := range given {
		sub := s.object(it.raw, it.path)
		cs := &model.ClientScope{ID: sub.id(newID), Protocol: protocolOIDC}
		sub.str("name", &cs.Name)
		sub.checkName(sub.at("name"), cs.Name)
		cs.ProtocolMappers = readMappers(sub, nil, newID)
		readScope(sub, cs)
		s.scopes = append(s.scopes, &scopeSource{it.path, cs})
	}
}

func (s *source) readRoles(f *fields, newID func() string) {
	read := func(it item, owner string) {
		sub := s.object(it.raw, it.path)
		r := &model.Role{ID: sub.id(newID)}
		sub.str("name", &r.Name)
		sub.checkName(sub.at("name"), r.Name)
		composites := sub.m["composites"]
		sub.drop("composites")
		readRole(sub, r)
		sub.m = map[string]json.RawMessage{"composites": composites}
		s.roles = append(s.roles, &roleSource{sub, owner, r})
	}
	realm, _ := f.items("realm")
	for _, it := range realm {
		read(it, "")
	}
	for _, name := range []string{"client", "application"} {
		owners, _ := f.members(name)
		for _, owner := range owners {
			roles, _ := s.elements(owner)
			for _, it := range roles {
				read(it, owner.key)
			}
		}
	}
}

func (s *source) readGroups(given []item, parent *groupSource, newID func() string) {
	for _, it := range given {
		sub := s.object(it.raw, it.path)
		g := &groupSource{parent: parent, g: &model.Group{ID: sub.id(newID)}}
		sub.str("name", &g.g.Name)
		sub.checkName(sub.at("name"), g.g.Name)
		g.slash = "/" + strings.ReplaceAll(g.g.Name, "/", "~/")
		if parent != nil {
			g.g.ParentID = parent.g.ID
			g.slash = parent.slash + g.slash
		}
		roles := map[string]json.RawMessage{"realmRoles": sub.m["realmRoles"], "clientRoles": sub.m["clientRoles"]}
		children, _ := sub.items("subGroups")
		sub.drop("realmRoles", "clientRoles")
		readGroup(sub, g.g)
		sub.m = roles
		g.f = sub
		s.groups = append(s.groups, g)
		s.readGroups(children, g, newID)
	}
}

func (s *source) readComponents(f *fields, newID func() string) {
	types, _ := f.members("components")
	for _, t := range types {
		given, _ := s.elements(t)
		for _, it := range given {
			s.readComponent(it, t.key, nil, newID)
		}
	}
}

func (s *source) readComponent(it item, providerType string, parent *model.Component, newID func() string) {
	sub := s.object(it.raw, it.path)
	c := &model.Component{ID: sub.id(newID), ProviderType: providerType}
	children, _ := sub.members("subComponents")
	readComponent(sub, c)
	checkKeyConfig(sub, c)
	normaliseParent(s.realm, c)
	if parent != nil {
		c.ParentID = parent.ID
	}
	s.components = append(s.components, &componentSource{it.path, c})
	for _, t := range children {
		given, _ := s.elements(t)
		for _, child := range given {
			s.readComponent(child, t.key, c, newID)
		}
	}
}

func (s *source) readMappings(f *fields) {
	given, _ := f.items("scopeMappings")
	for _, it := range given {
		s.scopeMappings = append(s.scopeMappings, mappingSource{s.object(it.raw, it.path), ""})
	}
	owners, _ := f.members("clientScopeMappings")
	for _, owner := range owners {
		given, _ := s.elements(owner)
		for _, it := range given {
			s.scopeMappings = append(s.scopeMappings, mappingSource{s.object(it.raw, it.path), owner.key})
		}
	}
}
