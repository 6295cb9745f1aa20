package session

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

func (s *Service) ending(reason, by string) model.Ending {
	return model.Ending{At: s.now(), Reason: reason, By: by}
}

// Ended is a client's part of a session that has just ended.
type Ended struct {
	ClientNum int64
	UserID    string
	SessionID string
}

// End names a session to end, with all its clients.
type End struct {
	Shard      int64
	SessionID  string
	Offline    bool
	Reason, By string
	Record     Record // stored with it; not when nothing was live
}

// EndUserSession ends one session with all its clients. An offline session
// takes its online twin with it, never the other way round (behaviour §4.3),
// but for the part of a client that wants its offline session revoked by a
// logout. The clients that had a part come back, each once; ended is false
// when there was nothing live to end.
func (s *Service) EndUserSession(ctx context.Context, cfg *model.Config, in End) (parts []Ended, ended bool, err error) {
	e := s.ending(in.Reason, in.By)
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		parts, ended = nil, false // it may run again
		var err error
		if parts, ended, err = endWhole(tx, in, in.Offline, e); err != nil || !ended {
			return err
		}
		if in.Offline {
			twin, _, err := endWhole(tx, in, false, e)
			if err != nil {
				return err
			}
			parts = append(parts, twin...)
		} else if err := revokeOffline(tx, cfg, in, parts, e); err != nil {
			return err
		}
		return in.Record.in(tx)
	})
	if err != nil {
		return nil, false, fmt.Errorf("end session: %w", err)
	}
	return once(parts), ended, nil
}

// endWhole ends the online or the offline session of an id and tells whose
// parts were live.
func endWhole(tx *store.Tx, in End, offline bool, e model.Ending) (parts []Ended, ended bool, err error) {
	us, all, err := tx.FindUserSession(in.Shard, in.SessionID, offline)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	} else if err != nil {
		return nil, false, err
	}
	for i := range all {
		if all[i].Live() {
			parts = append(parts, Ended{ClientNum: all[i].ClientNum, UserID: us.UserID, SessionID: us.ID})
		}
	}
	ended, err = tx.EndUserSession(in.Shard, in.SessionID, offline, e)
	return parts, ended, err
}

// revokeOffline ends the offline parts, of the session that has ended, of
// clients that want it (client attribute
// backchannel.logout.revoke.offline.tokens).
func revokeOffline(tx *store.Tx, cfg *model.Config, in End, parts []Ended, e model.Ending) error {
	for _, p := range parts {
		if c := cfg.ClientByNum(p.ClientNum); c == nil || !c.BackchannelRevokesOffline() {
			continue
		}
		key := store.SessionKey{Shard: in.Shard, SessionID: in.SessionID, ClientNum: p.ClientNum, Offline: true}
		if _, err := endShare(tx, key, e); err != nil {
			return err
		}
	}
	return nil
}

// endShare ends a client's part of a session, and the session with its last
// part; false when it was not live.
func endShare(tx *store.Tx, key store.SessionKey, e model.Ending) (bool, error) {
	ended, err := tx.EndClientSession(key, e)
	if err != nil || !ended {
		return false, err
	}
	rest, err := tx.LiveClientSessions(key.Shard, key.SessionID, key.Offline)
	if err != nil || rest > 0 {
		return true, err
	}
	_, err = tx.EndUserSession(key.Shard, key.SessionID, key.Offline, e)
	return true, err
}

// once leaves out a client's second part of one session, the twin's.
func once(parts []Ended) []Ended {
	var out []Ended
	for _, p := range parts {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// PartsOfUser lists the clients' parts of a user's live sessions, online and
// offline, each client once a session: who is to be told when all of them end.
// The clients of cfg that tell that they want to know are looked for; without
// any nothing is read.
func (s *Service) PartsOfUser(ctx context.Context, cfg *model.Config, userID string) ([]Ended, error) {
	if !slices.ContainsFunc(cfg.Clients, func(c *model.Client) bool { return c.BackchannelLogoutURL() != "" }) {
		return nil, nil
	}
	var parts []Ended
	for _, offline := range []bool{false, true} {
		views, err := s.OfUser(ctx, cfg, userID, offline)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			parts = append(parts, Ended{ClientNum: v.ClientNum, UserID: userID, SessionID: v.SessionID})
		}
	}
	return once(parts), nil
}

// EndClient ends one client's share of a session. With the last client the
// whole user session ends. Ending an offline share detaches the online twin's
// share of the same client too (behaviour §6.2). With an online share end those
// that came of its tokens by token exchange.
func (s *Service) EndClient(ctx context.Context, key store.SessionKey, reason, by string, rec Record) (ended bool, err error) {
	e := s.ending(reason, by)
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		ended, err = endShareWithTwin(tx, key, e, func() (bool, error) { return tx.EndClientSession(key, e) })
		if err != nil || !ended {
			return err
		}
		return rec.in(tx)
	})
	if err != nil {
		return false, fmt.Errorf("end client session: %w", err)
	}
	return ended, nil
}

// endTwin ends the online share of an offline one that has ended, and what came
// of its tokens by token exchange.
func endTwin(tx *store.Tx, key store.SessionKey, e model.Ending) error {
	key.Offline = false
	ended, err := tx.EndClientSession(key, e)
	if err != nil || !ended {
		return err
	}
	return endExchanged(tx, key, e)
}

// endShareWithTwin ends a client's part of a session by end, and what came of an
// online part by token exchange; the session with its last part, and with an
// offline part the client's online one.
func endShareWithTwin(tx *store.Tx, key store.SessionKey, e model.Ending, end func() (bool, error)) (ended bool, err error) {
	if ended, err = end(); err != nil || !ended {
		return ended, err
	}
	if !key.Offline {
		if err := endExchanged(tx, key, e); err != nil {
			return ended, err
		}
	}
	rest, err := tx.LiveClientSessions(key.Shard, key.SessionID, key.Offline)
	if err != nil {
		return ended, err
	}
	if rest == 0 {
		if _, err := tx.EndUserSession(key.Shard, key.SessionID, key.Offline, e); err != nil {
			return ended, err
		}
	}
	if key.Offline {
		err = endTwin(tx, key, e)
	}
	return ended, err
}

// EndAllOfUser ends a user's sessions, online, offline or both; n counts what
// was live.
func (s *Service) EndAllOfUser(ctx context.Context, realm int64, userID string, online, offline bool, reason, by string, rec Record) (n int, err error) {
	e := s.ending(reason, by)
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if n, err = tx.EndUserSessions(realm, userID, online, offline, e); err != nil {
			return err
		}
		return rec.in(tx)
	})
	if err != nil {
		return 0, fmt.Errorf("end sessions of user: %w", err)
	}
	return n, nil
}

// EndOnlineOfUser ends a user's logins one by one, as the user's own logout
// does, and leaves offline sessions alone, but for those of clients that want
// theirs revoked by a logout. Whose parts ended comes back; rec is stored
// afterwards.
func (s *Service) EndOnlineOfUser(ctx context.Context, cfg *model.Config, userID, by string, rec Record) (parts []Ended, err error) {
	views, err := s.OfUser(ctx, cfg, userID, false)
	if err != nil {
		return nil, err
	}
	done := map[string]bool{}
	for _, v := range views {
		if done[v.SessionID] {
			continue // another client of the same login
		}
		done[v.SessionID] = true
		end := End{Shard: model.ShardOf(userID), SessionID: v.SessionID, Reason: model.EndedByUserLogout, By: by}
		some, _, err := s.EndUserSession(ctx, cfg, end)
		if err != nil {
			return parts, err
		}
		parts = append(parts, some...)
	}
	if rec == nil {
		return parts, nil
	}
	return parts, s.Store.Write(ctx, rec.in)
}

// EndOthersOfUser ends all sessions of a user but the one of id keep, online and
// offline: what "sign out from other devices" does. With keep "" all end by one
// row, else one by one.
func (s *Service) EndOthersOfUser(ctx context.Context, cfg *model.Config, userID, keep string) error {
	if keep == "" {
		_, err := s.EndAllOfUser(ctx, cfg.Realm.Num, userID, true, true, model.EndedByUserLogout, userID, nil)
		return err
	}
	for _, offline := range []bool{false, true} {
		views, err := s.OfUser(ctx, cfg, userID, offline)
		if err != nil {
			return err
		}
		for _, v := range views {
			if v.SessionID == keep {
				continue
			}
			end := End{Shard: model.ShardOf(userID), SessionID: v.SessionID, Offline: offline, Reason: model.EndedByUserLogout, By: userID}
			if _, _, err := s.EndUserSession(ctx, cfg, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// EndOfflineOfUserClient ends every offline session share of one client of a
// user, as when its consent is taken back. The logins they came from go on, the
// client's part in them too (measured).
func (s *Service) EndOfflineOfUserClient(ctx context.Context, cfg *model.Config, c *model.Client, userID, reason, by string) (n int, err error) {
	views, err := s.OfUserClient(ctx, cfg, c, userID, true)
	if err != nil {
		return 0, err
	}
	e := s.ending(reason, by)
	for _, v := range views {
		key := store.SessionKey{Shard: model.ShardOf(userID), SessionID: v.SessionID, ClientNum: c.Num, Offline: true}
		ended := false
		err := s.Store.Write(ctx, func(tx *store.Tx) (err error) {
			ended, err = endShare(tx, key, e)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("end offline sessions of a client: %w", err)
		}
		if ended {
			n++
		}
	}
	return n, nil
}

// EndAllOfClient ends every session share of a client by one row; other
// clients of the same sessions go on.
func (s *Service) EndAllOfClient(ctx context.Context, realm, client int64, reason, by string, rec Record) error {
	e := s.ending(reason, by)
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.EndClientSessions(realm, client, e); err != nil {
			return err
		}
		return rec.in(tx)
	})
	if err != nil {
		return fmt.Errorf("end sessions of client: %w", err)
	}
	return nil
}

// EndAllOfRealm ends every session of a realm by one row.
func (s *Service) EndAllOfRealm(ctx context.Context, realm int64, by string, rec Record) error {
	e := s.ending(model.EndedByRealmLogout, by)
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.EndRealmSessions(realm, e); err != nil {
			return err
		}
		return rec.in(tx)
	})
	if err != nil {
		return fmt.Errorf("end sessions of realm: %w", err)
	}
	return nil
}
