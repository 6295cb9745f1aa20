package admin

import (
	"encoding/json"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

var viewProfile = need{{"view-realm", "manage-realm", "view-users", "manage-users", "query-users"}}

var profileRoutes = []route{
	{"GET", "/{realm}/users/profile", viewProfile, (*call).getProfile},
	{"PUT", "/{realm}/users/profile", manageRealm, (*call).putProfile},
	{"GET", "/{realm}/users/profile/metadata", viewProfile, (*call).profileMetadata},
	{"GET", "/{realm}/users/{id}/unmanagedAttributes", viewUsers, (*call).unmanagedAttributes},
}

func (c *call) getProfile() error { return c.answer(c.userProfile()) }

func (c *call) putProfile() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	if err := c.saveProfile(doc); err != nil {
		return err
	}
	next, err := c.api.Realms.Snapshot(c.ctx, c.realmName())
	if err != nil {
		return err
	}
	return c.answer(keycloak.ProfileOf(next.Config))
}

// saveProfile stores a user profile in the realm.
func (c *call) saveProfile(doc []byte) error {
	rec := c.record(deed{op: opUpdate, on: "USER_PROFILE", path: "users/profile", body: doc})
	return c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		p, err := keycloak.ReadProfile(cfg, doc)
		if err != nil {
			return nil, err
		}
		x, err := p.Component(cfg, newID)
		return &store.ConfigChange{PutComponents: []*model.Component{x}}, err
	})
}

// userProfile is the realm's, read once a request.
func (c *call) userProfile() *keycloak.Profile {
	if c.profile == nil {
		c.profile = keycloak.ProfileOf(c.snap.Config)
	}
	return c.profile
}

// shown is a user as administrators see it in this realm.
func (c *call) shown(u *model.User) *model.User {
	return c.userProfile().Shown(u, keycloak.ProfileAdmin)
}

func (c *call) profileMetadata() error {
	return c.answer(c.userProfile().Metadata(c.snap.Realm, keycloak.ProfileAdmin, nil))
}

func (c *call) unmanagedAttributes() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	return c.answer(c.userProfile().UnmanagedAttributes(u))
}

// memberOf is a member of a JSON object.
func memberOf(doc []byte, name string) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(doc, &m) != nil {
		return nil
	}
	return m[name]
}

// withoutMember is a JSON object without a member.
func withoutMember(doc []byte, name string) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(doc, &m) != nil {
		return doc
	}
	delete(m, name)
	return jsonOf(m)
}
