package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Progress is a login under way in one tab of a browser, from the request of a
// client (or of a device) to its answer. It is stored between two pages, so
// that any node can serve the next one:
//
//	Begin ─► Advance (password, required actions, consent) … ─► Finish
//
// Every Advance names the version that was read, so of two submits of one page
// one wins. A browser that comes back to a finished login finds it gone.
type Progress struct {
	Tab     string                     `json:"-"` // handle; in the pages' addresses
	Browser string                     `json:"browser"`
	Key     string                     `json:"key"`               // of the page that was shown last; a form must bring it back
	Proof   string                     `json:"proof,omitempty"`   // held by the browser that gave the password; "" before
	Started int64                      `json:"started,omitempty"` // Unix seconds
	Request model.AuthorizationRequest `json:"request"`
	Pushed  string                     `json:"pushed,omitempty"` // handle of the pushed request it began with
	Device  string                     `json:"device,omitempty"` // user code, for a device

	UserID   string `json:"user,omitempty"`     // who is logging in, once known
	AuthTime int64  `json:"auth,omitempty"`     // Unix seconds of the password; 0: not given yet
	SSO      string `json:"sso,omitempty"`      // id of the session of an earlier login that goes on
	SSOTime  int64  `json:"sso_time,omitempty"` // Unix seconds; the password of that login
	Again    bool   `json:"again,omitempty"`    // its password is asked for again
	Remember bool   `json:"remember,omitempty"`
	Anew     bool   `json:"anew,omitempty"`     // the person chose to log in as somebody else
	Consents bool   `json:"consents,omitempty"` // consent was given on the way
	Name     string `json:"name,omitempty"`     // as the person typed it
	Action   string `json:"action,omitempty"`   // how the action the application started ended: model.ActionDone …; "" while it has not

	// Did is what events tell of the action that this very request did.
	Did map[string]string `json:"-"`

	pending *store.Pending
}

// Kinds of pending things.
const (
	kindProgress = "login"
	kindCode     = "code"
)

// Begin stores a new login, which may take lifespan seconds, for the browser
// that holds the cookie Browser. p.Tab and p.Key are set.
func (s *Service) Begin(ctx context.Context, realm int64, p *Progress, now, lifespan int64) (err error) {
	if p.Tab, err = s.handle(p.Browser); err != nil {
		return err
	}
	if p.Key, err = s.handle(""); err != nil {
		return err
	}
	p.Started = now
	if p.pending, err = newPending(kindProgress, realm, p.Tab, p, now+lifespan); err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error { return tx.InsertPending(p.pending) })
}

// handle makes a handle in the shard of another one, or in a random shard.
func (s *Service) handle(beside string) (string, error) {
	shard, ok := model.HandleShard(beside)
	if !ok {
		var b [2]byte
		if _, err := s.Rand.Read(b[:]); err != nil {
			return "", fmt.Errorf("handle: %w", err)
		}
		shard = (int64(b[0])<<8 | int64(b[1])) % model.Shards
	}
	return model.NewHandle(shard, s.Rand)
}

// NewBrowser makes the value of a cookie that binds logins to a browser.
func (s *Service) NewBrowser() (string, error) { return s.handle("") }

// Progress reads a login of the browser.
//
// Errors: store.ErrNotFound when there is none, it expired or is another
// browser's; ErrFinished with it when it is complete.
func (s *Service) Progress(ctx context.Context, realm int64, browser, tab string, now int64) (*Progress, error) {
	p := &Progress{Tab: tab}
	var err error
	if p.pending, err = s.pending(ctx, kindProgress, realm, tab, now, p); err != nil {
		return nil, err
	}
	switch {
	case p.pending.Used && p.Browser == browser:
		return p, ErrFinished
	case p.Browser != browser || browser == "":
		return nil, fmt.Errorf("login of another browser: %w", store.ErrNotFound)
	}
	return p, nil
}

// ErrFinished is a login that is complete: the browser went back to its pages.
var ErrFinished = errors.New("login is finished")

// Advance stores what a step changed, and gives the next page a new Key.
// store.ErrStale when another submit came first.
func (s *Service) Advance(ctx context.Context, p *Progress, rec Record) error {
	key, err := s.handle("")
	if err != nil {
		return err
	}
	p.Key = key
	if err := setDoc(p.pending, p); err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		next := *p.pending
		if err := tx.UpdatePending(&next); err != nil {
			return err
		}
		return rec.in(tx)
	})
}

// Drop forgets a login, refused or given up.
func (s *Service) Drop(ctx context.Context, p *Progress, rec Record) error {
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DeletePending(p.pending); err != nil {
			return err
		}
		return rec.in(tx)
	})
}
