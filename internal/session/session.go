// Package session is the life of sessions: start, refresh, end, list, count,
// sweep. It is the only writer of session rows; every write is one guarded
// statement or one transaction, and no session is ever cached, so an ending
// acts at once on every node.
//
//	start ──► live ──(refresh: touch or rotate)──► live
//	            │
//	            ├─ logout, revoke, administrator, replay ──► ended (reason, by)
//	            ├─ user, realm or client generation moves ──► superseded
//	            └─ idle or maximum passes ──► expired ──(sweeper)──► ended
//
// It leaves tokens to the doors, timeouts and rotation rules to package model
// and SQL to package store.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Service needs a migrated Store, a source of randomness and a clock.
type Service struct {
	Store *store.Store
	Rand  io.Reader
	Now   func() time.Time
}

func (s *Service) now() int64 { return s.Now().Unix() }

// Record is the caller's own note of a write, stored in the same transaction:
// an event, an admin event. nil records nothing.
type Record func(tx *store.Tx) error

func (r Record) in(tx *store.Tx) error {
	if r == nil {
		return nil
	}
	return r(tx)
}

// StartInput describes a login that gets a session.
type StartInput struct {
	SessionID  string // of the login it belongs to; "" makes a new one
	Offline    bool
	IP         string
	RememberMe bool
	Scope      string
	Notes      map[string]string
	Chain      model.Chain // rotation state of the first refresh token
}

// NewID makes a session id for a user.
func (s *Service) NewID(userID string) (string, error) {
	return model.NewSessionID(model.ShardOf(userID), s.Rand)
}

// Start makes a user session, unless it is there, and the client's share of
// it. now is Unix seconds: the iat of the tokens that go with it.
func (s *Service) Start(ctx context.Context, cfg *model.Config, c *model.Client, u *model.User, in StartInput, now int64, rec Record) (*model.ClientSession, error) {
	us := &model.UserSession{
		ID: in.SessionID, Offline: in.Offline, RealmNum: cfg.Realm.Num, UserID: u.ID,
		Started: now, IP: in.IP, RememberMe: in.RememberMe,
	}
	cs := &model.ClientSession{
		SessionID: us.ID, ClientNum: c.Num, Offline: in.Offline, RealmNum: cfg.Realm.Num, UserID: u.ID,
		UserStarted: now, Started: now, LastRefresh: now, RememberMe: in.RememberMe,
		Scope: in.Scope, Notes: in.Notes, Chain: in.Chain,
	}
	dies := model.SessionLimits(cfg.Realm, c, cs).Dies(cs)
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.StartSession(us, cs, dies); err != nil {
			return err
		}
		return rec.in(tx)
	})
	if err != nil {
		return nil, fmt.Errorf("start session: %w", err)
	}
	return cs, nil
}

// Use is one presentation of a refresh token to Refresh.
type Use struct {
	model.RefreshUse
	SessionID string
	Subject   string // sub of the token, "" when it has none
	NewJTI    string // of the refresh token that will be handed out
	NewIssued int64  // its iat: now
	// Prepare, when set, makes the answer once the use is allowed and before
	// anything is written, so that a failure to make it costs the caller
	// nothing. It runs again when another write came first; the Record it
	// returns is stored with the refresh.
	Prepare func(row *model.SessionRow) (Record, error)
}

// Key is where a token's client session lies. The subject decides the shard
// where the token names one, since ids of imported sessions carry none.
func Key(c *model.Client, sessionID, subject string, offline bool) store.SessionKey {
	shard, ok := model.SessionShard(sessionID)
	if subject != "" {
		shard, ok = model.ShardOf(subject), true
	}
	if !ok {
		shard = -1
	}
	return store.SessionKey{Shard: shard, SessionID: sessionID, ClientNum: c.Num, Offline: offline}
}

// Refresh decides whether a refresh token may be used and moves its session
// forward: one read, at most one write. It returns the row the tokens are
// minted from.
//
// A guarded write that hits no row is not yet a replay: the row is read again
// and decided again, so of parallel uses exactly one wins where rotation
// allows one. A replay ends the client session.
//
// Errors: those of model.CheckRefresh and model.UseChain; model.ErrSessionGone
// also for a session that was never there.
func (s *Service) Refresh(ctx context.Context, cfg *model.Config, c *model.Client, u Use) (*model.SessionRow, error) {
	key := Key(c, u.SessionID, u.Subject, u.Offline)
	lost := false // the outcome of an earlier write is not known
	for range maxRaces {
		row, err := s.Store.SessionForRefresh(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, model.ErrSessionGone
		} else if err != nil {
			return nil, fmt.Errorf("read session: %w", err)
		}
		if row.Session.RealmNum != cfg.Realm.Num {
			return nil, model.ErrSessionGone
		}
		if err := model.CheckRefresh(cfg, c, u.RefreshUse, row, u.NewIssued); err != nil {
			return row, err
		}
		if lost && handedTo(&row.Session, u.NewJTI) {
			return row, nil
		}
		done, err := s.advance(ctx, cfg, c, key, row, u)
		if errors.Is(err, store.ErrUnknown) && ctx.Err() == nil {
			lost = true
			continue
		}
		if err != nil || done {
			return row, err
		}
	}
	return nil, fmt.Errorf("refresh session: %w", store.ErrBusy)
}

// handedTo tells whether the session's newest token is jti, which only this
// refresh knows: its write, whose answer was lost, was applied. To decide again
// would take its own rotation for a replay.
func handedTo(cs *model.ClientSession, jti string) bool {
	if cs.Chain.Current == jti {
		return true
	}
	for _, ch := range cs.MoreChains {
		if ch.Current == jti {
			return true
		}
	}
	return false
}

// maxRaces bounds how often a refresh decides again after losing a race. With
// rotation the second look decides; without, a lost touch needs no repeat.
const maxRaces = 100

// advance writes what the refresh changes; done is false when another write
// came first and the decision must be taken again.
func (s *Service) advance(ctx context.Context, cfg *model.Config, c *model.Client, key store.SessionKey, row *model.SessionRow, u Use) (done bool, err error) {
	cs := row.Session
	write := true
	if cfg.Realm.RevokeRefreshToken {
		main, more, err := model.UseChain(&cs, u.RefreshUse, cfg.Realm.RefreshTokenMaxReuse, u.NewJTI, u.NewIssued)
		if errors.Is(err, model.ErrStale) {
			return false, err
		} else if err != nil {
			return s.endReplayed(ctx, c, key, err)
		}
		cs.Chain, cs.MoreChains = main, more
	} else {
		limits := model.SessionLimits(cfg.Realm, c, &cs)
		lag := time.Duration(u.NewIssued-cs.LastRefresh) * time.Second
		write = lag > 0 && lag >= model.TouchEvery(min(limits.Idle, limits.RealmIdle))
	}
	cs.LastRefresh = max(cs.LastRefresh, u.NewIssued)
	var rec Record
	if u.Prepare != nil {
		if rec, err = u.Prepare(row); err != nil {
			return false, err
		}
	}
	if done, err = s.store(ctx, &cs, write, rec); err != nil {
		return false, fmt.Errorf("refresh session: %w", err)
	}
	return done, nil
}

// store writes a refreshed session and its record: nothing, one statement, or
// both in one transaction.
func (s *Service) store(ctx context.Context, cs *model.ClientSession, write bool, rec Record) (done bool, err error) {
	switch {
	case rec == nil && !write:
		return true, nil
	case rec == nil:
		return s.Store.TouchClientSession(ctx, cs)
	}
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		done = true
		if write {
			if done, err = tx.TouchClientSession(cs); err != nil || !done {
				return err
			}
		}
		return rec(tx)
	})
	return done && err == nil, err
}

// endReplayed ends the client session before the replay is refused, so that
// the thief's and the owner's tokens die together (behaviour §4.5).
func (s *Service) endReplayed(ctx context.Context, c *model.Client, key store.SessionKey, why error) (bool, error) {
	e := s.ending(model.EndedByReplay, c.ClientID)
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.EndClientSession(key, e)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("end replayed session: %w", err)
	}
	return true, why
}
