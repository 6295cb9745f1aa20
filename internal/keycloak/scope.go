package keycloak

import (
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// ClientScopeRepresentation is a client scope as admin REST shows it.
func ClientScopeRepresentation(s *model.ClientScope) Object {
	o := Object{{"id", s.ID}, {"name", s.Name}}
	o.addText("description", s.Description)
	o.addText("protocol", s.Protocol)
	o.add("attributes", table(s.Attributes))
	if len(s.ProtocolMappers) > 0 {
		o.add("protocolMappers", mapperObjects(s.ProtocolMappers))
	}
	o.addExtra(s.Extra)
	return o
}

// ClientScopeRef is a client scope in lists of assigned scopes: id and name,
// and in the realm's lists (withProtocol) the protocol.
func ClientScopeRef(s *model.ClientScope, withProtocol bool) Object {
	o := Object{{"id", s.ID}, {"name", s.Name}}
	if withProtocol {
		o.addText("protocol", s.Protocol)
	}
	return o
}

// readScope reads the members that documents and requests share.
func readScope(f *fields, s *model.ClientScope) {
	f.str("description", &s.Description)
	f.str("protocol", &s.Protocol)
	if set, removed, ok := f.strings("attributes"); ok {
		s.Attributes = maps.Clone(table(s.Attributes))
		for _, k := range removed {
			delete(s.Attributes, k)
		}
		maps.Copy(s.Attributes, set)
	}
	if len(s.Attributes) == 0 {
		s.Attributes = nil
	}
	s.Extra = merged(s.Extra, f.rest())
}

// merged is old with the members of given over it; nil when empty.
func merged(old, given model.Extra) model.Extra {
	if len(old)+len(given) == 0 {
		return nil
	}
	out := maps.Clone(old)
	if out == nil {
		out = model.Extra{}
	}
	maps.Copy(out, given)
	return out
}

// NewClientScope is the scope that POST /client-scopes with that body makes; an
// id in it is kept.
//
// Errors: *DocumentError; Conflict when the name or the id is taken.
func NewClientScope(cfg *model.Config, doc []byte, newID func() string) (*model.ClientScope, error) {
	f := body(doc)
	s := &model.ClientScope{ID: f.id(newID)}
	f.str("name", &s.Name)
	f.checkScopeName(s.Name)
	s.ProtocolMappers = readMappers(f, nil, newID)
	readScope(f, s)
	if s.Protocol != protocolOIDC && s.Protocol != protocolSAML {
		f.failf("protocol", "Unexpected protocol")
	}
	taken := func(o *model.ClientScope) bool { return o.Name == s.Name || o.ID == s.ID }
	if f.err == nil && slices.ContainsFunc(cfg.Scopes, taken) {
		return nil, scopeTaken(s.Name)
	}
	if f.err != nil {
		return nil, f.err
	}
	return s, nil
}

// UpdateClientScope is the body of PUT /client-scopes/{id} applied to old:
// attributes merge, where null removes one; protocolMappers are ignored (they
// have requests of their own), as in Keycloak.
//
// Errors: *DocumentError; Conflict when the new name is taken.
func UpdateClientScope(cfg *model.Config, old *model.ClientScope, doc []byte) (*model.ClientScope, error) {
	f := body(doc)
	s := *old
	f.drop("id", "protocolMappers")
	if f.has("name") {
		if f.str("name", &s.Name); s.Name != old.Name {
			f.checkScopeName(s.Name)
		}
	}
	f.drop("name")
	readScope(f, &s)
	if s.Protocol != old.Protocol && s.Protocol != protocolOIDC && s.Protocol != protocolSAML {
		f.failf("protocol", "Unexpected protocol")
	}
	if f.err != nil {
		return nil, f.err
	}
	if other := cfg.Scope(s.Name); other != nil && other.ID != old.ID {
		return nil, scopeTaken(s.Name)
	}
	return &s, nil
}

func scopeTaken(name string) *DocumentError {
	return &DocumentError{Path: "name", Problem: "Client Scope " + name + " already exists", Conflict: true}
}

// checkScopeName takes what RFC 6749 §3.3 allows as one scope: printable ASCII
// without space, quote and backslash.
func (f *fields) checkScopeName(name string) {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		f.failf("name", "Unexpected name %q for ClientScope", name)
	}
	f.checkName("name", name)
}

// ProtocolMapperRepresentation is a protocol mapper as admin REST shows it.
func ProtocolMapperRepresentation(m *model.ProtocolMapper) Object {
	return Object{
		{"id", m.ID}, {"name", m.Name}, {"protocol", m.Protocol}, {"protocolMapper", m.Type},
		{"consentRequired", m.ConsentRequired}, {"config", table(m.Config)},
	}
}

func mapperObjects(ms []model.ProtocolMapper) []Object {
	out := make([]Object, len(ms))
	for i := range ms {
		out[i] = ProtocolMapperRepresentation(&ms[i])
	}
	return out
}

// NewProtocolMapper is the mapper that POST …/protocol-mappers/models makes
// beside the mappers that are there; an id in it is kept.
//
// Errors: *DocumentError; Conflict when the name or the id is taken.
func NewProtocolMapper(doc []byte, beside []model.ProtocolMapper, newID func() string) (model.ProtocolMapper, error) {
	f := body(doc)
	m := readMapper(f, newID)
	taken := func(o model.ProtocolMapper) bool { return o.Name == m.Name || o.ID == m.ID }
	if f.err == nil && slices.ContainsFunc(beside, taken) {
		return m, &DocumentError{Path: "name", Problem: "Protocol mapper exists with same name", Conflict: true}
	}
	return m, f.fault()
}

// UpdateProtocolMapper is the body of PUT …/protocol-mappers/models/{id}
// applied to old: a config that is present replaces the old one.
//
// Errors: *DocumentError.
func UpdateProtocolMapper(old model.ProtocolMapper, doc []byte) (model.ProtocolMapper, error) {
	f := body(doc)
	m := old
	f.name("name", &m.Name)
	f.str("protocol", &m.Protocol)
	f.name("protocolMapper", &m.Type)
	f.boolean("consentRequired", &m.ConsentRequired)
	if set, _, ok := f.strings("config"); ok {
		m.Config = withoutEmpty(set)
	}
	return m, f.fault()
}

func readMapper(f *fields, newID func() string) model.ProtocolMapper {
	m := model.ProtocolMapper{ID: f.id(newID), Protocol: protocolOIDC}
	f.str("name", &m.Name)
	f.checkName(f.at("name"), m.Name)
	f.str("protocol", &m.Protocol)
	f.str("protocolMapper", &m.Type)
	f.checkName(f.at("protocolMapper"), m.Type)
	f.boolean("consentRequired", &m.ConsentRequired)
	set, _, _ := f.strings("config")
	m.Config = withoutEmpty(set)
	return m
}

// withoutEmpty drops empty values, as Keycloak does in mapper configurations;
// nil when nothing is left.
func withoutEmpty(m map[string]string) map[string]string {
	maps.DeleteFunc(m, func(_, v string) bool { return v == "" })
	if len(m) == 0 {
		return nil
	}
	return m
}

// readMappers reads member protocolMappers; one without id takes the id of the
// old mapper of that name.
func readMappers(f *fields, old []model.ProtocolMapper, newID func() string) []model.ProtocolMapper {
	list, _ := f.items("protocolMappers")
	var out []model.ProtocolMapper
	for _, it := range list {
		sub := f.object(it.raw, it.path)
		known := ""
		if kind(sub.m["name"]) == 's' {
			name := unquote(sub.m["name"])
			if i := slices.IndexFunc(old, func(o model.ProtocolMapper) bool { return o.Name == name }); i >= 0 {
				known = old[i].ID
			}
		}
		m := readMapper(sub, func() string {
			if known != "" {
				return known
			}
			return newID()
		})
		if slices.ContainsFunc(out, func(o model.ProtocolMapper) bool { return o.Name == m.Name }) {
			f.failf(it.path, "protocol mapper %q stands twice", m.Name)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b model.ProtocolMapper) int { return strings.Compare(a.Name, b.Name) })
	return out
}
