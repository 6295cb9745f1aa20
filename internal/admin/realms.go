package admin

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

var realmRoutes = []route{
	{"GET", "", anyToken, (*call).listRealms},
	{"POST", "", createRealm, (*call).postRealm},
	{"GET", "/{realm}", anyAdmin, (*call).getRealm},
	{"PUT", "/{realm}", manageRealm, (*call).putRealm},
	{"DELETE", "/{realm}", manageRealm, (*call).deleteRealm},

	{"POST", "/{realm}/logout-all", manageUsers, (*call).logoutAll},
	{"POST", "/{realm}/push-revocation", manageRealm, (*call).pushRevocation},
	{"GET", "/{realm}/client-session-stats", viewRealm, (*call).sessionStats},
	{"DELETE", "/{realm}/sessions/{id}", manageUsers, (*call).deleteSession},
}

// listRealms shows the realms the caller may administer: whole where it may
// see them, else the name alone.
func (c *call) listRealms() error {
	brief := c.isSet("briefRepresentation", false)
	out := []any{}
	for _, snap := range c.api.Realms.Snapshots(c.ctx) {
		switch {
		case c.actor.meets(snap, viewRealm) && brief:
			out = append(out, pick(keycloak.RealmRepresentation(snap.Config), "id", "realm", "displayName", "displayNameHtml", "enabled"))
		case c.actor.meets(snap, viewRealm):
			out = append(out, keycloak.RealmRepresentation(snap.Config))
		case c.actor.meets(snap, anyAdmin):
			out = append(out, keycloak.Object{{Name: "realm", Value: snap.Realm.Name}})
		}
	}
	if len(out) == 0 && !c.actor.holds(nil, "create-realm") {
		return errForbidden
	}
	return c.answer(out)
}

// pick keeps the named members of an object.
func pick(o keycloak.Object, names ...string) keycloak.Object {
	var out keycloak.Object
	for _, n := range names {
		if o.Has(n) {
			out = append(out, keycloak.Member{Name: n, Value: o.Get(n)})
		}
	}
	return out
}

// postRealm creates a realm from a document: an export file as well as
// {"realm": …}. The event of it is master's, as is that of a deletion.
func (c *call) postRealm() error {
	doc, err := io.ReadAll(c.r.Body)
	if err != nil {
		return err
	}
	master, err := c.api.Realms.Snapshot(c.ctx, realm.Master)
	if err != nil {
		return err
	}
	r, err := c.api.Realms.CreateRealm(c.ctx, bytes.NewReader(doc), realm.ImportOptions{Record: func(made *model.Config) realm.Record {
		return c.recordIn(master.Realm, deed{op: opCreate, on: onRealm, path: made.Realm.Name, body: jsonOf(keycloak.RealmRepresentation(made))})
	}})
	var fault *keycloak.DocumentError
	if errors.As(err, &fault) && fault.Path == "" && fault.Problem == notAnObject {
		return web.ErrorMessage(http.StatusBadRequest, "unable to read contents from stream")
	}
	if err != nil {
		return err
	}
	if err := c.ownRealm(r); err != nil {
		return err
	}
	return c.created(r.Name)
}

// ownRealm lets an administrator of master that is not all-powerful manage the
// realm it made.
func (c *call) ownRealm(r *model.Realm) error {
	snap, err := c.api.Realms.Snapshot(c.ctx, r.Name)
	if err != nil {
		return err
	}
	master, err := c.api.Realms.Snapshot(c.ctx, realm.Master)
	if err != nil {
		return err
	}
	admin, client := master.Role("", "admin"), adminClient(master, snap)
	if admin == nil || client == nil || master.UserRoles(c.actor.user.Grants)[admin.ID] {
		return nil
	}
	return c.api.Realms.ChangeUser(c.ctx, realm.Master, c.actor.user.ID, nil, func(cfg *model.Config, u *model.User) error {
		for _, role := range cfg.ClientRoles(client.ID) {
			u.Grants.Roles = with(u.Grants.Roles, role.ID)
		}
		return nil
	})
}

// getRealm shows the realm; to who may not see all of it, what its pages need.
func (c *call) getRealm() error {
	o := keycloak.RealmRepresentation(c.snap.Config)
	if c.may(viewRealm) {
		return c.answer(o)
	}
	names := []string{"realm", "displayName", "displayNameHtml"}
	if c.may(viewUsers) {
		names = append(names, "registrationEmailAsUsername")
	}
	o = pick(o, append(names, "bruteForceProtected", "supportedLocales", "organizationsEnabled")...)
	if !o.Has("supportedLocales") {
		o = append(o, keycloak.Member{Name: "supportedLocales", Value: []string{}})
	}
	return c.answer(o)
}

func (c *call) putRealm() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	return c.saveRealm(doc)
}

// saveRealm applies a partial RealmRepresentation and answers.
func (c *call) saveRealm(doc []byte) error {
	err := c.api.Realms.UpdateRealm(c.ctx, c.realmName(), doc, c.record(deed{op: opUpdate, on: onRealm, body: doc}))
	var taken *store.ConflictError
	if errors.As(err, &taken) && taken.Kind == "realm" {
		return web.ErrorMessage(http.StatusConflict, "Realm with same name exists")
	}
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) deleteRealm() error {
	if c.realmName() == realm.Master {
		return web.ErrorMessage(http.StatusBadRequest, "Can't remove master realm")
	}
	master, err := c.api.Realms.Snapshot(c.ctx, realm.Master)
	if err != nil {
		return err
	}
	rec := c.recordIn(master.Realm, deed{op: opDelete, on: onRealm, path: c.realmName()})
	if err := c.api.Realms.DeleteRealm(c.ctx, c.realmName(), rec); err != nil {
		return err
	}
	return c.noContent()
}
