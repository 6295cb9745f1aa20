package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// multiplyRows makes users and sessions out of one of each, in the server: one
// by one through the store five million would take a quarter of an hour. Ids
// are random and lie in the shards where the store would put them (the first
// two bytes of SHA-256 of a user's id); counters are made from the rows. Users
// get no claims of their names, which nothing that is measured reads.
const multiplyRows = `
create temp table made as select ((get_byte(h, 0) * 256 + get_byte(h, 1)) %% 4096) sk, decode(replace(id, '-', ''), 'hex') id, n
 from (select sha256(convert_to(id, 'UTF8')) h, id, n from (select gen_random_uuid()::text id, n from generate_series(1, %[1]d) n) ids) hashed;
insert into users select m.sk, m.id, u.realm, 'multiplied' || m.n, 'multiplied' || m.n || '@example.org', u.first_name, u.last_name, u.enabled,
 u.email_verified, u.created, u.not_before, u.gen, u.gen_at, u.gen_reason, u.gen_by, u.version, u.service_client, u.grants, u.doc
 from made m cross join users u where u.sk = %[3]d and u.id = '\x%[4]s' order by m.sk, m.id;
insert into user_role select m.sk, m.id, r.role_id from made m cross join user_role r where r.sk = %[3]d and r.user_id = '\x%[4]s';
create temp table begun as select m.sk, uuid_send(gen_random_uuid()) id, m.id user_id, g.n n from made m cross join generate_series(1, %[2]d) g(n);
insert into user_session select b.sk, b.id, us.offline, us.realm, b.user_id, us.started - b.n * 3600, us.ip, us.remember_me, us.rg, us.ug
 from begun b cross join user_session us where us.sk = %[3]d and us.user_id = '\x%[4]s' order by b.n;
insert into client_session select b.sk, b.id, cs.client, cs.offline, cs.started - b.n * 3600, cs.last_refresh - b.n * 1800, cs.rg, cs.cg, cs.ug, cs.version,
 uuid_send(gen_random_uuid()), uuid_send(gen_random_uuid()), cs.uses, uuid_send(gen_random_uuid()), cs.issued, cs.chains, cs.scope, cs.notes,
 cs.ended, cs.ended_reason, cs.ended_by, cs.die_slot - b.n * 4
 from begun b cross join client_session cs where cs.sk = %[3]d and cs.session_id = '\x%[5]s' order by b.n;
update session_count k set n = k.n + x.n from (select sk, count(*) n from begun where sk = %[3]d group by sk) x, client_session cs
 where k.sk = x.sk and cs.sk = %[3]d and cs.session_id = '\x%[5]s' and k.client = cs.client and k.offline = cs.offline;
insert into session_count select x.sk, k.realm, k.client, k.offline, k.rg, k.cg, x.n
 from (select sk, count(*) n from begun where sk <> %[3]d group by sk) x cross join session_count k, client_session cs
 where k.sk = %[3]d and cs.sk = k.sk and cs.session_id = '\x%[5]s' and k.client = cs.client and k.offline = cs.offline;
drop table made, begun;
`

// perUser is how many of the stored sessions a user has.
const perUser = 10

// multiply stores many users and offline sessions in PostgreSQL, vacuums, and
// leaves its caches to what follows. A session's bytes are those of its two
// rows, indexes and counters.
func (b *bench) multiply(ctx context.Context, db *database) (*seeded, error) {
	begun := time.Now()
	target, err := openStore(ctx, db)
	if err != nil {
		return nil, err
	}
	user := newUUID()
	cs, err := target.one(ctx, user)
	if err = closed(target.st, err); err != nil {
		return nil, err
	}
	before, err := db.number(sessionBytes)
	if err != nil {
		return nil, err
	}
	sid, err := base64.RawURLEncoding.DecodeString(cs.SessionID)
	if err != nil {
		return nil, err
	}
	script := fmt.Sprintf(multiplyRows, max(1, b.large/perUser), perUser, model.ShardOf(user), strings.ReplaceAll(user, "-", ""), hex.EncodeToString(sid[2:]))
	if err := pgtest.Exec(ctx, db.dsn(), script); err != nil {
		return nil, err
	}
	for _, s := range []string{"vacuum analyze", "checkpoint"} {
		if err := pgtest.Exec(ctx, db.dsn(), s); err != nil {
			return nil, err
		}
	}
	after, err := db.number(sessionBytes)
	if err != nil {
		return nil, err
	}
	cold, err := target.sample(ctx, db, b.requests)
	return &seeded{bytesEach: float64(after-before) / float64(b.large), took: time.Since(begun), cold: cold, client: target.client.ID}, err
}

const sessionBytes = `select (pg_total_relation_size('user_session') + pg_total_relation_size('client_session') + pg_total_relation_size('session_count'))::bigint`

// one stores a user and one offline session.
func (s *seedTarget) one(ctx context.Context, userID string) (cs *storedSession, err error) {
	err = s.st.Write(ctx, func(tx *store.Tx) error {
		if err := s.addUser(tx, userID, "template"); err != nil {
			return err
		}
		cs, err = s.addSession(tx, userID, 14*24*60*60)
		return err
	})
	return cs, err
}

// sample is n stored sessions with their newest tokens, chosen at random.
func (s *seedTarget) sample(ctx context.Context, db *database, n int) (all []*chain, err error) {
	rows := fmt.Sprintf(`select cs.sk, encode(cs.session_id, 'hex'), encode(us.user_id, 'hex'), encode(cs.chain, 'hex'), encode(cs.cur, 'hex'), cs.issued
 from client_session cs join user_session us on us.sk = cs.sk and us.id = cs.session_id and us.offline = cs.offline
 where cs.client = %d order by random() limit %d`, s.client.Num, n)
	var sk, issued int64
	var sid, user, chain, cur string
	err = pgtest.Each(ctx, db.dsn(), rows, []any{&sk, &sid, &user, &chain, &cur, &issued}, func() error {
		raw, err := hex.DecodeString(fmt.Sprintf("%04x%s", sk, sid))
		cs := storedSession{&model.ClientSession{SessionID: base64.RawURLEncoding.EncodeToString(raw), UserID: dashed(user), Scope: seedScope,
			Chain: model.Chain{ID: dashed(chain), Current: dashed(cur), Issued: issued}}}
		all = append(all, cs.chain(s))
		return err
	})
	return all, err
}

// dashed is a UUID of its 32 hexadecimal digits.
func dashed(h string) string {
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
