package admin

import (
	"cmp"
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

const (
	actionsPath      = authPath + "/required-actions"
	onRequiredAction = "REQUIRED_ACTION"
)

var viewActions = need{{"view-realm", "manage-realm", "view-users", "query-users"}}

var requiredActionRoutes = []route{
	{"GET", actionsPath, viewActions, (*call).listActions},
	{"GET", actionsPath + "/{alias}", viewRealm, (*call).getAction},
	{"PUT", actionsPath + "/{alias}", manageRealm, (*call).putAction},
	{"DELETE", actionsPath + "/{alias}", manageRealm, (*call).deleteAction},
	{"POST", actionsPath + "/{alias}/raise-priority", manageRealm, (*call).raiseAction},
	{"POST", actionsPath + "/{alias}/lower-priority", manageRealm, (*call).lowerAction},
	{"GET", actionsPath + "/{alias}/config", viewRealm, (*call).getActionConfig},
	{"PUT", actionsPath + "/{alias}/config", manageRealm, (*call).putActionConfig},
	{"DELETE", actionsPath + "/{alias}/config", manageRealm, (*call).deleteActionConfig},
	{"GET", actionsPath + "/{alias}/config-description", viewRealm, (*call).describeAction},
	{"GET", authPath + "/unregistered-required-actions", viewRealm, (*call).unregisteredActions},
	{"POST", authPath + "/register-required-action", manageRealm, (*call).registerAction},
}

func (c *call) alias() string { return c.r.PathValue("alias") }

func (c *call) listActions() error { return c.answer(keycloak.RequiredActions(c.snap.Realm)) }

// action finds the required action of the path, -1 for none.
func (c *call) action(all []keycloak.RequiredAction) int {
	return slices.IndexFunc(all, func(a keycloak.RequiredAction) bool { return a.Alias == c.alias() })
}

func (c *call) getAction() error {
	all := keycloak.RequiredActions(c.snap.Realm)
	i := c.action(all)
	if i < 0 {
		return web.AdminError(404, "Failed to find required action")
	}
	return c.answer(all[i])
}

// changeActions changes the realm's required actions; what it changes is told
// by missing when the one of the path is not there.
func (c *call) changeActions(d deed, missing error, change func(all []keycloak.RequiredAction, i int) ([]keycloak.RequiredAction, error)) error {
	err := c.change(c.record(d), func(cfg *model.Config) (*store.ConfigChange, error) {
		all := keycloak.RequiredActions(cfg.Realm)
		i := c.action(all)
		if i < 0 && missing != nil {
			return nil, missing
		}
		all, err := change(all, i)
		if err != nil {
			return nil, err
		}
		next, err := keycloak.WithRequiredActions(cfg.Realm, all)
		return &store.ConfigChange{Realm: next}, err
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) putAction() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	d := deed{op: opUpdate, on: onRequiredAction, path: "authentication/required-actions/" + c.alias(), body: doc}
	return c.changeActions(d, web.AdminError(404, "Failed to find required action"), func(all []keycloak.RequiredAction, i int) ([]keycloak.RequiredAction, error) {
		next, err := keycloak.UpdateRequiredAction(all[i], doc)
		all[i] = next
		return all, err
	})
}

// errNoAction is what the writes but PUT say; the full stop is Keycloak's.
var errNoAction = web.AdminError(404, "Failed to find required action.")

func (c *call) deleteAction() error {
	d := deed{op: opDelete, on: onRequiredAction, path: "authentication/required-actions/" + c.alias()}
	return c.changeActions(d, errNoAction, func(all []keycloak.RequiredAction, i int) ([]keycloak.RequiredAction, error) {
		if len(all) == 1 {
			return nil, web.ErrorMessage(400, "The last required action cannot be removed")
		}
		return slices.Delete(all, i, i+1), nil
	})
}

func (c *call) raiseAction() error { return c.moveAction("raise", -1) }
func (c *call) lowerAction() error { return c.moveAction("lower", 1) }

// moveAction changes an action's place with that of its neighbour.
func (c *call) moveAction(how string, by int) error {
	d := deed{op: opUpdate, on: onRequiredAction, path: "authentication/required-actions/" + c.alias() + "/" + how + "-priority"}
	return c.changeActions(d, errNoAction, func(all []keycloak.RequiredAction, i int) ([]keycloak.RequiredAction, error) {
		if j := i + by; j >= 0 && j < len(all) {
			all[i].Priority, all[j].Priority = all[j].Priority, all[i].Priority
		}
		return all, nil
	})
}

func (c *call) getActionConfig() error {
	all := keycloak.RequiredActions(c.snap.Realm)
	i := c.action(all)
	if i < 0 {
		return web.AdminError(404, "Failed to find required action")
	}
	return c.answer(keycloak.Object{{Name: "config", Value: all[i].Config}})
}

var errNotConfigurable = web.AdminError(400, "RequiredAction is not configurable")

func (c *call) putActionConfig() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	config, err := keycloak.ReadActionConfig(doc)
	if err != nil {
		return err
	}
	return c.setActionConfig(opUpdate, doc, config)
}

func (c *call) deleteActionConfig() error {
	return c.setActionConfig(opDelete, nil, map[string]string{})
}

func (c *call) setActionConfig(op string, doc []byte, config map[string]string) error {
	d := deed{op: op, on: "REQUIRED_ACTION_CONFIG", path: "authentication/required-actions/" + c.alias() + "/config", body: doc}
	return c.changeActions(d, errNotConfigurable, func(all []keycloak.RequiredAction, i int) ([]keycloak.RequiredAction, error) {
		all[i].Config = config
		return all, nil
	})
}

// describeAction: nothing about an action can be configured here beyond
// whether it is on.
func (c *call) describeAction() error {
	if c.action(keycloak.RequiredActions(c.snap.Realm)) < 0 {
		return web.AdminError(404, "Could not find configurable RequiredAction provider")
	}
	return c.answer(keycloak.Object{{Name: "properties", Value: []any{}}})
}

func (c *call) unregisteredActions() error {
	return c.answer(each(keycloak.UnregisteredActions(c.snap.Realm), func(a keycloak.RequiredAction) keycloak.Object {
		return keycloak.Object{{Name: "name", Value: a.Name}, {Name: "providerId", Value: a.ProviderID}}
	}))
}

func (c *call) registerAction() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	var in struct {
		ProviderID string `json:"providerId"`
		Name       string `json:"name"`
	}
	if err := unmarshal(doc, &in); err != nil {
		return err
	}
	d := deed{op: opCreate, on: onRequiredAction, path: "authentication/register-required-action", body: doc}
	return c.changeActions(d, nil, func(all []keycloak.RequiredAction, _ int) ([]keycloak.RequiredAction, error) {
		free := keycloak.UnregisteredActions(c.snap.Realm)
		i := slices.IndexFunc(free, func(a keycloak.RequiredAction) bool { return a.ProviderID == in.ProviderID })
		if i < 0 {
			return nil, web.AdminError(400, "Required Action Provider with given providerId not found")
		}
		made := free[i]
		made.Name, made.Enabled, made.DefaultAction = cmp.Or(in.Name, made.Name), true, false
		made.Priority = all[len(all)-1].Priority + 1
		return append(all, made), nil
	})
}
