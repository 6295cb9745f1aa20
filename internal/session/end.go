package session

import (
	"context"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

func (s *Service) ending(reason, by string) model.Ending {
	return model.Ending{At: s.now(), Reason: reason, By: by}
}

// EndUserSession ends one session with all its clients. An offline session
// takes its online twin with it, never the other way round (behaviour §4.3).
// ended is false when there was nothing live to end.
func (s *Service) EndUserSession(ctx context.Context, shard int64, sessionID string, offline bool, reason, by string, rec Record) (ended bool, err error) {
	e := s.ending(reason, by)
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if ended, err = tx.EndUserSession(shard, sessionID, offline, e); err != nil {
			return err
		}
		if offline && ended {
			if _, err := tx.EndUserSession(shard, sessionID, false, e); err != nil {
				return err
			}
		}
		if !ended {
			return nil
		}
		return rec.in(tx)
	})
	if err != nil {
		return false, fmt.Errorf("end session: %w", err)
	}
	return ended, nil
}

// EndClient ends one client's share of a session. With the last client the
// whole user session ends. Ending an offline share detaches the online twin's
// share of the same client too (behaviour §6.2).
func (s *Service) EndClient(ctx context.Context, key store.SessionKey, reason, by string, rec Record) (ended bool, err error) {
	e := s.ending(reason, by)
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if ended, err = tx.EndClientSession(key, e); err != nil || !ended {
			return err
		}
		rest, err := tx.LiveClientSessions(key.Shard, key.SessionID, key.Offline)
		if err != nil {
			return err
		}
		if rest == 0 {
			if _, err := tx.EndUserSession(key.Shard, key.SessionID, key.Offline, e); err != nil {
				return err
			}
		}
		if key.Offline {
			twin := key
			twin.Offline = false
			if _, err := tx.EndClientSession(twin, e); err != nil {
				return err
			}
		}
		return rec.in(tx)
	})
	if err != nil {
		return false, fmt.Errorf("end client session: %w", err)
	}
	return ended, nil
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
			if _, err := s.EndUserSession(ctx, model.ShardOf(userID), v.SessionID, offline, model.EndedByUserLogout, userID, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// EndOfflineOfUserClient ends every offline session share of one client of a
// user, as when its consent is taken back.
func (s *Service) EndOfflineOfUserClient(ctx context.Context, cfg *model.Config, c *model.Client, userID, reason, by string) (n int, err error) {
	views, err := s.OfUserClient(ctx, cfg, c, userID, true)
	if err != nil {
		return 0, err
	}
	for _, v := range views {
		key := store.SessionKey{Shard: model.ShardOf(userID), SessionID: v.SessionID, ClientNum: c.Num, Offline: true}
		ok, err := s.EndClient(ctx, key, reason, by, nil)
		if err != nil {
			return n, err
		}
		if ok {
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
