package model

import "math"

// LoginFailures are a user's wrong passwords since the last right one. The zero
// value, with UserID and RealmNum, stands for none.
type LoginFailures struct {
	UserID   string
	RealmNum int64
	Failures int
	Lockouts int    // how often the failures locked the user out since
	LastMS   int64  // Unix milliseconds of the last one
	Until    int64  // Unix seconds: no login before; Forever until an administrator acts
	IP       string // of the last one
	Version  int64  // 0: not stored
}

// Forever is the Until of a permanent lockout, as Keycloak tells it.
const Forever = math.MaxInt64

// Locked tells whether nobody may log in at now (Unix seconds), not even with
// the right password.
func (f *LoginFailures) Locked(now int64) bool { return now < f.Until }

// BruteForce are a realm's rules against guessing passwords, under Keycloak's
// names and defaults.
type BruteForce struct {
	On                bool
	Permanent         bool  // permanentLockout
	TemporaryLockouts int   // maxTemporaryLockouts, before the permanent one; 0: none
	FailureFactor     int   // failures until the first lockout; at least 1
	WaitIncrement     int64 // seconds
	MaxWait           int64 // seconds
	MaxDelta          int64 // seconds after which failures are forgotten
	QuickCheckMS      int64 // milliseconds between two failures that no person needs
	MinQuickWait      int64 // seconds
	Linear            bool  // bruteForceStrategy LINEAR; else MULTIPLE
}

// BruteForce reads the rules; a member that is missing or no number has
// Keycloak's default.
func (r *Realm) BruteForce() BruteForce {
	count := func(name string, def, least int64) int64 {
		return min(max(extra(r.Extra, name, def), least), math.MaxInt32) // Keycloak's integers
	}
	return BruteForce{
		On:                extra(r.Extra, "bruteForceProtected", false),
		Permanent:         extra(r.Extra, "permanentLockout", false),
		TemporaryLockouts: int(count("maxTemporaryLockouts", 0, 0)),
		FailureFactor:     int(count("failureFactor", 30, 1)),
		WaitIncrement:     count("waitIncrementSeconds", 60, 0),
		MaxWait:           count("maxFailureWaitSeconds", 900, 0),
		MaxDelta:          count("maxDeltaTimeSeconds", 43200, 0),
		QuickCheckMS:      count("quickLoginCheckMilliSeconds", 1000, 0),
		MinQuickWait:      count("minimumQuickLoginWaitSeconds", 60, 0),
		Linear:            extra(r.Extra, "bruteForceStrategy", "MULTIPLE") == "LINEAR",
	}
}

// Fail counts one more wrong password, given at nowMS (Unix milliseconds) from
// ip, and says until when it locks the user out. A failure a person could not
// make so soon after the last one locks out too, but is no lockout that
// TemporaryLockouts counts. (Measured on Keycloak 26.7.2.)
func (b BruteForce) Fail(f LoginFailures, nowMS int64, ip string) LoginFailures {
	last, since := f.LastMS, nowMS-f.LastMS
	if last > 0 && since > b.MaxDelta*1000 {
		f.Failures, f.Lockouts, f.Until = 0, 0, 0
	}
	f.Failures++
	f.LastMS, f.IP = nowMS, ip
	onlyPermanent := b.Permanent && b.TemporaryLockouts <= 0
	wait, lockout := int64(0), true
	if !onlyPermanent {
		wait = b.wait(f.Failures)
	}
	if wait == 0 && last > 0 && since < b.QuickCheckMS {
		wait, lockout = min(b.MinQuickWait, b.MaxWait), false
	}
	if wait > 0 {
		f.Until = nowMS/1000 + wait
		if lockout {
			f.Lockouts++
		}
	}
	if onlyPermanent && f.Failures >= b.FailureFactor || b.Permanent && !onlyPermanent && f.Lockouts > b.TemporaryLockouts {
		f.Until = Forever
	}
	return f
}

// wait is how long so many failures lock a user out, in seconds; 0: not at all.
func (b BruteForce) wait(failures int) int64 {
	times := int64(failures / b.FailureFactor)
	if b.Linear {
		times = int64(max(1+failures-b.FailureFactor, 0))
	}
	return min(times*b.WaitIncrement, b.MaxWait)
}

// Attribute and value that Keycloak marks a user with whom guessing disabled.
const (
	DisabledReason    = "disabledReason"
	ReasonPermanently = "permanentLockout"
)

// LockedPermanently tells whether guessing disabled the user, not an
// administrator: that is told to nobody, not even with the right password.
func (u *User) LockedPermanently() bool {
	v := u.Attributes[DisabledReason]
	return !u.Enabled && len(v) > 0 && v[0] == ReasonPermanently
}
