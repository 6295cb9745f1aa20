package adapter

import (
	"errors"
	"fmt"
	"time"
)

// TemporaryError is a failure that may pass: the server or the store cannot be
// reached, is busy or answered 5xx, 408 or 429.
type TemporaryError struct {
	Op         string        // what was done: "discovery", "keys", "refresh" …
	Status     int           // HTTP status, 0 without an answer
	RetryAfter time.Duration // what the server asked for, 0 if nothing
	Err        error         // the cause, may be nil

	unsent bool // the request never reached the server
}

func (e *TemporaryError) Error() string {
	s := e.Op + ": try again later"
	if e.Status != 0 {
		s += fmt.Sprintf(": status %d", e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *TemporaryError) Unwrap() error { return e.Err }

// LoginRequiredError says that an offline token is dead: the person has to log
// in again. It is the server's invalid_grant (RFC 6749 §5.2).
type LoginRequiredError struct {
	// Description is the server's error_description, such as "Offline user
	// session not found" or "Stale token". It is empty where there was never an
	// offline token.
	Description string
	// At is when the server said so.
	At time.Time
	// Uncertain tells that an answer of the server was lost before: a refresh
	// token may have been used up that nobody got the successor of. With
	// rotation on and no reuse allowed the server's rules leave no other way
	// than a new login.
	Uncertain bool
	// MayReturn tells that an administrator can bring the token back to life: the
	// user is disabled, or may not have offline access now. The server is asked
	// again a minute later; only the person's coming back is sure to help.
	MayReturn bool
}

func (e *LoginRequiredError) Error() string {
	s := "the user must log in again"
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Uncertain {
		s += " (the answer to an earlier refresh was lost)"
	}
	return s
}

// ProtocolError is an answer of the server that is neither success nor one of
// the two above: a wrong client secret, a client that may not do this, a server
// that speaks something else. Trying again does not help.
type ProtocolError struct {
	Op          string
	Status      int    // HTTP status
	Code        string // OAuth error, "" if the answer had none
	Description string // error_description or admin REST's message
}

func (e *ProtocolError) Error() string {
	s := fmt.Sprintf("%s: status %d", e.Op, e.Status)
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// Errors of stores.
var (
	// ErrNoToken is a key under which nothing is stored.
	ErrNoToken = errors.New("no token is stored")
	// ErrConflict is a write that another one came before.
	ErrConflict = errors.New("stored value was changed meanwhile")
	// ErrCorrupt is a stored value that cannot be read: damaged, of another
	// format, or sealed with a key that is not at hand.
	ErrCorrupt = errors.New("stored value cannot be read")
)
