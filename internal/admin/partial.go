package admin

import (
	"errors"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

var partialRoutes = []route{
	{"POST", "/{realm}/partial-export", manageRealm, (*call).partialExport},
	{"POST", "/{realm}/partialImport", manageRealm, (*call).partialImport},
}

// partialExport is the realm's document without users; secrets are masked.
func (c *call) partialExport() error {
	opts := keycloak.ExportOptions{Clients: c.isSet("exportClients", false), GroupsAndRoles: c.isSet("exportGroupsAndRoles", false)}
	if err := c.note(deed{op: opAction, on: onRealm, path: "partial-export"}); err != nil {
		return err
	}
	return c.answer(keycloak.ExportRealm(c.snap.Config, opts))
}

// partialImport adds clients, roles, groups and users to the realm, all or
// none.
func (c *call) partialImport() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	results, err := c.api.Realms.ImportPart(c.ctx, c.realmName(), doc, c.mayImport, c.importRecord)
	var fault *keycloak.DocumentError
	if errors.As(err, &fault) && strings.HasPrefix(fault.Problem, "Can not import client roles for nonexistent client") {
		return web.ErrorMessage(412, fault.Problem)
	}
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, r := range results {
		count[r.Action]++
	}
	return c.answer(keycloak.Object{
		{Name: "overwritten", Value: count[keycloak.PartOverwritten]}, {Name: "added", Value: count[keycloak.PartAdded]},
		{Name: "skipped", Value: count[keycloak.PartSkipped]}, {Name: "results", Value: orEmpty(results)},
	})
}

// mayImport refuses an import that puts administration roles into anyone's
// hands which the caller has not, or that touches a client which carries them.
func (c *call) mayImport(cfg *model.Config, p *keycloak.Part) error {
	for _, x := range p.Clients {
		if err := c.guard(x); err != nil {
			return err
		}
	}
	var given []string
	for _, r := range p.Roles {
		if err := c.guard(cfg.ClientByID(r.ClientID)); err != nil {
			return err
		}
		given = append(given, r.Composites...)
	}
	groups := map[string]*model.Group{}
	for _, g := range p.Groups {
		groups[g.ID] = g
		given = append(given, g.Roles...)
	}
	for _, u := range p.Users {
		given = append(given, u.User.Grants.Roles...)
		for _, id := range u.User.Grants.Groups {
			if groups[id] == nil && !c.mayJoin(cfg, cfg.GroupByID(id)) {
				return errForbidden
			}
		}
	}
	for _, id := range given {
		if r := cfg.RoleByID(id); r != nil && id != cfg.Realm.DefaultRoleID && !c.mayGive(cfg, r) {
			return errForbidden
		}
	}
	return nil
}

// importRecord notes everything that was added or overwritten.
func (c *call) importRecord(results []keycloak.PartResult) realm.Record {
	var all []realm.Record
	for _, r := range results {
		op := map[string]string{keycloak.PartAdded: opCreate, keycloak.PartOverwritten: opUpdate}[r.Action]
		if op == "" {
			continue
		}
		kind := map[string]string{"CLIENT": onClient, "REALM_ROLE": onRealmRole, "CLIENT_ROLE": onClientRole, "GROUP": onGroup, "USER": onUser}[r.Type]
		path := map[string]string{"CLIENT": "clients/", "REALM_ROLE": "roles-by-id/", "CLIENT_ROLE": "clients/", "GROUP": "groups/", "USER": "users/"}[r.Type] + r.ID
		if rec := c.record(deed{op: op, on: kind, path: path, body: jsonOf(r)}); rec != nil {
			all = append(all, rec)
		}
	}
	if all == nil {
		return nil
	}
	return func(tx *store.Tx) error {
		for _, rec := range all {
			if err := rec(tx); err != nil {
				return err
			}
		}
		return nil
	}
}
