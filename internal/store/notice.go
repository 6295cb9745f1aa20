package store

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Notice is who wants to know what became durable, for a log; nil members do
// not. A write whose outcome is not known is not told.
type Notice struct {
	Event      func(e *model.Event)
	AdminEvent func(e *model.AdminEvent)
	Ended      func(e EndedSessions)
}

// Tell says who is told from now on. The functions run when a write is durable,
// before its caller goes on: they must be quick and not use the Store.
func (s *Store) Tell(n Notice) { s.notice.Store(&n) }

// told is who is told; nobody by default.
func (s *Store) told() Notice {
	if n := s.notice.Load(); n != nil {
		return *n
	}
	return Notice{}
}

// EndedSessions are client sessions that one write ended for one reason.
type EndedSessions struct {
	model.Ending
	RealmNum  int64
	ClientNum int64 // 0: of any client
	Offline   bool  // not said of all sessions of a user, a client or a realm
	// All tells that every session of the user, else of the client, else of the
	// realm ended by one row; Count is 0 then.
	All       bool
	Count     int
	UserID    string // of one session, or of all of a user
	SessionID string // of one session
}

// ended notes an ending for Notice.Ended. Those of one write that differ in
// user and session alone are told as one, with their number.
func (tx *Tx) ended(e EndedSessions) {
	tell := tx.s.told().Ended
	if tell == nil {
		return
	}
	if tx.ends == nil {
		tx.committed = append(tx.committed, func() {
			for _, e := range tx.ends {
				tell(e)
			}
		})
	}
	alike := func(x EndedSessions) bool {
		return !x.All && !e.All && x.Ending == e.Ending && x.RealmNum == e.RealmNum && x.ClientNum == e.ClientNum && x.Offline == e.Offline
	}
	i := slices.IndexFunc(tx.ends, alike)
	if i < 0 {
		tx.ends = append(tx.ends, e)
		return
	}
	x := &tx.ends[i]
	if x.Count += e.Count; x.UserID != e.UserID {
		x.UserID = ""
	}
	x.SessionID = ""
}
