package oidc

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// embedded serves a document that applications load in a frame.
func (e *Endpoints) embedded(doc ui.Embedded) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := e.open(r); err != nil {
			return err
		}
		return e.UI.Embed(w, doc)
	}
}

// sessionIframeInit tells the session iframe whether pages of an origin may ask
// for a client: 204 or 403. The server's own origin may.
func (e *Endpoints) sessionIframeInit(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	origin := query.Get("origin")
	c, err := q.clientNamed(query.Get("client_id"))
	switch {
	case err != nil:
		return err
	case c == nil, !c.Enabled, origin == "", !c.AllowsOrigin(origin) && !web.SameOrigin(origin, q.base):
		w.WriteHeader(http.StatusForbidden)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}
