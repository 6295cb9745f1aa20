package admin

import (
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/web"
)

var (
	viewFlows          = need{{"view-realm", "manage-realm", "view-clients", "query-clients"}}
	viewAuthenticators = need{{"view-realm", "manage-realm", "view-clients", "query-clients", "manage-clients"}}
)

const authPath = "/{realm}/authentication"

var authenticationRoutes = []route{
	{"GET", authPath + "/flows", viewFlows, (*call).listFlows},
	{"GET", authPath + "/flows/{id}", viewRealm, (*call).getFlow},
	{"GET", authPath + "/flows/{id}/executions", viewRealm, (*call).listExecutions},
	{"GET", authPath + "/executions/{id}", viewRealm, (*call).getExecution},
	{"GET", authPath + "/config/{id}", viewRealm, (*call).getAuthConfig},
	{"GET", authPath + "/config-description/{id}", viewRealm, (*call).describeAuthConfig},
	{"GET", authPath + "/authenticator-providers", viewRealm, static(keycloak.AuthenticatorProviders)},
	{"GET", authPath + "/form-action-providers", viewRealm, static(keycloak.FormActionProviders)},
	{"GET", authPath + "/form-providers", viewRealm, static(keycloak.FormProviders)},
	{"GET", authPath + "/client-authenticator-providers", viewAuthenticators, (*call).listClientAuthenticators},
	{"GET", authPath + "/per-client-config-description", viewAuthenticators, (*call).describeClientConfig},

	{"POST", authPath + "/flows", manageRealm, (*call).refuseFlows},
	{"PUT", authPath + "/flows/{id}", manageRealm, (*call).refuseFlows},
	{"DELETE", authPath + "/flows/{id}", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/flows/{id}/copy", manageRealm, (*call).refuseFlows},
	{"PUT", authPath + "/flows/{id}/executions", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/flows/{id}/executions/execution", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/flows/{id}/executions/flow", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/executions", manageRealm, (*call).refuseFlows},
	{"DELETE", authPath + "/executions/{id}", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/executions/{id}/raise-priority", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/executions/{id}/lower-priority", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/executions/{id}/config", manageRealm, (*call).refuseFlows},
	{"POST", authPath + "/config", manageRealm, (*call).refuseFlows},
	{"PUT", authPath + "/config/{id}", manageRealm, (*call).refuseFlows},
	{"DELETE", authPath + "/config/{id}", manageRealm, (*call).refuseFlows},
}

// static answers with what is the same in every realm.
func static[T any](what func() T) func(*call) error {
	return func(c *call) error { return c.answer(what()) }
}

func (c *call) authentication() *keycloak.Authentication {
	return keycloak.AuthenticationOf(c.snap.Realm)
}

func (c *call) listFlows() error {
	out := []keycloak.Flow{}
	for _, f := range c.authentication().Flows {
		if f.Listed() {
			out = append(out, f)
		}
	}
	return c.answer(out)
}

// getFlow finds a flow by id, as Keycloak; by alias it finds none there.
func (c *call) getFlow() error {
	f := c.authentication().Flow(c.id())
	if f == nil || f.ID != c.id() {
		return web.AdminError(404, "Could not find flow with id")
	}
	return c.answer(f)
}

func (c *call) listExecutions() error {
	a := c.authentication()
	f := a.Flow(c.id())
	if f == nil || f.Alias != c.id() {
		return web.AdminError(404, "Flow not found")
	}
	return c.answer(a.Executions(f))
}

func (c *call) getExecution() error {
	o := c.authentication().Execution(c.id())
	if o == nil {
		return web.AdminError(404, "Illegal execution")
	}
	return c.answer(o)
}

func (c *call) getAuthConfig() error {
	x := c.authentication().Config(c.id())
	if x == nil || x.ID != c.id() {
		return web.AdminError(404, "Could not find authenticator config")
	}
	return c.answer(x)
}

func (c *call) describeAuthConfig() error {
	name := keycloak.AuthenticatorName(c.id())
	if name == "" {
		return web.AdminError(404, "Could not find authenticator provider")
	}
	return c.answer(keycloak.Object{{Name: "name", Value: name}, {Name: "providerId", Value: c.id()}, {Name: "properties", Value: []any{}}})
}

func (c *call) listClientAuthenticators() error { return c.answer(keycloak.ClientAuthenticators) }

func (c *call) describeClientConfig() error {
	o := keycloak.Object{}
	for _, x := range keycloak.ClientAuthenticators {
		o = append(o, keycloak.Member{Name: text(x, "id"), Value: []any{}})
	}
	return c.answer(o)
}

// refuseFlows: what a login goes through is fixed here, so a changed flow would
// look like protection that is not there.
func (c *call) refuseFlows() error {
	return web.ErrorMessage(400, "Authentication flows cannot be changed on this server")
}
