package store

import (
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qGenerations = stmt("generations", `select coalesce(gr.gen, 0), coalesce(gc.gen, 0), u.gen from users u
 left join generation gr on gr.realm = u.realm and gr.client = 0
 left join generation gc on gc.realm = u.realm and gc.client = $1
 where u.sk = $2 and u.id = $3 and u.realm = $4`)

	qUserSessionInsert = stmt("insert user session", `insert into user_session (sk, id, offline, realm, user_id, started, ip, remember_me, rg, ug)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing`)

	qUserSessionRevive = stmt("start user session again", `update user_session set started = $1, ip = $2, remember_me = $3, rg = $4, ug = $5,
 ended = null, ended_reason = null, ended_by = null where sk = $6 and id = $7 and offline = $8`)

	qUserSessionHead = stmt("user session head", `select us.realm, us.user_id, us.ended, us.rg, us.ug, coalesce(gr.gen, 0), u.gen
 from user_session us join users u on u.sk = us.sk and u.id = us.user_id
 left join generation gr on gr.realm = us.realm and gr.client = 0
 where us.sk = $1 and us.id = $2 and us.offline = $3`)

	qSessionInsert = stmt("insert session", `insert into client_session (sk, session_id, client, offline, started, last_refresh, rg, cg, ug, version,
 chain, used, uses, cur, issued, chains, scope, notes, die_slot)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16, $17, $18) on conflict do nothing`)

	qSessionReplace = stmt("replace session", `update client_session set started = $1, last_refresh = $2, rg = $3, cg = $4, ug = $5,
 version = version + 1, chain = $6, used = $7, uses = $8, cur = $9, issued = $10, chains = $11, scope = $12, notes = $13,
 ended = null, ended_reason = null, ended_by = null, die_slot = $14
 where sk = $15 and session_id = $16 and +client = $17 and offline = $18 and version = $19`)

	qSessionHead = stmt("session head", `select version, ended, rg, cg, ug from client_session
 where sk = $1 and session_id = $2 and +client = $3 and offline = $4`)

	qSessionByKey = stmt("session by key", `select `+sessionColumns+sessionJoin+`
 where cs.sk = $1 and cs.session_id = $2 and +cs.client = $3 and cs.offline = $4`)

	qSessionAttach = stmt("attach session", `update client_session set last_refresh = $1, notes = $2, version = version + 1
 where sk = $3 and session_id = $4 and +client = $5 and offline = $6 and version = $7 and ended is null`)

	qCountAdd    = stmt("add to session count", `update session_count set n = n + $1 where sk = $2 and realm = $3 and client = $4 and offline = $5 and rg = $6 and cg = $7`)
	qCountInsert = stmt("insert session count", `insert into session_count (sk, realm, client, offline, rg, cg, n) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`)
)

// generations are how often all sessions of a realm, a client and a user were
// ended. A session is of those it started in, and lives while they are current.
type generations struct{ realm, client, user int64 }

// generations reads the current ones; client 0 has none of its own.
// ErrNotFound when the realm has no such user.
func (tx *Tx) generations(realm, client, sk int64, userID string) (g generations, err error) {
	found, err := tx.c.on(qGenerations).int(client).int(sk).id(userID).int(realm).first(func(u *cursor) error {
		g = generations{u.rInt(), u.rInt(), u.rInt()}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("user %s: %w", userID, ErrNotFound)
	}
	return g, err
}

// dieSlot is the slot of the second a session may be over; it has passed when
// now's slot is greater.
func dieSlot(dies int64) int64 { return max(dies, 0) / DieSlotSeconds }

// endedSlot is what stands in die_slot of an ended session: a negative number,
// so that ended rows that are kept are not in the way of those that are due,
// and rows that ended long ago are found by the same index.
func endedSlot(at int64) int64 { return -1 - dieSlot(at) }

// StartSession stores a client session, in place of the one of the same key,
// and the user session it belongs to unless that one lives already: then it
// stays as it is, and us says only which. dies is the earliest second the
// session may be over (model.Limits.Dies). cs.Version is set to the stored
// one. Both are of the user's realm and shard, and begin in the current
// generations.
//
// Errors: ErrNotFound when the realm has no such user; *ConflictError id when
// the session id belongs to somebody else.
func (tx *Tx) StartSession(us *model.UserSession, cs *model.ClientSession, dies int64) error {
	sk := model.ShardOf(us.UserID)
	g, err := tx.generations(us.RealmNum, cs.ClientNum, sk, us.UserID)
	if err != nil {
		return err
	}
	scope, err := tx.internScope(cs.Scope)
	if err != nil {
		return err
	}
	if err := tx.startUserSession(sk, us, g); err != nil {
		return err
	}
	chains, err := encodeChains(cs.MoreChains)
	if err != nil {
		return err
	}
	u := tx.c.on(qSessionInsert).int(sk).sid(sk, us.ID).int(cs.ClientNum).flag(us.Offline).
		int(cs.Started).int(cs.LastRefresh).int(g.realm).int(g.client).int(g.user)
	n, err := bindChain(u, &cs.Chain).opt(chains).int(scope).bytes(encodeNotes(cs.Notes)).int(dieSlot(dies)).exec()
	if err != nil {
		return err
	}
	cs.Version = 1
	if n == 1 {
		return tx.count(1, sk, us.RealmNum, cs.ClientNum, us.Offline, g)
	}
	return tx.replaceSession(sk, us, cs, g, scope, chains, dies)
}

// AttachSession is StartSession that leaves a client session of the key that
// lives as it is, but for what a new login changes: LastRefresh, which only
// grows, and Notes. Its rotation, start and scope stay, and cs is set to them,
// so that tokens of earlier logins stay good.
func (tx *Tx) AttachSession(us *model.UserSession, cs *model.ClientSession, dies int64) error {
	for range attachTries {
		old, found, err := tx.attachable(us, cs)
		if err != nil {
			return err
		}
		if !found {
			return tx.StartSession(us, cs, dies)
		}
		last := max(old.LastRefresh, cs.LastRefresh)
		cs.Notes = model.NotesAttached(old.Notes, cs.Notes)
		n, err := bindKey(tx.c.on(qSessionAttach).int(last).bytes(encodeNotes(cs.Notes)), KeyOf(old)).int(old.Version).exec()
		if err != nil {
			return err
		}
		if n == 1 {
			cs.Started, cs.UserStarted, cs.LastRefresh = old.Started, old.UserStarted, last
			cs.Chain, cs.MoreChains, cs.Version = old.Chain, old.MoreChains, old.Version+1
			return nil
		}
	}
	return fmt.Errorf("attach session: %w", ErrBusy)
}

// attachTries bounds how often a session that others refresh meanwhile is read
// again.
const attachTries = 20

// attachable is the client session of the key, if it lives and is the user's.
func (tx *Tx) attachable(us *model.UserSession, cs *model.ClientSession) (old *model.ClientSession, found bool, err error) {
	old = &model.ClientSession{}
	userLive := false
	key := SessionKey{model.ShardOf(us.UserID), us.ID, cs.ClientNum, us.Offline}
	found, err = bindKey(tx.c.on(qSessionByKey), key).first(func(u *cursor) (err error) {
		_, userLive, err = scanSession(u, old)
		return err
	})
	return old, found && userLive && old.Live() && old.UserID == us.UserID, err
}

// replaceSession writes cs over the row of its key. A row that lived was
// counted already.
func (tx *Tx) replaceSession(sk int64, us *model.UserSession, cs *model.ClientSession, g generations, scope int64, chains string, dies int64) error {
	var version int64
	var lived bool
	key := SessionKey{sk, us.ID, cs.ClientNum, us.Offline}
	_, err := bindKey(tx.c.on(qSessionHead), key).first(func(u *cursor) error {
		version = u.rInt()
		lived = u.isNull()
		u.skip(1)
		lived = (generations{u.rInt(), u.rInt(), u.rInt()}) == g && lived
		return nil
	})
	if err != nil {
		return err
	}
	u := tx.c.on(qSessionReplace).int(cs.Started).int(cs.LastRefresh).int(g.realm).int(g.client).int(g.user)
	u = bindChain(u, &cs.Chain).opt(chains).int(scope).bytes(encodeNotes(cs.Notes)).int(dieSlot(dies))
	n, err := bindKey(u, key).int(version).exec()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("session: %w", ErrStale)
	}
	cs.Version = version + 1
	if lived {
		return nil
	}
	return tx.count(1, sk, us.RealmNum, cs.ClientNum, us.Offline, g)
}

// userSessionHead is what writes need to know of a user session.
type userSessionHead struct {
	realm  int64
	userID string
	lives  bool
	g      generations // current ones of realm and user
}

func (tx *Tx) userSessionHead(sk int64, id string, offline bool) (h userSessionHead, found bool, err error) {
	found, err = tx.c.on(qUserSessionHead).int(sk).sid(sk, id).flag(offline).first(func(u *cursor) error {
		h.realm, h.userID = u.rInt(), u.rID()
		h.lives = u.isNull()
		u.skip(1)
		rg, ug := u.rInt(), u.rInt()
		h.g.realm, h.g.user = u.rInt(), u.rInt()
		h.lives = h.lives && rg == h.g.realm && ug == h.g.user
		return nil
	})
	return h, found, err
}

// startUserSession inserts a user session; one that is over starts again.
func (tx *Tx) startUserSession(sk int64, us *model.UserSession, g generations) error {
	n, err := tx.c.on(qUserSessionInsert).int(sk).sid(sk, us.ID).flag(us.Offline).int(us.RealmNum).id(us.UserID).int(us.Started).
		bytes(encodeIP(us.IP)).flag(us.RememberMe).int(g.realm).int(g.user).exec()
	if err != nil || n == 1 {
		return err
	}
	h, found, err := tx.userSessionHead(sk, us.ID, us.Offline)
	switch {
	case err != nil:
		return err
	case !found || h.userID != us.UserID || h.realm != us.RealmNum:
		return &ConflictError{Kind: "id", Value: us.ID}
	case h.lives:
		return nil
	}
	_, err = tx.c.on(qUserSessionRevive).int(us.Started).bytes(encodeIP(us.IP)).flag(us.RememberMe).int(g.realm).int(g.user).
		int(sk).sid(sk, us.ID).flag(us.Offline).exec()
	return err
}

// count changes the number of live sessions of a client in a shard.
func (tx *Tx) count(by, sk, realm, client int64, offline bool, g generations) error {
	add := func() (int, error) {
		return tx.c.on(qCountAdd).int(by).int(sk).int(realm).int(client).flag(offline).int(g.realm).int(g.client).exec()
	}
	n, err := add()
	if err != nil || n == 1 {
		return err
	}
	n, err = tx.c.on(qCountInsert).int(sk).int(realm).int(client).flag(offline).int(g.realm).int(g.client).int(by).exec()
	if err == nil && n == 0 {
		_, err = add()
	}
	return err
}
