package session_test

import (
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

// newDevice stores a device of client a, which polls every 5 seconds for 600.
func (w *world) newDevice(t *testing.T) (code string, d *session.Device) {
	t.Helper()
	d = &session.Device{ClientNum: w.a.Num, Scope: "openid", Nonce: "n", Interval: 5, Expires: start + 600}
	code, err := w.NewDevice(t.Context(), w.cfg.Realm.Num, d)
	if err != nil {
		t.Fatal(err)
	}
	return code, d
}

// userCodes are bytes for user codes, which are read eight at a time; all else
// is random.
type userCodes struct{ script io.Reader }

func (r userCodes) Read(p []byte) (int, error) {
	if len(p) == 8 {
		return r.script.Read(p)
	}
	return rand.Read(p)
}

func TestNewDevice_UserCodesAreLettersDrawnFairly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	// 26 and 233 wrap to A and Z; 234 and above would favour the first letters.
	w.Rand = userCodes{strings.NewReader("\x00\x19\x1a\xe9\xea\xff\x01\x02" + "\x03\x04\x05\x06\x07\x08\x09\x0a")}
	_, d := w.newDevice(t)
	if d.UserCode != "AZAZBCDE" || session.ShowUserCode(d.UserCode) != "AZAZ-BCDE" {
		t.Errorf("user code %q, shown %q", d.UserCode, session.ShowUserCode(d.UserCode))
	}
}

func TestNewDevice_DrawsAgainWhileAUserCodeIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Rand = userCodes{strings.NewReader(strings.Repeat("\x00", 16) + strings.Repeat("\x01", 8))}
	_, first := w.newDevice(t)
	code, second := w.newDevice(t)
	if first.UserCode != "AAAAAAAA" || second.UserCode != "BBBBBBBB" {
		t.Errorf("user codes %s, %s", first.UserCode, second.UserCode)
	}
	if d, err := w.Device(t.Context(), w.cfg.Realm.Num, code, start); err != nil || d.UserCode != "BBBBBBBB" {
		t.Errorf("%+v, %v", d, err)
	}
	w.Rand = userCodes{strings.NewReader(strings.Repeat("\x00", 8*100))}
	if _, err := w.NewDevice(t.Context(), w.cfg.Realm.Num, &session.Device{Expires: start + 600}); err == nil {
		t.Error("a user code was given twice")
	}
}

func TestVerification_BelongsToItsRealmAndTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	code, d := w.newDevice(t)
	realm := w.cfg.Realm.Num
	if v, err := w.Verification(t.Context(), realm, d.UserCode, start+599); err != nil || v.ClientNum != w.a.Num || v.Scope != "openid" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, tt := range []struct {
		name  string
		realm int64
		code  string
		now   int64
		want  error
	}{
		{"another realm", realm + 1, d.UserCode, start, store.ErrNotFound},
		{"the device code", realm, code, start, store.ErrNotFound},
		{"none", realm, "", start, store.ErrNotFound},
		{"expired", realm, d.UserCode, start + 600, session.ErrCodeExpired},
		{"expired, told for the last time", realm, d.UserCode, start + 614, session.ErrCodeExpired},
		{"forgotten", realm, d.UserCode, start + 615, store.ErrNotFound},
	} {
		if _, err := w.Verification(t.Context(), tt.realm, tt.code, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := w.Device(t.Context(), realm, d.UserCode, start); !errors.Is(err, session.ErrCodeUnknown) {
		t.Errorf("the user code as device code: %v", err)
	}
}

// Of many answers at once the first stays, and an answer that lost leaves no
// session behind.
func TestFinish_OneAnswerToADevice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	code, d := w.newDevice(t)
	realm := w.cfg.Realm.Num
	var yes, no, stale atomic.Int64
	var all sync.WaitGroup
	var asked [8]*session.Verification
	for i := range asked {
		v, err := w.Verification(t.Context(), realm, d.UserCode, start)
		if err != nil {
			t.Fatal(err)
		}
		asked[i] = v
	}
	for i, v := range asked {
		p := w.begin(t)
		all.Go(func() {
			var err error
			if i%2 == 0 {
				_, _, _, err = w.Finish(t.Context(), w.cfg, w.a, &session.Login{Progress: p, User: w.user, Scope: "openid", Device: v}, start, nil)
			} else {
				err = w.Deny(t.Context(), v, nil)
			}
			switch {
			case errors.Is(err, store.ErrStale):
				stale.Add(1)
			case err != nil:
				t.Error(err)
			case i%2 == 0:
				yes.Add(1)
			default:
				no.Add(1)
			}
		})
	}
	all.Wait()
	if yes.Load()+no.Load() != 1 || stale.Load() != 7 {
		t.Fatalf("%d approvals, %d refusals, %d too late", yes.Load(), no.Load(), stale.Load())
	}
	device, err := w.Device(t.Context(), realm, code, start)
	if err != nil {
		t.Fatal(err)
	}
	login, err := w.Polled(t.Context(), device, start)
	switch {
	case no.Load() == 1 && !errors.Is(err, session.ErrDeviceDenied):
		t.Errorf("denied: %v", err)
	case yes.Load() == 1 && (err != nil || login.UserID != w.user.ID || !login.First):
		t.Errorf("approved: %+v, %v", login, err)
	}
	if won, err := w.UseDevice(t.Context(), device); !won || err != nil {
		t.Errorf("use: %v, %v", won, err)
	}
	if _, err := w.Device(t.Context(), realm, code, start); !errors.Is(err, session.ErrCodeUnknown) {
		t.Errorf("used: %v", err)
	}
	sessions, err := w.OfUser(t.Context(), w.cfg, w.user.ID, false)
	if err != nil || int64(len(sessions)) != yes.Load() {
		t.Errorf("%d sessions for %d approvals, %v", len(sessions), yes.Load(), err)
	}
}

// Of a storm of polls one an interval is heard; the others write nothing.
func TestPolled_OneAnInterval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	code, _ := w.newDevice(t)
	for _, at := range []int64{start, start + 5} {
		var heard, slow atomic.Int64
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				d, err := w.Device(t.Context(), w.cfg.Realm.Num, code, at)
				if err != nil {
					t.Error(err)
					return
				}
				switch _, err := w.Polled(t.Context(), d, at); {
				case errors.Is(err, session.ErrDevicePending):
					heard.Add(1)
				case errors.Is(err, session.ErrSlowDown):
					slow.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if heard.Load() != 1 || slow.Load() != 15 {
			t.Errorf("at %d: %d heard, %d slowed down", at-start, heard.Load(), slow.Load())
		}
	}
}
