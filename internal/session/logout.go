package session

import (
	"context"
	"encoding/json"
	"errors"
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
	doc, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	in.pending = &store.Pending{Handle: in.Handle, Kind: kindLogout, RealmNum: realm, Doc: doc, Expires: now + lifespan}
	return s.Store.Write(ctx, func(tx *store.Tx) error { return tx.InsertPending(in.pending) })
}

// AskedLogout reads a logout of the browser that was not confirmed yet.
// store.ErrNotFound when there is none.
func (s *Service) AskedLogout(ctx context.Context, realm int64, browser, handle string, now int64) (*Logout, error) {
	pending, err := s.Store.Pending(ctx, kindLogout, realm, handle, now)
	if err != nil {
		return nil, err
	}
	l := &Logout{Handle: handle, pending: pending}
	if err := json.Unmarshal(pending.Doc, l); err != nil {
		return nil, fmt.Errorf("logout: %w", err)
	}
	if pending.Used || browser == "" || l.Browser != browser {
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
	shard = model.ShardOf(userID)
	us, shares, err := s.Store.FindUserSession(ctx, shard, sessionID, false)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, model.ErrSessionGone
	case err != nil:
		return 0, fmt.Errorf("read login: %w", err)
	case us.UserID != userID, us.RealmNum != cfg.Realm.Num, us.Ended != nil:
		return 0, model.ErrSessionGone
	}
	last := us.Started
	for i := range shares {
		last = max(last, shares[i].LastRefresh)
	}
	if over(cfg, us, last, s.now()) {
		return 0, model.ErrSessionGone
	}
	return shard, nil
}
