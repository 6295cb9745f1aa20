package session

import (
	"context"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Sweep looks at up to limit sessions whose earliest possible end has passed:
// it ends the expired ones, moves the others to their next possible end, and
// removes rows that ended long ago. configOf gives the configuration of a
// realm number, nil when the realm is gone. It returns how many rows it
// handled: fewer than limit means nothing more is due.
//
// Only slots that have passed as a whole are looked at, so a session that goes
// on is never due twice in one slot. Every write is guarded by the row's version, so a refresh that comes in
// between wins.
func (s *Service) Sweep(ctx context.Context, configOf func(realm int64) *model.Config, limit int) (int, error) {
	now := s.now()
	due, err := s.Store.DueSessions(ctx, now/store.DieSlotSeconds, limit)
	if err != nil {
		return 0, fmt.Errorf("read due sessions: %w", err)
	}
	if len(due) > 0 {
		err = s.Store.Write(ctx, func(tx *store.Tx) error {
			for i := range due {
				if err := sweepOne(tx, configOf, &due[i], now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("sweep: %w", err)
		}
	}
	removed := 0
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.DeleteEnded((now-store.KeepEnded)/store.DieSlotSeconds, limit)
		if err != nil {
			return err
		}
		m, err := tx.DeleteExpired(now, limit)
		removed = max(n, m)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove ended sessions: %w", err)
	}
	purged, err := s.Store.PurgeLeftovers(ctx, now, limit)
	if err != nil {
		return 0, fmt.Errorf("purge: %w", err)
	}
	return max(len(due), removed, purged), nil
}

func sweepOne(tx *store.Tx, configOf func(int64) *model.Config, cs *model.ClientSession, now int64) error {
	key := store.KeyOf(cs)
	cfg := configOf(cs.RealmNum)
	var c *model.Client
	if cfg != nil {
		c = cfg.ClientByNum(cs.ClientNum)
	}
	if c == nil { // the client is gone, or this node has not seen it yet: look again later
		_, err := tx.Reslot(key, cs.Version, now+60*60)
		return err
	}
	limits := model.SessionLimits(cfg.Realm, c, cs)
	reason, over := limits.Expired(cs, now)
	if !over {
		_, err := tx.Reslot(key, cs.Version, max(limits.Dies(cs), now+1))
		return err
	}
	_, err := tx.SweepEnd(key, cs.Version, model.Ending{At: now, Reason: reason})
	return err
}
