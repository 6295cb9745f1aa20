package session

import (
	"context"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// live judges timeouts for rows of one client: ended and superseded rows never
// reach it.
func (s *Service) live(cfg *model.Config, c *model.Client) store.Live {
	now := s.now()
	return func(cs *model.ClientSession) bool { return alive(cfg, c, cs, now) }
}

// liveAny is live for rows of any client of the realm; rows of a client that
// is gone are dead.
func (s *Service) liveAny(cfg *model.Config) store.Live {
	now := s.now()
	return func(cs *model.ClientSession) bool {
		c := cfg.ClientByNum(cs.ClientNum)
		return c != nil && alive(cfg, c, cs, now)
	}
}

func alive(cfg *model.Config, c *model.Client, cs *model.ClientSession, now int64) bool {
	if cs.RememberMe && !cfg.Realm.RememberMe {
		return false
	}
	_, over := model.SessionLimits(cfg.Realm, c, cs).Expired(cs, now)
	return !over
}

// OfUser lists a user's live client sessions, one entry a client session.
func (s *Service) OfUser(ctx context.Context, cfg *model.Config, userID string, offline bool) ([]store.SessionView, error) {
	return s.Store.SessionsOfUser(ctx, cfg.Realm.Num, userID, offline, s.liveAny(cfg))
}

// NewestOfUser is OfUser for the limit client sessions that began last.
func (s *Service) NewestOfUser(ctx context.Context, cfg *model.Config, userID string, offline bool, limit int) ([]store.SessionView, error) {
	return s.Store.NewestSessionsOfUser(ctx, cfg.Realm.Num, userID, offline, limit, s.liveAny(cfg))
}

// OfUserClient lists a user's live sessions with one client.
func (s *Service) OfUserClient(ctx context.Context, cfg *model.Config, c *model.Client, userID string, offline bool) ([]store.SessionView, error) {
	return s.Store.SessionsOfUserClient(ctx, cfg.Realm.Num, userID, c.Num, offline, s.live(cfg, c))
}

// OfClient lists a page of a client's live sessions.
func (s *Service) OfClient(ctx context.Context, cfg *model.Config, c *model.Client, offline bool, first, max int) ([]store.SessionView, error) {
	return s.Store.SessionsOfClient(ctx, cfg.Realm.Num, c.Num, offline, first, max, s.live(cfg, c))
}

// Count counts a client's live sessions.
func (s *Service) Count(ctx context.Context, cfg *model.Config, c *model.Client, offline bool) (int64, error) {
	return s.Store.CountSessions(ctx, cfg.Realm.Num, c.Num, offline, s.now(), s.live(cfg, c))
}

// Stats counts the live sessions of every client that has some.
func (s *Service) Stats(ctx context.Context, cfg *model.Config) ([]store.ClientStats, error) {
	return s.Store.SessionStats(ctx, cfg.Realm.Num, s.now(), func(num int64) store.Live {
		c := cfg.ClientByNum(num)
		if c == nil {
			return func(*model.ClientSession) bool { return false }
		}
		return s.live(cfg, c)
	})
}

// Access reads what an access token of a session is checked against; revoked
// tells that this very token was revoked.
//
// Errors: model.ErrSessionGone when there is no such session or it is over.
func (s *Service) Access(ctx context.Context, cfg *model.Config, c *model.Client, sessionID, subject, jti string, offline bool) (row *model.SessionRow, revoked bool, err error) {
	row, revoked, err = s.Store.SessionForAccess(ctx, Key(c, sessionID, subject, offline), jti)
	if err != nil {
		return nil, false, err
	}
	now := s.now()
	if row.Session.RealmNum != cfg.Realm.Num || !row.UserSessionLive || !row.Session.Live() || !alive(cfg, c, &row.Session, now) {
		return nil, false, model.ErrSessionGone
	}
	return row, revoked, nil
}

// OfClients lists a page of the live sessions of several clients, each as its
// client sessions with them, and how many of the first sessions to pass over
// there were too few. match, when not nil, chooses sessions.
func (s *Service) OfClients(ctx context.Context, cfg *model.Config, clients []*model.Client, offline bool, first, max int, match func([]store.SessionView) bool) ([][]store.SessionView, int, error) {
	p := store.SessionPage{Realm: cfg.Realm.Num, Offline: offline, First: first, Max: max, Live: s.liveAny(cfg), Match: match}
	for _, c := range clients {
		p.Clients = append(p.Clients, c.Num)
	}
	return s.Store.SessionsOfClients(ctx, p)
}
