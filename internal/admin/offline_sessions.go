package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// What Keycloak has no request for: offline sessions seen, counted, explained
// and ended by user, client, age and scope (docs/openapi/offline-sessions.json).
// Who may see a user's sessions may see these, who may log users out may end
// them.
var offlineRoutes = []route{
	{"GET", "/{realm}/offline-sessions", viewUsers, (*call).listOffline},
	{"GET", "/{realm}/offline-sessions/count", viewUsers, (*call).countOffline},
	{"POST", "/{realm}/offline-sessions/revoke", manageUsers, (*call).revokeOffline},
	{"GET", "/{realm}/offline-sessions/{id}", viewUsers, (*call).getOffline},
	{"GET", "/{realm}/offline-sessions/{id}/explain", viewUsers, (*call).explainOffline},
}

// Pages of the list.
const (
	offlinePerPage = 100
	offlineMost    = 200
)

func (c *call) listOffline() error {
	q, err := c.offlineQuery("after", "max")
	if err != nil {
		return err
	}
	views, next, err := c.api.Sessions.Page(c.ctx, c.snap.Config, q.filter, q.after, q.max)
	if err != nil {
		return err
	}
	o := keycloak.Object{{Name: "sessions", Value: each(views, func(v store.SessionView) keycloak.Object {
		return c.offlineObject(c.api.Sessions.Describe(c.snap.Config, v))
	})}}
	return c.answer(withNext(o, next))
}

func (c *call) countOffline() error {
	q, err := c.offlineQuery("after")
	if err != nil {
		return err
	}
	n, next, err := c.api.Sessions.CountPage(c.ctx, c.snap.Config, q.filter, q.after)
	if err != nil {
		return err
	}
	return c.answer(withNext(keycloak.Object{{Name: "count", Value: n}}, next))
}

// withNext adds where the next step begins, if there is one.
func withNext(o keycloak.Object, next *store.Place) keycloak.Object {
	if next == nil {
		return o
	}
	return append(o, keycloak.Member{Name: "after", Value: cursorOf(*next)})
}

// offlineObject is a session as the API shows it; tokens are never in it.
func (c *call) offlineObject(x *session.Explanation) keycloak.Object {
	client := keycloak.Object{}
	if x.Client != nil {
		client = keycloak.Object{{Name: "id", Value: x.Client.ID}, {Name: "clientId", Value: x.Client.ClientID}}
	}
	o := keycloak.Object{
		{Name: "id", Value: x.SessionID},
		{Name: "user", Value: keycloak.Object{{Name: "id", Value: x.UserID}, {Name: "username", Value: x.Username}}},
		{Name: "client", Value: client}, {Name: "scope", Value: x.Scope},
		{Name: "created", Value: x.Started}, {Name: "lastRefresh", Value: x.LastRefresh}, {Name: "state", Value: x.State()},
	}
	for _, m := range []keycloak.Member{{Name: "ipAddress", Value: x.IP}, {Name: "device", Value: x.Device()}, {Name: "preparedBy", Value: x.PreparedBy()}} {
		if m.Value != "" {
			o = append(o, m)
		}
	}
	if x.Ended != nil {
		return append(o, keycloak.Member{Name: "ended", Value: endingObject(x)})
	}
	if x.Client == nil {
		return o
	}
	return append(o,
		keycloak.Member{Name: "accessTokenUntil", Value: x.InUse}, keycloak.Member{Name: "inUse", Value: x.InUse > c.now().Unix()},
		keycloak.Member{Name: "expires", Value: x.Expires}, keycloak.Member{Name: "rule", Value: keycloak.Object{
			{Name: "name", Value: x.Rule.Name}, {Name: "setting", Value: x.Rule.Setting}, {Name: "seconds", Value: x.Rule.Seconds},
		}},
	)
}

func endingObject(x *session.Explanation) keycloak.Object {
	o := keycloak.Object{{Name: "at", Value: x.Ended.At}, {Name: "reason", Value: x.Ended.Reason}}
	if x.Ended.By != "" {
		o = append(o, keycloak.Member{Name: "by", Value: x.Ended.By})
	}
	if x.EndedBy != "" {
		o = append(o, keycloak.Member{Name: "byName", Value: x.EndedBy})
	}
	return o
}

func (c *call) getOffline() error {
	x, err := c.offlineSession()
	if err != nil {
		return err
	}
	return c.answer(c.offlineObject(x))
}

// explainOffline says in words what decides about the session.
func (c *call) explainOffline() error {
	x, err := c.offlineSession()
	if err != nil {
		return err
	}
	o := keycloak.Object{{Name: "text", Value: x.Text()}}
	if x.Refused != nil && x.Ended == nil {
		o = append(o, keycloak.Member{Name: "refused", Value: x.Refused.Error()})
	}
	return c.answer(append(o, keycloak.Member{Name: "session", Value: c.offlineObject(x)}))
}

// offlineSession explains the session of the path, of the client of the query.
func (c *call) offlineSession() (*session.Explanation, error) {
	if err := c.knowsParameters("client"); err != nil {
		return nil, err
	}
	master, err := c.api.Realms.Snapshot(c.ctx, realm.Master)
	if err != nil {
		return nil, err
	}
	x, err := c.explained(master.Realm.Num)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, web.AdminError(http.StatusNotFound, "No offline session of this id, or it ended more than 30 days ago")
	case errors.Is(err, session.ErrSeveralClients):
		return nil, web.AdminError(http.StatusBadRequest, "The session has parts of several clients: name one with client")
	}
	return x, err
}

// explained looks in the shard that the id names, then in all others: ids of
// imported sessions name none.
func (c *call) explained(master int64) (*session.Explanation, error) {
	id := c.id()
	if len(id) > maxSessionID {
		return nil, store.ErrNotFound
	}
	own, ok := model.SessionShard(id)
	if ok {
		x, err := c.api.Sessions.Explain(c.ctx, c.snap.Config, own, id, c.query("client"), true, master)
		if !errors.Is(err, store.ErrNotFound) {
			return x, err
		}
	}
	for shard := range int64(model.Shards) {
		if ok && shard == own {
			continue
		}
		x, err := c.api.Sessions.Explain(c.ctx, c.snap.Config, shard, id, c.query("client"), true, master)
		if !errors.Is(err, store.ErrNotFound) {
			return x, err
		}
	}
	return nil, store.ErrNotFound
}

// revokeOffline ends, or with dryRun counts, what a filter selects. One request
// ends a bounded number; the answer says where the next goes on.
func (c *call) revokeOffline() error {
	q, err := c.offlineBody()
	if err != nil {
		return err
	}
	out, err := c.api.Sessions.Revoke(c.ctx, c.snap.Config, session.Revocation{Filter: q.filter, By: c.actor.user.ID, DryRun: q.dryRun, After: q.after})
	if err != nil {
		return err
	}
	o := keycloak.Object{{Name: "dryRun", Value: q.dryRun}, {Name: "ended", Value: out.Offline}, {Name: "done", Value: out.Next == nil}}
	if out.Whole {
		o = append(o, keycloak.Member{Name: "onlineEnded", Value: out.Online})
	}
	o = withNext(o, out.Next)
	if q.dryRun {
		return c.answer(o)
	}
	if err := c.noteRevocation(q, o); err != nil {
		return err
	}
	c.tellEnded(out.Parts)
	return c.answer(o)
}

// noteRevocation leaves an admin event of a step.
func (c *call) noteRevocation(q offlineQuery, answer keycloak.Object) error {
	body := keycloak.Object{{Name: "filter", Value: json.RawMessage(q.raw)}, {Name: "answer", Value: answer}}
	return c.note(deed{op: opAction, on: onUserSession, path: "offline-sessions/revoke", body: jsonOf(body)})
}
