package crash_test

import (
	"errors"
	"math"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// newPostgres makes the schema of an empty database, and the arguments of
// nodes on it.
func newPostgres(t *testing.T, dsn string) (args []string) {
	t.Helper()
	dir := t.TempDir()
	key := filepath.Join(dir, "instance.key")
	migrate(t, dsn, key)
	return append(realmArgs(t, dir), "--instance-key-file", key)
}

// migrate runs latchkey migrate.
func migrate(t *testing.T, dsn, key string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "migrate", "--db", dsn, "--instance-key-file", key)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
}

// load is workers who each refresh a chain of their own without pause, through
// whatever happens to the database meanwhile. 503 is an answer only while the
// database is away; nothing is lost by it but what was under way.
type load struct {
	t      *testing.T
	p      *process
	chains []*chain // all there were; the workers' while they run

	done, busy atomic.Int64 // answers: refreshed, 503
	begun      time.Time
	from, to   atomic.Int64 // since begun: while the database is away
	stopped    atomic.Bool
	mu         sync.Mutex // guards chains
	all        sync.WaitGroup
}

// startLoad logs in and starts that many workers in each realm.
func startLoad(t *testing.T, p *process, each int) *load {
	t.Helper()
	l := &load{t: t, p: p, begun: time.Now()}
	l.from.Store(math.MaxInt64)
	for range each {
		for _, realm := range []string{rotating, plain} {
			c, err := p.login(realm)
			if err != nil {
				t.Fatalf("%v\n%s", err, p.out.tail())
			}
			l.chains = append(l.chains, c)
			l.all.Go(func() { l.work(c) })
		}
	}
	t.Cleanup(l.stop)
	return l
}

// away says that the database is gone from now on, back that it is there again
// and must be served within grace.
func (l *load) away() {
	l.to.Store(math.MaxInt64)
	l.from.Store(int64(time.Since(l.begun)))
}

func (l *load) back(grace time.Duration) { l.to.Store(int64(time.Since(l.begun) + grace)) }

func (l *load) stop() {
	l.stopped.Store(true)
	l.all.Wait()
}

// work refreshes c, and another chain when c is over.
func (l *load) work(c *chain) {
	for !l.stopped.Load() && !l.t.Failed() {
		if c.state != givenUp {
			l.refresh(c)
			continue
		}
		next, err := l.p.login(c.realm)
		switch {
		case err == nil:
			c = next
			l.mu.Lock()
			l.chains = append(l.chains, c)
			l.mu.Unlock()
		case !errors.Is(err, errBusy):
			l.t.Errorf("realm %s: login: %v", c.realm, err)
		}
	}
}

func (l *load) refresh(c *chain) {
	begun := time.Since(l.begun)
	a, err := l.p.refresh(c)
	ended := time.Since(l.begun)
	switch {
	case err != nil:
		l.t.Errorf("realm %s: refresh: %v", c.realm, err)
	case ended-begun > patience:
		l.t.Errorf("realm %s: %v after %v", c.realm, a, ended-begun)
	case a.busy():
		if int64(ended) < l.from.Load() || int64(begun) > l.to.Load() {
			l.t.Errorf("realm %s: %v while the database was there", c.realm, a)
		}
		c.state = unsure
		l.busy.Add(1)
		time.Sleep(5 * time.Millisecond) // it was asked to wait a second
	case a.Status == 200:
		c.state, c.token = live, a.Refresh
		l.done.Add(1)
	case c.state == unsure && c.superseded(a):
		c.state = givenUp
	default:
		l.t.Errorf("realm %s: refresh of an acknowledged token: %v", c.realm, a)
	}
}

// reaches waits until a number has grown by more.
func (l *load) reaches(what string, n *atomic.Int64, more int64) {
	l.t.Helper()
	goal := n.Load() + more
	eventually(l.t, what, func() bool { return l.t.Failed() || n.Load() >= goal })
	if l.t.Failed() {
		l.t.FailNow()
	}
}

// eventually asks again until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// verify asks for what every chain is owed.
func (l *load) verify(p *process) {
	l.t.Helper()
	states := map[state]int{}
	for _, c := range l.chains {
		p.verify(l.t, c)
		states[c.state]++
	}
	l.t.Logf("%d refreshes, %d times 503; chains: %d live, %d given up", l.done.Load(), l.busy.Load(), states[live], states[givenUp])
	if l.p.out.says("goroutine ") || l.p.out.says("panic") {
		l.t.Errorf("the server's log holds a stack:\n%s", l.p.out.tail())
	}
}
