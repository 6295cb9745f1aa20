package admin

import (
	"errors"
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

var userRoutes = slices.Concat([]route{
	{"GET", "/{realm}/users", queryUsers, (*call).listUsers},
	{"POST", "/{realm}/users", manageUsers, (*call).postUser},
	{"GET", "/{realm}/users/count", queryUsers, (*call).countUsers},
	{"GET", "/{realm}/users/{id}", viewUsers, (*call).getUser},
	{"PUT", "/{realm}/users/{id}", manageUsers, (*call).putUser},
	{"DELETE", "/{realm}/users/{id}", manageUsers, (*call).deleteUser},

	{"PUT", "/{realm}/users/{id}/reset-password", manageUsers, (*call).resetPassword},
	{"GET", "/{realm}/users/{id}/credentials", viewUsers, (*call).listCredentials},
	{"DELETE", "/{realm}/users/{id}/credentials/{credential}", manageUsers, (*call).deleteCredential},

	{"PUT", "/{realm}/users/{id}/credentials/{credential}/userLabel", manageUsers, (*call).labelCredential},
	{"POST", "/{realm}/users/{id}/credentials/{credential}/moveToFirst", manageUsers, (*call).credentialFirst},
	{"POST", "/{realm}/users/{id}/credentials/{credential}/moveAfter/{previous}", manageUsers, (*call).credentialAfter},
	{"PUT", "/{realm}/users/{id}/disable-credential-types", manageUsers, (*call).disableCredentialTypes},
	{"GET", "/{realm}/users/{id}/configured-user-storage-credential-types", viewUsers, (*call).storageCredentialTypes},

	{"PUT", "/{realm}/users/{id}/execute-actions-email", manageUsers, (*call).executeActionsEmail},
	{"PUT", "/{realm}/users/{id}/reset-password-email", manageUsers, (*call).resetPasswordEmail},
	{"PUT", "/{realm}/users/{id}/send-verify-email", manageUsers, (*call).sendVerifyEmail},
	{"POST", "/{realm}/users/{id}/impersonation", impersonate, (*call).impersonate},
	{"GET", "/{realm}/users/{id}/federated-identity", viewUsers, (*call).listLinks},
	{"POST", "/{realm}/users/{id}/federated-identity/{provider}", manageUsers, (*call).postLink},
	{"DELETE", "/{realm}/users/{id}/federated-identity/{provider}", manageUsers, (*call).deleteLink},

	{"GET", "/{realm}/users/{id}/sessions", viewUsers, (*call).userSessions},
	{"GET", "/{realm}/users/{id}/offline-sessions", viewUsers, (*call).userOfflineSessions},
	{"GET", "/{realm}/users/{id}/offline-sessions/{client}", viewUsers, (*call).userOfflineSessionsOf},
	{"GET", "/{realm}/users/{id}/consents", viewUsers, (*call).listConsents},
	{"DELETE", "/{realm}/users/{id}/consents/{client}", manageUsers, (*call).deleteConsent},
	{"POST", "/{realm}/users/{id}/logout", manageUsers, (*call).logoutUser},

	{"GET", "/{realm}/users/{id}/groups", viewUsers, (*call).listMemberships},
	{"GET", "/{realm}/users/{id}/groups/count", viewUsers, (*call).countMemberships},
	{"PUT", "/{realm}/users/{id}/groups/{group}", manageUsers, (*call).joinGroup},
	{"DELETE", "/{realm}/users/{id}/groups/{group}", manageUsers, (*call).leaveGroup},

	{"GET", "/{realm}/users/{id}/role-mappings", viewUsers, ofUser((*call).allMappings)},
	{"GET", "/{realm}/users/{id}/role-mappings/realm", viewUsers, ofUser((*call).realmMappings)},
	{"GET", "/{realm}/users/{id}/role-mappings/realm/available", viewUsers, ofUser((*call).availableRealmRoles)},
	{"GET", "/{realm}/users/{id}/role-mappings/realm/composite", viewUsers, ofUser((*call).effectiveRealmRoles)},
	{"POST", "/{realm}/users/{id}/role-mappings/realm", manageUsers, ofUser((*call).addRealmMappings)},
	{"DELETE", "/{realm}/users/{id}/role-mappings/realm", manageUsers, ofUser((*call).removeRealmMappings)},
	{"GET", "/{realm}/users/{id}/role-mappings/clients/{client}", viewUsers, ofUser((*call).clientMappings)},
	{"GET", "/{realm}/users/{id}/role-mappings/clients/{client}/available", viewUsers, ofUser((*call).availableClientRoles)},
	{"GET", "/{realm}/users/{id}/role-mappings/clients/{client}/composite", viewUsers, ofUser((*call).effectiveClientRoles)},
	{"POST", "/{realm}/users/{id}/role-mappings/clients/{client}", manageUsers, ofUser((*call).addClientMappings)},
	{"DELETE", "/{realm}/users/{id}/role-mappings/clients/{client}", manageUsers, ofUser((*call).removeClientMappings)},
}, permissionRoutes("/{realm}/users-management-permissions", viewUsers, manageUsers, func(*call) error { return nil }))

// user reads the user of the path.
//
// Errors: errNoUser.
func (c *call) user() (*model.User, error) {
	u, err := c.api.Realms.User(c.ctx, c.snap, c.id())
	if errors.Is(err, realm.ErrUnknown) {
		return nil, errNoUser
	}
	return u, err
}

// changeUser changes the user of the path with its admin event.
func (c *call) changeUser(rec realm.Record, fn func(cfg *model.Config, u *model.User) error) error {
	err := c.api.Realms.ChangeUser(c.ctx, c.realmName(), c.id(), rec, fn)
	switch {
	case errors.Is(err, realm.ErrUnknown):
		return errNoUser
	case errors.Is(err, errUnchanged):
		return nil
	}
	return err
}

func userPath(id string, more string) string { return "users/" + id + more }

func (c *call) postUser() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	if err := c.checkNewGroups(doc); err != nil {
		return err
	}
	u, err := c.api.Realms.CreateUser(c.ctx, c.realmName(), doc, func(made *model.User) realm.Record {
		return c.record(deed{op: opCreate, on: onUser, path: userPath(made.ID, ""), body: doc})
	})
	if err != nil {
		return err
	}
	return c.created("users", u.ID)
}

// checkNewGroups refuses to make a user in a group whose administration roles
// the caller may not give.
func (c *call) checkNewGroups(doc []byte) error {
	made, err := keycloak.NewUser(c.snap.Config, doc, newID)
	if err != nil {
		return err
	}
	for _, id := range made.User.Grants.Groups {
		if !slices.Contains(c.snap.Realm.DefaultGroups, id) && !c.mayJoin(c.snap.Config, c.snap.GroupByID(id)) {
			return errForbidden
		}
	}
	return nil
}

func (c *call) getUser() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	creds, err := c.api.Store.Credentials(c.ctx, u.ID)
	if err != nil {
		return err
	}
	manage := c.may(manageUsers)
	access := map[string]bool{
		"view": true, "manage": manage, "manageGroupMembership": manage, "mapRoles": manage, "resetPassword": manage,
		"impersonate": c.actor.holds(c.snap, "impersonation"),
	}
	o := keycloak.UserRepresentation(c.shown(u), keycloak.UserOptions{HasOTP: hasOTP(creds), Access: access})
	if c.isSet("userProfileMetadata", false) {
		o = append(o, keycloak.Member{Name: "userProfileMetadata", Value: c.userProfile().Metadata(c.snap.Realm, keycloak.ProfileAdmin, u)})
	}
	return c.answer(o)
}

func hasOTP(creds []model.Credential) bool {
	for _, cr := range creds {
		if cr.Type == "otp" {
			return true
		}
	}
	return false
}

func (c *call) putUser() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	if err := c.checkRename(u, doc); err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: onUser, path: userPath(u.ID, ""), body: doc})
	err = c.api.Realms.UpdateUser(c.ctx, c.realmName(), u.ID, doc, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoUser
	}
	if err != nil {
		return err
	}
	return c.noContent()
}

// checkRename refuses a new username where it is taken, then where the realm
// does not let names change: in this order, as Keycloak.
func (c *call) checkRename(u *model.User, doc []byte) error {
	next, err := keycloak.UpdateUser(c.snap.Config, u, doc)
	if err != nil || next.Username == u.Username {
		return err
	}
	other, err := c.api.Store.UserByUsername(c.ctx, c.snap.Realm.Num, next.Username)
	switch {
	case err == nil && other.ID != u.ID:
		return &store.ConflictError{Kind: "username", Value: next.Username}
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	return keycloak.CheckUsernameChange(c.snap.Realm, u, next)
}

func (c *call) deleteUser() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opDelete, on: onUser, path: userPath(u.ID, ""), body: jsonOf(keycloak.Object{
		{Name: "id", Value: u.ID}, {Name: "username", Value: u.Username},
	})})
	err = c.api.Realms.DeleteUser(c.ctx, c.realmName(), u.ID, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoUser
	}
	if err != nil {
		return err
	}
	return c.noContent()
}
