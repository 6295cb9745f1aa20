package admin

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
)

// mapped is a client or a client scope as one that has protocol mappers.
type mapped struct {
	steps   []string // its path segments below the realm
	mappers []model.ProtocolMapper
	// change replaces the mappers by what fn makes of the stored ones.
	change func(rec realm.Record, fn func(ms []model.ProtocolMapper) ([]model.ProtocolMapper, error)) error
}

func (m *mapped) path(more string) string {
	return m.steps[0] + "/" + m.steps[1] + "/protocol-mappers/" + more
}

// mappedOf finds the thing of the path that has mappers; for a write it
// refuses what must not be changed.
type mappedOf func(c *call, write bool) (*mapped, error)

// mapperRoutes are the routes below a client or a client scope.
func mapperRoutes(base string, of mappedOf) []route {
	with := func(write bool, h func(c *call, m *mapped) error) func(c *call) error {
		return func(c *call) error {
			m, err := of(c, write)
			if err != nil {
				return err
			}
			return h(c, m)
		}
	}
	p := base + "/protocol-mappers"
	return []route{
		{"GET", p + "/models", viewClients, with(false, (*call).listMappers)},
		{"POST", p + "/models", manageClients, with(true, (*call).postMapper)},
		{"GET", p + "/models/{mapper}", viewClients, with(false, (*call).getMapper)},
		{"PUT", p + "/models/{mapper}", manageClients, with(true, (*call).putMapper)},
		{"DELETE", p + "/models/{mapper}", manageClients, with(true, (*call).deleteMapper)},
		{"GET", p + "/protocol/{protocol}", viewClients, with(false, (*call).listMappersOf)},
		{"POST", p + "/add-models", manageClients, with(true, (*call).addMappers)},
	}
}

func ofClientMappers(c *call, write bool) (*mapped, error) {
	x, err := c.client()
	if err == nil && write {
		err = c.guard(x)
	}
	if err != nil {
		return nil, err
	}
	return &mapped{
		steps: []string{"clients", x.ID}, mappers: x.ProtocolMappers,
		change: func(rec realm.Record, fn func([]model.ProtocolMapper) ([]model.ProtocolMapper, error)) error {
			return c.changeClient(x.ID, rec, func(x *model.Client) (err error) {
				x.ProtocolMappers, err = fn(slices.Clone(x.ProtocolMappers))
				return err
			})
		},
	}, nil
}

func ofScopeMappers(c *call, _ bool) (*mapped, error) {
	s, err := c.scope()
	if err != nil {
		return nil, err
	}
	return &mapped{
		steps: []string{"client-scopes", s.ID}, mappers: s.ProtocolMappers,
		change: func(rec realm.Record, fn func([]model.ProtocolMapper) ([]model.ProtocolMapper, error)) error {
			return c.changeScope(s.ID, rec, func(s *model.ClientScope) (err error) {
				s.ProtocolMappers, err = fn(slices.Clone(s.ProtocolMappers))
				return err
			})
		},
	}, nil
}

func (c *call) listMappers(m *mapped) error {
	return c.answer(each(m.mappers, func(x model.ProtocolMapper) keycloak.Object { return keycloak.ProtocolMapperRepresentation(&x) }))
}

func (c *call) listMappersOf(m *mapped) error {
	protocol := c.r.PathValue("protocol")
	m.mappers = slices.DeleteFunc(slices.Clone(m.mappers), func(x model.ProtocolMapper) bool { return x.Protocol != protocol })
	return c.listMappers(m)
}

// indexOfMapper is where the mapper of the path stands.
func (c *call) indexOfMapper(ms []model.ProtocolMapper) (int, error) {
	id := c.r.PathValue("mapper")
	i := slices.IndexFunc(ms, func(x model.ProtocolMapper) bool { return x.ID == id })
	if i < 0 {
		return 0, errNoMapper
	}
	return i, nil
}

func (c *call) getMapper(m *mapped) error {
	i, err := c.indexOfMapper(m.mappers)
	if err != nil {
		return err
	}
	return c.answer(keycloak.ProtocolMapperRepresentation(&m.mappers[i]))
}

func (c *call) postMapper(m *mapped) error {
	given, err := c.body()
	if err != nil {
		return err
	}
	if err := knownMapper(given, ""); err != nil {
		return err
	}
	doc, id, err := withID(given)
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opCreate, on: onMapper, path: m.path("models/" + id), body: given})
	err = m.change(rec, func(ms []model.ProtocolMapper) ([]model.ProtocolMapper, error) {
		made, err := keycloak.NewProtocolMapper(doc, ms, newID)
		return append(ms, made), err
	})
	if err != nil {
		return err
	}
	return c.created(append(slices.Clone(m.steps), "protocol-mappers", "models", id)...)
}

// knownMapper refuses a mapper whose type Keycloak does not have: it would say
// nothing in any token. What an import brought may stay: kept is its type.
//
// Errors: errNoMapperType, errBadJSON.
func knownMapper(doc []byte, kept string) error {
	var m struct {
		Type string `json:"protocolMapper"`
	}
	if err := unmarshal(doc, &m); err != nil {
		return err
	}
	if !keycloak.KnownMapper(m.Type) && (m.Type == "" || m.Type != kept) {
		return errNoMapperType
	}
	return nil
}

// addMappers adds several mappers, all or none.
func (c *call) addMappers(m *mapped) error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	var docs []json.RawMessage
	if err := unmarshal(doc, &docs); err != nil {
		return err
	}
	for _, d := range docs {
		if err := knownMapper(d, ""); err != nil {
			return err
		}
	}
	rec := c.record(deed{op: opCreate, on: onMapper, path: m.path("add-models"), body: doc})
	err = m.change(rec, func(ms []model.ProtocolMapper) ([]model.ProtocolMapper, error) {
		for _, d := range docs {
			made, err := keycloak.NewProtocolMapper(d, ms, newID)
			var fault *keycloak.DocumentError
			if errors.As(err, &fault) && fault.Conflict {
				return nil, errMapperTwice
			}
			if err != nil {
				return nil, err
			}
			ms = append(ms, made)
		}
		return ms, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

// putMapper changes a mapper but for its name, which stays in silence: as in
// Keycloak.
func (c *call) putMapper(m *mapped) error {
	at, err := c.indexOfMapper(m.mappers)
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	if err := knownMapper(doc, m.mappers[at].Type); err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: onMapper, path: m.path("models/" + c.r.PathValue("mapper")), body: doc})
	err = m.change(rec, func(ms []model.ProtocolMapper) ([]model.ProtocolMapper, error) {
		i, err := c.indexOfMapper(ms)
		if err != nil {
			return nil, err
		}
		name := ms[i].Name
		ms[i], err = keycloak.UpdateProtocolMapper(ms[i], doc)
		ms[i].Name = name
		return ms, err
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) deleteMapper(m *mapped) error {
	rec := c.record(deed{op: opDelete, on: onMapper, path: m.path("models/" + c.r.PathValue("mapper"))})
	err := m.change(rec, func(ms []model.ProtocolMapper) ([]model.ProtocolMapper, error) {
		i, err := c.indexOfMapper(ms)
		if err != nil {
			return nil, err
		}
		return slices.Delete(ms, i, i+1), nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
