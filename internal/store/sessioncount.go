package store

import (
	"context"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	// timeColumns are what a Live looks at.
	timeColumns = `cs.client, cs.offline, cs.started, cs.last_refresh, us.started, us.remember_me`

	// countsNow holds for counters of the current generations of realm $1 and
	// client $2.
	countsNow = `k.rg = coalesce((select g.gen from generation g where g.realm = $1 and g.client = 0), 0)
 and k.cg = coalesce((select g.gen from generation g where g.realm = $1 and g.client = $2), 0)`

	// dueMax bounds how many sessions that wait for the sweeper a count looks at.
	dueMax = 20_000
)

var (
	qShardLive = stmt("live sessions of shard", `select us.realm, cs.client, cs.offline, cs.rg, cs.cg, count(*)`+sessionJoin+`
 where cs.sk = $1 and `+sessionAlive+` group by us.realm, cs.client, cs.offline, cs.rg, cs.cg`)
	qGensOfClient = stmt("generations of client", `select coalesce((select g.gen from generation g where g.realm = $1 and g.client = 0), 0),
 coalesce((select g.gen from generation g where g.realm = $1 and g.client = $2), 0)`)
	qGensOfRealm       = stmt("generations of realm", `select client, gen from generation where realm = $1`)
	qShardCountsDelete = stmt("delete counts of shard", `delete from session_count where sk = $1`)
)

// scanTimes reads timeColumns.
func scanTimes(u *cursor, realm int64, x *model.ClientSession) {
	*x = model.ClientSession{RealmNum: realm, ClientNum: u.rInt(), Offline: u.rFlag(), Started: u.rInt(), LastRefresh: u.rInt(),
		UserStarted: u.rInt(), RememberMe: u.rFlag()}
}

// CountSessions counts a client's live sessions. Below exactCount it looks at
// each; above it trusts the counters, less the sessions in them whose time is
// over and that wait for the sweeper. live sees the times of a session and
// whose it is, no more.
func (s *Store) CountSessions(ctx context.Context, realm, client int64, offline bool, now int64, live Live) (n int64, err error) {
	err = s.readOnce(ctx, func(c *conn) error {
		n, err = c.on(qCountClient).int(realm).int(client).flag(offline).number()
		if err != nil {
			return err
		}
		if n < exactCount {
			n = 0
			g, err := generationsOf(c, realm, client)
			if err != nil {
				return err
			}
			return countTimes(onTimes(c, realm, client, offline, g), realm, live, func(_ *model.ClientSession, lives bool) {
				if lives {
					n++
				}
			})
		}
		due := c.on(qDueTimesOfClient).int(dieSlot(now)).int(client).flag(offline).int(realm).int(dueMax)
		return countTimes(due, realm, live, func(_ *model.ClientSession, lives bool) {
			if !lives {
				n--
			}
		})
	})
	return n, err
}

// countTimes asks live about every row of timeColumns.
func countTimes(u *cursor, realm int64, live Live, fn func(cs *model.ClientSession, lives bool)) error {
	var cs model.ClientSession
	return u.each(func(u *cursor) error {
		scanTimes(u, realm, &cs)
		fn(&cs, live == nil || live(&cs))
		return nil
	})
}

// SessionStats counts the live sessions of all clients of a realm that have
// any, in no particular order: exactly while the realm has fewer than
// exactCount, else as CountSessions does above it.
func (s *Store) SessionStats(ctx context.Context, realm int64, now int64, live func(client int64) Live) ([]ClientStats, error) {
	counts := map[int64]*ClientStats{}
	of := func(client int64) *ClientStats {
		x := counts[client]
		if x == nil {
			x = &ClientStats{ClientNum: client}
			counts[client] = x
		}
		return x
	}
	add := func(client int64, offline bool, n int64) {
		if offline {
			of(client).Offline += n
		} else {
			of(client).Online += n
		}
	}
	lives := map[int64]Live{}
	alive := func(cs *model.ClientSession) bool {
		if live == nil {
			return true
		}
		l, ok := lives[cs.ClientNum]
		if !ok {
			l = live(cs.ClientNum)
			lives[cs.ClientNum] = l
		}
		return l == nil || l(cs)
	}
	err := s.readOnce(ctx, func(c *conn) error {
		groups, total, err := countsOfRealm(c, realm)
		if err != nil {
			return err
		}
		if total >= exactCount {
			for _, g := range groups {
				add(g.client, g.offline, g.n)
			}
			return countTimes(c.on(qDueTimesOfRealm).int(dieSlot(now)).int(realm).int(dueMax), realm, alive, func(cs *model.ClientSession, lives bool) {
				if !lives {
					add(cs.ClientNum, cs.Offline, -1)
				}
			})
		}
		for _, g := range groups {
			err := countTimes(onTimes(c, realm, g.client, g.offline, g.g), realm, alive, func(cs *model.ClientSession, lives bool) {
				if lives {
					add(cs.ClientNum, cs.Offline, 1)
				}
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []ClientStats
	for _, x := range counts {
		if x.Online > 0 || x.Offline > 0 {
			all = append(all, *x)
		}
	}
	return all, nil
}

// generationsOf reads the current generations of a realm and a client. The
// lists ask the index for rows of these: what a mass ending left is not read.
func generationsOf(c *conn, realm, client int64) (g generations, err error) {
	_, err = c.on(qGensOfClient).int(realm).int(client).first(func(u *cursor) error {
		g.realm, g.client = u.rInt(), u.rInt()
		return nil
	})
	return g, err
}

func onTimes(c *conn, realm, client int64, offline bool, g generations) *cursor {
	return c.on(qTimesOfClient).int(client).flag(offline).int(realm).int(g.realm).int(g.client)
}

type clientCount struct {
	client  int64
	offline bool
	g       generations // those of realm and client
	n       int64
}

// countsOfRealm reads the counters of the current generations.
func countsOfRealm(c *conn, realm int64) (all []clientCount, total int64, err error) {
	gens := map[int64]int64{}
	err = c.on(qGensOfRealm).int(realm).each(func(u *cursor) error {
		client := u.rInt()
		gens[client] = u.rInt()
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	err = c.on(qCountRealm).int(realm).each(func(u *cursor) error {
		x := clientCount{client: u.rInt(), offline: u.rFlag()}
		x.g.realm, x.g.client = u.rInt(), u.rInt()
		if x.n = u.rInt(); x.g.realm == gens[0] && x.g.client == gens[x.client] {
			all, total = append(all, x), total+x.n
		}
		return nil
	})
	return all, total, err
}

// rebuildShards is how many shards RebuildCounts does in one write.
const rebuildShards = 16

// RebuildCounts recomputes every session counter, some shards at a time.
func (s *Store) RebuildCounts(ctx context.Context) error {
	for from := int64(0); from < model.Shards; from += rebuildShards {
		err := s.Write(ctx, func(tx *Tx) error {
			for sk := from; sk < from+rebuildShards; sk++ {
				if err := tx.rebuildCounts(sk); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("rebuild session counts: %w", err)
		}
	}
	return nil
}

func (tx *Tx) rebuildCounts(sk int64) error {
	type row struct {
		realm, client int64
		offline       bool
		g             generations
		n             int64
	}
	var all []row
	err := tx.c.on(qShardLive).int(sk).each(func(u *cursor) error {
		all = append(all, row{realm: u.rInt(), client: u.rInt(), offline: u.rFlag(), g: generations{realm: u.rInt(), client: u.rInt()}, n: u.rInt()})
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := tx.c.on(qShardCountsDelete).int(sk).exec(); err != nil {
		return err
	}
	for _, x := range all {
		if err := tx.count(x.n, sk, x.realm, x.client, x.offline, x.g); err != nil {
			return err
		}
	}
	return nil
}
