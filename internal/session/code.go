package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Code is what an authorization code stands for.
type Code struct {
	ClientNum   int64             `json:"client"`
	RedirectURI string            `json:"redirect_uri,omitempty"` // as it was sent; "" when it was not
	Challenge   string            `json:"challenge,omitempty"`
	Method      string            `json:"method,omitempty"`
	Nonce       string            `json:"nonce,omitempty"`
	Scope       string            `json:"scope"`
	UserID      string            `json:"user"`
	SessionID   string            `json:"sid"`
	Notes       map[string]string `json:"notes,omitempty"`
	// First tells that the login was made for this request alone, for offline
	// access: realm attribute offlineAccess.endsBrowserSession may end it.
	First bool `json:"first,omitempty"`
}

// Login is a login that is complete.
type Login struct {
	Progress *Progress // forgotten with it; nil when there was no page
	User     *model.User
	Session  string // id of the session that goes on; "" starts one
	IP       string
	Remember bool
	Scope    string
	Notes    map[string]string
	Code     *Code  // nil: none is wanted
	Lifespan int64  // of the code, in seconds
	Pushed   string // handle of the pushed request it answers; "" for none

	Device *Verification // of the device it approves; nil: none

	// Prepare, when set, is told session and code once they are known, before
	// anything is written; its error ends the login without a trace.
	Prepare func(sid, code string) error
}

// Finish starts the login's session, or adds the client to the one that goes
// on, and stores the code, all in one transaction. The login in progress is
// gone afterwards: of two submits of the last page one wins, the other gets
// store.ErrStale.
//
// started tells that the session is new. Errors: model.ErrSessionGone when the
// one that should go on has ended, store.ErrStale, ErrPushedUsed.
func (s *Service) Finish(ctx context.Context, cfg *model.Config, c *model.Client, l *Login, now int64, rec Record) (sid, code string, started bool, err error) {
	if sid = l.Session; sid == "" {
		started = true
		if sid, err = s.NewID(l.User.ID); err != nil {
			return "", "", false, err
		}
	}
	var pending *store.Pending
	if l.Code != nil {
		if pending, err = s.newCode(cfg, c, l, sid, started, now); err != nil {
			return "", "", false, err
		}
		code = pending.Handle
	}
	if l.Prepare != nil {
		if err := l.Prepare(sid, code); err != nil {
			return "", "", false, err
		}
	}
	markPushed, err := s.usePushed(ctx, cfg.Realm.Num, l.Pushed, now)
	if err != nil {
		return "", "", false, err
	}
	us := &model.UserSession{ID: sid, RealmNum: cfg.Realm.Num, UserID: l.User.ID, Started: now, IP: l.IP, RememberMe: l.Remember}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := markPushed(tx); err != nil {
			return err
		}
		if l.Progress != nil {
			used := *l.Progress.pending
			used.Used = true
			if err := tx.UpdatePending(&used); err != nil {
				return err
			}
		}
		if !started {
			if err := lives(tx, l.User.ID, l.Session, false); err != nil {
				return err
			}
		}
		cs := &model.ClientSession{
			SessionID: sid, ClientNum: c.Num, RealmNum: cfg.Realm.Num, UserID: l.User.ID, UserStarted: now, Started: now, LastRefresh: now,
			RememberMe: l.Remember, Scope: l.Scope, Notes: l.Notes,
		}
		if err := tx.AttachSession(us, cs, model.SessionLimits(cfg.Realm, c, cs).Dies(cs)); err != nil {
			return err
		}
		if pending != nil {
			if err := tx.InsertPending(pending); err != nil {
				return err
			}
		}
		if l.Device != nil {
			if err := l.Device.approval(l, sid, started).store(tx); err != nil {
				return err
			}
		}
		return rec.in(tx)
	})
	return sid, code, started, err
}

// lives tells whether the session that is to go on is still there: it may have
// ended since it was read, and must not come back.
func lives(tx *store.Tx, userID, sessionID string, offline bool) error {
	us, _, err := tx.FindUserSession(model.ShardOf(userID), sessionID, offline)
	if errors.Is(err, store.ErrNotFound) || err == nil && (us.Ended != nil || us.UserID != userID) {
		return model.ErrSessionGone
	}
	return err
}

// newCode makes a code in the shard of its user.
func (s *Service) newCode(cfg *model.Config, c *model.Client, l *Login, sid string, started bool, now int64) (*store.Pending, error) {
	handle, err := model.NewHandle(model.ShardOf(l.User.ID), s.Rand)
	if err != nil {
		return nil, err
	}
	k := *l.Code
	k.ClientNum, k.UserID, k.SessionID, k.Notes, k.Scope = c.Num, l.User.ID, sid, l.Notes, l.Scope
	k.First = started
	return newPending(kindCode, cfg.Realm.Num, handle, k, now+l.Lifespan+codeGrace)
}

// codeGrace is how long an expired code is remembered, in seconds, so that its
// use is told from that of one that never was.
const codeGrace = 600

// Errors of UseCode.
var (
	ErrCodeUnknown = errors.New("code unknown or used")
	ErrCodeExpired = errors.New("code expired")
)

// UseCode takes a code, whoever brings it: it cannot be used again. A second
// use ends the client's part of the online session the first use belongs to
// (RFC 6749 §4.1.2: tokens issued for it should be revoked), while an offline
// session lives on (behaviour §3.3). by is the clientId of who brings it.
//
// Errors: ErrCodeUnknown, ErrCodeExpired.
func (s *Service) UseCode(ctx context.Context, realm int64, handle, by string, now int64) (*Code, error) {
	code := &Code{}
	pending, err := s.pending(ctx, kindCode, realm, handle, now, code)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrCodeUnknown
	} else if err != nil {
		return nil, err
	}
	won, err := s.Store.UsePending(ctx, pending, nil)
	switch {
	case err != nil:
		return nil, err
	case !won:
		key := store.SessionKey{Shard: model.ShardOf(code.UserID), SessionID: code.SessionID, ClientNum: code.ClientNum}
		err := s.Store.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.EndClientSession(key, s.ending(model.EndedByCodeReplay, by))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("end session of a code used twice: %w", err)
		}
		return code, ErrCodeUnknown
	case pending.Expires-codeGrace <= now:
		return code, ErrCodeExpired
	}
	return code, nil
}

// Redeemed is a code whose tokens are about to be handed out.
type Redeemed struct {
	Code    *Code
	Login   *model.ClientSession // the online session it belongs to
	User    *model.User
	Offline bool // the tokens are for offline access
	Scope   string
	IP      string
	Device  bool // the code is a device's
	// Prepare makes the answer for the session its tokens belong to, before
	// anything is written. The Record it returns is stored with it.
	Prepare func(cs *model.ClientSession) (Record, error)
}

// Redeem writes what the first use of a code changes. For offline access the
// user gets an offline session of the login's id, or the client a part in the
// one that is there. The login goes on, unless it was made for this request
// alone and no other client has joined it: that of a device ends, that of a
// browser where the realm wants it to (design §3).
func (s *Service) Redeem(ctx context.Context, cfg *model.Config, c *model.Client, in Redeemed, now int64) error {
	cs := in.Login
	if in.Offline {
		cs = &model.ClientSession{
			SessionID: in.Login.SessionID, ClientNum: c.Num, Offline: true, RealmNum: cfg.Realm.Num, UserID: in.User.ID,
			UserStarted: now, Started: now, LastRefresh: now, RememberMe: in.Login.RememberMe, Scope: in.Scope, Notes: in.Code.Notes,
		}
	}
	rec, err := in.Prepare(cs)
	if err != nil || rec == nil && !in.Offline {
		return err
	}
	us := &model.UserSession{
		ID: cs.SessionID, Offline: true, RealmNum: cfg.Realm.Num, UserID: in.User.ID, Started: now, IP: in.IP, RememberMe: cs.RememberMe,
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		if in.Offline {
			if err := tx.AttachSession(us, cs, model.SessionLimits(cfg.Realm, c, cs).Dies(cs)); err != nil {
				return err
			}
		}
		if in.Offline && in.Code.First && (in.Device || cfg.Realm.OfflineEndsBrowserSession()) {
			if err := s.endLogin(tx, c, in); err != nil {
				return err
			}
		}
		return rec.in(tx)
	})
	if err != nil {
		return fmt.Errorf("redeem code: %w", err)
	}
	return nil
}

// endLogin ends the login behind an offline session, unless another client has
// joined it meanwhile.
func (s *Service) endLogin(tx *store.Tx, c *model.Client, in Redeemed) error {
	shard := model.ShardOf(in.User.ID)
	n, err := tx.LiveClientSessions(shard, in.Login.SessionID, false)
	if err != nil || n > 1 {
		return err
	}
	_, err = tx.EndUserSession(shard, in.Login.SessionID, false, s.ending(model.EndedByOffline, c.ClientID))
	return err
}
