package account

import (
	"maps"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// profile shows who the person is, and unless userProfileMetadata says no, what
// the user profile asks for.
func (c *call) profile() error {
	metadata, said := web.QueryBool(c.r, "userProfileMetadata")
	return c.answer(keycloak.AccountRepresentation(c.snap.Realm, c.user, metadata || !said))
}

// updateProfile takes a person's own changes.
func (c *call) updateProfile() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	var old, next model.User
	note := func(tx *store.Tx) error {
		if rec := c.record(c.event("UPDATE_PROFILE", changes(&old, &next))); rec != nil {
			return rec(tx)
		}
		return nil
	}
	err = c.api.Realms.ChangeUser(c.ctx, c.snap.Realm.Name, c.user.ID, note, func(cfg *model.Config, u *model.User) error {
		changed, err := keycloak.UpdateAccount(cfg.Realm, u, doc)
		if err != nil {
			return err
		}
		old, next = *u, *changed
		*u = *changed
		return nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

// changes are the details of the event of a changed profile.
func changes(old, next *model.User) map[string]string {
	d := map[string]string{"context": "ACCOUNT"}
	locale := func(u *model.User) string {
		if l := u.Attributes["locale"]; len(l) > 0 {
			return l[0]
		}
		return ""
	}
	for name, v := range map[string][2]string{
		"username": {old.Username, next.Username}, "email": {old.Email, next.Email},
		"first_name": {old.FirstName, next.FirstName}, "last_name": {old.LastName, next.LastName}, "locale": {locale(old), locale(next)},
	} {
		if v[0] != v[1] {
			maps.Copy(d, map[string]string{"previous_" + name: v[0], "updated_" + name: v[1]})
		}
	}
	maps.DeleteFunc(d, func(_, v string) bool { return v == "" })
	return d
}
