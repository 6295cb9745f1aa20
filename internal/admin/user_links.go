package admin

import (
	"encoding/json"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/web"
)

// errNoBroker is why accounts of identity providers cannot be linked here.
var errNoBroker = web.ErrorMessage(http.StatusBadRequest, "Accounts of identity providers cannot be linked: this server logs nobody in by them")

// linksOf are the accounts of identity providers that an imported user brought
// along, as the import had them.
func linksOf(extra map[string]json.RawMessage) []json.RawMessage {
	links := []json.RawMessage{}
	_ = json.Unmarshal(extra["federatedIdentities"], &links) // what is no list is none
	if links == nil {
		return []json.RawMessage{}
	}
	return links
}

func (c *call) listLinks() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	return c.answer(linksOf(u.Extra))
}

func (c *call) postLink() error {
	if _, err := c.user(); err != nil {
		return err
	}
	if _, err := c.body(); err != nil {
		return err
	}
	return errNoBroker
}

// deleteLink finds no link, or refuses to take an imported one apart.
func (c *call) deleteLink() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	for _, raw := range linksOf(u.Extra) {
		var link struct {
			Provider string `json:"identityProvider"`
		}
		if json.Unmarshal(raw, &link) == nil && link.Provider == c.r.PathValue("provider") {
			return errNoBroker
		}
	}
	return web.AdminError(http.StatusNotFound, "Link not found")
}
