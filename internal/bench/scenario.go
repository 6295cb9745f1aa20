package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// Targets the figures are held against (docs/performance.md).
const (
	targetReady    = 150 // milliseconds from start to ready
	targetResident = 60  // MB, whatever is stored
	targetLoaded   = 80  // MB, after a million refreshes
	targetBytes    = 400 // bytes of a stored session
	targetList     = 50  // milliseconds of a page or a count
	targetEnd      = 200 // milliseconds of an ending, however many it ends
)

// target is CPU milliseconds of a refresh, RSA through libcrypto, database
// included.
func (r *report) target(v variant) float64 {
	switch {
	case r.db.postgres == nil && v.algorithm == "RS256":
		return 1.0
	case r.db.postgres == nil:
		return 0.35
	case v.algorithm == "RS256" && v.rotation:
		return 1.2
	case v.algorithm == "RS256":
		return 1.0
	case v.rotation:
		return 0.55
	}
	return 0.35
}

// sqlite measures the same database twice: with the sessions of the load
// alone, and with many stored ones beside them.
func (b *bench) sqlite(ctx context.Context) (*report, error) {
	r := &report{db: &database{dir: filepath.Join(b.dir, "sqlite")}}
	r.refreshes.head = []string{"refresh", "stored sessions", "signer", "requests/s", "CPU ms", "target", "p50 ms", "p99 ms", "statements", "commits", "bytes written", "resident MB"}
	r.others.head = []string{"", "without stored sessions", "with " + grouped(b.sessions), "target"}
	empty, err := b.newRealms(ctx, r)
	if err != nil {
		return nil, err
	}
	chains, err := b.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, signer := range b.signers {
		if err := b.refreshRows(ctx, r, load{signer: signer, stored: "–", chains: chains, connections: b.connections}); err != nil {
			return nil, err
		}
	}
	if !b.wantsStored() {
		return r, errOnly
	}
	stored, err := b.seed(ctx, r.db)
	if err != nil {
		return nil, err
	}
	b.progress("stored %s sessions of %.0f bytes in %v", grouped(b.sessions), stored.bytesEach, stored.took.Round(time.Second))
	if b.only != nil {
		return r, b.adminRows(ctx, r, b.sessions, stored)
	}
	full, err := b.starts(ctx, r.db)
	if err != nil {
		return nil, err
	}
	if err := b.refreshRows(ctx, r, load{signer: b.signers[0], stored: grouped(b.sessions), chains: chains, connections: b.connections, cold: stored.cold}); err != nil {
		return nil, err
	}
	r.startRows(empty, full)
	r.others.add("bytes a stored session", "", judged(stored.bytesEach, "%.0f", targetBytes), "≤ "+strconv.Itoa(targetBytes))
	if err := b.adminRows(ctx, r, b.sessions, stored); err != nil {
		return nil, err
	}
	r.loginRows()
	return r, nil
}

// newRealms makes the realms on a new database, and starts a few times.
func (b *bench) newRealms(ctx context.Context, r *report) (*started, error) {
	if err := os.MkdirAll(r.db.dir, 0o700); err != nil {
		return nil, err
	}
	imports, err := writeRealms(r.db.dir)
	if err != nil {
		return nil, err
	}
	first, err := b.start(ctx, r.db, append(imports, "--bootstrap-admin-username", "admin", "--bootstrap-admin-password", adminPassword)...)
	if err != nil {
		return nil, err
	}
	if err := first.stop(); err != nil {
		return nil, err
	}
	return b.starts(ctx, r.db)
}

// started is what starting showed.
type started struct {
	ready        time.Duration // median
	fresh, quiet int64         // resident bytes right after the start, and idle
}

// starts starts and stops the server some times; the last one stays to become
// idle.
func (b *bench) starts(ctx context.Context, db *database) (*started, error) {
	s := &started{}
	var ready []time.Duration
	for i := range b.options.starts {
		p, err := b.start(ctx, db)
		if err != nil {
			return nil, err
		}
		ready = append(ready, p.ready)
		if s.fresh, err = p.resident(); err == nil && i == b.options.starts-1 {
			if err = sleep(ctx, b.idle); err == nil {
				s.quiet, err = p.resident()
			}
		}
		if err != nil {
			p.kill()
			return nil, err
		}
		if err := p.stop(); err != nil {
			return nil, err
		}
	}
	slices.Sort(ready)
	s.ready = at(ready, 0.5)
	b.progress("ready after %v, resident %s MB, idle %s MB", s.ready.Round(time.Millisecond), mb(s.fresh), mb(s.quiet))
	return s, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// prepare logs in for the chains of every variant and measures logins.
func (b *bench) prepare(ctx context.Context, r *report) (map[variant][]*chain, error) {
	p, err := b.start(ctx, r.db)
	if err != nil {
		return nil, err
	}
	defer p.kill()
	chains := map[variant][]*chain{}
	for _, v := range variants {
		if !b.wants(v) {
			continue
		}
		if chains[v], err = b.loginAll(ctx, p, v.realm(), v.scope(), b.chains); err != nil {
			return nil, err
		}
	}
	b.progress("logged in for %s offline sessions", grouped(len(variants)*b.chains))
	r.logins, err = b.load(ctx, p, b.connections, b.options.logins, func(w *wire, _, i int) error {
		_, err := login(w, loginRealm, i%people, "openid offline_access")
		return err
	})
	if err != nil {
		return nil, err
	}
	b.progress("argon2id: %.1f logins/s, %.1f ms CPU each", r.logins.perSecond(), r.logins.cpu())
	if r.browser, err = b.inBrowser(ctx, p); err != nil {
		return nil, err
	}
	return chains, p.stop()
}

// load is the refreshes of all variants under one set of conditions.
type load struct {
	signer      string
	stored      string // how many sessions are stored beside
	chains      map[variant][]*chain
	connections int
	cold        []*chain // sessions of which each is refreshed once, if any
}

// refreshRows measures every variant on one start of the server, and the cold
// sessions if there are any. A signer the machine does not have is left out.
func (b *bench) refreshRows(ctx context.Context, r *report, l load) error {
	p, err := b.start(ctx, r.db, "--signer", l.signer)
	if err != nil {
		if ctx.Err() == nil && l.signer == "libcrypto" {
			b.progress("without signer %s: %v", l.signer, err)
			return nil
		}
		return err
	}
	defer p.kill()
	for _, v := range variants {
		if v.algorithm != "RS256" && l.signer != b.signers[0] || !b.wants(v) {
			continue // the signer makes RSA signatures alone
		}
		if _, err := b.refreshAll(ctx, p, l.connections, l.chains[v], b.requests/4); err != nil { // warm-up
			return err
		}
		m, err := b.refreshAll(ctx, p, l.connections, l.chains[v], b.requests)
		if err != nil {
			return err
		}
		b.refreshRow(r, l, v, v.name(), m)
	}
	if len(l.cold) > 0 {
		// Each session once: nothing of it is in any cache of the server.
		m, err := b.load(ctx, p, l.connections, min(b.requests, len(l.cold)), func(w *wire, _, i int) error { return l.cold[i].refresh(w) })
		if err != nil {
			return err
		}
		b.refreshRow(r, l, coldVariant, coldVariant.name()+", each session once", m)
	}
	return p.stop()
}

func onOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }

func (b *bench) refreshRow(r *report, l load, v variant, what string, m measured) {
	signer, target := l.signer, 0.0
	if v.algorithm != "RS256" {
		signer = "–"
	}
	if signer != "go" && l.connections == b.connections {
		target = r.target(v)
	}
	shown := ""
	if target > 0 {
		shown = "≤ " + strconv.FormatFloat(target, 'f', -1, 64)
	}
	cells := []string{what, l.stored, signer, fmt.Sprintf("%.0f", m.perSecond()), judged(m.cpu(), "%.2f", target)}
	last := []string{shown, ms(m.p50), ms(m.p99), fmt.Sprintf("%.2f", per(m.used.statements, m.requests))}
	if r.db.postgres == nil {
		cells = slices.Concat(cells, last, []string{fmt.Sprintf("%.2f", per(m.used.commits, m.requests)), fmt.Sprintf("%.0f", per(float64(m.used.written), m.requests))})
	} else {
		cells = slices.Concat(cells[:1], []string{strconv.Itoa(l.connections)}, cells[1:], []string{fmt.Sprintf("%.2f + %.2f", m.server(), m.postgres())},
			last, []string{fmt.Sprintf("%.0f", per(float64(m.used.wal), m.requests))})
	}
	r.refreshes.add(append(cells, mb(m.resident))...)
	b.progress("%s, %d connections, stored %s, signer %s: %.0f/s, %.2f ms CPU (server %.2f), %d failed",
		what, l.connections, l.stored, signer, m.perSecond(), m.cpu(), m.server(), m.failed)
}

func (r *report) startRows(empty, full *started) {
	ready := func(s *started) string { return judged(s.ready.Seconds()*1000, "%.0f", targetReady) }
	resident := func(n int64) string { return judged(float64(n)/(1<<20), "%.1f", targetResident) }
	limit := func(n int) string { return "≤ " + strconv.Itoa(n) }
	r.others.add("start to ready, ms", ready(empty), ready(full), limit(targetReady))
	r.others.add("resident right after the start, MB", resident(empty.fresh), resident(full.fresh), limit(targetResident))
	r.others.add("resident and idle, MB", resident(empty.quiet), resident(full.quiet), limit(targetResident))
}

// adminRows measures what administrators ask for while many sessions are
// stored, one request at a time. Endings come last.
func (b *bench) adminRows(ctx context.Context, r *report, sessions int, stored *seeded) error {
	p, err := b.start(ctx, r.db)
	if err != nil {
		return err
	}
	defer p.kill()
	realm := "/admin/realms/" + storeRealm
	client := realm + "/clients/" + stored.client
	for _, q := range []question{
		{"offline-session-count", "GET", client + "/offline-session-count", "", 20, targetList},
		{"offline-sessions, first page of 100", "GET", client + "/offline-sessions?first=0&max=100", "", 20, targetList},
		{fmt.Sprintf("offline-sessions, first=%d&max=100", sessions/2), "GET", fmt.Sprintf("%s/offline-sessions?first=%d&max=100", client, sessions/2), "", 20, targetList},
		{"ui-ext/sessions, first page of 101", "GET", realm + "/ui-ext/sessions?type=ALL&first=0&max=101", "", 20, targetList},
		{fmt.Sprintf("ui-ext/sessions, first=%d&max=101", sessions/2), "GET", fmt.Sprintf("%s/ui-ext/sessions?type=ALL&first=%d&max=101", realm, sessions/2), "", 20, targetList},
		{"client-session-stats", "GET", realm + "/client-session-stats", "", 20, targetList},
	} {
		if _, err := b.row(p, r, q); err != nil {
			return err
		}
	}
	if err := b.offlineRows(p, r); err != nil {
		return err
	}
	if err := b.endingRows(p, r, realm, client, stored); err != nil {
		return err
	}
	return p.stop()
}

// question is a request to admin REST that is measured; body is JSON, "" for
// none.
type question struct {
	what, method, target, body string
	times                      int
	limit                      float64 // milliseconds
}

// row measures a request and returns the last answer.
func (b *bench) row(p *process, r *report, q question) (string, error) {
	median, longest, body, err := b.ask(p, q.method, q.target, q.body, q.times)
	if err != nil {
		return "", err
	}
	r.timeRow(q, median, longest)
	b.progress("%s: %v, %.60s", q.what, median.Round(10*time.Microsecond), body)
	return body, nil
}

func (r *report) timeRow(q question, median, longest time.Duration) {
	figure := judged(median.Seconds()*1000, "%.1f", q.limit)
	if q.times > 1 {
		figure += fmt.Sprintf(" (longest %.1f)", longest.Seconds()*1000)
	}
	r.others.add(q.what+", ms", "", figure, "≤ "+strconv.FormatFloat(q.limit, 'f', -1, 64))
}
