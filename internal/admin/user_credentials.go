package admin

import (
	"errors"
	"slices"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

// resetPassword sets a password; sessions go on, as in Keycloak.
func (c *call) resetPassword() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	in, err := keycloak.ParseCredential(doc, newID)
	switch {
	case err != nil:
		return err
	case in.Value == "" && !hasMember(doc, "value"):
		return errNoPassword
	case in.Value == "":
		return errEmptyPassword
	}
	rec := c.record(deed{op: opAction, on: onUser, path: userPath(u.ID, "/reset-password")})
	err = c.api.Realms.SetPassword(c.ctx, c.realmName(), u.ID, in.Value, in.Temporary, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoUser
	}
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) listCredentials() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	creds, err := c.api.Store.Credentials(c.ctx, u.ID)
	if err != nil {
		return err
	}
	return c.answer(each(creds, func(cr model.Credential) keycloak.Object { return keycloak.CredentialRepresentation(&cr) }))
}

// isPassword holds for the password and for those remembered so that they do
// not come again.
func isPassword(cr model.Credential) bool {
	return cr.Type == credential.TypePassword || cr.Type == credential.TypeHistory
}

// deleteCredential removes a password. Credentials of other kinds come from
// imports only, and stay.
func (c *call) deleteCredential() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	creds, err := c.api.Store.Credentials(c.ctx, u.ID)
	if err != nil {
		return err
	}
	id := c.r.PathValue("credential")
	i := slices.IndexFunc(creds, func(cr model.Credential) bool { return cr.ID == id })
	if i < 0 {
		return errNoCredential
	}
	if !isPassword(creds[i]) {
		return errOtherCredential
	}
	rec := c.record(deed{
		op: opAction, on: onUser, path: userPath(u.ID, "/credentials/"+id),
		details: map[string]string{"credential_type": creds[i].Type, "credential_id": id},
	})
	rest := slices.DeleteFunc(creds, func(cr model.Credential) bool { return cr.ID == id || !isPassword(cr) })
	err = c.changeUser(then(func(tx *store.Tx) error { return tx.SetCredentials(u.ID, rest) }, rec),
		func(*model.Config, *model.User) error { return nil })
	if err != nil {
		return err
	}
	return c.noContent()
}
