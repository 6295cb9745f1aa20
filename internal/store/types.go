package store

import (
	"log/slog"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Options configure a Store.
type Options struct {
	InstanceKey  []byte            // 32 bytes: AES-256-GCM key of sealed columns; required
	ReadConns    int               // most read connections; 0 means 4. PostgreSQL: all connections; 0 means pool_max_conns of the DSN, else 4 a CPU
	Log          *slog.Logger      // nil: nothing is logged
	Now          func() time.Time  // times the waits for a connection; nil: those of SQLite are not timed
	HalfImported bool              // opens also a database whose import is not finished, for Import
	OnStatement  func(kind string) // called with "select", "insert", "update", "delete" or "commit" as each is run, from many goroutines; may be nil
}

// Stats is what an operator wants to see of a Store.
type Stats struct {
	ReadConns    int // read connections open; PostgreSQL: all
	ReadConnsMax int
	InUse        int           // of them, by callers now
	Waiting      int           // callers who wait for one now
	Waits        int64         // how often one had to
	Waited       time.Duration // how long in all
	WriterQueue  int           // writes waiting; PostgreSQL: callers waiting for a connection
	Commits      int64         // transactions that wrote
	Writes       int64         // writes in them: Writes/Commits is the size of a group
	Statements   int64         // statements run
	FileBytes    int64         // database file; SQLite only
	WALBytes     int64         // write-ahead log beside it
}

// RealmVersion names a visible realm and the version of its configuration.
type RealmVersion struct {
	ID, Name     string
	Num, Version int64
}

// ConfigChange is a set of changes to one realm's configuration, applied
// together. Deletes come first, then puts.
type ConfigChange struct {
	RealmID     string
	BaseVersion int64        // version the change was worked out against
	Realm       *model.Realm // nil: settings stay

	PutClients    []*model.Client
	PutScopes     []*model.ClientScope
	PutRoles      []*model.Role
	PutGroups     []*model.Group
	PutComponents []*model.Component

	DeleteClients, DeleteScopes, DeleteRoles, DeleteGroups, DeleteComponents []string // ids

	At int64  // Unix seconds, when sessions of deleted clients end
	By string // and by whom, as Ending.By
}

// UserFilter selects users; the zero value selects every person of the realm.
// All conditions must hold; text is compared without regard to case.
type UserFilter struct {
	Search        string // words; each is a prefix of username, e-mail, first or last name; "*" stands for anything, quotes for equality
	Username      string // contained in it, or equal when Exact
	Email         string
	FirstName     string
	LastName      string
	Exact         bool
	Enabled       *bool
	EmailVerified *bool
	Attributes    map[string]string // each must be among the attribute's values
	First, Max    int               // Max 0 or less: no limit
	CreatedFrom   int64             // Unix milliseconds, itself included; 0: no limit
	CreatedTo     int64             // the same
	// ServiceAccounts includes the users of service accounts, which Keycloak's lists leave out.
	ServiceAccounts bool
}

// NewUser is a user with what belongs to it.
type NewUser struct {
	User        *model.User
	Credentials []model.Credential
	Consents    []model.Consent // those of clients the realm does not have are dropped
	UniqueEmail bool            // the realm does not allow duplicate e-mails
}

// SessionKey names a client session. Shard is model.ShardOf(user id).
type SessionKey struct {
	Shard     int64
	SessionID string
	ClientNum int64
	Offline   bool
}

// KeyOf is the key of a client session that was read.
func KeyOf(cs *model.ClientSession) SessionKey {
	return SessionKey{Shard: model.ShardOf(cs.UserID), SessionID: cs.SessionID, ClientNum: cs.ClientNum, Offline: cs.Offline}
}

// SessionView is a client session as lists show it.
type SessionView struct {
	model.ClientSession
	Username           string
	IP                 string
	UserSessionStarted int64
}

// Live decides by time whether a session that nothing ended is still alive.
// nil means every such session.
type Live func(*model.ClientSession) bool

// ClientStats counts the live sessions of one client.
type ClientStats struct{ ClientNum, Online, Offline int64 }

// EventFilter selects user events; zero members select everything.
type EventFilter struct {
	Types                []string
	ClientID, UserID, IP string
	FromMS, ToMS         int64 // both inclusive; 0: open
	First, Max           int   // Max 0 or less: 100
	Ascending            bool  // oldest first
}

// AdminEventFilter selects admin events; zero members select everything.
type AdminEventFilter struct {
	Operations, ResourceTypes             []string
	ResourcePath                          string // "*" stands for anything
	AuthRealmID, AuthClientID, AuthUserID string
	IP                                    string
	FromMS, ToMS                          int64
	First, Max                            int // Max 0 or less: 100
	Ascending                             bool
}

// DieSlotSeconds is the width of a die slot: the coarse time by which the
// sweeper finds sessions that may be over. A quarter of an hour keeps the only
// indexed time from changing with every refresh.
const DieSlotSeconds = 900

// KeepEnded is how long ended sessions stay readable, in seconds, also those of
// a mass ending, so that an operator can still be told why a token died.
const KeepEnded = 30 * 24 * 3600
