package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qSessionsOfUser = stmt("sessions of user", `select `+sessionColumns+`, us.ip, u.username`+userSessionsJoin+`
 and us.offline = $3 and us.realm = $4 and `+sessionAlive)

	qNewestOfUser = stmt("newest sessions of user", `select `+sessionColumns+`, us.ip, u.username`+userSessionsJoin+`
 and us.offline = $3 and us.realm = $4 and `+sessionAlive+` order by cs.started desc, cs.session_id limit $5`)

	qUserSession = stmt("user session", `select us.realm, us.user_id, us.started, us.ip, us.remember_me, us.ended, us.ended_reason, us.ended_by,
 us.rg, coalesce(gr.gen, 0), us.ug, u.gen, gr.ended_at, gr.reason, gr.ended_by, u.gen_at, u.gen_reason, u.gen_by
 from user_session us join users u on u.sk = us.sk and u.id = us.user_id
 left join generation gr on gr.realm = us.realm and gr.client = 0
 where us.sk = $1 and us.id = $2 and us.offline = $3`)

	qClientsOfSession = stmt("sessions of user session", `select `+sessionColumns+sessionJoin+`
 where cs.sk = $1 and cs.session_id = $2 and cs.offline = $3`)
)

// SessionsOfUser lists a user's live client sessions, the oldest first.
func (s *Store) SessionsOfUser(ctx context.Context, realm int64, userID string, offline bool, live Live) ([]SessionView, error) {
	var all []SessionView
	err := s.readLong(ctx, func(c *conn) error {
		var err error
		all, err = s.views(c, c.on(qSessionsOfUser).int(model.ShardOf(userID)).id(userID).flag(offline).int(realm), live)
		return err
	})
	slices.SortStableFunc(all, func(a, b SessionView) int { return cmp.Compare(a.Started, b.Started) })
	return all, err
}

// NewestSessionsOfUser is SessionsOfUser that looks at the limit client
// sessions that began last.
func (s *Store) NewestSessionsOfUser(ctx context.Context, realm int64, userID string, offline bool, limit int, live Live) ([]SessionView, error) {
	var all []SessionView
	err := s.readLong(ctx, func(c *conn) error {
		var err error
		u := c.on(qNewestOfUser).int(model.ShardOf(userID)).id(userID).flag(offline).int(realm).int(int64(limit))
		all, err = s.views(c, u, live)
		return err
	})
	slices.SortStableFunc(all, func(a, b SessionView) int { return cmp.Compare(a.Started, b.Started) })
	return all, err
}

// SessionsOfUserClient is SessionsOfUser for one client.
func (s *Store) SessionsOfUserClient(ctx context.Context, realm int64, userID string, client int64, offline bool, live Live) ([]SessionView, error) {
	return s.SessionsOfUser(ctx, realm, userID, offline, func(cs *model.ClientSession) bool {
		return cs.ClientNum == client && (live == nil || live(cs))
	})
}

// views reads rows of sessionColumns, us.ip and u.username, those that live.
func (s *Store) views(c *conn, u *cursor, live Live) ([]SessionView, error) {
	var all []SessionView
	var scopes []int64
	err := u.each(func(u *cursor) error {
		v := SessionView{}
		scope, _, err := scanSession(u, &v.ClientSession)
		if err != nil {
			return err
		}
		if live != nil && !live(&v.ClientSession) {
			return nil
		}
		v.IP, v.Username, v.UserSessionStarted = decodeIP(u.rBytes()), u.rText(), v.UserStarted
		all, scopes = append(all, v), append(scopes, scope)
		return nil
	})
	for i := 0; err == nil && i < len(all); i++ {
		all[i].Scope, err = s.scopes.text(c, scopes[i])
	}
	return all, err
}

// exactCount is up to where lists and counts look at every session, instead
// of trusting the counters, which know nothing of time.
const exactCount = 5000

// SessionsOfClient lists a client's live sessions in the order of their
// shards. Below exactCount sessions first counts live ones; above, the pages
// before are skipped by the shards' counters, in which a session whose time is
// over stands until it is swept.
func (s *Store) SessionsOfClient(ctx context.Context, realm, client int64, offline bool, first, max int, live Live) ([]SessionView, error) {
	var all []SessionView
	err := s.readOnce(ctx, func(c *conn) error {
		shards, total, err := countsByShard(c, realm, client, offline)
		if err != nil {
			return err
		}
		g, err := generationsOf(c, realm, client)
		if err != nil {
			return err
		}
		all, err = s.pageOfClient(c, shards, total, clientPage{realm, client, offline, g, first, max, live})
		return err
	})
	return all, err
}

type shardCount struct{ sk, n int64 }

func countsByShard(c *conn, realm, client int64, offline bool) (shards []shardCount, total int64, err error) {
	err = c.on(qCountByShard).int(realm).int(client).flag(offline).each(func(u *cursor) error {
		x := shardCount{u.rInt(), u.rInt()}
		shards, total = append(shards, x), total+x.n
		return nil
	})
	return shards, total, err
}

// skipShards leaves out the first shards that hold no more than skip sessions,
// and says how many of skip are left.
func skipShards(shards []shardCount, skip int64) ([]shardCount, int64) {
	for len(shards) > 0 && shards[0].n <= skip {
		skip -= shards[0].n
		shards = shards[1:]
	}
	return shards, skip
}

type clientPage struct {
	realm, client int64
	offline       bool
	g             generations
	first, max    int
	live          Live
}

func (s *Store) pageOfClient(c *conn, shards []shardCount, total int64, p clientPage) ([]SessionView, error) {
	skip := int64(max(p.first, 0))
	if total >= exactCount {
		shards, skip = skipShards(shards, skip)
	}
	var all []SessionView
	for len(shards) > 0 && (p.max <= 0 || len(all) < p.max) {
		// As many shards as should fill what the page still lacks.
		run, expect := 0, int64(0)
		for want := skip + int64(p.max-len(all)); run < len(shards) && (run == 0 || p.max <= 0 || expect < want); run++ {
			expect += shards[run].n
		}
		u := c.on(qSessionsOfClient).int(p.client).flag(p.offline).int(shards[0].sk).int(shards[run-1].sk).int(p.realm).int(p.g.realm).int(p.g.client)
		found, err := s.views(c, u, p.live)
		if err != nil {
			return nil, err
		}
		n := min(skip, int64(len(found)))
		all = append(all, found[n:]...)
		skip -= n
		shards = shards[run:]
	}
	if p.max > 0 && len(all) > p.max {
		all = all[:p.max]
	}
	return all, nil
}

// FindUserSession reads a user session and all client sessions in it, ended
// ones included: Ended and Superseded tell. ErrNotFound.
func (s *Store) FindUserSession(ctx context.Context, shard int64, sessionID string, offline bool) (*model.UserSession, []model.ClientSession, error) {
	var us *model.UserSession
	var all []model.ClientSession
	err := s.readOnce(ctx, func(c *conn) (err error) {
		us, all, err = findUserSession(c, shard, sessionID, offline, func(id int64) (string, error) { return s.scopes.text(c, id) })
		return err
	})
	return us, all, err
}

// FindUserSession reads a user session inside a write, as Store.FindUserSession.
func (tx *Tx) FindUserSession(shard int64, sessionID string, offline bool) (*model.UserSession, []model.ClientSession, error) {
	return findUserSession(tx.c, shard, sessionID, offline, tx.scopeText)
}

// LiveClientSessions counts the client sessions of a user session that
// nothing ended.
func (tx *Tx) LiveClientSessions(shard int64, sessionID string, offline bool) (int, error) {
	_, all, err := tx.FindUserSession(shard, sessionID, offline)
	n := 0
	for i := range all {
		if all[i].Live() {
			n++
		}
	}
	return n, err
}

func findUserSession(c *conn, sk int64, id string, offline bool, scopeText func(int64) (string, error)) (*model.UserSession, []model.ClientSession, error) {
	us := &model.UserSession{ID: id, Offline: offline}
	found, err := c.on(qUserSession).int(sk).sid(sk, id).flag(offline).first(func(u *cursor) error {
		scanUserSession(u, us)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, errNoSession
	}
	all, err := clientSessionsOf(c, sk, id, offline, scopeText)
	if err != nil {
		return nil, nil, err
	}
	return us, all, nil
}

// ClientSessionsOf reads all client sessions of each of the user sessions
// named, ended ones included; none for a user session that is not there. It is
// one statement each, on one connection: for a page of a list.
func (s *Store) ClientSessionsOf(ctx context.Context, offline bool, sessions []SessionView) ([][]model.ClientSession, error) {
	all := make([][]model.ClientSession, len(sessions))
	err := s.readLong(ctx, func(c *conn) (err error) {
		for i := range sessions {
			x := &sessions[i]
			all[i], err = clientSessionsOf(c, model.ShardOf(x.UserID), x.SessionID, offline, func(id int64) (string, error) { return s.scopes.text(c, id) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func clientSessionsOf(c *conn, sk int64, id string, offline bool, scopeText func(int64) (string, error)) (all []model.ClientSession, err error) {
	var scopes []int64
	err = c.on(qClientsOfSession).int(sk).sid(sk, id).flag(offline).each(func(u *cursor) error {
		x := model.ClientSession{}
		scope, _, err := scanSession(u, &x)
		all, scopes = append(all, x), append(scopes, scope)
		return err
	})
	for i := 0; err == nil && i < len(all); i++ {
		all[i].Scope, err = scopeText(scopes[i])
	}
	if err != nil {
		return nil, fmt.Errorf("client sessions: %w", err)
	}
	return all, nil
}

// scanUserSession reads the columns of qUserSession. A user session that all
// sessions of its realm or user were ended after counts as ended by that.
func scanUserSession(u *cursor, x *model.UserSession) {
	x.RealmNum, x.UserID, x.Started = u.rInt(), u.rID(), u.rInt()
	x.IP, x.RememberMe = decodeIP(u.rBytes()), u.rFlag()
	x.Ended = scanEnding(u)
	rg, realmGen, ug, userGen := u.rInt(), u.rInt(), u.rInt(), u.rInt()
	switch {
	case x.Ended != nil:
	case rg != realmGen:
		x.Ended = scanSuperseding(u, 0)
	case ug != userGen:
		x.Ended = scanSuperseding(u, 3)
	}
}
