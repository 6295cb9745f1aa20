package admin

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// sessionsPerPage is Keycloak's default page of a client's sessions.
const sessionsPerPage = 100

func (c *call) countSessions() error        { return c.countOfClient(false) }
func (c *call) countOfflineSessions() error { return c.countOfClient(true) }

func (c *call) countOfClient(offline bool) error {
	x, err := c.client()
	if err != nil {
		return err
	}
	n, err := c.api.Sessions.Count(c.ctx, c.snap.Config, x, offline)
	if err != nil {
		return err
	}
	return c.answer(count(n))
}

func (c *call) clientSessions() error        { return c.sessionsOfClient(false) }
func (c *call) clientOfflineSessions() error { return c.sessionsOfClient(true) }

func (c *call) sessionsOfClient(offline bool) error {
	x, err := c.client()
	if err != nil {
		return err
	}
	p, err := c.page(sessionsPerPage)
	if err != nil {
		return err
	}
	if p.max == 0 {
		return c.answer([]any{})
	}
	views, err := c.api.Sessions.OfClient(c.ctx, c.snap.Config, x, offline, p.first, p.max)
	if err != nil {
		return err
	}
	if len(views) <= sessionsPerPage {
		if views, err = c.withOtherClients(offline, views); err != nil {
			return err
		}
	}
	return c.answer(c.sessionObjects(views))
}

// withOtherClients adds to each session of a page the other clients that share
// it.
func (c *call) withOtherClients(offline bool, views []store.SessionView) ([]store.SessionView, error) {
	shares, err := c.api.Store.ClientSessionsOf(c.ctx, offline, views)
	if err != nil {
		return nil, err
	}
	var out []store.SessionView
	for i, v := range views {
		out = append(out, v)
		for _, cs := range shares[i] {
			if cs.ClientNum != v.ClientNum && c.alive(&cs) {
				other := v
				// The list is about one client: the others add only their names.
				other.ClientNum, other.LastRefresh = cs.ClientNum, 0
				out = append(out, other)
			}
		}
	}
	return out, nil
}

// alive tells whether nothing ended a client session and its time is not over.
func (c *call) alive(cs *model.ClientSession) bool {
	client := c.snap.ClientByNum(cs.ClientNum)
	if client == nil || !cs.Live() {
		return false
	}
	_, over := model.SessionLimits(c.snap.Realm, client, cs).Expired(cs, c.now().Unix())
	return !over
}

func (c *call) pushClientRevocation() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	if err := c.note(deed{op: opAction, on: onClient, path: "clients/" + x.ID + "/push-revocation"}); err != nil {
		return err
	}
	return c.answer(nothingNotified)
}
