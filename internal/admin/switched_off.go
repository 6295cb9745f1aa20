package admin

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/web"
)

// errFeatureOff is what Keycloak answers where a feature is switched off:
// fine-grained permissions, which are off by default, and impersonation.
var errFeatureOff = web.OAuthError(http.StatusNotImplemented, "Feature not enabled", "For more on this error consult the server log.")

// permissionRoutes are the switches of fine-grained permissions, which are not
// built.
func permissionRoutes(path string, read, write need, found func(c *call) error) []route {
	off := func(c *call) error {
		if err := found(c); err != nil {
			return err
		}
		return errFeatureOff
	}
	return []route{
		{"GET", path, read, off},
		{"PUT", path, write, func(c *call) error {
			if err := found(c); err != nil {
				return err
			}
			if _, err := c.body(); err != nil {
				return err
			}
			return errFeatureOff
		}},
	}
}

// impersonate would log the caller in as somebody else: nobody may here.
func (c *call) impersonate() error {
	if _, err := c.user(); err != nil {
		return err
	}
	return errFeatureOff
}

// postRegistrationToken would make a token that lets a client change itself
// where clients register: they do not here.
func (c *call) postRegistrationToken() error {
	if _, err := c.ownClient(); err != nil {
		return err
	}
	return errFeatureOff
}
