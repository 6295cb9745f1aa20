package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/latchkey-id/latchkey/internal/store"
)

// A device code is two rows, so that polls and the person never wait for each
// other, and none of them holds a secret of the other side:
//
//	device code (polled) ─► Device, names the user code ─► Verification (approved, denied)
//
// A poll in time writes the first, guarded by its version; the approval or the
// refusal writes the second, once. RFC 8628.

// Device is what a device code stands for.
type Device struct {
	ClientNum int64  `json:"client"`
	Scope     string `json:"scope,omitempty"` // as sent
	Nonce     string `json:"nonce,omitempty"`
	Challenge string `json:"challenge,omitempty"`
	Method    string `json:"method,omitempty"`
	Interval  int64  `json:"interval"` // seconds between two polls
	UserCode  string `json:"user_code"`
	Expires   int64  `json:"expires"`             // Unix seconds
	LastPoll  int64  `json:"last_poll,omitempty"` // Unix seconds of the last poll in time

	pending *store.Pending
}

// Verification is what a user code stands for: what a person is asked about a
// device, and the answer.
type Verification struct {
	ClientNum int64  `json:"client"`
	Scope     string `json:"scope,omitempty"` // as sent
	Expires   int64  `json:"expires"`         // Unix seconds
	Denied    bool   `json:"denied,omitempty"`
	// Login is the approval: the login the tokens belong to. nil before it.
	Login *Code `json:"login,omitempty"`

	pending *store.Pending
}

const (
	kindDevice   = "device"
	kindUserCode = "user code"
)

// deviceGrace is how long an expired device code is remembered beside its
// interval, in seconds, so that a device that polls in time is told (as
// Keycloak).
const deviceGrace = 10

// Errors of device codes.
var (
	ErrDevicePending = errors.New("device code not decided yet")
	ErrDeviceDenied  = errors.New("device code denied")
	ErrSlowDown      = errors.New("device polls too fast")
)

// NewDevice stores d and makes its device code and user code. Interval, the
// request's members and Expires are the caller's.
func (s *Service) NewDevice(ctx context.Context, realm int64, d *Device) (deviceCode string, err error) {
	if deviceCode, err = s.handle(""); err != nil {
		return "", err
	}
	forget := d.Expires + d.Interval + deviceGrace
	for range userCodeTries {
		if d.UserCode, err = newUserCode(s.Rand); err != nil {
			return "", err
		}
		err = s.insertDevice(ctx, realm, deviceCode, d, forget)
		var taken *store.ConflictError
		if !errors.As(err, &taken) {
			return deviceCode, err
		}
	}
	return "", fmt.Errorf("user code: %w", err)
}

// userCodeTries bounds how often a user code that is in use is drawn again.
const userCodeTries = 10

func (s *Service) insertDevice(ctx context.Context, realm int64, deviceCode string, d *Device, forget int64) error {
	device, err := newPending(kindDevice, realm, deviceCode, d, forget)
	if err != nil {
		return err
	}
	asked, err := newPending(kindUserCode, realm, d.UserCode, &Verification{ClientNum: d.ClientNum, Scope: d.Scope, Expires: d.Expires}, forget)
	if err != nil {
		return err
	}
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.InsertPending(asked); err != nil {
			return err
		}
		return tx.InsertPending(device)
	})
}

// User codes are eight letters, as Keycloak's: 37 bits, which is little. What
// protects them is that one lives for minutes, that an address may name few
// that do not exist (package login), and that a person consents to the client.
const userCodeLetters, userCodeLength = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 8

func newUserCode(rand io.Reader) (string, error) {
	const fair = 256 / len(userCodeLetters) * len(userCodeLetters) // a byte beyond would favour the first letters
	var code, b [userCodeLength]byte
	for n := 0; n < len(code); {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return "", fmt.Errorf("user code: %w", err)
		}
		for _, x := range b {
			if int(x) < fair && n < len(code) {
				code[n] = userCodeLetters[int(x)%len(userCodeLetters)]
				n++
			}
		}
	}
	return string(code[:]), nil
}

// ShowUserCode writes a user code as people read it: ABCD-EFGH.
func ShowUserCode(code string) string { return code[:userCodeLength/2] + "-" + code[userCodeLength/2:] }

// ReadUserCode takes a user code as people type it: dashes and case are free.
func ReadUserCode(typed string) string { return strings.ToUpper(strings.ReplaceAll(typed, "-", "")) }

// Verification reads what a user code (as ReadUserCode returns it) asks for.
//
// Errors: store.ErrNotFound for one that never was or was approved,
// ErrDeviceDenied, ErrCodeExpired.
func (s *Service) Verification(ctx context.Context, realm int64, userCode string, now int64) (*Verification, error) {
	v, err := s.verification(ctx, realm, userCode, now)
	switch {
	case err != nil:
		return nil, err
	case v.Login != nil:
		return nil, fmt.Errorf("user code used: %w", store.ErrNotFound)
	case v.Denied:
		return nil, ErrDeviceDenied
	case v.Expires <= now:
		return nil, ErrCodeExpired
	}
	return v, nil
}

func (s *Service) verification(ctx context.Context, realm int64, userCode string, now int64) (*Verification, error) {
	v := &Verification{}
	var err error
	v.pending, err = s.pending(ctx, kindUserCode, realm, userCode, now, v)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// ApprovedBy tells whether the device was approved by a user: a person who
// answers twice did so.
func (s *Service) ApprovedBy(ctx context.Context, realm int64, userCode, userID string, now int64) (bool, error) {
	v, err := s.verification(ctx, realm, userCode, now)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && v.Login != nil && v.Login.UserID == userID, err
}

// Deny writes the person's no. store.ErrStale when another answer came first.
func (s *Service) Deny(ctx context.Context, v *Verification, rec Record) error {
	denied := *v
	denied.Denied = true
	return s.Store.Write(ctx, func(tx *store.Tx) error {
		if err := denied.store(tx); err != nil {
			return err
		}
		return rec.in(tx)
	})
}

// store writes the answer over what was read: the first one stays.
func (v *Verification) store(tx *store.Tx) error {
	next := *v.pending
	if err := setDoc(&next, v); err != nil {
		return err
	}
	return tx.UpdatePending(&next)
}

// Device reads what a device code of a realm stands for.
//
// Errors: ErrCodeUnknown (also when it was used), ErrCodeExpired beside what it
// stood for.
func (s *Service) Device(ctx context.Context, realm int64, deviceCode string, now int64) (*Device, error) {
	d := &Device{}
	var err error
	d.pending, err = s.pending(ctx, kindDevice, realm, deviceCode, now, d)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrCodeUnknown
	case err != nil:
		return nil, err
	case d.pending.Used:
		return nil, ErrCodeUnknown
	case d.Expires <= now:
		return d, ErrCodeExpired
	}
	return d, nil
}

// Polled notes a poll, and returns the login a person approved the device with.
// One that comes too soon writes nothing: of a storm of polls one an interval
// does, on whichever node.
//
// Errors: ErrSlowDown, ErrDevicePending, ErrDeviceDenied.
func (s *Service) Polled(ctx context.Context, d *Device, now int64) (*Code, error) {
	if now < d.LastPoll+d.Interval {
		return nil, ErrSlowDown
	}
	d.LastPoll = now
	next := *d.pending
	if err := setDoc(&next, d); err != nil {
		return nil, err
	}
	err := s.Store.Write(ctx, func(tx *store.Tx) error {
		next.Version = d.pending.Version // it may run again
		return tx.UpdatePending(&next)
	})
	if errors.Is(err, store.ErrStale) { // another poll at the same time
		return nil, ErrSlowDown
	} else if err != nil {
		return nil, err
	}
	d.pending = &next
	v, err := s.verification(ctx, next.RealmNum, d.UserCode, now)
	switch {
	case err != nil:
		return nil, err
	case v.Denied:
		return nil, ErrDeviceDenied
	case v.Login == nil:
		return nil, ErrDevicePending
	}
	return v.Login, nil
}

// UseDevice uses up a device code; won is false when it was used or polled
// meanwhile.
func (s *Service) UseDevice(ctx context.Context, d *Device) (won bool, err error) {
	return s.Store.UsePending(ctx, d.pending, nil)
}

// approval is the answer of a login that is complete.
func (v *Verification) approval(l *Login, sid string, started bool) *Verification {
	next := *v
	next.Login = &Code{
		ClientNum: v.ClientNum, Scope: l.Scope, UserID: l.User.ID, SessionID: sid, Notes: l.Notes, First: started,
	}
	return &next
}
