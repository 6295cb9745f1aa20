package store

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Kinds of purge rows.
const (
	purgeRealm       = "realm"        // the realm was deleted
	purgeClient      = "client"       // the client was deleted
	purgeSessions    = "sessions"     // all sessions of the realm (client 0) or client were ended
	purgeEvents      = "events"       // events up to at were cleared: they are not listed from then on
	purgeAdminEvents = "admin_events" // admin events likewise
)

// purgeShards is how many shards one batch looks at.
const purgeShards = 64

var (
	qPurges      = stmt("purges", `select realm, client, kind, at, next_sk from purge order by realm, client, kind`)
	qPurgeMove   = stmt("move purge", `update purge set next_sk = $1 where realm = $2 and client = $3 and kind = $4 and at = $5`)
	qPurgeDelete = stmt("delete purge", `delete from purge where realm = $1 and client = $2 and kind = $3 and at = $4`)
	qGenDelete   = stmt("delete generations", `delete from generation where realm = $1`)

	qShardUsers       = stmt("realm's users of shard", `select id from users where sk = $1 and +realm = $2`)
	qShardNames       = stmt("delete realm's names of shard", `delete from login_name where sk = $1 and realm = $2`)
	qShardClaims      = stmt("delete realm's claims of shard", `delete from claim where sk = $1 and realm = $2`)
	qShardPending     = stmt("delete realm's pending of shard", `delete from pending where sk = $1 and realm = $2`)
	qShardFailures    = stmt("delete realm's login failures of shard", `delete from login_failure where sk = $1 and realm = $2`)
	qShardEvents      = stmt("delete realm's events of shard", `delete from event where sk = $1 and +realm = $2`)
	qShardAdminEvents = stmt("delete realm's admin events of shard", `delete from admin_event where sk = $1 and +realm = $2`)
	qShardCounts      = stmt("delete realm's counts of shard", `delete from session_count where sk = $1 and realm = $2`)

	qShardClient        = stmt("delete client's sessions of shard", `delete from client_session where sk = $1 and +client = $2`)
	qShardClientConsent = stmt("delete client's consents of shard", `delete from consent where sk = $1 and client = $2`)
	qShardClientCounts  = stmt("delete client's counts of shard", `delete from session_count where sk = $1 and realm = $2 and client = $3`)

	qShardSuperseded = stmt("delete superseded sessions of shard", `delete from client_session where sk = $1 and exists
 (select 1 from user_session us where us.sk = $1 and us.id = client_session.session_id and us.offline = client_session.offline and us.realm = $2)
 and (rg <> coalesce((select g.gen from generation g where g.realm = $2 and g.client = 0), 0)
  or cg <> coalesce((select g.gen from generation g where g.realm = $2 and g.client = client_session.client), 0)) and cg >= 0`)
	qShardOldCounts = stmt("delete superseded counts of shard", `delete from session_count where sk = $1 and realm = $2
 and (rg <> coalesce((select g.gen from generation g where g.realm = $2 and g.client = 0), 0)
  or cg <> coalesce((select g.gen from generation g where g.realm = $2 and g.client = session_count.client), 0))`)
	qShardEmpty = stmt("delete empty user sessions of shard", `delete from user_session where sk = $1 and realm = $2 and not exists
 (select 1 from client_session cs where cs.sk = $1 and cs.session_id = user_session.id and cs.offline = user_session.offline)`)
)

// purge is work left to do.
type purge struct {
	realm, client int64
	kind          string
	at, next      int64
}

// due: rows of a mass ending are kept as long as ended ones are.
func (p purge) due(now int64) bool { return p.kind != purgeSessions || p.at+KeepEnded <= now }

// PurgeLeftovers does one batch of removing what deleted realms and clients,
// mass endings and cleared events left, in one write of about limit rows. It
// returns how much it did; 0 means nothing is left to do now.
func (s *Store) PurgeLeftovers(ctx context.Context, now int64, limit int) (n int, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		n = 0
		var p *purge
		err := tx.c.on(qPurges).each(func(u *cursor) error {
			x := purge{u.rInt(), u.rInt(), u.rText(), u.rInt(), u.rInt()}
			if !x.due(now) {
				return nil
			}
			p = &x
			return errEnough
		})
		if err := enough(err); err != nil || p == nil {
			return err
		}
		n, err = tx.purge(*p, limit)
		return err
	})
	return n, err
}

// purge does a batch; at least 1, so that the caller comes again.
func (tx *Tx) purge(p purge, limit int) (n int, err error) {
	var finished bool
	switch p.kind {
	case purgeEvents:
		n, err = tx.DeleteOldEvents(p.realm, p.at+1, limit)
		finished = n < limit
	case purgeAdminEvents:
		n, err = tx.DeleteOldAdminEvents(p.realm, p.at+1, limit)
		finished = n < limit
	default:
		sk := p.next
		for end := min(sk+purgeShards, model.Shards); sk < end && n < limit && err == nil; sk++ {
			var rows int
			rows, err = tx.purgeShard(p, sk)
			n += rows
		}
		finished = sk >= model.Shards
		if err == nil && !finished {
			_, err = tx.c.on(qPurgeMove).int(sk).int(p.realm).int(p.client).text(p.kind).int(p.at).exec()
		}
	}
	if err == nil && finished {
		err = tx.finishPurge(p)
	}
	return n + 1, err
}

func (tx *Tx) finishPurge(p purge) error {
	_, err := tx.c.on(qPurgeDelete).int(p.realm).int(p.client).text(p.kind).int(p.at).exec()
	if err == nil && p.kind == purgeRealm {
		_, err = tx.c.on(qGenDelete).int(p.realm).exec()
	}
	return err
}

func (tx *Tx) purgeShard(p purge, sk int64) (n int, err error) {
	run := func(q *query, args ...int64) {
		if err != nil {
			return
		}
		u := tx.c.on(q).int(sk)
		for _, a := range args {
			u.int(a)
		}
		var rows int
		rows, err = u.exec()
		n += rows
	}
	switch p.kind {
	case purgeRealm:
		if n, err = tx.purgeUsers(p.realm, sk); err != nil {
			return n, err
		}
		for _, q := range []*query{qShardNames, qShardClaims, qShardPending, qShardFailures, qShardEvents, qShardAdminEvents, qShardCounts} {
			run(q, p.realm)
		}
	case purgeClient:
		run(qShardClient, p.client)
		run(qShardClientConsent, p.client)
		run(qShardClientCounts, p.realm, p.client)
		run(qShardEmpty, p.realm)
	case purgeSessions:
		run(qShardSuperseded, p.realm)
		run(qShardOldCounts, p.realm)
		run(qShardEmpty, p.realm)
	default:
		err = errors.New("unknown kind of purge " + p.kind)
	}
	return n, err
}

func (tx *Tx) purgeUsers(realm, sk int64) (int, error) {
	var ids []string
	err := tx.c.on(qShardUsers).int(sk).int(realm).each(func(u *cursor) error {
		ids = append(ids, u.rID())
		return nil
	})
	for _, id := range ids {
		if err == nil {
			err = tx.deleteUserRows(realm, id)
		}
	}
	return len(ids), err
}
