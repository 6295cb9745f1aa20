package realm

import (
	"context"
	"fmt"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/store"
)

// SweepEvents removes up to limit events of each kind and realm that are older
// than the realm keeps them (eventsExpiration, attribute
// adminEventsExpiration; seconds, 0 keeps all). It returns the largest batch
// removed: fewer than limit means nothing more is due.
func (s *Service) SweepEvents(ctx context.Context, limit int) (removed int, err error) {
	for _, snap := range s.Snapshots(ctx) {
		r := snap.Realm
		user := r.EventsExpiration
		admin, _ := strconv.ParseInt(r.Attributes["adminEventsExpiration"], 10, 64)
		if user <= 0 && admin <= 0 {
			continue
		}
		now := s.Now()
		err := s.Store.Write(ctx, func(tx *store.Tx) error {
			if user > 0 {
				n, err := tx.DeleteOldEvents(r.Num, now.UnixMilli()-user*1000, limit)
				if err != nil {
					return err
				}
				removed = max(removed, n)
			}
			if admin > 0 {
				n, err := tx.DeleteOldAdminEvents(r.Num, now.UnixMilli()-admin*1000, limit)
				if err != nil {
					return err
				}
				removed = max(removed, n)
			}
			return nil
		})
		if err != nil {
			return removed, fmt.Errorf("remove old events of %q: %w", r.Name, err)
		}
	}
	return removed, nil
}
