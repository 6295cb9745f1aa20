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
	Started   int64
	AuthTime  int64 // Unix seconds
	Remember  bool
	Clients   []int64 // numbers of the clients with a live part
}

// SSO reads the login that an identity cookie issued at iat names. The session
// must live, its idle time counts from the latest use by any client, and the
// user must be enabled.
//
// Errors: model.ErrSessionGone.
func (s *Service) SSO(ctx context.Context, cfg *model.Config, sessionID, userID string, iat int64) (*SSO, error) {
	us, shares, err := s.Store.FindUserSession(ctx, model.ShardOf(userID), sessionID, false)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, model.ErrSessionGone
	case err != nil:
		return nil, fmt.Errorf("read login: %w", err)
	case us.UserID != userID, us.RealmNum != cfg.Realm.Num, us.Ended != nil, us.RememberMe && !cfg.Realm.RememberMe:
		return nil, model.ErrSessionGone
	}
	sso := &SSO{SessionID: sessionID, Started: us.Started, AuthTime: us.Started, Remember: us.RememberMe}
	last := us.Started
	for i := range shares {
		x := &shares[i]
		last = max(last, x.LastRefresh)
		if at, err := strconv.ParseInt(x.Notes[NoteAuthTime], 10, 64); err == nil {
			sso.AuthTime = max(sso.AuthTime, at)
		}
		if c := cfg.ClientByNum(x.ClientNum); c != nil && x.Live() && alive(cfg, c, x, s.now()) {
			sso.Clients = append(sso.Clients, x.ClientNum)
		}
	}
	if over(cfg, us, last, s.now()) {
		return nil, model.ErrSessionGone
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

// over judges a user session by the realm's limits alone; last is when any
// client used it.
func over(cfg *model.Config, us *model.UserSession, last, now int64) bool {
	x := &model.ClientSession{UserStarted: us.Started, Started: us.Started, LastRefresh: last, RememberMe: us.RememberMe}
	l := model.SessionLimits(cfg.Realm, &model.Client{}, x)
	return last+l.RealmIdle+l.SlackIdle < now || l.RealmMax > 0 && l.RealmMax <= now
}
