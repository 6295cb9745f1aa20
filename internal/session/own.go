package session

import (
	"context"
	"errors"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// A person ends logins of their own: one of them, all but the one they are in,
// or all. note makes the record of each session that ends; it is stored in the
// transaction that ends it. The clients' parts that ended come back, so that
// they can be told.

// Note makes the record of the end of a session; a nil Record is none.
type Note func(sessionID string) Record

// EndOwn ends the session of an id, online and offline, if it is the user's.
// An id that names none of theirs ends nothing, and tells nothing.
func (s *Service) EndOwn(ctx context.Context, cfg *model.Config, userID, sessionID string, note Note) (parts []Ended, err error) {
	for _, offline := range []bool{false, true} {
		us, _, err := s.Store.FindUserSession(ctx, model.ShardOf(userID), sessionID, offline)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return parts, err
		case us.UserID != userID || us.RealmNum != cfg.Realm.Num:
			continue
		}
		ended, _, err := s.EndUserSession(ctx, cfg, End{
			Shard: model.ShardOf(userID), SessionID: sessionID, Offline: offline, Reason: model.EndedByUser, By: userID, Record: note(sessionID),
		})
		if err != nil {
			return parts, err
		}
		parts = append(parts, ended...)
	}
	return once(parts), nil
}

// EndOwnOthers ends all sessions of the user, online and offline, but the login
// of id keep with its offline part: one by one.
func (s *Service) EndOwnOthers(ctx context.Context, cfg *model.Config, userID, keep string, note Note) (parts []Ended, err error) {
	var ids []string
	for _, offline := range []bool{false, true} {
		views, err := s.OfUser(ctx, cfg, userID, offline)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			if v.SessionID != keep {
				ids = append(ids, v.SessionID)
			}
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		ended, err := s.EndOwn(ctx, cfg, userID, id, note)
		parts = append(parts, ended...)
		if err != nil {
			return parts, err
		}
	}
	return parts, nil
}

// EndOwnAll ends all sessions of the user, online and offline, by one row and
// with one record.
func (s *Service) EndOwnAll(ctx context.Context, cfg *model.Config, userID string, rec Record) (parts []Ended, err error) {
	if parts, err = s.PartsOfUser(ctx, cfg, userID); err != nil {
		return nil, err
	}
	_, err = s.EndAllOfUser(ctx, cfg.Realm.Num, userID, true, true, model.EndedByUser, userID, rec)
	if err != nil {
		return nil, err
	}
	return parts, nil
}
