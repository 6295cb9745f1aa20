package store

import (
	"errors"
	"fmt"
)

// Errors a caller decides by; compare with errors.Is.
var (
	ErrNotFound  = errors.New("not found")
	ErrStale     = errors.New("changed by somebody else") // the version a write named is not the stored one
	ErrSchemaOld = errors.New("database schema is older than this program: run migrate")
	ErrSchemaNew = errors.New("database schema is newer than this program")
	ErrClosed    = errors.New("store is closed")
	ErrBusy      = errors.New("database is busy")              // nothing was applied: too many wait, the deadline passed, or the database cannot be reached
	ErrUnknown   = errors.New("database was lost at a commit") // the write may be applied or not: read, then decide again
	ErrReadOnly  = errors.New("database takes no writes")      // disk full, no permission, I/O error: reads go on
)

// ConflictError tells that something of that kind and value exists already.
// Kind is realm, clientId, clientScope, role, group, username, email or id.
type ConflictError struct{ Kind, Value string }

func (e *ConflictError) Error() string { return fmt.Sprintf("%s %q exists already", e.Kind, e.Value) }
