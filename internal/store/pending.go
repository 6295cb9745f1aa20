package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Pending is something in progress that a secret handle stands for, until it
// is used or expires: a login, an authorization code, a pushed request, a
// device code. The handle is stored as its hash alone.
type Pending struct {
	Handle   string // model.NewHandle, or a word people type
	Kind     string // handles of one kind are not found as another
	RealmNum int64
	Doc      []byte // JSON; the caller's
	Expires  int64  // Unix seconds: not found from then on
	Used     bool
	Version  int64 // set by the store; a guarded write names it
}

var (
	qPendingInsert = stmt("insert pending", `insert into pending (sk, id, kind, realm, version, used, doc, exp, die_slot)
 values ($1, $2, $3, $4, 1, 0, $5, $6, $7) on conflict do nothing`)
	qPending       = stmt("pending", `select realm, version, used, doc, exp from pending where sk = $1 and id = $2 and kind = $3`)
	qPendingUpdate = stmt("update pending", `update pending set used = $1, doc = $2, exp = $3, die_slot = $4, version = version + 1
 where sk = $5 and id = $6 and version = $7`)
	qPendingDelete = stmt("delete pending", `delete from pending where sk = $1 and id = $2`)
)

// pendingKey is where a handle's row lies: in the shard the handle names, or in
// that of its hash.
func pendingKey(p *Pending) (sk int64, id []byte) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", p.Kind, p.RealmNum, p.Handle))
	if sk, ok := model.HandleShard(p.Handle); ok {
		return sk, sum[:]
	}
	return (int64(sum[0])<<8 | int64(sum[1])) % model.Shards, sum[:]
}

// InsertPending stores something new and sets its version. *ConflictError when
// there is one of that handle.
func (tx *Tx) InsertPending(p *Pending) error {
	sk, id := pendingKey(p)
	n, err := tx.c.on(qPendingInsert).int(sk).bytes(id).text(p.Kind).int(p.RealmNum).text(string(p.Doc)).int(p.Expires).int(dieSlot(p.Expires)).exec()
	if err == nil && n == 0 {
		return &ConflictError{Kind: p.Kind, Value: ""}
	}
	p.Version = 1
	return err
}

// Pending reads what a handle of a kind and realm stands for, used or not.
// ErrNotFound also when it expired by now.
func (s *Store) Pending(ctx context.Context, kind string, realm int64, handle string, now int64) (*Pending, error) {
	p := &Pending{Handle: handle, Kind: kind, RealmNum: realm}
	if handle == "" {
		return nil, errNoPending
	}
	found := false
	err := s.read(ctx, func(c *conn) (err error) {
		found, err = readPending(c, p)
		return err
	})
	if err == nil && (!found || p.Expires <= now) {
		err = errNoPending
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

var errNoPending = fmt.Errorf("pending: %w", ErrNotFound)

func readPending(c *conn, p *Pending) (bool, error) {
	sk, id := pendingKey(p)
	realm := int64(0)
	found, err := c.on(qPending).int(sk).bytes(id).text(p.Kind).first(func(u *cursor) error {
		realm, p.Version, p.Used = u.rInt(), u.rInt(), u.rFlag()
		p.Doc, p.Expires = []byte(u.rText()), u.rInt()
		return nil
	})
	return found && realm == p.RealmNum, err
}

// UpdatePending writes Doc, Expires and Used over the row that was read at
// p.Version, and moves the version on. ErrStale when another write came first,
// or when it is gone.
func (tx *Tx) UpdatePending(p *Pending) error {
	sk, id := pendingKey(p)
	n, err := tx.c.on(qPendingUpdate).flag(p.Used).text(string(p.Doc)).int(p.Expires).int(dieSlot(p.Expires)).int(sk).bytes(id).int(p.Version).exec()
	switch {
	case err != nil:
		return err
	case n == 0:
		return fmt.Errorf("pending %s: %w", p.Kind, ErrStale)
	}
	p.Version++
	return nil
}

// UsePending marks as used what was read unused, so that of many users of a
// handle one wins; won is false for all others.
func (s *Store) UsePending(ctx context.Context, p *Pending, and func(tx *Tx) error) (won bool, err error) {
	if p.Used {
		return false, nil
	}
	next := *p
	err = s.Write(ctx, func(tx *Tx) error {
		next = *p // it may run again
		next.Used = true
		if err := tx.UpdatePending(&next); err != nil || and == nil {
			return err
		}
		return and(tx)
	})
	if errors.Is(err, ErrStale) {
		return false, nil
	}
	if err == nil {
		*p = next
	}
	return err == nil, err
}

// DeletePending forgets a handle.
func (tx *Tx) DeletePending(p *Pending) error {
	sk, id := pendingKey(p)
	_, err := tx.c.on(qPendingDelete).int(sk).bytes(id).exec()
	return err
}
