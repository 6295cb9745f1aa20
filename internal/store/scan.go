package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// scanColumns are what filters and limits look at, and the key.
const scanColumns = `cs.sk, cs.session_id, cs.client, cs.offline, cs.started, cs.last_refresh, cs.version, cs.scope,
 us.realm, us.user_id, us.started, us.remember_me`

var (
	// Begins at the user's shard of sessions in the order of their keys: how
	// many sessions the user has does not matter to one page.
	qScanUser = stmt("scan sessions of user", `select `+scanColumns+` from client_session cs cross join user_session us cross join users u
 left join generation gr on gr.realm = us.realm and gr.client = 0
 left join generation gc on gc.realm = us.realm and gc.client = cs.client
 where cs.sk = $1 and cs.session_id >= $2 and cs.offline = $3 and cs.ended is null and cs.last_refresh < $4 and cs.started < $5
 and us.sk = cs.sk and us.id = cs.session_id and us.offline = cs.offline and us.user_id = $6 and us.realm = $7
 and u.sk = us.sk and u.id = us.user_id and `+sessionAlive+` order by cs.session_id, cs.client limit $8`)

	qSessionView = stmt("session as lists show it", `select `+sessionColumns+`, us.ip, u.username`+sessionJoin+`
 where cs.sk = $1 and cs.session_id = $2 and +cs.client = $3 and cs.offline = $4`)
)

// What a scan costs, in rows that times alone leave out.
const (
	scanBudget    = 3000 // of one call: 10 µs each where PostgreSQL reads its pages anew
	scanStatement = 50   // of a statement by itself
	scanRow       = 3    // more, of a row whose session is read
	scanRun       = 1000 // rows of one statement, about
	scanUserRows  = scanBudget / (1 + scanRow)
)

// Scan asks for a step through the live sessions of some clients, or of a user.
type Scan struct {
	Realm         int64
	Clients       []int64 // numbers, in ascending order
	UserID        string  // "": of everybody
	Offline       bool
	UsedBefore    int64 // last refresh before this second, Unix; 0: whenever
	StartedBefore int64 // likewise the start of the client's part
	// Scope, when set, judges the granted scope's text.
	Scope func(text string) bool
	// Live judges what nothing ended; it sees times, client and user alone.
	Live  Live
	After Place // begins behind it; the zero Place at the beginning
	Max   int   // finds no more; 0 or less: as many as a step looks at
}

// Place is how far a scan came: a session of a client, or, with an empty
// SessionID, all of the client up to the shard before Shard.
type Place struct {
	Client    int64
	Shard     int64
	SessionID string
}

// Scanned is what a step found, without scope, rotation and notes.
type Scanned struct {
	Found []model.ClientSession
	// Next is where the next step begins; nil at the end. A step may end with
	// fewer sessions than were asked for, even none: it looks at a bounded
	// number of rows, so that it takes milliseconds whatever is stored.
	Next *Place
}

// scan is a Scan on a connection.
type scan struct {
	Scan
	s      *Store
	c      *conn
	budget int
	wanted map[int64]bool // scopes, by id
	out    Scanned
}

// Scan walks in the order of clients, shards and session ids; of a user, of
// session ids and clients.
func (s *Store) Scan(ctx context.Context, in Scan) (Scanned, error) {
	var out Scanned
	err := s.readOnce(ctx, func(c *conn) error {
		x := &scan{Scan: in, s: s, c: c, budget: scanBudget, wanted: map[int64]bool{}}
		if x.Max <= 0 {
			x.Max = math.MaxInt
		}
		var err error
		if in.UserID != "" {
			err = x.user()
		} else {
			err = x.clients()
		}
		out = x.out
		return err
	})
	return out, err
}

// clients walks from client to client until enough was found or looked at.
func (x *scan) clients() error {
	first, _ := slices.BinarySearch(x.Clients, x.After.Client)
	for _, num := range x.Clients[first:] {
		at := Place{Client: num}
		if num == x.After.Client {
			at = x.After
		}
		if x.full() {
			x.out.Next = &at
			return nil
		}
		if err := x.client(at); err != nil || x.out.Next != nil {
			return err
		}
	}
	return nil
}

func (x *scan) full() bool { return x.budget <= 0 || len(x.out.Found) >= x.Max }

// client walks the shards that hold sessions of a client: as many as should
// yield what is asked for, then, where they did not, scanRun sessions at once.
func (x *scan) client(at Place) error {
	g, err := generationsOf(x.c, x.Realm, at.Client)
	if err != nil {
		return err
	}
	shards, err := x.shards(at)
	if err != nil {
		return err
	}
	x.budget -= scanStatement
	for run := x.Max - len(x.out.Found); len(shards) > 0; run = scanRun {
		if x.full() {
			x.out.Next = &Place{Client: at.Client, Shard: shards[0].sk}
			return nil
		}
		n, expect := 0, int64(0)
		for limit := int64(min(run, scanRun, x.budget)); n < len(shards) && (n == 0 || expect < limit); n++ {
			expect += shards[n].n
		}
		if err := x.run(at, g, shards[0].sk, shards[n-1].sk); err != nil || x.out.Next != nil {
			return err
		}
		x.budget -= int(expect) + scanStatement
		shards = shards[n:]
	}
	return nil
}

func (x *scan) shards(at Place) (shards []shardCount, err error) {
	err = x.c.on(qCountFrom).int(x.Realm).int(at.Client).flag(x.Offline).int(at.Shard).each(func(u *cursor) error {
		shards = append(shards, shardCount{u.rInt(), u.rInt()})
		return nil
	})
	return shards, err
}

// run looks at all sessions of a client in some shards. Rows of a shard come
// in no order.
func (x *scan) run(at Place, g generations, from, to int64) error {
	u := x.c.on(qScanClient).int(at.Client).flag(x.Offline).int(g.realm).int(g.client).int(from).int(to).
		int(openEnd(x.UsedBefore)).int(openEnd(x.StartedBefore)).int(x.Realm)
	rows, err := x.rowsOf(u, func(*foundRow) { x.budget -= scanRow })
	if err != nil {
		return err
	}
	if at.SessionID != "" && from == at.Shard {
		rows = slices.DeleteFunc(rows, func(r foundRow) bool { return r.sk == at.Shard && r.SessionID <= at.SessionID })
	}
	slices.SortFunc(rows, func(a, b foundRow) int {
		return cmp.Or(cmp.Compare(a.sk, b.sk), cmp.Compare(a.SessionID, b.SessionID))
	})
	return x.take(rows)
}

// take keeps the rows whose scope is asked for, as many as are wanted.
func (x *scan) take(rows []foundRow) error {
	for i := range rows {
		ok, err := x.hasScope(rows[i].scope)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if x.out.Found = append(x.out.Found, rows[i].ClientSession); len(x.out.Found) == x.Max && i < len(rows)-1 {
			x.out.Next = &Place{Client: rows[i].ClientNum, Shard: rows[i].sk, SessionID: rows[i].SessionID}
			return nil
		}
	}
	return nil
}

func (x *scan) hasScope(id int64) (bool, error) {
	if x.Scope == nil {
		return true, nil
	}
	ok, known := x.wanted[id]
	if known {
		return ok, nil
	}
	text, err := x.s.scopes.text(x.c, id)
	if err != nil {
		return false, err
	}
	x.wanted[id] = x.Scope(text)
	return x.wanted[id], nil
}

// user walks the sessions of a user in the order of their ids.
func (x *scan) user() error {
	sk := model.ShardOf(x.UserID)
	u := x.c.on(qScanUser).int(sk)
	if x.After.SessionID == "" {
		u.raw(nil)
	} else {
		u.sid(sk, x.After.SessionID)
	}
	u.flag(x.Offline).int(openEnd(x.UsedBefore)).int(openEnd(x.StartedBefore)).
		id(x.UserID).int(x.Realm).int(scanUserRows)
	read := 0
	var last foundRow
	rows, err := x.rowsOf(u, func(r *foundRow) {
		read++
		last = *r
	})
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r foundRow) bool {
		_, ofClients := slices.BinarySearch(x.Clients, r.ClientNum)
		return !ofClients || r.SessionID == x.After.SessionID && r.ClientNum <= x.After.Client
	})
	if err := x.take(rows); err != nil || x.out.Next != nil {
		return err
	}
	if read == scanUserRows {
		x.out.Next = &Place{Client: last.ClientNum, Shard: sk, SessionID: last.SessionID}
	}
	return nil
}

// foundRow is a row of scanColumns.
type foundRow struct {
	model.ClientSession
	sk, scope int64
}

// rowsOf reads the rows whose time is not over, and shows all to seen.
func (x *scan) rowsOf(u *cursor, seen func(*foundRow)) (rows []foundRow, err error) {
	err = u.each(func(u *cursor) error {
		r := foundRow{sk: u.rInt()}
		r.SessionID, r.ClientNum, r.Offline = u.rSID(r.sk), u.rInt(), u.rFlag()
		r.Started, r.LastRefresh, r.Version, r.scope = u.rInt(), u.rInt(), u.rInt(), u.rInt()
		r.RealmNum, r.UserID, r.UserStarted, r.RememberMe = u.rInt(), u.rID(), u.rInt(), u.rFlag()
		seen(&r)
		if x.Live == nil || x.Live(&r.ClientSession) {
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}

// openEnd is a bound that excludes nothing where there is none.
func openEnd(before int64) int64 {
	if before <= 0 {
		return math.MaxInt64
	}
	return before
}

// Views reads sessions that a scan found as lists show them; those that are
// gone or ended since are left out.
func (s *Store) Views(ctx context.Context, found []model.ClientSession) ([]SessionView, error) {
	all := make([]SessionView, 0, len(found))
	err := s.readOnce(ctx, func(c *conn) error {
		all = all[:0]
		for i := range found {
			v, err := s.views(c, bindKey(c.on(qSessionView), KeyOf(&found[i])), (*model.ClientSession).Live)
			if err != nil {
				return err
			}
			all = append(all, v...)
		}
		return nil
	})
	return all, err
}

// PartsOf reads all clients' parts of a session as lists show them, ended ones
// included; none when there is no such session.
func (s *Store) PartsOf(ctx context.Context, shard int64, sessionID string, offline bool) ([]SessionView, error) {
	var all []SessionView
	err := s.readLong(ctx, func(c *conn) (err error) {
		all, err = s.views(c, c.on(qPartsOfSession).int(shard).sid(shard, sessionID).flag(offline), nil)
		return err
	})
	return all, err
}

var qPartsOfSession = stmt("parts of session", `select `+sessionColumns+`, us.ip, u.username`+sessionJoin+`
 where cs.sk = $1 and cs.session_id = $2 and cs.offline = $3`)

// ClientsWithSessions are the numbers of the clients of a realm that have live
// sessions, or some that wait for the sweeper, in ascending order.
func (s *Store) ClientsWithSessions(ctx context.Context, realm int64, offline bool) ([]int64, error) {
	var nums []int64
	err := s.readOnce(ctx, func(c *conn) error {
		groups, _, err := countsOfRealm(c, realm)
		nums = nums[:0]
		for _, g := range groups {
			if g.offline == offline && g.n > 0 {
				nums = append(nums, g.client)
			}
		}
		return err
	})
	slices.Sort(nums)
	return nums, err
}
