package admin

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

// sessionObjects groups client sessions by session into Keycloak's
// UserSessionRepresentation. start is the user session's, lastAccess the
// latest of the client sessions shown.
func (c *call) sessionObjects(views []store.SessionView) []keycloak.Object {
	type entry struct {
		first   store.SessionView
		last    int64
		clients map[string]string
	}
	var order []string
	byID := map[string]*entry{}
	for _, v := range views {
		client := c.snap.ClientByNum(v.ClientNum)
		if client == nil {
			continue
		}
		e := byID[v.SessionID]
		if e == nil {
			e = &entry{first: v, clients: map[string]string{}}
			byID[v.SessionID], order = e, append(order, v.SessionID)
		}
		e.clients[client.ID] = client.ClientID
		e.last = max(e.last, v.LastRefresh)
	}
	return each(order, func(id string) keycloak.Object {
		e := byID[id]
		return keycloak.Object{
			{Name: "id", Value: id}, {Name: "username", Value: e.first.Username}, {Name: "userId", Value: e.first.UserID},
			{Name: "ipAddress", Value: e.first.IP}, {Name: "start", Value: e.first.UserSessionStarted * 1000},
			{Name: "lastAccess", Value: e.last * 1000}, {Name: "rememberMe", Value: e.first.RememberMe},
			{Name: "clients", Value: e.clients}, {Name: "transientUser", Value: false},
		}
	})
}

// userSessions lists the user's online sessions.
func (c *call) userSessions() error { return c.sessionsOfUser(false) }

// userOfflineSessions lists the user's offline sessions with all clients. It
// is not Keycloak's: there one has to ask client by client.
func (c *call) userOfflineSessions() error { return c.sessionsOfUser(true) }

func (c *call) sessionsOfUser(offline bool) error {
	u, err := c.user()
	if err != nil {
		return err
	}
	views, err := c.api.Sessions.OfUser(c.ctx, c.snap.Config, u.ID, offline)
	if err != nil {
		return err
	}
	return c.answer(c.sessionObjects(views))
}

func (c *call) userOfflineSessionsOf() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	client := c.snap.ClientByID(c.r.PathValue("client"))
	if client == nil {
		return errNoMappingClient
	}
	views, err := c.api.Sessions.OfUserClient(c.ctx, c.snap.Config, client, u.ID, true)
	if err != nil {
		return err
	}
	return c.answer(c.sessionObjects(views))
}

// logoutUser ends every session of the user, online and offline, and lets no
// token of before be used any more: nothing stays listed. Keycloak leaves the
// offline sessions in its lists, though their tokens are refused. With
// offline=keep only logins end, as by the user's own logout.
func (c *call) logoutUser() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	if given := c.r.URL.Query(); given.Has("offline") {
		if given.Get("offline") != "keep" {
			return badFilter("offline must be keep, or left out to end offline sessions too")
		}
		return c.logoutUserOnline(u)
	}
	parts, err := c.api.Sessions.PartsOfUser(c.ctx, c.snap.Config, u.ID)
	if err != nil {
		return err
	}
	end := func(tx *store.Tx) error {
		_, err := tx.EndUserSessions(c.snap.Realm.Num, u.ID, true, true, c.ending(model.EndedByUserLogout))
		return err
	}
	rec := then(end, c.record(deed{op: opAction, on: onUser, path: userPath(u.ID, "/logout")}))
	err = c.changeUser(rec, func(_ *model.Config, u *model.User) error {
		u.NotBefore = c.now().Unix()
		return nil
	})
	if err != nil {
		return err
	}
	c.tellEnded(parts)
	return c.noContent()
}

// logoutUserOnline ends a user's logins; offline sessions and their tokens stay
// good.
func (c *call) logoutUserOnline(u *model.User) error {
	rec := c.record(deed{op: opAction, on: onUser, path: userPath(u.ID, "/logout"), details: map[string]string{"offline": "keep"}})
	parts, err := c.api.Sessions.EndOnlineOfUser(c.ctx, c.snap.Config, u.ID, c.actor.user.ID, session.Record(rec))
	c.tellEnded(parts) // also those that ended before a failure
	if err != nil {
		return err
	}
	return c.noContent()
}

// listConsents lists what the user allowed, client by client; a client with
// offline sessions alone stands there too.
func (c *call) listConsents() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	consents, err := c.api.Store.Consents(c.ctx, c.snap.Realm.Num, u.ID)
	if err != nil {
		return err
	}
	views, err := c.api.Sessions.OfUser(c.ctx, c.snap.Config, u.ID, true)
	if err != nil {
		return err
	}
	return c.answer(c.consentObjects(consents, views))
}

func (c *call) consentObjects(consents []model.Consent, offline []store.SessionView) []keycloak.Object {
	given := map[string]model.Consent{}
	clients := map[string]*model.Client{}
	for _, x := range consents {
		if client := c.snap.ClientByID(x.ClientID); client != nil {
			given[client.ID], clients[client.ID] = x, client
		}
	}
	withToken := map[string]bool{}
	for _, v := range offline {
		if client := c.snap.ClientByNum(v.ClientNum); client != nil {
			withToken[client.ID], clients[client.ID] = true, client
		}
	}
	sorted := slices.SortedFunc(maps.Values(clients), func(a, b *model.Client) int { return cmp.Compare(a.ClientID, b.ClientID) })
	return each(sorted, func(client *model.Client) keycloak.Object {
		x, ok := given[client.ID]
		o := keycloak.Object{{Name: "clientId", Value: client.ClientID}, {Name: "grantedClientScopes", Value: c.scopeNames(x.ScopeIDs)}}
		if ok {
			o = append(o, keycloak.Member{Name: "createdDate", Value: x.CreatedMS}, keycloak.Member{Name: "lastUpdatedDate", Value: x.UpdatedMS})
		}
		additional := []keycloak.Object{}
		if withToken[client.ID] {
			additional = append(additional, keycloak.Object{{Name: "client", Value: client.ID}, {Name: "key", Value: "Offline Token"}})
		}
		return append(o, keycloak.Member{Name: "additionalGrants", Value: additional})
	})
}

func (c *call) scopeNames(ids []string) []string {
	out := []string{}
	for _, id := range ids {
		if s := c.snap.ScopeByID(id); s != nil {
			out = append(out, s.Name)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}

// deleteConsent takes back what the user allowed a client, and ends the
// client's offline sessions of the user.
func (c *call) deleteConsent() error {
	u, err := c.user()
	if err != nil {
		return err
	}
	client := c.snap.Client(c.r.PathValue("client"))
	if client == nil {
		return errNoMappingClient
	}
	ended, err := c.api.Sessions.EndOfflineOfUserClient(c.ctx, c.snap.Config, client, u.ID, model.EndedByConsent, c.actor.user.ID)
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opAction, on: onUser, path: userPath(u.ID, "/consents/"+client.ClientID)})
	err = c.api.Store.Write(c.ctx, func(tx *store.Tx) error {
		had, err := tx.DeleteConsent(c.snap.Realm.Num, u.ID, client.Num)
		switch {
		case err != nil:
			return err
		case !had && ended == 0:
			return errNoConsent
		case rec == nil:
			return nil
		}
		return rec(tx)
	})
	if err != nil {
		return err
	}
	return c.noContent()
}
