package store

import (
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

// endSet and endLive are the two halves of the statements that end client
// sessions: only those that live, so that nothing is ended or counted twice.
// The generation of the client becomes a negative number, which takes the row
// out of the part of the index by client that lists and counts read: they cost
// the same beside a million sessions that ended.
const (
	endSet  = `update client_session set ended = $1, ended_reason = $2, ended_by = $3, die_slot = $4, cg = -1 - cg, version = version + 1 `
	endLive = ` and ended is null and rg = $8 and ug = $9 and cg = coalesce((select g.gen from generation g where g.realm = $10 and g.client = client_session.client), 0)`
)

var (
	qEndSession   = stmt("end session", endSet+`where sk = $5 and session_id = $6 and offline = $7`+endLive+` and +client = $11 returning client, cg`)
	qSweepSession = stmt("end due session", endSet+`where sk = $5 and session_id = $6 and offline = $7`+endLive+` and +client = $11 and version = $12 returning client, cg`)
	qSettle       = stmt("settle superseded session", endSet+`where sk = $5 and session_id = $6 and +client = $7 and offline = $8 and version = $9 and ended is null`)
	qEndSessions  = stmt("end sessions of user session", endSet+`where sk = $5 and session_id = $6 and offline = $7`+endLive+` returning client, cg`)

	qEndUserSession = stmt("end user session", `update user_session set ended = $1, ended_reason = $2, ended_by = $3
 where sk = $4 and id = $5 and offline = $6 and ended is null and rg = $7 and ug = $8`)

	qUserSessionIDs = stmt("live sessions of user", `select us.id, us.offline from user_session us join users u on u.sk = us.sk and u.id = us.user_id
 left join generation gr on gr.realm = us.realm and gr.client = 0
 where us.sk = $1 and us.user_id = $2 and us.realm = $3 and us.ended is null and us.rg = coalesce(gr.gen, 0) and us.ug = u.gen`)

	qCountsOfUser = stmt("session counts of user", `select cs.client, cs.offline, cs.rg, cs.cg, count(*)`+userSessionsJoin+`
 and us.realm = $3 and `+sessionAlive+` group by cs.client, cs.offline, cs.rg, cs.cg`)

	qBumpUser = stmt("bump user generation", `update users set gen = gen + 1, gen_at = $1, gen_reason = $2, gen_by = $3
 where sk = $4 and id = $5 and realm = $6`)

	qBumpGeneration = stmt("bump generation", `update generation set gen = gen + 1, ended_at = $1, reason = $2, ended_by = $3 where realm = $4 and client = $5`)
	qGenInsert      = stmt("insert generation", `insert into generation (realm, client, gen, ended_at, reason, ended_by) values ($1, $2, 1, $3, $4, $5) on conflict do nothing`)

	qSessionsDelete = stmt("delete sessions of user", `delete from client_session where sk = $1 and session_id in
 (select us.id from user_session us where us.sk = $1 and us.user_id = $2)`)
	qUserSessionsDelete = stmt("delete user sessions of user", `delete from user_session where sk = $1 and user_id = $2`)

	qRevokeToken = stmt("revoke token", `insert into revoked_token (sk, jti, exp, die_slot) values ($1, $2, $3, $4) on conflict do nothing`)
	qClaim       = stmt("claim once", `insert into claim (sk, realm, kind, value, exp, die_slot) values ($1, $2, $3, $4, $5, $6) on conflict do nothing`)
)

// EndClientSession ends one client's share of a session; false when it was
// not live. The user session stays: see LiveClientSessions.
func (tx *Tx) EndClientSession(k SessionKey, e model.Ending) (bool, error) {
	n, err := tx.endClients(qEndSession, k.Shard, k.SessionID, k.Offline, e, func(u *cursor) { u.int(k.ClientNum) })
	return n > 0, err
}

// SweepEnd is EndClientSession for a session that was read at a version;
// false also when it changed since. One that was superseded gets what
// superseded it as its own ending, which is not counted again: false.
func (tx *Tx) SweepEnd(k SessionKey, version int64, e model.Ending) (bool, error) {
	n, err := tx.endClients(qSweepSession, k.Shard, k.SessionID, k.Offline, e, func(u *cursor) { u.int(k.ClientNum).int(version) })
	if err != nil || n > 0 {
		return n > 0, err
	}
	row := model.SessionRow{Session: model.ClientSession{SessionID: k.SessionID}}
	err = readSession(tx.c, bindKey(tx.c.on(qSession), k), &row, nil, tx.scopeText)
	if errors.Is(err, ErrNotFound) || err == nil && row.Session.Superseded == nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	by := row.Session.Superseded
	_, err = bindKey(tx.c.on(qSettle).int(by.At).opt(by.Reason).opt(by.By).int(endedSlot(by.At)), k).int(version).exec()
	return false, err
}

// EndUserSession ends a user session and all client sessions in it; false
// when it was not live.
func (tx *Tx) EndUserSession(shard int64, sessionID string, offline bool, e model.Ending) (bool, error) {
	h, found, err := tx.userSessionHead(shard, sessionID, offline)
	if err != nil || !found || !h.lives {
		return false, err
	}
	if _, err := tx.endClientsOf(h, qEndSessions, shard, sessionID, offline, e, func(*cursor) {}); err != nil {
		return false, err
	}
	n, err := tx.c.on(qEndUserSession).int(e.At).opt(e.Reason).opt(e.By).int(shard).sid(shard, sessionID).flag(offline).
		int(h.g.realm).int(h.g.user).exec()
	return n == 1, err
}

func (tx *Tx) endClients(q *query, sk int64, id string, offline bool, e model.Ending, more func(*cursor)) (int, error) {
	h, found, err := tx.userSessionHead(sk, id, offline)
	if err != nil || !found {
		return 0, err
	}
	return tx.endClientsOf(h, q, sk, id, offline, e, more)
}

// endClientsOf runs one of the ending statements and uncounts what it ended.
func (tx *Tx) endClientsOf(h userSessionHead, q *query, sk int64, id string, offline bool, e model.Ending, more func(*cursor)) (int, error) {
	u := tx.c.on(q).int(e.At).opt(e.Reason).opt(e.By).int(endedSlot(e.At)).int(sk).sid(sk, id).flag(offline).
		int(h.g.realm).int(h.g.user).int(h.realm)
	more(u)
	type ended struct{ client, cg int64 }
	var all []ended
	err := u.each(func(u *cursor) error {
		all = append(all, ended{u.rInt(), -1 - u.rInt()})
		return nil
	})
	for _, x := range all {
		g := h.g
		g.client = x.cg
		err = errors.Join(err, tx.count(-1, sk, h.realm, x.client, offline, g))
		tx.ended(EndedSessions{Ending: e, RealmNum: h.realm, ClientNum: x.client, Offline: offline, Count: 1, UserID: h.userID, SessionID: id})
	}
	return len(all), err
}

// EndUserSessions ends the online, the offline or all sessions of a user and
// returns how many user sessions that were. Both kinds together end by one
// row, the user's generation. ErrNotFound when the realm has no such user.
func (tx *Tx) EndUserSessions(realm int64, userID string, online, offline bool, e model.Ending) (int, error) {
	sk := model.ShardOf(userID)
	if _, err := tx.generations(realm, 0, sk, userID); err != nil {
		return 0, err
	}
	type session struct {
		id      string
		offline bool
	}
	var all []session
	err := tx.c.on(qUserSessionIDs).int(sk).id(userID).int(realm).each(func(u *cursor) error {
		if s := (session{u.rSID(sk), u.rFlag()}); s.offline && offline || !s.offline && online {
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if online && offline {
		if err := tx.uncountUser(realm, sk, userID); err != nil {
			return 0, err
		}
		tx.ended(EndedSessions{Ending: e, RealmNum: realm, UserID: userID, All: true})
		_, err := tx.c.on(qBumpUser).int(e.At).opt(e.Reason).opt(e.By).int(sk).id(userID).int(realm).exec()
		return len(all), err
	}
	for _, s := range all {
		if _, err := tx.EndUserSession(sk, s.id, s.offline, e); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// uncountUser takes all live sessions of a user out of the counters.
func (tx *Tx) uncountUser(realm, sk int64, userID string) error {
	type group struct {
		client  int64
		offline bool
		g       generations
		n       int64
	}
	var all []group
	err := tx.c.on(qCountsOfUser).int(sk).id(userID).int(realm).each(func(u *cursor) error {
		all = append(all, group{client: u.rInt(), offline: u.rFlag(), g: generations{realm: u.rInt(), client: u.rInt()}, n: u.rInt()})
		return nil
	})
	for _, x := range all {
		err = errors.Join(err, tx.count(-x.n, sk, realm, x.client, x.offline, x.g))
	}
	return err
}

// EndRealmSessions ends all sessions of a realm, online and offline, by one
// row; the session rows go with PurgeLeftovers.
func (tx *Tx) EndRealmSessions(realm int64, e model.Ending) error {
	if err := tx.bumpGeneration(realm, 0, e); err != nil {
		return err
	}
	return tx.putPurge(realm, 0, purgeSessions, e.At)
}

// EndClientSessions ends all sessions of a client, as EndRealmSessions.
func (tx *Tx) EndClientSessions(realm, client int64, e model.Ending) error {
	if err := tx.bumpGeneration(realm, client, e); err != nil {
		return err
	}
	return tx.putPurge(realm, client, purgeSessions, e.At)
}

func (tx *Tx) bumpGeneration(realm, client int64, e model.Ending) error {
	tx.ended(EndedSessions{Ending: e, RealmNum: realm, ClientNum: client, All: true})
	bump := func() (int, error) {
		return tx.c.on(qBumpGeneration).int(e.At).opt(e.Reason).opt(e.By).int(realm).int(client).exec()
	}
	n, err := bump()
	if err != nil || n == 1 {
		return err
	}
	n, err = tx.c.on(qGenInsert).int(realm).int(client).int(e.At).opt(e.Reason).opt(e.By).exec()
	if err == nil && n == 0 {
		_, err = bump()
	}
	return err
}

// deleteSessionsOf removes the sessions of a user that is being deleted.
func (tx *Tx) deleteSessionsOf(realm, sk int64, userID string) error {
	if err := tx.uncountUser(realm, sk, userID); err != nil {
		return err
	}
	if _, err := tx.c.on(qSessionsDelete).int(sk).id(userID).exec(); err != nil {
		return err
	}
	_, err := tx.c.on(qUserSessionsDelete).int(sk).id(userID).exec()
	return err
}

// RevokeToken makes an access token's id revoked until exp.
func (tx *Tx) RevokeToken(jti string, exp int64) error {
	_, err := tx.c.on(qRevokeToken).int(shardOfToken(jti)).id(jti).int(exp).int(dieSlot(exp)).exec()
	return err
}

// ClaimOnce tells whether it is the first to claim value; until exp everybody
// after it gets false.
func (tx *Tx) ClaimOnce(realm int64, kind, value string, exp int64) (bool, error) {
	n, err := tx.c.on(qClaim).int(model.ShardOfName(realm, kind, value)).int(realm).text(kind).text(value).int(exp).int(dieSlot(exp)).exec()
	if err != nil {
		return false, fmt.Errorf("claim %s: %w", kind, err)
	}
	return n == 1, nil
}
