package credential

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/latchkey-id/latchkey/internal/model"
)

// ErrBusy is returned when a request's context ended while it waited for its
// turn to hash. The context's own error is wrapped beside it.
var ErrBusy = errors.New("password hashing is busy")

// Hasher computes hashes a few at a time, because each argon2 hash takes 7 MiB
// and a whole CPU: waiters queue until their context ends. The zero value
// is ready to use; it must not be copied after first use.
type Hasher struct {
	// Workers is how many hashes run at once; 0 means one per CPU. It is read
	// at the first use.
	Workers int

	once     sync.Once
	slots    chan struct{}
	computed atomic.Int64
}

// Computed tells how many hashes were computed since the start: of two logins
// that must not be told apart, each costs the same number.
func (h *Hasher) Computed() int64 { return h.computed.Load() }

// NewHasher makes a Hasher that runs so many hashes at once; 0 means one per
// CPU.
func NewHasher(workers int) *Hasher { return &Hasher{Workers: workers} }

func (h *Hasher) acquire(ctx context.Context) error {
	h.once.Do(func() {
		n := h.Workers
		if n <= 0 {
			n = runtime.GOMAXPROCS(0)
		}
		h.slots = make(chan struct{}, n)
	})
	if ctx.Err() != nil { // select would choose at random
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, ctx.Err())
	}
}

// release gives the turn to the next. The 7 MiB of an argon2 hash are garbage
// now; collecting them at once, a tenth of what the hash cost, keeps a burst of
// logins from growing the process and lets the collector run seldom otherwise.
func (h *Hasher) release(p params) {
	h.computed.Add(1)
	if p.memory > 0 {
		runtime.GC()
	}
	<-h.slots
}

// Verify tells whether password is the one c was made from. needsRehash is set
// with ok when the policy would make a different hash (other algorithm,
// iterations, parameters or size), as Keycloak decides it.
//
// Errors: ErrBusy, ErrMalformed, ErrUnsupported. A wrong password is no error.
func (h *Hasher) Verify(ctx context.Context, c model.Credential, password string, policy Policy) (ok, needsRehash bool, err error) {
	stored, err := parse(c)
	if err != nil {
		return false, false, err
	}
	if err := h.acquire(ctx); err != nil {
		return false, false, err
	}
	defer h.release(stored.params)
	got, err := stored.derive(password, stored.salt)
	if err != nil {
		return false, false, err
	}
	if subtle.ConstantTimeCompare(got, stored.value) != 1 {
		return false, false, nil
	}
	return true, stored.params != policy.params(), nil
}

// VerifyNothing takes the time a check under the default policy takes, for a
// user that does not exist or has no password, so that nobody learns which it
// was.
//
// Errors: ErrBusy.
func (h *Hasher) VerifyNothing(ctx context.Context, password string) error {
	return h.VerifyNothingUnder(ctx, password, Policy{})
}

// VerifyNothingUnder is VerifyNothing for a realm whose policy is another: its
// users' hashes take another time.
func (h *Hasher) VerifyNothingUnder(ctx context.Context, password string, policy Policy) error {
	if err := h.acquire(ctx); err != nil {
		return err
	}
	defer h.release(policy.params())
	_, err := policy.params().derive(password, make([]byte, saltSize))
	return err
}

// Hash makes a new hash as the function Hash does, in its turn.
//
// Errors: ErrBusy; what rand returns.
func (h *Hasher) Hash(ctx context.Context, password string, rand io.Reader, policy Policy) (secretData, credentialData string, err error) {
	if err := h.acquire(ctx); err != nil {
		return "", "", err
	}
	defer h.release(policy.params())
	return Hash(password, rand, policy)
}
