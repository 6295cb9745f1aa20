package admin

import (
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

var attackRoutes = []route{
	{"GET", attackPath + "/{id}", viewUsers, (*call).getLoginFailures},
	{"DELETE", attackPath + "/{id}", manageUsers, (*call).clearLoginFailures},
	{"DELETE", attackPath, manageUsers, (*call).clearAllLoginFailures},
}

const attackPath = "/{realm}/attack-detection/brute-force/users"

// getLoginFailures tells of a user's wrong passwords. Of nobody, and where the
// realm does not count them, it tells zeros, as Keycloak.
func (c *call) getLoginFailures() error {
	f, err := c.api.Store.LoginFailures(c.ctx, c.snap.Realm.Num, c.id())
	if err != nil {
		return err
	}
	if !c.snap.Realm.BruteForce().On {
		*f = model.LoginFailures{}
	}
	locked, until, ip := f.Locked(c.now().Unix()), int64(0), "n/a"
	if locked {
		until = f.Until
	}
	if f.IP != "" {
		ip = f.IP
	}
	return c.answer(keycloak.Object{
		{Name: "failedLoginNotBefore", Value: until}, {Name: "numFailures", Value: f.Failures},
		{Name: "numTemporaryLockouts", Value: f.Lockouts}, {Name: "disabled", Value: locked},
		{Name: "numSecondaryAuthFailures", Value: 0}, {Name: "lastIPFailure", Value: ip}, {Name: "lastFailure", Value: f.LastMS},
	})
}

// clearLoginFailures ends a temporary lockout. Who is locked out permanently is
// disabled, and stays so until enabled.
func (c *call) clearLoginFailures() error {
	clear := func(tx *store.Tx) error { return tx.ClearLoginFailures(c.snap.Realm.Num, c.id()) }
	rec := then(clear, c.record(deed{op: opDelete, on: onLoginFailure, path: "attack-detection/brute-force/users/" + c.id()}))
	if err := c.api.Store.Write(c.ctx, func(tx *store.Tx) error { return rec(tx) }); err != nil {
		return err
	}
	return c.noContent()
}

// clearBatch is how many rows one transaction removes.
const clearBatch = 500

// clearAllLoginFailures ends all temporary lockouts of the realm.
func (c *call) clearAllLoginFailures() error {
	for n := clearBatch; n == clearBatch; {
		err := c.api.Store.Write(c.ctx, func(tx *store.Tx) (err error) {
			n, err = tx.ClearRealmFailures(c.snap.Realm.Num, clearBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := c.note(deed{op: opDelete, on: onLoginFailure, path: "attack-detection/brute-force/users"}); err != nil {
		return err
	}
	return c.noContent()
}
