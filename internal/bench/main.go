// Bench measures the real binary from the outside, as its users meet it:
//
//	go run ./internal/bench                 everything, about half an hour
//	go run ./internal/bench -quick          small numbers, to see that it works
//	go run ./internal/bench -db sqlite      one database
//
// It builds latchkey, starts it on a database of its own as a process of its
// own, loads it over HTTP on connections that are kept alive, and prints
// Markdown tables: refreshes by signer, algorithm, rotation, openid and number
// of connections, without and with millions of stored offline sessions; then
// start, memory, bytes a session, lists and counts, logins, and sweeping under
// load. PostgreSQL is a server of its own too, with default settings. CPU,
// memory and bytes written are those of these processes, from /proc: it runs
// on Linux. What the load itself costs is not counted, but it takes its share
// of the machine, so requests a second are fewer than the server alone would
// make.
//
// A request that is refused or fails makes the run fail.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	requests    int
	chains      int
	connections int
	sessions    int
	users       int
	logins      int
	starts      int
	idle        time.Duration
	signers     []string
	databases   []string
	large       int // sessions, of PostgreSQL
	endurance   int
	due         int
	dir         string
	binary      string
	only        *regexp.Regexp
	quick       bool
}

func main() {
	o, signers, databases, only := options{}, "", "", ""
	flag.StringVar(&databases, "db", "sqlite,postgres", "databases to measure")
	flag.IntVar(&o.requests, "requests", 8000, "refreshes measured in each row")
	flag.IntVar(&o.chains, "chains", 1000, "offline sessions the refreshes go round")
	flag.IntVar(&o.connections, "connections", 8, "connections kept alive")
	flag.IntVar(&o.sessions, "sessions", 1_000_000, "stored offline sessions of the large SQLite database")
	flag.IntVar(&o.large, "postgres-sessions", 5_000_000, "the same of the large PostgreSQL database")
	flag.IntVar(&o.endurance, "endurance", 1_000_000, "refreshes before memory is looked at")
	flag.IntVar(&o.due, "due", 100_000, "expired sessions that are swept under load")
	flag.IntVar(&o.users, "users", 0, "users they belong to (default a tenth of -sessions)")
	flag.IntVar(&o.logins, "logins", 200, "argon2id logins measured, by the password grant and in a browser")
	flag.IntVar(&o.starts, "starts", 5, "starts measured, of which the median counts")
	flag.DurationVar(&o.idle, "idle", 15*time.Second, "time after which a server nobody uses counts as idle")
	flag.StringVar(&signers, "signers", "libcrypto,go", "what makes RSA signatures")
	flag.StringVar(&o.dir, "dir", "", "directory for the databases, on the disk to be measured (default a temporary one)")
	flag.StringVar(&o.binary, "binary", "", "measure this binary instead of building one")
	flag.StringVar(&only, "run", "", "regular expression of what to measure: refreshes, as they are named in the table, or \""+offlineSessions+"\"; with it nothing else is measured")
	flag.BoolVar(&o.quick, "quick", false, "small numbers, to see that it works")
	flag.Parse()
	if o.quick {
		o.requests, o.chains, o.sessions, o.logins, o.starts, o.idle = 400, 40, 5000, 16, 3, time.Second
		o.large, o.endurance, o.due = 20_000, 2000, 2000
	}
	if only != "" {
		o.only = regexp.MustCompile(only)
		o.logins, o.starts, o.idle = 1, 1, 0
	}
	if o.users == 0 {
		o.users = max(1, o.sessions/10)
	}
	o.signers, o.databases = strings.Split(signers, ","), strings.Split(databases, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// run measures everything in a directory of its own and prints the tables.
func run(ctx context.Context, o options) (err error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return errors.New("needs Linux: what the server uses is read from /proc")
	}
	dir, err := os.MkdirTemp(o.dir, "latchkey-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: o, dir: dir, begun: time.Now()}
	if b.options.binary == "" {
		b.options.binary = filepath.Join(dir, "latchkey")
		if err := build(ctx, b.options.binary); err != nil {
			return err
		}
	}
	if err := b.all(ctx); err != nil {
		return err
	}
	b.print(os.Stdout)
	if b.failed > 0 {
		return fmt.Errorf("%d requests were refused or failed, the first: %s", b.failed, b.firstFault)
	}
	return nil
}

// build makes the binary as make build does.
func build(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "github.com/latchkey-id/latchkey/cmd/latchkey")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// bench is one run and what it found.
type bench struct {
	options
	dir        string
	begun      time.Time
	reports    []*report
	failed     int
	firstFault string
}

// report is what one database showed.
type report struct {
	db        *database
	refreshes table
	others    table
	logins    measured
	browser   browserLogins
}

// errOnly ends a run that was asked for some refreshes alone.
var errOnly = errors.New("nothing else was asked for")

// wants tells whether a kind of refresh is to be measured.
func (b *bench) wants(v variant) bool { return b.only == nil || b.only.MatchString(v.name()) }

// offlineSessions names the part that lists and ends stored sessions, for -run.
const offlineSessions = "offline sessions"

// wantsStored tells whether what needs stored sessions is to be measured: all
// of it, or with -run the offline sessions alone.
func (b *bench) wantsStored() bool { return b.only == nil || b.only.MatchString(offlineSessions) }

// all measures every database that was asked for.
func (b *bench) all(ctx context.Context) error {
	for _, name := range b.databases {
		measure, ok := map[string]func(context.Context) (*report, error){"sqlite": b.sqlite, "postgres": b.postgreSQL}[name]
		if !ok {
			return fmt.Errorf("-db %s: want sqlite or postgres", name)
		}
		r, err := measure(ctx)
		if err != nil && !errors.Is(err, errOnly) {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.reports = append(b.reports, r)
	}
	return nil
}

// progress tells a person what is going on.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%7s  %s\n", time.Since(b.begun).Round(time.Second), fmt.Sprintf(format, args...))
}

// count notes failed requests.
func (b *bench) count(failed int, fault string) {
	if failed > 0 && b.failed == 0 {
		b.firstFault = fault
	}
	b.failed += failed
}
