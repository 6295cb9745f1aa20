package keycloak

import (
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Configuration of components that is never shown: what generated keys consist
// of. Keycloak leaves it out of admin REST rather than masking it.
var hiddenConfig = []string{
	"privateKey", "certificate", "secret", "kid", "keyUse",
	"ecdsaPrivateKey", "ecdsaPublicKey", "eddsaPrivateKey", "eddsaPublicKey", "ecdhPrivateKey", "ecdhPublicKey",
}

// Configuration that is shown as stars: what somebody typed in.
var maskedConfig = []string{"privateKey", "secret", "keystorePassword", "keyPassword", "bindCredential", "password"}

// ComponentRepresentation is a component as admin REST shows it: generated key
// material is left out, other secrets are masked. parentId is the realm's id
// unless the component has another parent.
func ComponentRepresentation(cfg *model.Config, c *model.Component) Object {
	o := componentObject(c)
	parent := c.ParentID
	if parent == "" {
		parent = cfg.Realm.ID
	}
	o.add("parentId", parent)
	o.addText("subType", c.SubType)
	o.add("config", shownConfig(c))
	o.addExtra(c.Extra)
	return o
}

func componentObject(c *model.Component) Object {
	o := Object{{"id", c.ID}}
	o.addText("name", c.Name)
	o.add("providerId", c.ProviderID)
	o.add("providerType", c.ProviderType)
	return o
}

func shownConfig(c *model.Component) map[string][]string {
	out := map[string][]string{}
	generated := strings.HasSuffix(c.ProviderID, "-generated")
	for k, v := range c.Config {
		switch {
		case generated && slices.Contains(hiddenConfig, k):
		case slices.Contains(maskedConfig, k):
			out[k] = []string{Masked}
		default:
			out[k] = v
		}
	}
	return out
}

// readComponent reads the members of documents and requests into c. In config,
// keys without a value are removed, stars mean "as it was", others are set.
func readComponent(f *fields, c *model.Component) {
	f.str("name", &c.Name)
	if c.Name != "" {
		f.checkName(f.at("name"), c.Name)
	}
	f.str("providerId", &c.ProviderID)
	f.checkName(f.at("providerId"), c.ProviderID)
	f.str("providerType", &c.ProviderType)
	f.checkName(f.at("providerType"), c.ProviderType)
	f.str("parentId", &c.ParentID)
	f.str("subType", &c.SubType)
	if set, removed, ok := f.lists("config"); ok {
		c.Config = maps.Clone(table(c.Config))
		for _, k := range removed {
			delete(c.Config, k)
		}
		for k, v := range set {
			if slices.Equal(v, []string{Masked}) && slices.Contains(maskedConfig, k) {
				continue
			}
			c.Config[k] = v
		}
	}
	if len(c.Config) == 0 {
		c.Config = nil
	}
	f.drop("subComponents")
	c.Extra = merged(c.Extra, f.rest())
}

// NewComponent is the component that POST /components with that body makes; an
// id in it is kept. Key material is the caller's.
//
// Errors: *DocumentError.
func NewComponent(cfg *model.Config, doc []byte, newID func() string) (*model.Component, error) {
	f := body(doc)
	c := &model.Component{ID: f.id(newID)}
	readComponent(f, c)
	normaliseParent(cfg.Realm, c)
	checkKeyConfig(f, c)
	if f.err == nil && slices.ContainsFunc(cfg.Components, func(o *model.Component) bool { return o.ID == c.ID }) {
		return nil, &DocumentError{Path: "id", Problem: "component exists", Conflict: true}
	}
	if f.err != nil {
		return nil, f.err
	}
	return c, nil
}

// UpdateComponent is the body of PUT /components/{id} applied to old: members
// and config keys that are present change; a config key without a value is
// removed; a masked secret stays.
//
// Errors: *DocumentError.
func UpdateComponent(old *model.Component, doc []byte) (*model.Component, error) {
	f := body(doc)
	c := *old
	f.drop("id", "parentId")
	readComponent(f, &c)
	checkKeyConfig(f, &c)
	if f.err != nil {
		return nil, f.err
	}
	return &c, nil
}

// normaliseParent keeps a parent only when it is not the realm itself.
func normaliseParent(r *model.Realm, c *model.Component) {
	if c.ParentID == r.ID || c.ParentID == r.Name {
		c.ParentID = ""
	}
}

// checkKeyConfig is Keycloak's check of what decides about a key's use.
func checkKeyConfig(f *fields, c *model.Component) {
	if c.ProviderType != model.KeyProviderType {
		return
	}
	for _, key := range []struct{ name, label string }{{"priority", "Priority"}, {"enabled", "Enabled"}, {"active", "Active"}} {
		v := c.Config[key.name]
		switch {
		case len(v) == 0:
		case len(v) > 1:
			f.failf(f.at("config"), "'%s' should be a single entry", key.label)
		case key.name == "priority" && strings.Trim(v[0], "-0123456789") != "":
			f.failf(f.at("config"), "'%s' should be a number", key.label)
		case key.name != "priority" && v[0] != "true" && v[0] != "false":
			f.failf(f.at("config"), "'%s' should be 'true' or 'false'", key.label)
		}
	}
}
