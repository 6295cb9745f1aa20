package session

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Bounds of one step of Revoke.
const (
	revokeBatch = 100             // sessions that one transaction ends
	revokeMost  = 5000            // sessions that one step ends
	revokeTime  = 2 * time.Second // after which a step begins no more batches
)

// Revocation ends offline sessions that a filter selects. By is who does it.
type Revocation struct {
	Filter Filter
	By     string
	DryRun bool        // only count what would end
	After  store.Place // of the step before; the zero Place at first
}

// Revoked is what one step ended, or would end.
type Revoked struct {
	Offline int64 // clients' parts of offline sessions
	Online  int64 // parts of online sessions that ended with a whole client
	Whole   bool  // by one row: all of the client's sessions
	Parts   []Ended
	Next    *store.Place // where the next step begins; nil when it is done
}

// Revoke does a step. All sessions of a client end by one row, at any number,
// the online ones too; what other filters select ends in transactions of
// revokeBatch, the client's online part of the same session with it. One that is
// refreshed meanwhile goes on where the filter is about the last refresh.
func (s *Service) Revoke(ctx context.Context, cfg *model.Config, in Revocation) (Revoked, error) {
	if in.Filter.wholeClient() && in.After == (store.Place{}) {
		return s.revokeClient(ctx, cfg, in)
	}
	var out Revoked
	begun := s.Now()
	for after := in.After; ; after = *out.Next {
		scan, err := s.scan(ctx, cfg, in.Filter, after, revokeBatch)
		if err != nil {
			return out, err
		}
		found, err := s.Store.Scan(ctx, scan)
		if err != nil {
			return out, err
		}
		parts, err := s.endFound(ctx, found.Found, in)
		if err != nil {
			return out, fmt.Errorf("revoke sessions: %w", err)
		}
		out.Offline += int64(len(parts))
		out.Parts = append(out.Parts, parts...)
		if out.Next = found.Next; out.Next == nil || out.Offline >= revokeMost || s.Now().Sub(begun) >= revokeTime {
			return out, nil
		}
	}
}

func (s *Service) revokeClient(ctx context.Context, cfg *model.Config, in Revocation) (out Revoked, err error) {
	out.Whole = true
	if out.Offline, err = s.Count(ctx, cfg, in.Filter.Client, true); err != nil {
		return out, err
	}
	if out.Online, err = s.Count(ctx, cfg, in.Filter.Client, false); err != nil || in.DryRun {
		return out, err
	}
	return out, s.EndAllOfClient(ctx, cfg.Realm.Num, in.Filter.Client.Num, model.EndedByAdmin, in.By, nil)
}

// endFound ends sessions as they were read, in one transaction.
func (s *Service) endFound(ctx context.Context, found []model.ClientSession, in Revocation) (parts []Ended, err error) {
	if in.DryRun || len(found) == 0 {
		for i := range found {
			parts = append(parts, endedPart(&found[i]))
		}
		return parts, nil
	}
	e := s.ending(model.EndedByAdmin, in.By)
	err = s.Store.Write(ctx, func(tx *store.Tx) error {
		parts = parts[:0] // it may run again
		for i := range found {
			cs := &found[i]
			key := store.KeyOf(cs)
			ended, err := endShareWithTwin(tx, key, e, func() (bool, error) {
				if in.Filter.UsedBefore > 0 {
					return tx.SweepEnd(key, cs.Version, e)
				}
				return tx.EndClientSession(key, e)
			})
			if err != nil {
				return err
			}
			if ended {
				parts = append(parts, endedPart(cs))
			}
		}
		return nil
	})
	return parts, err
}

func endedPart(cs *model.ClientSession) Ended {
	return Ended{ClientNum: cs.ClientNum, UserID: cs.UserID, SessionID: cs.SessionID}
}
