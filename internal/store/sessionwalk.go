package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// SessionPage asks for a page of the live sessions of several clients of one
// realm. The unit is the session: one that several of the clients share counts
// once, with all of them.
type SessionPage struct {
	Realm   int64
	Clients []int64
	Offline bool
	First   int
	Max     int // 0: none
	Live    Live
	Match   func(session []SessionView) bool // nil: every session
}

// walkRun is about how many client sessions one step of a walk reads.
const walkRun = 1000

// SessionsOfClients lists a page of sessions in the order of their ids, each as
// its client sessions with the clients asked for, and how many sessions of
// First there were too few. It reads shard by shard and stops when the page is
// full; with Match, and so with a search, it may read all there are.
//
// From exactCount sessions on the shards before First are skipped by their
// counters, which count each client's part: where clients share sessions, a page
// far on may repeat some of one before, and none is left out.
func (s *Store) SessionsOfClients(ctx context.Context, p SessionPage) (page [][]SessionView, lacking int, err error) {
	err = s.readLong(ctx, func(c *conn) error {
		page, lacking = nil, p.First
		shards, gens, err := p.plan(c)
		if err != nil {
			return err
		}
		if p.Match == nil && countOf(shards) >= exactCount {
			var left int64
			shards, left = skipShards(shards, int64(lacking))
			lacking = int(left)
		}
		for len(shards) > 0 && len(page) < p.Max {
			run, expect := 0, int64(0)
			for run < len(shards) && (run == 0 || expect+shards[run].n <= walkRun && (p.Match != nil || expect < int64(lacking+p.Max))) {
				expect += shards[run].n
				run++
			}
			found, err := s.sessionsBetween(c, p, gens, shards[0].sk, shards[run-1].sk)
			if err != nil {
				return err
			}
			for _, session := range found {
				switch {
				case p.Match != nil && !p.Match(session):
				case lacking > 0:
					lacking--
				case len(page) < p.Max:
					page = append(page, session)
				}
			}
			shards = shards[run:]
		}
		return nil
	})
	return page, lacking, err
}

func countOf(shards []shardCount) (total int64) {
	for _, x := range shards {
		total += x.n
	}
	return total
}

// plan says in which shards the clients have sessions, about how many, and
// under which generations they are alive.
func (p SessionPage) plan(c *conn) ([]shardCount, []generations, error) {
	total := map[int64]int64{}
	gens := make([]generations, len(p.Clients))
	for i, client := range p.Clients {
		shards, _, err := countsByShard(c, p.Realm, client, p.Offline)
		if err != nil {
			return nil, nil, err
		}
		for _, x := range shards {
			total[x.sk] += x.n
		}
		if gens[i], err = generationsOf(c, p.Realm, client); err != nil {
			return nil, nil, err
		}
	}
	all := make([]shardCount, 0, len(total))
	for sk, n := range total {
		all = append(all, shardCount{sk, n})
	}
	slices.SortFunc(all, func(a, b shardCount) int { return cmp.Compare(a.sk, b.sk) })
	return all, gens, nil
}

// sessionsBetween reads the sessions of some shards, by shard and id.
func (s *Store) sessionsBetween(c *conn, p SessionPage, gens []generations, from, to int64) ([][]SessionView, error) {
	var all []SessionView
	for i, client := range p.Clients {
		u := c.on(qSessionsOfClient).int(client).flag(p.Offline).int(from).int(to).int(p.Realm).int(gens[i].realm).int(gens[i].client)
		found, err := s.views(c, u, p.Live)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b SessionView) int {
		return cmp.Or(cmp.Compare(model.ShardOf(a.UserID), model.ShardOf(b.UserID)), cmp.Compare(a.SessionID, b.SessionID))
	})
	var out [][]SessionView
	for i, v := range all {
		if i == 0 || v.SessionID != all[i-1].SessionID {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], v)
	}
	return out, nil
}
