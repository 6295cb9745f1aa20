package store

import (
	"context"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qReslot = stmt("reslot session", `update client_session set die_slot = $1
 where sk = $2 and session_id = $3 and +client = $4 and offline = $5 and version = $6 and ended is null`)

	qEndedDelete = stmt("delete ended session", `delete from client_session
 where sk = $1 and session_id = $2 and +client = $3 and offline = $4 and ended is not null`)

	qEmptyUserSession = stmt("delete empty user session", `delete from user_session where sk = $1 and id = $2 and offline = $3
 and not exists (select 1 from client_session cs where cs.sk = $1 and cs.session_id = $2 and cs.offline = $3)`)

	qLeaseTake   = stmt("take lease", `update lease set holder = $1, held_until = $2 where name = $3 and (holder = $1 or held_until <= $4)`)
	qLeaseInsert = stmt("insert lease", `insert into lease (name, holder, held_until) values ($1, $2, $3) on conflict do nothing`)
)

// DueSessions lists sessions that did not end and whose die slot is before
// slot (now/DieSlotSeconds), the longest due first, without their scopes;
// superseded ones are among them. The caller ends those whose time is over (SweepEnd) and moves the
// others (Reslot): either takes them from this list.
func (s *Store) DueSessions(ctx context.Context, slot int64, limit int) ([]model.ClientSession, error) {
	var all []model.ClientSession
	err := s.readLong(ctx, func(c *conn) error {
		keys, err := sessionKeys(c.on(qDue).int(slot).int(int64(limit)))
		for i := 0; err == nil && i < len(keys); i++ {
			x := model.ClientSession{}
			var found bool
			found, err = bindKey(c.on(qSessionByKey), keys[i]).first(func(u *cursor) error {
				_, _, err := scanSession(u, &x)
				return err
			})
			if found {
				all = append(all, x)
			}
		}
		return err
	})
	return all, err
}

// sessionKeys reads rows of sk, session_id, client, offline.
func sessionKeys(u *cursor) (keys []SessionKey, err error) {
	err = u.each(func(u *cursor) error {
		k := SessionKey{Shard: u.rInt()}
		k.SessionID, k.ClientNum, k.Offline = u.rSID(k.Shard), u.rInt(), u.rFlag()
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

// OldestDue is since which second the session that DueSessions lists first has
// been there; false when it lists none.
func (s *Store) OldestDue(ctx context.Context, slot int64) (since int64, due bool, err error) {
	err = s.readLong(ctx, func(c *conn) error {
		due, err = c.on(qOldestDue).int(slot).first(func(u *cursor) error {
			since = (u.rInt() + 1) * DieSlotSeconds
			return nil
		})
		return err
	})
	return since, due, err
}

// Reslot notes the new earliest second a session may be over; false when it
// changed since it was read at version.
func (tx *Tx) Reslot(k SessionKey, version, dies int64) (bool, error) {
	n, err := bindKey(tx.c.on(qReslot).int(dieSlot(dies)), k).int(version).exec()
	return n == 1, err
}

// DeleteEnded removes up to limit rows of sessions that ended before slot
// ((now-keep)/DieSlotSeconds), and the user sessions they leave empty. It
// returns how many: fewer than limit means done.
func (tx *Tx) DeleteEnded(slot int64, limit int) (int, error) {
	keys, err := sessionKeys(tx.c.on(qEndedBefore).int(endedSlot(slot * DieSlotSeconds)).int(int64(limit)))
	if err != nil {
		return 0, err
	}
	for _, k := range keys {
		if _, err := bindKey(tx.c.on(qEndedDelete), k).exec(); err != nil {
			return 0, err
		}
		if _, err := tx.c.on(qEmptyUserSession).int(k.Shard).sid(k.Shard, k.SessionID).flag(k.Offline).exec(); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// DeleteExpired removes revoked token ids, single-use claims and pending things
// that expired before now, up to limit of each. It returns how many.
func (tx *Tx) DeleteExpired(now int64, limit int) (int, error) {
	tokens, err := tx.c.on(qExpiredTokens).int(dieSlot(now)).int(int64(limit)).exec()
	if err != nil {
		return 0, err
	}
	claims, err := tx.c.on(qExpiredClaims).int(dieSlot(now)).int(int64(limit)).exec()
	if err != nil {
		return 0, err
	}
	pending, err := tx.c.on(qExpiredPending).int(dieSlot(now)).int(int64(limit)).exec()
	return tokens + claims + pending, err
}

// Lease takes or renews a named lease until a moment; false while another
// holder has it. Background jobs run under one, so that one node runs them.
func (s *Store) Lease(ctx context.Context, name, holder string, now, until int64) (held bool, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		n, err := tx.c.on(qLeaseTake).text(holder).int(until).text(name).int(now).exec()
		if err == nil && n == 0 {
			n, err = tx.c.on(qLeaseInsert).text(name).text(holder).int(until).exec()
		}
		held = n == 1
		return err
	})
	return held && err == nil, err
}
