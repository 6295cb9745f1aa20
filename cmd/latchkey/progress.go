package main

import (
	"fmt"
	"io"
	"time"
)

const (
	redrawEvery = 200 * time.Millisecond // a line that is rewritten
	sayEvery    = 5 * time.Second        // a line that stays, in a log
)

// progress tells how far long work is: on a terminal one line that is
// rewritten, elsewhere a line now and then.
type progress struct {
	w       io.Writer
	rewrite bool
	now     func() time.Time
	what    string // what is counted, in the plural

	start, said time.Time
	drawn       bool
	before      int64 // were done when it began
	done        int64
	total       int64 // 0: not known
}

func (a *app) newProgress(what string) *progress {
	now := a.now()
	return &progress{w: a.err, rewrite: terminal(a.err), now: a.now, what: what, start: now, said: now}
}

// report notes that done of them are done by now.
func (p *progress) report(done int64) {
	p.done = done
	now, every := p.now(), sayEvery
	if p.rewrite {
		every = redrawEvery
	}
	if now.Sub(p.said) < every {
		return
	}
	p.said = now
	if p.rewrite {
		p.drawn = true
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.line(now))
		return
	}
	fmt.Fprintln(p.w, p.line(now))
}

// clear removes the line that is rewritten, before anything else is said.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// reportOf is report of work whose size is known.
func (p *progress) reportOf(done, total int64) {
	p.total = total
	p.report(done)
}

func (p *progress) line(now time.Time) string {
	if p.total > 0 {
		return fmt.Sprintf("%d of %d %s, %.0f/s", p.done, p.total, p.what, p.rate(now))
	}
	return fmt.Sprintf("%d %s done, %.0f/s", p.done, p.what, p.rate(now))
}

func (p *progress) rate(now time.Time) float64 {
	if took := now.Sub(p.start).Seconds(); took > 0 {
		return float64(p.done-p.before) / took
	}
	return 0
}

// summary is the line for the end: how many, how long, how fast.
func (p *progress) summary() string {
	now := p.now()
	took := now.Sub(p.start).Round(100 * time.Millisecond)
	if p.done == 0 {
		return fmt.Sprintf("0 %s in %v", p.what, took)
	}
	return fmt.Sprintf("%d %s in %v, %.0f/s", p.done, p.what, took, p.rate(now))
}
