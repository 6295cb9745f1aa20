// Package pgtest starts PostgreSQL for tests, from what the system has
// installed, and gives every test a schema of its own: on one server, or on a
// cluster of stock servers joined by postgres_fdw. It knows nothing of the
// store, so that the store's own tests can use it.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Env names the PostgreSQL that tests use: the URL of a database in which they
// may create schemas, or "start", the default: one is started.
const Env = "LATCHKEY_TEST_POSTGRES"

// Install says what is missing where PostgreSQL is not installed.
const Install = "PostgreSQL's server is not installed: apt-get install postgresql (15 or newer), or set " + Env + " to the URL of a database tests may create schemas in"

// ErrMissing is a system without PostgreSQL's server.
var ErrMissing = errors.New(Install)

// started skips a test for want of PostgreSQL, or fails it where CI is set, and
// fails it for any other error.
func started(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("CI") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// New is Start until the test ends. Where PostgreSQL is missing the test fails
// if CI is set, else it is skipped.
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := Start(settings...)
	started(t, err)
	t.Cleanup(s.Stop)
	return s
}

// volatile are the settings of servers on which durability is not tested.
var volatile = []string{"fsync=off", "full_page_writes=off"}

// NewShards is StartShards until the test ends, as New. Short runs are skipped:
// it starts four servers.
func NewShards(t testing.TB) *Shards {
	t.Helper()
	if testing.Short() {
		t.Skip("starts four servers")
	}
	c, err := StartShards(volatile...)
	started(t, err)
	t.Cleanup(c.Stop)
	return c
}

// DSN is the URL of the database that Env names, or of one that is started
// until the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	if dsn := os.Getenv(Env); dsn != "" && dsn != "start" {
		return dsn
	}
	return New(t, volatile...).DSN("postgres")
}

// Server is a PostgreSQL server this process started.
type Server struct {
	Port int
	dir  string
	bin  string
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

// binDir finds the newest installed server's programs; "" when there is none.
func binDir() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if len(dirs) > 0 {
		return filepath.Dir(dirs[0])
	}
	for _, name := range []string{"/usr/local/pgsql/bin/postgres", "/opt/homebrew/bin/postgres"} {
		if _, err := os.Stat(name); err == nil {
			return filepath.Dir(name)
		}
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// version is the 15 of /usr/lib/postgresql/15/bin/postgres.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// Start makes and starts a server on a free port of 127.0.0.1, in a directory
// of its own, with PostgreSQL's durable defaults and then the settings given
// ("fsync=off"). ErrMissing where it is not installed. Stop must be called.
func Start(settings ...string) (*Server, error) {
	bin := binDir()
	if bin == "" {
		return nil, ErrMissing
	}
	dir, err := os.MkdirTemp("", "latchkey-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	err = s.init(settings)
	if err == nil {
		err = s.Run()
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command is a program of PostgreSQL, which refuses to run as root: it is then
// run as the user that its package made.
func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	if os.Getuid() != 0 {
		runAs(cmd, -1, -1)
		return cmd, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("as root it must run as user postgres: %w", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	runAs(cmd, uid, gid)
	return cmd, errors.Join(err1, err2, os.Chown(s.dir, uid, gid))
}

func (s *Server) init(settings []string) error {
	if err := s.make("initdb", "-D", s.data(), "-A", "trust", "-U", "postgres", "--locale=C", "-E", "UTF8", "--no-sync"); err != nil {
		return err
	}
	return s.configure(append([]string{"max_connections=200", "shared_buffers=64MB", "logging_collector=off", "max_locks_per_transaction=256"}, settings...))
}

// make runs a program that makes the server's directory.
func (s *Server) make(name string, args ...string) error {
	cmd, err := s.command(name, args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// configure gives the server a free port and settings.
func (s *Server) configure(settings []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	lines := append([]string{"listen_addresses='127.0.0.1'", fmt.Sprintf("port=%d", s.Port), "unix_socket_directories=''"}, settings...)
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// Run starts a server that was killed, and returns when it answers. The other
// processes of the killed one may hold its memory a little longer.
func (s *Server) Run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		err := s.runOnce(ctx)
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "still in use") {
			return err
		}
	}
}

func (s *Server) runOnce(ctx context.Context) error {
	cmd, err := s.command("postgres", "-D", s.data())
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	s.cmd, s.done = cmd, done
	go func() {
		_ = cmd.Wait() // it was killed, or its log tells
		close(done)
	}()
	for {
		c, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-done:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("it ended: %s", text)
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// PID is the server's first process, the parent of all others.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill is kill -9 of the server's first process; the others follow it.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.done
	}
}

// Stop ends the server and removes its directory.
func (s *Server) Stop() {
	if s.cmd != nil {
		quit(s.cmd)
		select {
		case <-s.done:
		case <-time.After(10 * time.Second):
			s.Kill()
		}
	}
	_ = os.RemoveAll(s.dir) // a directory of temporary files
}

// ConnectTimeout is how many seconds a busy machine may take to greet a test's
// connection; the store's own default is meant for servers.
const ConnectTimeout = 60

// DSN is the URL of a database of the server, with ConnectTimeout.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?connect_timeout=%d", s.Port, database, ConnectTimeout)
}

// Exec runs statements on the database of a URL.
func Exec(ctx context.Context, dsn, script string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return errors.Join(c.PgConn().Exec(ctx, script).Close(), c.Close(ctx))
}

// Number is what a statement of one row and one bigint column gives.
func Number(ctx context.Context, dsn, sql string) (n int64, err error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	err = c.QueryRow(ctx, sql).Scan(&n)
	return n, errors.Join(err, c.Close(ctx))
}

// Each reads the rows of a statement into the variables to, calling fn for
// each.
func Each(ctx context.Context, dsn, sql string, to []any, fn func() error) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	rows, err := c.Query(ctx, sql)
	if err == nil {
		_, err = pgx.ForEachRow(rows, to, fn)
	}
	return errors.Join(err, c.Close(ctx))
}

// WithSchema is the URL with tables looked up in one schema.
func WithSchema(dsn, schema string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// schemaName is new in its database, whatever runs beside.
func schemaName() string { return "test_" + strings.ToLower(rand.Text()) }

// Schema makes an empty schema, gone when the test ends, and returns the URL
// that uses it.
func Schema(t testing.TB, dsn string) string {
	t.Helper()
	name := schemaName()
	if err := Exec(t.Context(), dsn, "create schema "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Exec(context.Background(), dsn, "set client_min_messages = error; drop schema "+name+" cascade"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
	})
	return WithSchema(dsn, name)
}
