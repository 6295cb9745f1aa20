package keycloak

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// RequiredAction is what a realm says of a required action.
type RequiredAction struct {
	Alias         string            `json:"alias"`
	Name          string            `json:"name"`
	ProviderID    string            `json:"providerId"`
	Enabled       bool              `json:"enabled"`
	DefaultAction bool              `json:"defaultAction"` // new users get it
	Priority      int               `json:"priority"`
	Config        map[string]string `json:"config"`
}

// memberRequiredActions is where a realm keeps what differs from the default.
const memberRequiredActions = "requiredActions"

// RequiredActions are a realm's required actions by priority: those it was
// imported or configured with, else Keycloak's.
func RequiredActions(r *model.Realm) []RequiredAction {
	all := kept(r, memberRequiredActions, authenticationFacts().RequiredActions)
	for i := range all {
		all[i].Config = table(all[i].Config)
	}
	slices.SortStableFunc(all, func(a, b RequiredAction) int { return cmp.Compare(a.Priority, b.Priority) })
	return all
}

// UnregisteredActions are Keycloak's actions that the realm has not.
func UnregisteredActions(r *model.Realm) []RequiredAction {
	have := RequiredActions(r)
	return slices.DeleteFunc(slices.Clone(authenticationFacts().RequiredActions), func(a RequiredAction) bool {
		return slices.ContainsFunc(have, func(h RequiredAction) bool { return h.ProviderID == a.ProviderID })
	})
}

// WithRequiredActions is the realm with these required actions.
func WithRequiredActions(r *model.Realm, all []RequiredAction) (*model.Realm, error) {
	raw, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return withExtra(r, memberRequiredActions, raw), nil
}

// withExtra is a copy of the realm with one kept member set; nil removes it.
func withExtra(r *model.Realm, name string, raw json.RawMessage) *model.Realm {
	next := *r
	if next.Extra = maps.Clone(r.Extra); next.Extra == nil {
		next.Extra = model.Extra{}
	}
	if raw == nil {
		delete(next.Extra, name)
	} else {
		next.Extra[name] = raw
	}
	return &next
}

// UpdateRequiredAction is the body of PUT required-actions/{alias} applied to
// old; config is merged by PutActionConfig alone.
//
// Errors: *DocumentError.
func UpdateRequiredAction(old RequiredAction, doc []byte) (RequiredAction, error) {
	f := body(doc)
	f.str("alias", &old.Alias)
	f.checkName(f.at("alias"), old.Alias)
	f.str("name", &old.Name)
	old.Enabled, old.DefaultAction = false, false // a member left out is false, as in Keycloak
	f.boolean("enabled", &old.Enabled)
	f.boolean("defaultAction", &old.DefaultAction)
	n := int64(old.Priority)
	f.number("priority", maxNumber, &n)
	old.Priority = int(n)
	return old, f.fault()
}

// ReadActionConfig is the body of PUT required-actions/{alias}/config.
//
// Errors: *DocumentError.
func ReadActionConfig(doc []byte) (map[string]string, error) {
	f := body(doc)
	config, _, _ := f.strings("config")
	return table(config), f.fault()
}
