package admin

import (
	"errors"

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
	switch {
	case c.r.Body == nil || c.r.ContentLength == 0:
		return errNoPassword
	case err != nil:
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

// deleteCredential removes a credential of any type.
func (c *call) deleteCredential() error {
	o, err := c.ownedCredential()
	if err != nil {
		return err
	}
	own := o.creds[o.at]
	details := map[string]string{"credential_type": own.Type, "credential_id": own.ID}
	if own.Label != "" {
		details["credential_user_label"] = own.Label
	}
	rec := c.record(deed{op: opAction, on: onUser, path: userPath(o.ID, "/credentials/"+own.ID), details: details})
	return c.writeOwned(then(func(tx *store.Tx) error {
		_, err := tx.DeleteCredential(o.ID, own.ID) // deleted meanwhile: as asked
		return err
	}, rec))
}
