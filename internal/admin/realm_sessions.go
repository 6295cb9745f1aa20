package admin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

// nothingNotified is Keycloak's GlobalRequestResult when no client has an
// admin URL to notify.
var nothingNotified = json.RawMessage(`{}`)

// logoutAll ends every session of the realm, online and offline, by one row,
// and lets no token of before be used any more.
func (c *call) logoutAll() error {
	end := func(tx *store.Tx) error {
		return tx.EndRealmSessions(c.snap.Realm.Num, c.ending(model.EndedByRealmLogout))
	}
	rec := then(end, c.record(deed{op: opAction, on: onRealm, path: "logout-all", body: nothingNotified}))
	err := c.change(rec, func(cfg *model.Config) (*store.ConfigChange, error) {
		r := *cfg.Realm
		r.NotBefore = c.now().Unix()
		return &store.ConfigChange{Realm: &r}, nil
	})
	if err != nil {
		return err
	}
	return c.answer(nothingNotified)
}

func (c *call) ending(reason string) model.Ending {
	return model.Ending{At: c.now().Unix(), Reason: reason, By: c.actor.user.ID}
}

// pushRevocation would tell clients with an admin URL the realm's not-before;
// it changes nothing here.
func (c *call) pushRevocation() error {
	if err := c.note(deed{op: opAction, on: onRealm, path: "push-revocation", body: nothingNotified}); err != nil {
		return err
	}
	return c.answer(nothingNotified)
}

// sessionStats counts live sessions by client; counts are strings on the wire.
func (c *call) sessionStats() error {
	stats, err := c.api.Sessions.Stats(c.ctx, c.snap.Config)
	if err != nil {
		return err
	}
	out := []keycloak.Object{}
	for _, s := range stats {
		client := c.snap.ClientByNum(s.ClientNum)
		if client == nil || s.Online == 0 && s.Offline == 0 {
			continue
		}
		out = append(out, keycloak.Object{
			{Name: "offline", Value: strconv.FormatInt(s.Offline, 10)}, {Name: "clientId", Value: client.ClientID},
			{Name: "active", Value: strconv.FormatInt(s.Online, 10)}, {Name: "id", Value: client.ID},
		})
	}
	slices.SortFunc(out, func(a, b keycloak.Object) int {
		return strings.Compare(a.Get("clientId").(string), b.Get("clientId").(string))
	})
	return c.answer(out)
}

// deleteSession ends one session by its id, with all its clients.
func (c *call) deleteSession() error {
	offline := c.isSet("isOffline", false)
	us, err := c.findSession(c.ctx, c.id(), offline)
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opDelete, on: onUserSession, path: "sessions/" + us.ID, body: jsonOf(map[string]bool{"offline": offline})})
	parts, ended, err := c.api.Sessions.EndUserSession(c.ctx, c.snap.Config, session.End{
		Shard: model.ShardOf(us.UserID), SessionID: us.ID, Offline: offline, Reason: model.EndedByAdmin, By: c.actor.user.ID, Record: session.Record(rec),
	})
	if err != nil {
		return err
	}
	if !ended {
		return errNoSession
	}
	c.tellEnded(parts)
	return c.noContent()
}

// maxSessionID is longer than any session id.
const maxSessionID = 64

// findSession finds a session of the realm by its id alone. Ids made here name
// their shard; those of an imported session do not, and are looked for in all.
//
// Errors: errNoSession.
func (c *call) findSession(ctx context.Context, id string, offline bool) (*model.UserSession, error) {
	if len(id) > maxSessionID {
		return nil, errNoSession
	}
	own, ok := model.SessionShard(id)
	if ok {
		if us, err := c.sessionIn(ctx, own, id, offline); !errors.Is(err, errNoSession) {
			return us, err
		}
	}
	for shard := range int64(model.Shards) {
		if ok && shard == own {
			continue
		}
		if us, err := c.sessionIn(ctx, shard, id, offline); !errors.Is(err, errNoSession) {
			return us, err
		}
	}
	return nil, errNoSession
}

func (c *call) sessionIn(ctx context.Context, shard int64, id string, offline bool) (*model.UserSession, error) {
	us, _, err := c.api.Store.FindUserSession(ctx, shard, id, offline)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (us.RealmNum != c.snap.Realm.Num || us.Ended != nil):
		return nil, errNoSession
	case err != nil:
		return nil, err
	}
	return us, nil
}
