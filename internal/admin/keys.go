package admin

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

var keyRoutes = []route{
	{"GET", "/{realm}/keys", viewRealm, (*call).listKeys},
	{"GET", "/{realm}/components", viewRealm, (*call).listComponents},
	{"POST", "/{realm}/components", manageRealm, (*call).postComponent},
	{"GET", "/{realm}/components/{id}", viewRealm, (*call).getComponent},
	{"PUT", "/{realm}/components/{id}", manageRealm, (*call).putComponent},
	{"DELETE", "/{realm}/components/{id}", manageRealm, (*call).deleteComponent},
}

// listKeys is Keycloak's KeysMetadataRepresentation.
func (c *call) listKeys() error {
	return c.answer(keycloak.Object{
		{Name: "active", Value: c.snap.Keys.Active()},
		{Name: "keys", Value: each(c.snap.Keys.Keys(), func(k token.KeyInfo) token.KeyInfo { return k })},
	})
}

// listComponents filters by parent (the realm's id unless another), type and
// name.
func (c *call) listComponents() error {
	parent, kind, name := c.query("parent"), c.query("type"), c.query("name")
	out := []keycloak.Object{}
	for _, x := range c.snap.Components {
		isChild := parent == "" || parent == x.ParentID || x.ParentID == "" && (parent == c.snap.Realm.ID || parent == c.realmName())
		if isChild && (kind == "" || kind == x.ProviderType) && (name == "" || name == x.Name) {
			out = append(out, keycloak.ComponentRepresentation(c.snap.Config, x))
		}
	}
	slices.SortStableFunc(out, func(a, b keycloak.Object) int { return strings.Compare(text(a, "name"), text(b, "name")) })
	return c.answer(out)
}

// text is a string member of an object, "" when it is none.
func text(o keycloak.Object, name string) string {
	s, _ := o.Get(name).(string)
	return s
}

func component(cfg *model.Config, id string) (*model.Component, error) {
	for _, x := range cfg.Components {
		if x.ID == id {
			return x, nil
		}
	}
	return nil, errNoComponent
}

func (c *call) getComponent() error {
	x, err := component(c.snap.Config, c.id())
	if err != nil {
		return err
	}
	return c.answer(keycloak.ComponentRepresentation(c.snap.Config, x))
}

// providerTypes is what the types of all of Keycloak's components start with.
const providerTypes = "org.keycloak."

// complete checks a component and makes the keys it lacks.
func (c *call) complete(x *model.Component) error {
	if x.ProviderType == model.KeyProviderType {
		return token.Complete(x, c.realmName(), c.now(), rand.Reader)
	}
	if !strings.HasPrefix(x.ProviderType, providerTypes) {
		return token.ErrUnknownProvider
	}
	return nil
}

func (c *call) postComponent() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	if !hasMember(doc, "providerId") || !hasMember(doc, "providerType") {
		var any map[string]json.RawMessage
		if err := unmarshal(doc, &any); err != nil {
			return err
		}
		return token.ErrUnknownProvider
	}
	made, err := keycloak.NewComponent(c.snap.Config, doc, newID)
	if err != nil {
		return err
	}
	// Keys are made once, outside the retried change: they are slow.
	if err := c.complete(made); err != nil {
		return err
	}
	rec := c.record(deed{op: opCreate, on: onComponent, path: "components/" + made.ID, body: doc})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		if _, err := component(cfg, made.ID); err == nil {
			return nil, &store.ConflictError{Kind: "id", Value: made.ID}
		}
		return &store.ConfigChange{PutComponents: []*model.Component{made}}, nil
	})
	if err != nil {
		return err
	}
	return c.created("components", made.ID)
}

func (c *call) putComponent() error {
	old, err := component(c.snap.Config, c.id())
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: onComponent, path: "components/" + old.ID, body: doc})
	err = c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		old, err := component(cfg, c.id())
		if err != nil {
			return nil, err
		}
		next, err := keycloak.UpdateComponent(old, doc)
		if err != nil {
			return nil, err
		}
		if err := c.complete(next); err != nil {
			return nil, err
		}
		return &store.ConfigChange{PutComponents: []*model.Component{next}}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) deleteComponent() error {
	rec := c.record(deed{op: opDelete, on: onComponent, path: "components/" + c.id()})
	err := c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		if _, err := component(cfg, c.id()); err != nil {
			return nil, err
		}
		return &store.ConfigChange{DeleteComponents: []string{c.id()}}, nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
