package admin

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// adminConsole is the client that Keycloak's Admin Console logs in with.
const adminConsole = "security-admin-console"

// isAdministration tells whether a role of master administers something.
func isAdministration(master *realm.Snapshot, r *model.Role) bool {
	if r.ClientID == "" {
		return r.Name == "admin" || r.Name == "create-realm"
	}
	owner := master.ClientByID(r.ClientID)
	return owner != nil && strings.HasSuffix(owner.ClientID, "-realm") && r.Name != "impersonation"
}

// whoAmI tells the Admin Console who is logged in and what they may do in the
// realm it shows. Only its own tokens, of the realm of the path, may ask.
func (c *call) whoAmI() error {
	if c.actor.snap.Realm.ID != c.snap.Realm.ID {
		return errUnauthorized
	}
	if c.actor.client.ClientID != adminConsole {
		return web.AdminError(403, "Token issued for an application that is not the admin console: "+c.actor.client.ClientID)
	}
	shown := c.snap
	if name := c.query("currentRealm"); name != "" && c.realmName() == realm.Master {
		var err error
		if shown, err = c.api.Realms.Snapshot(c.ctx, name); errors.Is(err, realm.ErrUnknownRealm) {
			return web.AdminError(404, "Realm not found")
		} else if err != nil {
			return err
		}
	}
	roles := c.actor.administration(shown)
	if len(roles) == 0 {
		return web.AdminError(403, "No realm access")
	}
	u := c.actor.user
	locale := ui.OptionsOf(c.r, c.snap.Realm, nil, "", first(u.Attributes["locale"])).Lang
	c.w.Header().Set("Cache-Control", "no-cache")
	return c.answer(keycloak.Object{
		{Name: "userId", Value: u.ID}, {Name: "realm", Value: c.realmName()},
		{Name: "displayName", Value: cmp.Or(strings.TrimSpace(u.FirstName+" "+u.LastName), u.Username)}, {Name: "locale", Value: locale},
		{Name: "temporary", Value: first(u.Attributes["is_temporary_admin"]) == "true"},
		{Name: "createRealm", Value: c.actor.holds(nil, "create-realm")},
		{Name: "realm_access", Value: map[string][]string{shown.Realm.Name: roles}},
	})
}

// administration are the names of the caller's roles over a realm, with
// master's role admin among them.
func (a *actor) administration(target *realm.Snapshot) []string {
	var out []string
	if owner := adminClient(a.snap, target); owner != nil {
		for _, r := range a.snap.ClientRoles(owner.ID) {
			if a.roles[r.ID] {
				out = append(out, r.Name)
			}
		}
	}
	if a.holds(nil, "admin") {
		out = append(out, "admin")
	}
	slices.Sort(out)
	return out
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
