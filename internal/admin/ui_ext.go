package admin

import (
	"cmp"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

const uiPath = "/{realm}/ui-ext"

// uiRoutes are what Keycloak's Admin Console asks beside the API for all.
var uiRoutes = []route{
	{"PUT", uiPath, manageRealm, (*call).putUIRealm},
	{"GET", uiPath + "/info", anyAdmin, (*call).uiInfo},
	{"GET", uiPath + "/realms/names", anyAdmin, (*call).uiRealmNames},
	{"GET", uiPath + "/brute-force-user", queryUsers, (*call).uiUsers},
	{"GET", uiPath + "/sessions", viewRealm, (*call).uiSessions},
	{"GET", uiPath + "/sessions/client", viewClients, (*call).uiClientSessions},
	{"GET", uiPath + "/available-event-listeners", viewEvents, (*call).uiEventListeners},
	{"GET", uiPath + "/authentication-management/flows", viewFlows, (*call).uiFlows},
	{"GET", uiPath + "/authentication-management/required-actions", viewActions, (*call).uiActions},
	{"GET", uiPath + "/authentication-management/{type}/{id}", viewFlows, (*call).uiFlowUsers},

	{"GET", uiPath + "/available-roles/users/{id}", anyAdmin, (*call).uiAvailableForUser},
	{"GET", uiPath + "/available-roles/groups/{id}", anyAdmin, (*call).uiAvailableForGroup},
	{"GET", uiPath + "/available-roles/clients/{id}", anyAdmin, (*call).uiAvailableForClient},
	{"GET", uiPath + "/available-roles/clientScopes/{id}", anyAdmin, (*call).uiAvailableForScope},
	{"GET", uiPath + "/available-roles/roles/{id}", anyAdmin, (*call).uiAvailableForRole},
	{"GET", uiPath + "/effective-roles/users/{id}", viewUsers, (*call).uiEffectiveOfUser},
	{"GET", uiPath + "/effective-roles/groups/{id}", queryGroupRoles, (*call).uiEffectiveOfGroup},
	{"GET", uiPath + "/effective-roles/clients/{id}", viewClients, (*call).uiEffectiveOfClient},
	{"GET", uiPath + "/effective-roles/clientScopes/{id}", viewClients, (*call).uiEffectiveOfScope},
	{"GET", uiPath + "/effective-roles/roles/{id}", viewRoles, (*call).uiEffectiveOfRole},
}

var queryGroupRoles = viewUsers

func (c *call) uiInfo() error {
	return c.answer(keycloak.Object{{Name: "userProfileProvidersEnabled", Value: false}})
}

// uiRealmNames lists the realms the caller administers, by name.
func (c *call) uiRealmNames() error {
	p, err := c.page(noLimit)
	if err != nil {
		return err
	}
	search := strings.ToLower(c.query("search"))
	out := []keycloak.Object{}
	for _, snap := range c.api.Realms.Snapshots(c.ctx) {
		if !c.actor.meets(snap, anyAdmin) || !strings.Contains(strings.ToLower(snap.Realm.Name+" "+snap.Realm.DisplayName), search) {
			continue
		}
		o := keycloak.Object{{Name: "name", Value: snap.Realm.Name}}
		if snap.Realm.DisplayName != "" {
			o = append(o, keycloak.Member{Name: "displayName", Value: snap.Realm.DisplayName})
		}
		out = append(out, o)
	}
	return c.answer(orEmpty(cut(out, p)))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// uiUsers lists users as listUsers does, each with what brute force protection
// knows of them.
func (c *call) uiUsers() error {
	p, err := c.page(usersPerPage)
	if err != nil {
		return err
	}
	users, err := c.findUsers(p)
	if err != nil {
		return err
	}
	opts := keycloak.UserOptions{Brief: c.isSet("briefRepresentation", false), Access: map[string]bool{"manage": c.may(manageUsers)}}
	counts := c.snap.Realm.BruteForce().On
	out := []keycloak.Object{}
	for _, u := range users {
		f := &model.LoginFailures{}
		if counts {
			if f, err = c.api.Store.LoginFailures(c.ctx, c.snap.Realm.Num, u.ID); err != nil {
				return err
			}
		}
		out = append(out, append(keycloak.UserRepresentation(c.shown(u), opts), keycloak.Member{Name: "bruteForceStatus", Value: c.bruteForceStatus(f)}))
	}
	return c.answer(out)
}

func (c *call) bruteForceStatus(f *model.LoginFailures) keycloak.Object {
	return keycloak.Object{
		{Name: "numFailures", Value: f.Failures}, {Name: "disabled", Value: f.Locked(c.now().Unix())},
		{Name: "lastIPFailure", Value: cmp.Or(f.IP, "n/a")}, {Name: "lastFailure", Value: f.LastMS},
	}
}

// putUIRealm is what the Admin Console saves a realm with: the realm, and in
// member upConfig its user profile.
func (c *call) putUIRealm() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	if hasMember(doc, "upConfig") {
		if err := c.saveProfile(memberOf(doc, "upConfig")); err != nil {
			return err
		}
		doc = withoutMember(doc, "upConfig")
	}
	return c.saveRealm(doc)
}

// uiEventListeners: events go to the log and the store, as the realm says;
// nothing else listens.
func (c *call) uiEventListeners() error {
	return c.answer([]keycloak.Object{{{Name: "id", Value: "jboss-logging"}}})
}

func (c *call) uiFlows() error {
	a := c.authentication()
	out := []keycloak.Object{}
	for i := range a.Flows {
		f := &a.Flows[i]
		if !f.Listed() {
			continue
		}
		o := keycloak.Object{{Name: "id", Value: f.ID}, {Name: "alias", Value: f.Alias}, {Name: "builtIn", Value: f.BuiltIn}}
		if use := a.UsedBy(f); use != "" {
			o = append(o, keycloak.Member{Name: "usedBy", Value: keycloak.Object{{Name: "type", Value: "DEFAULT"}, {Name: "values", Value: []string{use}}}})
		} else {
			o = append(o, keycloak.Member{Name: "usedBy", Value: keycloak.Object{{Name: "values", Value: []string{}}}})
		}
		out = append(out, append(o, keycloak.Member{Name: "description", Value: f.Description}))
	}
	return c.answer(out)
}

// uiFlowUsers lists the clients, or identity providers, that have a flow of
// their own: none has.
func (c *call) uiFlowUsers() error {
	if kind := c.r.PathValue("type"); kind != "clients" && kind != "idp" {
		return web.HTTPStatus(404)
	}
	return c.answer([]any{})
}

// uiActions lists the required actions; none of them has anything to configure
// here.
func (c *call) uiActions() error {
	type shown struct {
		keycloak.RequiredAction
		Configurable bool `json:"configurable"`
	}
	return c.answer(each(keycloak.RequiredActions(c.snap.Realm), func(a keycloak.RequiredAction) shown { return shown{RequiredAction: a} }))
}
