package store

import (
	"context"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qFailures      = stmt("login failures", `select failures, lockouts, last, until, ip, version from login_failure where sk = $1 and user_id = $2 and realm = $3`)
	qFailureInsert = stmt("insert login failures", `insert into login_failure (sk, user_id, realm, failures, lockouts, last, until, ip, version)
 values ($1, $2, $3, $4, $5, $6, $7, $8, 1) on conflict do nothing`)
	qFailureUpdate = stmt("update login failures", `update login_failure set failures = $1, lockouts = $2, last = $3, until = $4, ip = $5, version = version + 1
 where sk = $6 and user_id = $7 and version = $8`)
	qFailureDelete = stmt("delete login failures", `delete from login_failure where sk = $1 and user_id = $2`)
	qFailureClear  = stmt("clear login failures", `delete from login_failure where sk = $1 and user_id = $2 and realm = $3`)
)

// LoginFailures reads those of a user; none are no error.
func (s *Store) LoginFailures(ctx context.Context, realm int64, userID string) (*model.LoginFailures, error) {
	f := &model.LoginFailures{UserID: userID, RealmNum: realm}
	err := s.read(ctx, func(c *conn) error {
		_, err := c.on(qFailures).int(model.ShardOf(userID)).id(userID).int(realm).first(func(u *cursor) error {
			f.Failures, f.Lockouts, f.LastMS, f.Until, f.IP, f.Version = int(u.rInt()), int(u.rInt()), u.rInt(), u.rInt(), u.rText(), u.rInt()
			return nil
		})
		return err
	})
	return f, err
}

// PutLoginFailures stores f over what was read at f.Version. ErrStale when
// another failure came first: read again, and count again.
func (tx *Tx) PutLoginFailures(f *model.LoginFailures) error {
	sk := model.ShardOf(f.UserID)
	var n int
	var err error
	if f.Version == 0 {
		n, err = tx.c.on(qFailureInsert).int(sk).id(f.UserID).int(f.RealmNum).int(int64(f.Failures)).int(int64(f.Lockouts)).int(f.LastMS).int(f.Until).opt(f.IP).exec()
	} else {
		n, err = tx.c.on(qFailureUpdate).int(int64(f.Failures)).int(int64(f.Lockouts)).int(f.LastMS).int(f.Until).opt(f.IP).int(sk).id(f.UserID).int(f.Version).exec()
	}
	if err == nil && n == 0 {
		err = fmt.Errorf("login failures: %w", ErrStale)
	}
	return err
}

// ClearLoginFailures forgets those of a user of the realm.
func (tx *Tx) ClearLoginFailures(realm int64, userID string) error {
	_, err := tx.c.on(qFailureClear).int(model.ShardOf(userID)).id(userID).int(realm).exec()
	return err
}

// ClearRealmFailures forgets those of up to limit users of the realm, and tells
// of how many.
func (tx *Tx) ClearRealmFailures(realm int64, limit int) (int, error) {
	return tx.c.on(qFailuresOfRealm).int(realm).int(int64(limit)).exec()
}
