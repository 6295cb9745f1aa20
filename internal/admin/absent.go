package admin

import (
	"encoding/json"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/web"
)

var (
	viewProviders   = need{{"view-identity-providers", "manage-identity-providers"}}
	manageProviders = need{{"manage-identity-providers"}}
	viewOrgs        = need{{"view-organizations", "manage-organizations", "query-organizations", "manage-realm"}}
	manageOrgs      = need{{"manage-organizations", "manage-realm"}}
)

// absentRoutes are parts of Keycloak that are not here, answered as Keycloak
// answers when there are none or the feature is off: lists are empty, writes
// are refused.
var absentRoutes = []route{
	{"GET", "/{realm}/identity-provider/instances", viewProviders, (*call).noneOf},
	{"POST", "/{realm}/identity-provider/instances", manageProviders, (*call).refuseProviders},
	{"GET", "/{realm}/identity-provider/instances/{alias}", viewProviders, (*call).notHere},
	{"PUT", "/{realm}/identity-provider/instances/{alias}", manageProviders, (*call).notHere},
	{"DELETE", "/{realm}/identity-provider/instances/{alias}", manageProviders, (*call).notHere},
	{"POST", "/{realm}/identity-provider/import-config", manageProviders, (*call).refuseProviders},
	{"GET", "/{realm}/identity-provider/providers/{alias}", viewProviders, (*call).notHere},

	{"GET", "/{realm}/organizations", viewOrgs, (*call).noOrganizations},
	{"POST", "/{realm}/organizations", manageOrgs, (*call).noOrganizations},
	{"GET", "/{realm}/organizations/members/{id}/organizations", viewOrgs, (*call).noOrganizations},

	{"GET", "/{realm}/client-policies/policies", viewRealm, (*call).clientPolicies},
	{"PUT", "/{realm}/client-policies/policies", manageRealm, (*call).refusePolicies},
	{"GET", "/{realm}/client-policies/profiles", viewRealm, (*call).clientProfiles},
	{"PUT", "/{realm}/client-policies/profiles", manageRealm, (*call).refusePolicies},

	{"GET", "/{realm}/client-types", anyAdmin, (*call).featureOff},
	{"PUT", "/{realm}/client-types", anyAdmin, (*call).featureOff},

	{"GET", "/{realm}/workflows", anyAdmin, (*call).featureOff},
	{"POST", "/{realm}/workflows", anyAdmin, (*call).featureOff},

	{"GET", "/{realm}/clients-initial-access", viewClients, (*call).noneOf},
	{"POST", "/{realm}/clients-initial-access", manageClients, (*call).refuseRegistration},
	{"DELETE", "/{realm}/clients-initial-access/{id}", manageClients, (*call).noContentHere},
	{"GET", "/{realm}/client-registration-policy/providers", viewRealm, static(keycloak.RegistrationPolicyTypes)},

	{"GET", "/{realm}/credential-registrators", viewRealm, (*call).credentialRegistrators},
	{"POST", "/{realm}/testSMTPConnection", manageRealm, (*call).refuseMail},
	{"POST", "/{realm}/clear-realm-cache", manageRealm, (*call).noContentHere},
	{"POST", "/{realm}/clear-user-cache", manageRealm, (*call).noContentHere},
	{"POST", "/{realm}/clear-keys-cache", manageRealm, (*call).noContentHere},
}

func (c *call) noneOf() error  { return c.answer([]any{}) }
func (c *call) notHere() error { return web.HTTPStatus(404) }

// noContentHere is for what has nothing to do: configuration is in memory whole
// and users are not cached.
func (c *call) noContentHere() error { return c.noContent() }

func (c *call) refuseProviders() error {
	return web.ErrorMessage(400, "Identity providers are not supported on this server")
}

func (c *call) noOrganizations() error {
	return web.ErrorMessage(404, "Organizations not enabled for this realm.")
}

// kept is a member that realm documents bring and nothing here reads; name is
// the member inside it.
func (c *call) keptList(member, name, global string) error {
	list := any([]any{})
	if raw, ok := c.snap.Realm.Extra[member]; ok {
		var o map[string]json.RawMessage
		if json.Unmarshal(raw, &o) == nil && o[name] != nil {
			list = o[name]
		}
	}
	o := keycloak.Object{{Name: name, Value: list}}
	if global != "" {
		o = append(o, keycloak.Member{Name: global, Value: []any{}})
	}
	return c.answer(o)
}

func (c *call) clientPolicies() error {
	global := ""
	if c.isSet("include-global-policies", false) {
		global = "globalPolicies"
	}
	return c.keptList("clientPolicies", "policies", global)
}

func (c *call) clientProfiles() error {
	global := ""
	if c.isSet("include-global-profiles", false) {
		global = "globalProfiles"
	}
	return c.keptList("clientProfiles", "profiles", global)
}

// refusePolicies: a policy that nothing enforces would look like protection.
func (c *call) refusePolicies() error {
	return web.ErrorMessage(400, "Client policies are not supported on this server")
}

// featureOff is what Keycloak says of a feature that is off.
func (c *call) featureOff() error {
	return web.OAuthError(501, "Feature not enabled", "For more on this error consult the server log.")
}

func (c *call) refuseRegistration() error {
	return web.ErrorMessage(400, "Client registration is not supported on this server")
}

func (c *call) refuseMail() error {
	return web.ErrorMessage(400, "Mail is not sent by this server")
}

func (c *call) credentialRegistrators() error {
	return c.answer(keycloak.CredentialRegistrators(c.snap.Realm))
}
