package session

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// NoteAuthTime is the session note that holds when the user gave a password,
// in Unix seconds.
const NoteAuthTime = "AUTH_TIME"

// SSO is a login of a browser that goes on.
type SSO struct {
	SessionID string
	User      *model.User
	AuthTime  int64 // Unix seconds
	Remember  bool
}

// SSO reads the login that an identity cookie issued at iat names. The session
// must live, its idle time counts from the latest use by any client, and the
// user must be enabled.
//
// Errors: model.ErrSessionGone.
func (s *Service) SSO(ctx context.Context, cfg *model.Config, sessionID, userID string, iat int64) (*SSO, error) {
	us, shares, err := s.liveLogin(ctx, cfg, sessionID, userID)
	if err != nil {
		return nil, err
	}
	if us.RememberMe && !cfg.Realm.RememberMe {
		return nil, model.ErrSessionGone
	}
	sso := &SSO{SessionID: sessionID, AuthTime: us.Started, Remember: us.RememberMe}
	for i := range shares {
		if at, err := strconv.ParseInt(shares[i].Notes[NoteAuthTime], 10, 64); err == nil {
			sso.AuthTime = max(sso.AuthTime, at)
		}
	}
	sso.User, err = s.Store.UserByID(ctx, cfg.Realm.Num, userID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, model.ErrSessionGone
	case err != nil:
		return nil, fmt.Errorf("read user of login: %w", err)
	case !sso.User.Enabled, iat < max(sso.User.NotBefore, cfg.Realm.NotBefore):
		return nil, model.ErrSessionGone
	}
	return sso, nil
}

// liveLogin reads an online session of a user and all clients' parts in it. It
// must live; its idle time counts from the latest use by any client.
//
// Errors: model.ErrSessionGone.
func (s *Service) liveLogin(ctx context.Context, cfg *model.Config, sessionID, userID string) (*model.UserSession, []model.ClientSession, error) {
	us, shares, err := s.Store.FindUserSession(ctx, model.ShardOf(userID), sessionID, false)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, model.ErrSessionGone
	case err != nil:
		return nil, nil, fmt.Errorf("read login: %w", err)
	case us.UserID != userID, us.RealmNum != cfg.Realm.Num, us.Ended != nil:
		return nil, nil, model.ErrSessionGone
	}
	last := us.Started
	for i := range shares {
		last = max(last, shares[i].LastRefresh)
	}
	if over(cfg, us, last, s.now()) {
		return nil, nil, model.ErrSessionGone
	}
	return us, shares, nil
}

// over judges a user session by the realm's limits alone; last is when any
// client used it.
func over(cfg *model.Config, us *model.UserSession, last, now int64) bool {
	x := &model.ClientSession{UserStarted: us.Started, Started: us.Started, LastRefresh: last, RememberMe: us.RememberMe}
	l := model.SessionLimits(cfg.Realm, &model.Client{}, x)
	return last+l.RealmIdle+l.SlackIdle < now || l.RealmMax > 0 && l.RealmMax <= now
}
