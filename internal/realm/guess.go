package realm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// Attempt is a username and a password that somebody gave.
type Attempt struct {
	Login    string // username, or e-mail where the realm allows it
	Password string
	IP       string
	ClientID string // for the event of a lockout
}

// Verdict is what became of an Attempt.
type Verdict struct {
	// User is who is meant. It is nil for nobody of that name, a user without
	// password and a service account.
	User  *model.User
	OK    bool   // the password is right, and no lockout forbids it
	Cause string // error of the event LOGIN_ERROR, one of the Cause constants; "" when OK
}

// Causes of a refused Attempt, as Keycloak's events name them. Whoever sent it
// is told the same words for all of them.
const (
	CauseNobody      = "user_not_found"
	CauseWrong       = "invalid_user_credentials"
	CauseTemporarily = "user_temporarily_disabled"
	CausePermanently = "user_disabled"
)

// VerifyPassword is the one place where passwords of logins are checked, and
// where the realm's brute force protection counts.
//
//	find the user ─► count the guess ─► one hash ─► right: forget the failures
//	                                            └► wrong: the count stays
//
// The guess is counted as wrong before its hash is computed, by a write guarded
// by the row's version. So of any number of guesses at once, on any node, only
// as many are looked at as the realm allows failures: who comes after the one
// that locks finds the lock, though no result is known yet. Counting
// afterwards would give away as many guesses as hashes can be in flight. The
// price is that a right password among several at once may be refused by a
// lock that lasts until the first of them is found right; Keycloak refuses
// every second one that is in flight.
//
// An unknown user, a user without password, a service account, a wrong password
// and a lockout cost the same: one hash, and where the realm counts, a read and
// a write of the same size. Unknown names leave no row.
//
// A hash under another policy than the realm's is renewed.
//
// Errors: credential.ErrBusy, which costs the user no failure; those of the
// store.
func (s *Service) VerifyPassword(ctx context.Context, snap *Snapshot, a Attempt) (Verdict, error) {
	policy := s.PasswordPolicy(snap)
	u, creds, err := s.Store.UserAndPassword(ctx, snap.Realm.Num, strings.ToLower(a.Login), snap.Realm.LoginWithEmailAllowed)
	if errors.Is(err, store.ErrNotFound) || err == nil && (len(creds) == 0 || u.ServiceClientID != "") {
		if err := s.feint(ctx, snap); err != nil {
			return Verdict{}, err
		}
		return Verdict{Cause: CauseNobody}, s.Hasher.VerifyNothingUnder(ctx, a.Password, policy)
	} else if err != nil {
		return Verdict{}, err
	}
	g, err := s.charge(ctx, snap, u, a.IP)
	if err != nil {
		return Verdict{}, err
	}
	right, rehash, err := s.compare(ctx, creds[0], a.Password, policy)
	if err != nil {
		s.refund(ctx, g)
		return Verdict{}, err
	}
	switch {
	case g.refused != "":
		return Verdict{User: u, Cause: g.refused}, nil
	case !right:
		s.failed(ctx, snap, u, g, a)
		return Verdict{User: u, Cause: CauseWrong}, nil
	}
	if err := s.forgive(ctx, g); err != nil {
		return Verdict{}, err
	}
	if rehash {
		if err := s.Rehash(ctx, snap, u.ID, creds[0], a.Password); err != nil {
			s.Log.Warn("a password's hash could not be renewed", "user", u.ID, "err", err)
		}
	}
	return Verdict{User: u, OK: true}, nil
}

// compare checks a password. One whose hash cannot be read, which only an
// import brings, is wrong after the same time.
func (s *Service) compare(ctx context.Context, c model.Credential, password string, policy credential.Policy) (right, rehash bool, err error) {
	right, rehash, err = s.Hasher.Verify(ctx, c, password, policy)
	if errors.Is(err, credential.ErrMalformed) || errors.Is(err, credential.ErrUnsupported) {
		s.Log.Warn("a stored password cannot be checked", "credential", c.ID, "err", err)
		return false, false, s.Hasher.VerifyNothingUnder(ctx, password, policy)
	}
	return right, rehash, err
}

// guess is an attempt that was counted, or refused without.
type guess struct {
	refused string               // cause; "" when it may be looked at
	before  *model.LoginFailures // nil: nothing was counted
	after   model.LoginFailures
}

// chargeTries bounds how often a count is tried anew. Each try that fails is a
// count of somebody else, and the failureFactor-th of them locks.
const chargeTries = 1000

// charge counts a guess as wrong, unless the user is locked out.
func (s *Service) charge(ctx context.Context, snap *Snapshot, u *model.User, ip string) (*guess, error) {
	rules := snap.Realm.BruteForce()
	switch {
	case !rules.On:
		return &guess{}, nil
	case u.LockedPermanently():
		return &guess{refused: CausePermanently}, s.feint(ctx, snap)
	}
	for range chargeTries {
		f, err := s.Store.LoginFailures(ctx, snap.Realm.Num, u.ID)
		if err != nil {
			return nil, err
		}
		now := s.Now()
		if f.Locked(now.Unix()) {
			return &guess{refused: CauseTemporarily}, s.feint(ctx, snap)
		}
		g := &guess{before: f, after: rules.Fail(*f, now.UnixMilli(), ip)}
		err = s.Store.Write(ctx, func(tx *store.Tx) error { return tx.PutLoginFailures(&g.after) })
		if err == nil {
			g.after.Version++
			return g, nil
		}
		if !errors.Is(err, store.ErrStale) {
			return nil, fmt.Errorf("count a guess: %w", err)
		}
	}
	return nil, fmt.Errorf("count a guess: %w", store.ErrBusy)
}

// feint does what charge does, for nobody: the row is gone with the transaction.
func (s *Service) feint(ctx context.Context, snap *Snapshot) error {
	if !snap.Realm.BruteForce().On {
		return nil
	}
	f, err := s.Store.LoginFailures(ctx, snap.Realm.Num, s.newID())
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutLoginFailures(f); err != nil {
			return err
		}
		return tx.ClearLoginFailures(f.RealmNum, f.UserID)
	})
}

// refund takes a guess back whose hash was never computed, so that a server
// that is busy locks nobody out. Nobody learned anything by it.
func (s *Service) refund(ctx context.Context, g *guess) {
	if g.before == nil {
		return
	}
	f := *g.before
	f.Version = g.after.Version
	err := s.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.PutLoginFailures(&f) })
	if err != nil && !errors.Is(err, store.ErrStale) {
		s.Log.Warn("a guess that was not looked at stays counted", "user", f.UserID, "err", err)
	}
}

// forgive forgets the failures of who gave the right password.
func (s *Service) forgive(ctx context.Context, g *guess) error {
	if g.before == nil {
		return nil
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error { return tx.ClearLoginFailures(g.after.RealmNum, g.after.UserID) })
}

// failed does what a wrong password brings beyond its count, which is stored:
// the event of a lockout, and where it is permanent, the user is disabled. That
// this fails changes neither the lock nor the answer.
func (s *Service) failed(ctx context.Context, snap *Snapshot, u *model.User, g *guess, a Attempt) {
	if g.before == nil || !g.after.Locked(s.Now().Unix()) {
		return
	}
	var err error
	if g.after.Until == model.Forever {
		err = s.disable(ctx, snap, u, s.lockoutEvent(snap, u, g, a, "USER_DISABLED_BY_PERMANENT_LOCKOUT"))
	} else if rec := s.lockoutEvent(snap, u, g, a, "USER_DISABLED_BY_TEMPORARY_LOCKOUT"); rec != nil {
		err = s.Store.Write(ctx, func(tx *store.Tx) error { return rec(tx) })
	}
	if err != nil {
		s.Log.Warn("a lockout could not be noted with the user", "user", u.ID, "err", err)
	}
}

// disable is a permanent lockout. A user that an administrator disabled stays
// disabled by him.
func (s *Service) disable(ctx context.Context, snap *Snapshot, u *model.User, rec Record) error {
	return s.ChangeUser(ctx, snap.Realm.Name, u.ID, rec, func(_ *model.Config, u *model.User) error {
		if !u.Enabled {
			return nil
		}
		u.Enabled = false
		if u.Attributes == nil {
			u.Attributes = map[string][]string{}
		}
		u.Attributes[model.DisabledReason] = []string{model.ReasonPermanently}
		return nil
	})
}

// lockoutEvent is the event of a lockout; nil when the realm keeps none.
func (s *Service) lockoutEvent(snap *Snapshot, u *model.User, g *guess, a Attempt, kind string) Record {
	if !snap.Realm.KeepsEvent(kind) {
		return nil
	}
	e := &model.Event{
		ID: token.NewJTI(s.Rand), Type: kind, RealmNum: snap.Realm.Num, RealmID: snap.Realm.ID, UserID: u.ID, ClientID: a.ClientID,
		IP: a.IP, TimeMS: s.Now().UnixMilli(),
		Details: map[string]string{"reason": "brute_force_attack detected", "num_failures": strconv.Itoa(g.after.Failures)},
	}
	if g.after.Until != model.Forever {
		e.Details["not_before"] = time.Unix(g.after.Until, 0).UTC().Format("2006-01-02T15:04:05")
	}
	return func(tx *store.Tx) error { return tx.InsertEvent(e) }
}
