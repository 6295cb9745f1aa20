package account

import (
	"cmp"
	"slices"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// shown is how many client sessions of each kind the lists look at, the newest:
// more than anybody reads, and what a person may have is not bounded.
const shown = 1000

// login is one session with all clients in it.
type login struct {
	id      string
	offline bool
	started int64 // Unix seconds, as last
	last    int64
	ip      string
	agent   model.UserAgent
	clients []*model.Client
	ends    int64 // when it is over if nobody uses it
}

// logins groups client sessions by session, the latest used first. The agent of
// a session is that of its first client session.
func (c *call) logins(views []store.SessionView) []*login {
	slices.SortStableFunc(views, func(a, b store.SessionView) int { return cmp.Compare(a.Started, b.Started) })
	byID := map[string]*login{}
	var all []*login
	for i := range views {
		v := &views[i]
		client := c.snap.ClientByNum(v.ClientNum)
		if client == nil {
			continue
		}
		l := byID[v.SessionID]
		if l == nil {
			l = &login{id: v.SessionID, offline: v.Offline, started: v.UserSessionStarted, ip: v.IP, agent: model.UserAgentOf(v.Notes[model.NoteUserAgent])}
			byID[v.SessionID], all = l, append(all, l)
		}
		l.clients = append(l.clients, client)
		l.last = max(l.last, v.LastRefresh)
		l.ends = max(l.ends, endsAt(c.snap.Realm, &v.ClientSession))
	}
	slices.SortStableFunc(all, func(a, b *login) int { return cmp.Compare(b.last, a.last) })
	return all
}

// endsAt is when a session is over at the latest, as Keycloak tells people: at
// the realm's maximum, or where there is none when it was idle too long.
func endsAt(r *model.Realm, cs *model.ClientSession) int64 {
	l := model.SessionLimits(r, &model.Client{}, cs)
	if l.RealmMax > 0 {
		return l.RealmMax
	}
	return cs.LastRefresh + l.RealmIdle
}

// object is the session as SessionRepresentation. Times are Unix seconds.
func (c *call) object(l *login) keycloak.Object {
	o := keycloak.Object{
		{Name: "id", Value: l.id}, {Name: "ipAddress", Value: l.ip}, {Name: "started", Value: l.started}, {Name: "lastAccess", Value: l.last},
		{Name: "expires", Value: l.ends}, {Name: "clients", Value: each(l.clients, sessionClient)}, {Name: "browser", Value: l.agent.Browser},
	}
	if c.isCurrent(l) {
		o = append(o, keycloak.Member{Name: "current", Value: true})
	}
	return o
}

// isCurrent tells whether the request's token belongs to the session.
func (c *call) isCurrent(l *login) bool {
	own := c.bearer.Session
	return own != nil && l.id == own.SessionID && l.offline == own.Offline
}

// sessionClient is a client in a session: Keycloak fills in no more than its
// names.
func sessionClient(client *model.Client) keycloak.Object {
	o := keycloak.Object{{Name: "clientId", Value: client.ClientID}}
	if client.Name != "" {
		o = append(o, keycloak.Member{Name: "clientName", Value: client.Name})
	}
	return append(o, keycloak.Object{
		{Name: "userConsentRequired", Value: false}, {Name: "inUse", Value: false}, {Name: "offlineAccess", Value: false},
	}...)
}

// sessions lists the person's logins that go on.
func (c *call) sessions() error {
	views, err := c.api.Sessions.NewestOfUser(c.ctx, c.snap.Config, c.user.ID, false, shown)
	if err != nil {
		return err
	}
	return c.answer(each(c.logins(views), c.object))
}

// devices lists the person's sessions, offline ones too, by the system they
// were begun on.
func (c *call) devices() error {
	var all []*login
	for _, offline := range []bool{false, true} {
		views, err := c.api.Sessions.NewestOfUser(c.ctx, c.snap.Config, c.user.ID, offline, shown)
		if err != nil {
			return err
		}
		all = append(all, c.logins(views)...)
	}
	return c.answer(c.deviceObjects(all))
}

// deviceObjects groups sessions as Keycloak does: by system and its version.
func (c *call) deviceObjects(all []*login) []keycloak.Object {
	slices.SortStableFunc(all, func(a, b *login) int { return cmp.Compare(b.last, a.last) })
	type system struct{ os, version string }
	byOS := map[system][]*login{}
	var order []system
	for _, l := range all {
		s := system{l.agent.OS, l.agent.OSVersion}
		if byOS[s] == nil {
			order = append(order, s)
		}
		byOS[s] = append(byOS[s], l)
	}
	return each(order, func(s system) keycloak.Object {
		logins := byOS[s]
		agent := logins[0].agent
		o := keycloak.Object{
			{Name: "os", Value: agent.OS}, {Name: "osVersion", Value: agent.OSVersion}, {Name: "device", Value: agent.Device},
			{Name: "lastAccess", Value: logins[0].last},
		}
		if slices.ContainsFunc(logins, c.isCurrent) {
			o = append(o, keycloak.Member{Name: "current", Value: true})
		}
		return append(o, keycloak.Object{{Name: "sessions", Value: each(logins, c.object)}, {Name: "mobile", Value: agent.Mobile}}...)
	})
}

// endSession ends a session of the person, online and offline. What is no
// session of theirs is answered alike.
func (c *call) endSession() error {
	parts, err := c.api.Sessions.EndOwn(c.ctx, c.snap.Config, c.user.ID, c.r.PathValue("id"), c.logout)
	return c.ended(parts, err)
}

// endSessions ends all sessions of the person, online and offline; the login
// the token belongs to only with current=true.
func (c *call) endSessions() error {
	if all, _ := web.QueryBool(c.r, "current"); all {
		parts, err := c.api.Sessions.EndOwnAll(c.ctx, c.snap.Config, c.user.ID, c.logout(c.bearer.SessionID()))
		return c.ended(parts, err)
	}
	parts, err := c.api.Sessions.EndOwnOthers(c.ctx, c.snap.Config, c.user.ID, c.bearer.SessionID(), c.logout)
	return c.ended(parts, err)
}

// ended answers once sessions have ended. Clients are told of those that did,
// even when ending the others failed.
func (c *call) ended(parts []session.Ended, err error) error {
	c.tellEnded(parts)
	if err != nil {
		return err
	}
	return c.noContent()
}
