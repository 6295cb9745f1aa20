package admin

import (
	"errors"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
)

// need is what a route asks of the caller: of each list one role, all lists.
// The roles are those of client realm-management, or of <realm>-realm in
// master. An empty need asks for a valid token only.
type need [][]string

var (
	anyToken = need{}
	// createRealm is a realm role of master.
	createRealm = need{{"create-realm"}}

	viewRealm    = need{{"view-realm", "manage-realm"}}
	manageRealm  = need{{"manage-realm"}}
	viewRoles    = need{{"view-realm", "manage-realm", "manage-identity-providers"}}
	viewEvents   = need{{"view-events", "manage-events"}}
	manageEvents = need{{"manage-events"}}

	queryUsers  = need{{"view-users", "manage-users", "query-users"}}
	viewUsers   = need{{"view-users", "manage-users"}}
	manageUsers = need{{"manage-users"}}
	impersonate = need{{"impersonation"}}
	queryGroups = need{{"view-users", "manage-users", "query-groups"}}

	queryClients  = need{{"view-clients", "manage-clients", "query-clients"}}
	viewClients   = need{{"view-clients", "manage-clients"}}
	manageClients = need{{"manage-clients"}}

	viewRoleUsers        = both(viewRealm, queryUsers)
	viewRoleGroups       = both(viewRealm, queryGroups)
	viewClientRoleUsers  = both(viewClients, queryUsers)
	viewClientRoleGroups = both(viewClients, queryGroups)
	viewClientsAndUsers  = both(viewClients, viewUsers)
	mapRealmRoles        = both(manageClients, manageRealm)
	viewAnyRole          = need{{"view-realm", "manage-realm", "view-clients", "manage-clients"}}
	manageAnyRole        = need{{"manage-realm", "manage-clients"}}

	// anyAdmin is any administration role but impersonation.
	anyAdmin = need{{
		"view-realm", "manage-realm", "view-users", "manage-users", "query-users", "query-groups", "view-clients",
		"manage-clients", "query-clients", "create-client", "view-events", "manage-events", "query-realms",
		"view-identity-providers", "manage-identity-providers", "view-authorization", "manage-authorization",
		"query-organizations", "view-organizations", "manage-organizations",
	}}
)

func both(a, b need) need { return slices.Concat(a, b) }

// errForbidden is a caller without the role; errUnauthorized one without a
// valid token.
var (
	errForbidden    = errors.New("administration role missing")
	errUnauthorized = errors.New("no valid administration token")
)

// realmManagement is the client whose roles administer its own realm.
const realmManagement = "realm-management"

// adminClient is the client in realm holder whose roles administer target: in
// master <target>-realm, in target itself realm-management, else nil.
func adminClient(holder, target *realm.Snapshot) *model.Client {
	switch {
	case holder.Realm.Name == realm.Master:
		return holder.Client(target.Realm.Name + "-realm")
	case holder.Realm.ID == target.Realm.ID:
		return holder.Client(realmManagement)
	}
	return nil
}

// holds tells whether the caller has an administration role of target; with a
// nil target it asks for a realm role of master.
func (a *actor) holds(target *realm.Snapshot, name string) bool {
	owner := ""
	switch {
	case target == nil:
		if a.snap.Realm.Name != realm.Master {
			return false
		}
	default:
		c := adminClient(a.snap, target)
		if c == nil {
			return false
		}
		owner = c.ID
	}
	r := a.snap.Role(owner, name)
	return r != nil && a.roles[r.ID]
}

// meets tells whether the caller has what n asks for in target.
func (a *actor) meets(target *realm.Snapshot, n need) bool {
	for _, oneOf := range n {
		if !slices.ContainsFunc(oneOf, func(name string) bool { return a.holds(target, name) }) {
			return false
		}
	}
	return true
}

// may tells whether the caller has what n asks for in the realm of the path.
func (c *call) may(n need) bool { return c.actor.meets(c.snap, n) }

func (c *call) require(n need) error {
	if !c.may(n) {
		return errForbidden
	}
	return nil
}

// impliedBy are the roles that let their holder do what another role does.
var impliedBy = map[string][]string{
	"view-users":              {"manage-users"},
	"view-clients":            {"manage-clients"},
	"create-client":           {"manage-clients"},
	"view-realm":              {"manage-realm"},
	"view-events":             {"manage-events"},
	"view-identity-providers": {"manage-identity-providers"},
	"view-organizations":      {"manage-organizations"},
	"view-authorization":      {"manage-authorization", "view-clients", "manage-clients"},
}

// mayGive tells whether the caller may put a role into anyone's hands: nobody
// gives away, or takes away, an administration role whose powers he does not
// have himself. Composites are looked into, where Keycloak looks at the named
// role alone: otherwise any composite would be a way around the rule.
func (c *call) mayGive(cfg *model.Config, role *model.Role) bool {
	for id := range cfg.Expand(role.ID) {
		r := cfg.RoleByID(id)
		if r == nil || r.ClientID == "" {
			if r != nil && r.Name == "create-realm" && cfg.Realm.Name == realm.Master && !c.actor.holds(nil, r.Name) {
				return false
			}
			continue
		}
		target := c.administered(cfg, cfg.ClientByID(r.ClientID))
		if target != nil && !c.actor.commands(target, r.Name) {
			return false
		}
	}
	return true
}

// commands tells whether the caller can do all that an administration role of
// target allows. Roles query-… tell nothing but numbers and names, and
// realm-admin is judged by its composites.
func (a *actor) commands(target *realm.Snapshot, name string) bool {
	if strings.HasPrefix(name, "query-") || name == "realm-admin" || a.holds(target, name) {
		return true
	}
	return slices.ContainsFunc(impliedBy[name], func(stronger string) bool { return a.holds(target, stronger) })
}

// administered is the realm that a client's roles administer, nil when they
// administer none.
func (c *call) administered(cfg *model.Config, client *model.Client) *realm.Snapshot {
	if client == nil {
		return nil
	}
	if cfg.Realm.Name == realm.Master {
		name, ok := strings.CutSuffix(client.ClientID, "-realm")
		if !ok {
			return nil
		}
		snap, err := c.api.Realms.Snapshot(c.ctx, name)
		if err != nil {
			return nil
		}
		return snap
	}
	if client.ClientID == realmManagement {
		return c.snap
	}
	return nil
}

// guard refuses to touch a client that carries administration roles, and its
// roles: nobody may, as in Keycloak.
func (c *call) guard(client *model.Client) error {
	if client != nil && c.administered(c.snap.Config, client) != nil {
		return errForbidden
	}
	return nil
}
