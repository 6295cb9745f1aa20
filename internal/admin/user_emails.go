package admin

import (
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// The routes that send a person an e-mail check everything Keycloak checks and
// then answer what it does where no mail can be sent: none can, from here.

// noMail is the end of Keycloak's text when an e-mail could not be sent.
const noMail = "Failed to send execute actions email: this server sends no e-mail"

// executeActionsEmail would ask a user to do the required actions in the body.
func (c *call) executeActionsEmail() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	actions, err := c.optionalList()
	if err != nil {
		return err
	}
	if err := c.checkMail(u, true); err != nil {
		return err
	}
	for _, a := range actions {
		if !keycloak.KnownAction(a) {
			return web.ErrorMessage(http.StatusBadRequest, "Provided invalid required actions")
		}
	}
	return web.ErrorMessage(http.StatusInternalServerError, noMail)
}

// resetPasswordEmail is the older name of executeActionsEmail for a new
// password.
func (c *call) resetPasswordEmail() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	if err := c.checkMail(u, false); err != nil {
		return err
	}
	return web.ErrorMessage(http.StatusInternalServerError, noMail)
}

// sendVerifyEmail would ask a user to confirm the e-mail address.
func (c *call) sendVerifyEmail() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	if err := c.checkMail(u, true); err != nil {
		return err
	}
	return web.ErrorMessage(http.StatusInternalServerError, "Failed to send verify email")
}

// checkMail refuses a user who gets no mail, and a client, redirect URI or
// lifespan that a link in it could not have.
func (c *call) checkMail(u *model.User, lifespan bool) error {
	if s := c.query("lifespan"); lifespan && s != "" {
		if _, err := strconv.ParseInt(s, 10, 32); err != nil {
			return web.HTTPStatus(http.StatusNotFound)
		}
	}
	clientID, uri := c.query("client_id"), c.query("redirect_uri")
	refused := func(text string) error { return web.ErrorMessage(http.StatusBadRequest, text) }
	switch {
	case u.Email == "":
		return refused("User email missing")
	case !u.Enabled:
		return refused("User is disabled")
	case uri != "" && clientID == "":
		return refused("Client id missing")
	case clientID == "":
		return nil
	}
	client := c.snap.Client(clientID)
	switch {
	case client == nil:
		return refused("Client doesn't exist")
	case !client.Enabled:
		return refused("Client is not enabled")
	case uri != "" && !client.RedirectAllowed(uri):
		return refused("Invalid redirect uri.")
	}
	return nil
}
