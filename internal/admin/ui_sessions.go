package admin

import (
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// uiPerPage is Keycloak's default page of the lists below ui-ext.
const uiPerPage = 10

// uiSessions lists the sessions of the realm for the Admin Console.
func (c *call) uiSessions() error { return c.sessionPage(c.snap.Clients) }

// uiClientSessions lists those of the client that clientId, an id, names.
func (c *call) uiClientSessions() error {
	id := c.query("clientId")
	if id == "" {
		return web.AdminError(400, "clientId is missing")
	}
	x := c.snap.ClientByID(id)
	if x == nil {
		return errNoClient
	}
	return c.sessionPage([]*model.Client{x})
}

// sessionPage answers with a page of the clients' sessions: online ones first,
// then offline ones, as type asks.
func (c *call) sessionPage(clients []*model.Client) error {
	p, err := c.page(uiPerPage)
	if err != nil {
		return err
	}
	kinds, ok := map[string][]bool{"": {false, true}, "ALL": {false, true}, "REGULAR": {false}, "OFFLINE": {true}}[c.query("type")]
	if !ok {
		return web.HTTPStatus(404) // what Keycloak says of a type it does not know
	}
	out := []keycloak.Object{}
	for _, offline := range kinds {
		found, lacking, err := c.api.Sessions.OfClients(c.ctx, c.snap.Config, clients, offline, p.first, p.max-len(out), c.sessionSearch())
		if err != nil {
			return err
		}
		p.first = lacking
		views, err := c.wholeSessions(offline, found, len(clients) == 1)
		if err != nil {
			return err
		}
		for _, o := range c.sessionObjects(views) {
			out = append(out, uiSession(o, offline))
		}
	}
	return c.answer(out)
}

// wholeSessions flattens a page; of a page for one client it adds the other
// clients of each session.
func (c *call) wholeSessions(offline bool, page [][]store.SessionView, others bool) ([]store.SessionView, error) {
	views := slices.Concat(page...)
	if !others {
		return views, nil
	}
	return c.withOtherClients(offline, views)
}

// sessionSearch is the query's search: part of the user's name, the address or
// a client's id, in the case it is written in; nil for every session.
func (c *call) sessionSearch() func([]store.SessionView) bool {
	text := c.query("search")
	if text == "" {
		return nil
	}
	return func(session []store.SessionView) bool {
		return strings.Contains(session[0].Username, text) || strings.Contains(session[0].IP, text) ||
			slices.ContainsFunc(session, func(v store.SessionView) bool {
				x := c.snap.ClientByNum(v.ClientNum)
				return x != nil && strings.Contains(x.ClientID, text)
			})
	}
}

// uiSession is a session as lists below ui-ext show it.
func uiSession(o keycloak.Object, offline bool) keycloak.Object {
	kind := "REGULAR"
	if offline {
		kind = "OFFLINE"
	}
	out := pick(o, "id", "username", "userId", "ipAddress", "start", "lastAccess", "transientUser")
	return append(out, keycloak.Member{Name: "type", Value: kind}, keycloak.Member{Name: "clients", Value: o.Get("clients")})
}
