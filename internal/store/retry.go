package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// What may be done again (design §4.7). A write that was certainly not applied
// is tried again; one whose outcome is unknown must be read first and decided
// again, by the caller. SQLite's outcome is always known: the commit ran in
// this process. PostgreSQL's is lost with the connection.

// beginTries times a connection's busy_timeout of 100 ms is how long a write
// waits for another process when its caller sets no deadline.
const beginTries = 300

// beginWrite opens a transaction of SQLite that may write. Nothing is applied
// while it waits for another process, so it asks again until stop gives a
// reason not to: ErrBusy.
func beginWrite(c *conn, stop func() error) error {
	for try := 1; ; try++ {
		err := c.command("begin immediate")
		if err == nil || !errors.Is(err, ErrBusy) || try == beginTries {
			return err
		}
		if cause := stop(); cause != nil {
			return fmt.Errorf("%w: %w", ErrBusy, cause)
		}
	}
}

// outcome is what an error says of the statement it ended.
type outcome int

const (
	final   outcome = iota // refused; it will be again
	again                  // not applied, worth another try
	busy                   // not applied, and waited for long already
	unknown                // the connection was lost, or PostgreSQL does not know
)

// dbError is an error of PostgreSQL. All but final ones are ErrBusy: who may
// have lost a commit says ErrUnknown instead.
type dbError struct {
	outcome outcome
	reason  error // ErrUnknown, ErrReadOnly, errUnique, errNoTable or nil
	err     error
}

func (e *dbError) Error() string {
	switch {
	case e.reason != nil:
		return fmt.Sprintf("%v (%v)", e.reason, e.err)
	case e.outcome != final:
		return fmt.Sprintf("%v (%v)", ErrBusy, e.err)
	}
	return e.err.Error()
}

func (e *dbError) Unwrap() error { return e.err }

func (e *dbError) Is(target error) bool {
	return target == ErrBusy && e.outcome != final && e.reason == nil || e.reason != nil && target == e.reason
}

// lostCommit is ErrUnknown for an error whose outcome is: of a commit, or of a
// statement that commits itself.
func lostCommit(err error) error {
	if e, ok := errors.AsType[*dbError](err); ok {
		err = e.err
	}
	return &dbError{outcome: unknown, reason: ErrUnknown, err: err}
}

// outcomeOf is final for errors that are not of PostgreSQL, and for nil.
func outcomeOf(err error) outcome {
	if e, ok := errors.AsType[*dbError](err); ok {
		return e.outcome
	}
	return final
}

// isEngine tells an error of PostgreSQL from one of the code it ran for.
func isEngine(err error) bool {
	_, ok := errors.AsType[*dbError](err)
	return ok
}

// notApplied is err of a transaction that was not committed: what would be
// unknown of a statement that commits itself is known of it.
func notApplied(err error) error {
	if e, ok := errors.AsType[*dbError](err); ok && e.outcome == unknown {
		return &dbError{outcome: again, err: err}
	}
	return err
}

// outcomeOfCode reads an SQLSTATE, and what a caller decides by.
func outcomeOfCode(code string) (outcome, error) {
	switch code {
	case "40001", "40P01", // serialization failure, deadlock
		"55P03",                   // lock timeout
		"57P03", "53300", "25006", // starting up, too many connections, a standby
		"08001", "08004", // a machine behind this one cannot be reached
		"25P02",          // a statement before it failed
		"26000", "0A000": // a statement prepared before a migration
		return again, nil
	case "57014": // statement timeout
		return busy, nil
	case "08000", "08003", "08006", "08007", "57P01", "57P02", "57P05", "25P03", "40003", "XX000":
		return unknown, nil
	case "23505":
		return final, errUnique
	case "42P01":
		return final, errNoTable
	case "53100", "53200", "58030", "42501": // disk, memory, I/O, permission
		return final, ErrReadOnly
	}
	return final, nil
}

// connectOutcome is outcomeOf of a connection that was not made: the database
// refused it for good, or it may be there the next moment.
func connectOutcome(err error) outcome {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if o, _ := outcomeOfCode(e.Code); o == final {
			return final
		}
	}
	if _, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		return final
	}
	return again
}

// connectTries is how often a connection is asked for: a database that is
// down is told to the caller soon.
const connectTries = 3

// pause waits before the next try; false when there is to be none.
func pause(ctx context.Context, try int, err error) bool {
	if outcomeOf(err) != again || ctx.Err() != nil {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok && try >= connectTries {
		return false
	}
	return sleep(ctx, time.Millisecond<<min(2*try, 8))
}
