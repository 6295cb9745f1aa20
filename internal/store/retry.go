package store

import (
	"errors"
	"fmt"
)

// What may be done again (design §4.7). A write that was certainly not applied
// is tried again: SQLITE_BUSY here; in PostgreSQL SQLSTATE 40001 40P01 55P03
// 57P03 25006 53300 08001 08004. One whose outcome is unknown (08006 08003
// 08007 57P01 57P02 40003 XX000, errors without a code) must be read first and
// decided again, by the caller. SQLite's outcome is always known: the commit
// ran in this process.

// beginTries times a connection's busy_timeout of 100 ms is how long a write
// waits for another process when its caller sets no deadline.
const beginTries = 300

// beginWrite opens a transaction that may write. Nothing is applied while it
// waits for another process, so it asks again until stop gives a reason not
// to: ErrBusy.
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
