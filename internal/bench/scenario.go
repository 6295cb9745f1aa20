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
	targetRS256    = 1.0  // CPU milliseconds of a refresh, RSA through libcrypto
	targetES256    = 0.35 // CPU milliseconds of a refresh
	targetReady    = 150  // milliseconds from start to ready
	targetResident = 60   // MB, whatever is stored
	targetBytes    = 400  // bytes of a stored session
	targetList     = 50   // milliseconds of a page or a count
)

// all measures the same database twice: with the sessions of the load alone,
// and with many stored ones beside them.
func (b *bench) all(ctx context.Context) error {
	b.refreshes.head = []string{"refresh", "stored sessions", "signer", "requests/s", "CPU ms", "target", "p50 ms", "p99 ms", "statements", "commits", "bytes written", "resident MB"}
	b.others.head = []string{"", "without stored sessions", "with " + grouped(b.sessions), "target"}
	data := filepath.Join(b.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	imports, err := writeRealms(b.dir)
	if err != nil {
		return err
	}
	first, err := b.start(ctx, data, append(imports, "--bootstrap-admin-username", "admin", "--bootstrap-admin-password", adminPassword)...)
	if err != nil {
		return err
	}
	if err := first.stop(); err != nil {
		return err
	}
	empty, err := b.starts(ctx, data)
	if err != nil {
		return err
	}
	chains, logins, err := b.prepare(ctx, data)
	if err != nil {
		return err
	}
	for _, signer := range b.signers {
		if err := b.refreshRows(ctx, data, signer, "–", chains, nil); err != nil {
			return err
		}
	}
	stored, err := b.seed(ctx, data)
	if err != nil {
		return err
	}
	b.progress("stored %s sessions of %.0f bytes in %v", grouped(b.sessions), stored.bytesEach, stored.took.Round(time.Second))
	full, err := b.starts(ctx, data)
	if err != nil {
		return err
	}
	if err := b.refreshRows(ctx, data, b.signers[0], grouped(b.sessions), chains, stored.cold); err != nil {
		return err
	}
	b.startRows(empty, full)
	b.others.add("bytes a stored session", "", judged(stored.bytesEach, "%.0f", targetBytes), "≤ "+strconv.Itoa(targetBytes))
	if err := b.adminRows(ctx, data, stored); err != nil {
		return err
	}
	b.others.add("argon2id logins a second", fmt.Sprintf("%.1f", logins.perSecond()), "", "")
	b.others.add("CPU ms of an argon2id login", fmt.Sprintf("%.1f", logins.cpu()), "", "")
	return nil
}

// started is what starting showed.
type started struct {
	ready        time.Duration // median
	fresh, quiet int64         // resident bytes right after the start, and idle
}

// starts starts and stops the server some times; the last one stays to become
// idle.
func (b *bench) starts(ctx context.Context, dir string) (*started, error) {
	s := &started{}
	var ready []time.Duration
	for i := range b.options.starts {
		p, err := b.start(ctx, dir)
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
func (b *bench) prepare(ctx context.Context, dir string) (map[variant][]*chain, measured, error) {
	p, err := b.start(ctx, dir)
	if err != nil {
		return nil, measured{}, err
	}
	defer p.kill()
	chains := map[variant][]*chain{}
	for _, v := range variants {
		if chains[v], err = b.loginAll(ctx, p, v.realm(), v.scope(), b.chains); err != nil {
			return nil, measured{}, err
		}
	}
	b.progress("logged in for %s offline sessions", grouped(len(variants)*b.chains))
	logins, err := b.load(ctx, p, b.logins, func(w *wire, _, i int) error {
		_, err := login(w, loginRealm, i%people, "openid offline_access")
		return err
	})
	if err != nil {
		return nil, measured{}, err
	}
	b.progress("argon2id: %.1f logins/s, %.1f ms CPU each", logins.perSecond(), logins.cpu())
	return chains, logins, p.stop()
}

// refreshRows measures every variant on one start of the server, and the cold
// sessions if there are any. A signer the machine does not have is left out.
func (b *bench) refreshRows(ctx context.Context, dir, signer, stored string, chains map[variant][]*chain, cold []*chain) error {
	p, err := b.start(ctx, dir, "--signer", signer)
	if err != nil {
		if ctx.Err() == nil && signer == "libcrypto" {
			b.progress("without signer %s: %v", signer, err)
			return nil
		}
		return err
	}
	defer p.kill()
	for _, v := range variants {
		if v.algorithm != "RS256" && signer != b.signers[0] {
			continue // the signer makes RSA signatures alone
		}
		if _, err := b.refreshAll(ctx, p, chains[v], b.requests/10); err != nil { // warm-up
			return err
		}
		m, err := b.refreshAll(ctx, p, chains[v], b.requests)
		if err != nil {
			return err
		}
		b.refreshRow(fmt.Sprintf("%s, rotation %s, %s", v.algorithm, onOff(v.rotation), v.scope()), stored, signer, v.algorithm, m)
	}
	if len(cold) > 0 {
		// Each session once: nothing of it is in any cache of the server.
		m, err := b.load(ctx, p, min(b.requests, len(cold)), func(w *wire, _, i int) error { return cold[i].refresh(w) })
		if err != nil {
			return err
		}
		b.refreshRow("ES256, rotation on, openid offline_access, each session once", stored, signer, "ES256", m)
	}
	return p.stop()
}

func onOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }

func (b *bench) refreshRow(what, stored, signer, algorithm string, m measured) {
	target := map[bool]float64{true: targetES256}[algorithm == "ES256"]
	if algorithm == "RS256" && signer == "libcrypto" {
		target = targetRS256
	}
	shown := ""
	if target > 0 {
		shown = "≤ " + strconv.FormatFloat(target, 'f', -1, 64)
	}
	if algorithm != "RS256" {
		signer = "–"
	}
	b.refreshes.add(what, stored, signer, fmt.Sprintf("%.0f", m.perSecond()), judged(m.cpu(), "%.2f", target), shown, ms(m.p50), ms(m.p99),
		fmt.Sprintf("%.2f", per(m.used.statements, m.requests)), fmt.Sprintf("%.2f", per(m.used.commits, m.requests)),
		fmt.Sprintf("%.0f", per(float64(m.used.written), m.requests)), mb(m.resident))
	b.progress("%s, stored %s, signer %s: %.0f/s, %.2f ms CPU, %d failed", what, stored, signer, m.perSecond(), m.cpu(), m.failed)
}

func (b *bench) startRows(empty, full *started) {
	ready := func(s *started) string { return judged(s.ready.Seconds()*1000, "%.0f", targetReady) }
	resident := func(n int64) string { return judged(float64(n)/(1<<20), "%.1f", targetResident) }
	limit := func(n int) string { return "≤ " + strconv.Itoa(n) }
	b.others.add("start to ready, ms", ready(empty), ready(full), limit(targetReady))
	b.others.add("resident right after the start, MB", resident(empty.fresh), resident(full.fresh), limit(targetResident))
	b.others.add("resident and idle, MB", resident(empty.quiet), resident(full.quiet), limit(targetResident))
}

// adminRows measures what administrators ask for while many sessions are
// stored, one request at a time; logout-all comes last, since it ends them.
func (b *bench) adminRows(ctx context.Context, dir string, stored *seeded) error {
	p, err := b.start(ctx, dir)
	if err != nil {
		return err
	}
	defer p.kill()
	realm := "/admin/realms/" + storeRealm
	client := realm + "/clients/" + stored.client
	for _, q := range []struct {
		what, method, target string
		times                int
	}{
		{"offline-session-count", "GET", client + "/offline-session-count", 20},
		{"offline-sessions, first page of 100", "GET", client + "/offline-sessions?first=0&max=100", 20},
		{fmt.Sprintf("offline-sessions, first=%d&max=100", b.sessions/2), "GET", fmt.Sprintf("%s/offline-sessions?first=%d&max=100", client, b.sessions/2), 20},
		{"client-session-stats", "GET", realm + "/client-session-stats", 20},
		{"logout-all", "POST", realm + "/logout-all", 1},
		{"offline-session-count after logout-all", "GET", client + "/offline-session-count", 20},
	} {
		median, longest, body, err := b.ask(p, q.method, q.target, q.times)
		if err != nil {
			return err
		}
		figure := judged(median.Seconds()*1000, "%.1f", targetList)
		if q.times > 1 {
			figure += fmt.Sprintf(" (longest %.1f)", longest.Seconds()*1000)
		}
		b.others.add(q.what+", ms", "", figure, "≤ "+strconv.Itoa(targetList))
		b.progress("%s: %v, %.60s", q.what, median.Round(10*time.Microsecond), body)
	}
	return p.stop()
}
