package session

import (
	"context"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Logout is a logout that waits for a person's word, in one browser: the page
// that asks carries the handle and the key.
type Logout struct {
	Handle      string `json:"-"`
	Browser     string `json:"browser"`
	Key         string `json:"key"`
	ClientID    string `json:"client,omitempty"`
	RedirectURI string `json:"redirect_uri,omitempty"` // checked
	State       string `json:"state,omitempty"`
	UILocales   string `json:"ui_locales,omitempty"`
	SessionID   string `json:"sid,omitempty"` // of the ID token that was sent
	UserID      string `json:"user,omitempty"`

	pending *store.Pending
}

const kindLogout = "logout"

// AskLogout stores a logout that is to be confirmed within lifespan seconds.
// in.Handle and in.Key are set.
func (s *Service) AskLogout(ctx context.Context, realm int64, in *Logout, now, lifespan int64) (err error) {
	if in.Handle, err = s.handle(in.Browser); err != nil {
		return err
	}
	if in.Key, err = s.handle(""); err != nil {
		return err
	}
	if in.pending, err = newPending(kindLogout, realm, in.Handle, in, now+lifespan); err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error { return tx.InsertPending(in.pending) })
}

// AskedLogout reads a logout of the browser that was not confirmed yet.
// store.ErrNotFound when there is none.
func (s *Service) AskedLogout(ctx context.Context, realm int64, browser, handle string, now int64) (*Logout, error) {
	l := &Logout{Handle: handle}
	var err error
	if l.pending, err = s.pending(ctx, kindLogout, realm, handle, now, l); err != nil {
		return nil, err
	}
	if l.pending.Used || browser == "" || l.Browser != browser {
		return nil, fmt.Errorf("logout of another browser, or done: %w", store.ErrNotFound)
	}
	return l, nil
}

// ConfirmLogout takes the person's word: once. store.ErrNotFound for any
// submit but the first.
func (s *Service) ConfirmLogout(ctx context.Context, l *Logout) error {
	won, err := s.Store.UsePending(ctx, l.pending, nil)
	if err == nil && !won {
		err = fmt.Errorf("logout: %w", store.ErrNotFound)
	}
	return err
}

// LogoutTarget is the online session that an ID token names, if it lives: its
// key for EndUserSession. The token's own time does not matter.
//
// Errors: model.ErrSessionGone.
func (s *Service) LogoutTarget(ctx context.Context, cfg *model.Config, sessionID, userID string) (shard int64, err error) {
	if sessionID == "" || userID == "" {
		return 0, model.ErrSessionGone
	}
	if _, _, err := s.liveLogin(ctx, cfg, sessionID, userID); err != nil {
		return 0, err
	}
	return model.ShardOf(userID), nil
}
