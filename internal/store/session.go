package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

// sessionColumns are a client session, the user session it belongs to and the
// generations of its realm, client and user, with what ended the older ones.
const sessionColumns = `cs.sk, cs.session_id, cs.client, cs.offline, cs.started, cs.last_refresh, cs.version,
 cs.chain, cs.used, cs.uses, cs.cur, cs.issued, cs.chains, cs.scope, cs.notes,
 cs.ended, cs.ended_reason, cs.ended_by,
 us.realm, us.user_id, us.started, us.remember_me, us.ended,
 cs.rg, coalesce(gr.gen, 0), cs.cg, coalesce(gc.gen, 0), cs.ug, u.gen, us.rg, us.ug,
 gr.ended_at, gr.reason, gr.ended_by, gc.ended_at, gc.reason, gc.ended_by, u.gen_at, u.gen_reason, u.gen_by`

// sessionColumnCount is how many columns sessionColumns are.
const sessionColumnCount = 40

// sessionJoin follows a session by primary keys alone.
const sessionJoin = ` from client_session cs
 join user_session us on us.sk = cs.sk and us.id = cs.session_id and us.offline = cs.offline
 join users u on u.sk = us.sk and u.id = us.user_id
 left join generation gr on gr.realm = us.realm and gr.client = 0
 left join generation gc on gc.realm = us.realm and gc.client = cs.client`

// userSessionsJoin is sessionJoin that begins at the sessions of user $2 in
// shard $1: a planner without statistics must be told the order.
const userSessionsJoin = ` from user_session us cross join client_session cs
 join users u on u.sk = us.sk and u.id = us.user_id
 left join generation gr on gr.realm = us.realm and gr.client = 0
 left join generation gc on gc.realm = us.realm and gc.client = cs.client
 where us.sk = $1 and us.user_id = $2 and cs.sk = us.sk and cs.session_id = us.id and cs.offline = us.offline`

// sessionAlive holds for a session that nothing ended.
const sessionAlive = `cs.ended is null and cs.rg = coalesce(gr.gen, 0) and cs.cg = coalesce(gc.gen, 0) and cs.ug = u.gen`

// Statements that name a session by its key write +client: a planner that
// knows nothing of the table yet would else take the index by client, which
// spans all shards.
var (
	qSession = stmt("session for refresh", `select `+sessionColumns+`, `+userColumns+sessionJoin+`
 where cs.sk = $1 and cs.session_id = $2 and +cs.client = $3 and cs.offline = $4`)

	qSessionForAccess = stmt("session for access", `select `+sessionColumns+`, `+userColumns+`,
 (select count(*) from revoked_token r where r.sk = $1 and r.jti = $2)`+
		sessionJoin+` where cs.sk = $3 and cs.session_id = $4 and +cs.client = $5 and cs.offline = $6`)

	qTouch = stmt("touch session", `update client_session set last_refresh = $1, chain = $2, used = $3, uses = $4, cur = $5, issued = $6,
 chains = $7, version = version + 1
 where sk = $8 and session_id = $9 and +client = $10 and offline = $11 and version = $12 and ended is null`)
)

// scanSession reads sessionColumns; userLive tells whether the user session
// lives. The scope comes as its id: its text may need another statement. A
// session id that x has already is not read again.
func scanSession(u *cursor, x *model.ClientSession) (scope int64, userLive bool, err error) {
	sk := u.rInt()
	if x.SessionID == "" {
		x.SessionID = u.rSID(sk)
	} else {
		u.skip(1)
	}
	x.ClientNum = u.rInt()
	x.Offline = u.rFlag()
	x.Started = u.rInt()
	x.LastRefresh = u.rInt()
	x.Version = u.rInt()
	x.Chain = model.Chain{ID: u.rID(), Used: u.rID(), Uses: int(u.rInt()), Current: u.rID(), Issued: u.rInt()}
	if u.isNull() {
		u.skip(1)
	} else if err := json.Unmarshal([]byte(u.rText()), &x.MoreChains); err != nil {
		return 0, false, fmt.Errorf("chains of session: %w", err)
	}
	scope = u.rInt()
	x.Notes = decodeNotes(u.blob(u.next(), u.scratch[:]))
	x.Ended = scanEnding(u)
	x.RealmNum = u.rInt()
	x.UserID = u.rID()
	x.UserStarted = u.rInt()
	x.RememberMe = u.rFlag()
	userLive = u.isNull()
	u.skip(1)
	rg, realmGen := u.rInt(), u.rInt()
	cg, clientGen := u.rInt(), u.rInt()
	ug, userGen := u.rInt(), u.rInt()
	usRG, usUG := u.rInt(), u.rInt()
	userLive = userLive && usRG == realmGen && usUG == userGen
	switch {
	case rg != realmGen:
		x.Superseded = scanSuperseding(u, 0)
	case cg >= 0 && cg != clientGen: // negative: it has an ending of its own
		x.Superseded = scanSuperseding(u, 3)
	case ug != userGen:
		x.Superseded = scanSuperseding(u, 6)
	}
	u.col = sessionColumnCount
	return scope, userLive, nil
}

// scanSuperseding reads the ending that stands skip columns further on.
func scanSuperseding(u *cursor, skip int) *model.Ending {
	u.skip(skip)
	if e := scanEnding(u); e != nil {
		return e
	}
	return &model.Ending{}
}

// scanEnding reads at, reason and by; nil when at is null.
func scanEnding(u *cursor) *model.Ending {
	if u.isNull() {
		u.skip(3)
		return nil
	}
	return &model.Ending{At: u.rInt(), Reason: u.rText(), By: u.rText()}
}

func bindKey(u *cursor, k SessionKey) *cursor {
	return u.int(k.Shard).sid(k.Shard, k.SessionID).int(k.ClientNum).flag(k.Offline)
}

// SessionForRefresh reads a client session and its user in one statement,
// also when it has ended: Session.Live and UserSessionLive tell. ErrNotFound.
func (s *Store) SessionForRefresh(ctx context.Context, k SessionKey) (*model.SessionRow, error) {
	row := &model.SessionRow{Session: model.ClientSession{SessionID: k.SessionID}}
	err := s.read(ctx, func(c *conn) error {
		return readSession(c, bindKey(c.on(qSession), k), row, nil, func(id int64) (string, error) { return s.scopes.text(c, id) })
	})
	if err != nil {
		return nil, err
	}
	return row, nil
}

// SessionForAccess is SessionForRefresh that also tells whether the access
// token's id was revoked, still in one statement.
func (s *Store) SessionForAccess(ctx context.Context, k SessionKey, jti string) (row *model.SessionRow, revoked bool, err error) {
	row = &model.SessionRow{Session: model.ClientSession{SessionID: k.SessionID}}
	err = s.read(ctx, func(c *conn) error {
		return readSession(c, bindKey(c.on(qSessionForAccess).int(shardOfToken(jti)).id(jti), k), row, &revoked,
			func(id int64) (string, error) { return s.scopes.text(c, id) })
	})
	if err != nil {
		return nil, false, err
	}
	return row, revoked, nil
}

// readSession reads a row of sessionColumns and userColumns, and revoked
// behind them if it is asked for.
func readSession(c *conn, u *cursor, row *model.SessionRow, revoked *bool, scopeText func(int64) (string, error)) error {
	var scope int64
	found, err := u.first(func(u *cursor) (err error) {
		if scope, row.UserSessionLive, err = scanSession(u, &row.Session); err != nil {
			return err
		}
		row.User.ID = row.Session.UserID
		if err := scanUser(u, &row.User); err != nil {
			return err
		}
		if revoked != nil {
			*revoked = u.rFlag()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return errNoSession
	}
	row.Session.Scope, err = scopeText(scope)
	return err
}

var errNoSession = fmt.Errorf("session: %w", ErrNotFound)

// TouchClientSession writes what a refresh changes of a session: LastRefresh,
// Chain and MoreChains; its stored version becomes cs.Version+1. It returns
// false, and writes nothing, when the stored version is not cs.Version or the
// session has ended: read it again. cs is not changed.
//
// Errors: those of Write. After ErrUnknown too the session must be read again:
// a chain that holds the new token's id tells that it was written.
func (s *Store) TouchClientSession(ctx context.Context, cs *model.ClientSession) (bool, error) {
	touched, err := s.db.touch(ctx, cs)
	s.noteWrite(err)
	return touched, err
}

// TouchClientSession is Store.TouchClientSession inside a transaction, for a
// refresh that leaves an event with it.
func (tx *Tx) TouchClientSession(cs *model.ClientSession) (bool, error) {
	return touchClientSession(tx.c, cs)
}

func touchClientSession(c *conn, cs *model.ClientSession) (bool, error) {
	chains, err := encodeChains(cs.MoreChains)
	if err != nil {
		return false, err
	}
	u := bindChain(c.on(qTouch).int(cs.LastRefresh), &cs.Chain).opt(chains)
	n, err := bindKey(u, KeyOf(cs)).int(cs.Version).exec()
	return n == 1, err
}

func bindChain(u *cursor, ch *model.Chain) *cursor {
	return u.optID(ch.ID).optID(ch.Used).int(int64(ch.Uses)).optID(ch.Current).int(ch.Issued)
}

func encodeChains(more []model.Chain) (string, error) {
	if len(more) == 0 {
		return "", nil
	}
	b, err := json.Marshal(more)
	if err != nil {
		return "", fmt.Errorf("chains of session: %w", err)
	}
	return string(b), nil
}
