package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// maxLabel is how long the name of a credential may be, in bytes.
const maxLabel = 255

// owned is a user with his credentials in order; at is where the one of the
// path stands.
type owned struct {
	*model.User
	creds []model.Credential
	at    int
}

// ownedCredential finds the credential of the path.
//
// Errors: errNoUser, errNoCredential.
func (c *call) ownedCredential() (*owned, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	creds, err := c.api.Store.Credentials(c.ctx, u.ID)
	if err != nil {
		return nil, err
	}
	at := indexOfCredential(creds, c.r.PathValue("credential"))
	if at < 0 {
		return nil, errNoCredential
	}
	return &owned{u, creds, at}, nil
}

func indexOfCredential(creds []model.Credential, id string) int {
	return slices.IndexFunc(creds, func(cr model.Credential) bool { return cr.ID == id })
}

// writeOwned writes to the credentials of a user that is there; Keycloak tells
// no event of it.
func (c *call) writeOwned(fn func(tx *store.Tx) error) error {
	if err := c.changeUser(fn, func(*model.Config, *model.User) error { return nil }); err != nil {
		return err
	}
	return c.noContent()
}

// labelCredential names a credential; two of one type have two names.
func (c *call) labelCredential() error {
	o, err := c.ownedCredential()
	if err != nil {
		return err
	}
	label, err := web.ReadText(c.r, 4*maxLabel)
	if err != nil {
		return err
	}
	if strings.TrimSpace(label) == "" {
		return web.OAuthError(http.StatusBadRequest, "missingCredentialLabel", "Credential label must not be empty")
	}
	if len(label) > maxLabel {
		return web.OAuthError(http.StatusBadRequest, "invalid_request", "Credential label is too long")
	}
	own := o.creds[o.at]
	for _, cr := range o.creds {
		if cr.ID != own.ID && cr.Type == own.Type && strings.EqualFold(cr.Label, label) {
			return web.OAuthError(http.StatusConflict, "conflict", "Device already exists with the same name")
		}
	}
	return c.writeOwned(func(tx *store.Tx) error {
		_, err := tx.LabelCredential(o.ID, own.ID, label) // deleted meanwhile: nothing to name
		return err
	})
}

func (c *call) credentialFirst() error { return c.moveCredential(func([]string) int { return 0 }) }

// credentialAfter moves a credential behind another; behind one that is not
// there it stays where it is, in silence: as in Keycloak.
func (c *call) credentialAfter() error {
	return c.moveCredential(func(rest []string) int { return slices.Index(rest, c.r.PathValue("previous")) + 1 })
}

// moveCredential puts the credential of the path where to says among the ids of
// the others.
func (c *call) moveCredential(to func(rest []string) int) error {
	o, err := c.ownedCredential()
	if err != nil {
		return err
	}
	own, previous := o.creds[o.at].ID, c.r.PathValue("previous")
	if previous == own || previous != "" && indexOfCredential(o.creds, previous) < 0 {
		return c.noContent()
	}
	rest := []string{}
	for _, cr := range o.creds {
		if cr.ID != own {
			rest = append(rest, cr.ID)
		}
	}
	return c.writeOwned(func(tx *store.Tx) error { return tx.OrderCredentials(o.ID, slices.Insert(rest, to(rest), own)) })
}

// disableCredentialTypes would disable credentials that lie outside, where a
// user comes from; no user does, so it reads its body and changes nothing.
func (c *call) disableCredentialTypes() error {
	if _, err := c.user(); err != nil {
		return err
	}
	if _, err := c.optionalList(); err != nil {
		return err
	}
	return c.noContent()
}

// storageCredentialTypes are the types that lie outside: none.
func (c *call) storageCredentialTypes() error {
	if _, err := c.user(); err != nil {
		return err
	}
	return c.answer([]string{})
}
