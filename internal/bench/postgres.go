package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// postgresConnections are the numbers of connections refreshes are measured
// at; the targets are for the one of -connections.
func (b *bench) postgresConnections() []int {
	all := []int{1, b.connections, 32}
	slices.Sort(all)
	return slices.Compact(all)
}

// postgreSQL measures refreshes at several numbers of connections, then with
// millions of sessions beside, for long, and while many sessions are swept.
func (b *bench) postgreSQL(ctx context.Context) (_ *report, err error) {
	db, err := newPostgres(filepath.Join(b.dir, "postgres"))
	if err != nil {
		return nil, err
	}
	defer db.stop()
	r := &report{db: db}
	r.refreshes.head = []string{"refresh", "connections", "stored sessions", "signer", "requests/s", "CPU ms", "server + PostgreSQL", "target", "p50 ms", "p99 ms", "statements", "WAL bytes", "resident MB"}
	r.others.head = []string{"", "without stored sessions", "with " + grouped(b.large), "target"}
	if err := b.migrate(ctx, db); err != nil {
		return nil, err
	}
	empty, err := b.newRealms(ctx, r)
	if err != nil {
		return nil, err
	}
	chains, err := b.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, signer := range b.signers {
		for _, n := range b.postgresConnections() {
			if signer != b.signers[0] && n != b.connections {
				continue
			}
			if err := b.refreshRows(ctx, r, load{signer: signer, stored: "–", chains: chains, connections: n}); err != nil {
				return nil, err
			}
		}
	}
	if !b.wantsStored() {
		return r, errOnly
	}
	return r, b.withMany(ctx, r, empty, chains)
}

// withMany is the part with many stored sessions.
func (b *bench) withMany(ctx context.Context, r *report, empty *started, chains map[variant][]*chain) error {
	stored, err := b.multiply(ctx, r.db)
	if err != nil {
		return err
	}
	b.progress("stored %s sessions of %.0f bytes in %v", grouped(b.large), stored.bytesEach, stored.took.Round(time.Second))
	if b.only != nil {
		return b.adminRows(ctx, r, b.large, stored)
	}
	full, err := b.starts(ctx, r.db)
	if err != nil {
		return err
	}
	r.startRows(empty, full)
	r.loginRows()
	r.others.add("bytes a stored session", "", judged(stored.bytesEach, "%.0f", targetBytes), fmt.Sprintf("≤ %d", targetBytes))
	if err := b.refreshRows(ctx, r, load{signer: b.signers[0], stored: grouped(b.large), chains: chains, connections: b.connections, cold: stored.cold}); err != nil {
		return err
	}
	if err := b.endure(ctx, r, chains[coldVariant]); err != nil {
		return err
	}
	if err := b.sweepUnderLoad(ctx, r, chains[coldVariant]); err != nil {
		return err
	}
	return b.adminRows(ctx, r, b.large, stored)
}

// endure refreshes for long and looks at the server's memory.
func (b *bench) endure(ctx context.Context, r *report, chains []*chain) error {
	p, err := b.start(ctx, r.db)
	if err != nil {
		return err
	}
	defer p.kill()
	m, err := b.refreshAll(ctx, p, b.connections, chains, b.endurance)
	if err != nil {
		return err
	}
	r.others.add(fmt.Sprintf("resident after %s refreshes, MB", grouped(b.endurance)), "", judged(float64(m.resident)/(1<<20), "%.1f", targetLoaded), fmt.Sprintf("≤ %d", targetLoaded))
	b.progress("%s refreshes: %.0f/s, %.2f ms CPU, resident %s MB", grouped(b.endurance), m.perSecond(), m.cpu(), mb(m.resident))
	return p.stop()
}

// sweepUnderLoad makes many sessions expire and compares the refreshes beside
// the sweeper with those before.
func (b *bench) sweepUnderLoad(ctx context.Context, r *report, chains []*chain) error {
	p, err := b.start(ctx, r.db)
	if err != nil {
		return err
	}
	defer p.kill()
	before, err := b.refreshAll(ctx, p, b.connections, chains, b.requests)
	if err != nil {
		return err
	}
	if err := r.db.expire(ctx, b.due); err != nil {
		return err
	}
	begun := time.Now()
	var during []time.Duration
	rounds, worst := 0, time.Duration(0)
	for left := int64(b.due); left > 0; {
		m, err := b.refreshAll(ctx, p, b.connections, chains, b.requests/4)
		if err != nil {
			return err
		}
		if left, err = r.db.number(fmt.Sprintf("select count(*) from client_session where die_slot between 0 and %d", overdueSlot)); err != nil {
			return err
		}
		during = append(during, m.times...)
		rounds, worst = rounds+1, max(worst, m.p99)
	}
	took := time.Since(begun)
	slices.Sort(during)
	p99 := at(during, 0.99)
	r.others.add(fmt.Sprintf("refresh p99 before %s expired sessions are swept, ms", grouped(b.due)), "", ms(before.p99), "")
	r.others.add("refresh p99 while they are swept, ms", "", fmt.Sprintf("%s (worst of %d rounds %s)", judged(p99.Seconds()*1000, "%.2f", 2*before.p99.Seconds()*1000), rounds, ms(worst)), "< "+ms(2*before.p99))
	r.others.add("sessions swept a second beside that load", "", fmt.Sprintf("%.0f", float64(b.due)/took.Seconds()), "")
	b.progress("swept %s in %v; p99 %v before, %v meanwhile, worst round %v", grouped(b.due), took.Round(time.Second), before.p99, p99, worst)
	return p.stop()
}

// overdueSlot is the die slot of sessions that are made to expire.
const overdueSlot = 1

// expire takes back the start of n stored sessions by two months, so that they
// are idle for too long.
func (d *database) expire(ctx context.Context, n int) error {
	const month = 30 * 24 * 60 * 60
	return pgtest.Exec(ctx, d.dsn(), fmt.Sprintf(`with due as (select cs.sk, cs.session_id, cs.client, cs.offline from client_session cs
  join realm_object o on o.num = cs.client and o.kind = 'client' join realm rl on rl.id = o.realm_id and rl.name = '%s' limit %d),
 started as (update user_session us set started = us.started - %d from due where us.sk = due.sk and us.id = due.session_id and us.offline = due.offline)
 update client_session cs set started = cs.started - %d, last_refresh = cs.last_refresh - %d, die_slot = %d from due
 where cs.sk = due.sk and cs.session_id = due.session_id and cs.client = due.client and cs.offline = due.offline`,
		storeRealm, n, 2*month, 2*month, 2*month, overdueSlot))
}

// migrate makes the schema of an empty database.
func (b *bench) migrate(ctx context.Context, db *database) error {
	key, err := store.LoadOrCreateInstanceKey(db.keyFile())
	if err != nil {
		return err
	}
	_, err = store.Migrate(ctx, db.dsn(), store.Options{InstanceKey: key}, nil)
	return err
}
