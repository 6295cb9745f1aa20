package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// nextVersion are migrations of a version to come, one of each kind.
func nextVersion(t testing.TB, extra ...string) []migration {
	t.Helper()
	all := slices.Clone(migrations)
	for i, script := range append([]string{
		"-- A column that is filled later.\nalter table client_session add column extra integer not null default 0;",
		"-- A table of users' rows.\ncreate table extra_thing (\n  sk      integer not null,\n  user_id bytea   not null,\n  primary key (sk, user_id)\n);",
		"-- An index on a large table.\n-- run: online\ncreate index client_session_by_extra on client_session (extra, sk);",
		"-- Fills the column.\n-- run: in batches\nupdate client_session set extra = 1\n where sk = $1 and session_id >= $2 and session_id < $3 and extra = 0;",
	}, extra...) {
		m, err := parseMigration(fmt.Sprintf("%04d_next", len(migrations)+1+i), script)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// quick are manners for tests: small batches, short waits.
var quick = manners{lock: 100 * time.Millisecond, pause: 50 * time.Millisecond, batch: 3, rest: 0}

// onBoth runs a test on a SQLite file and on a PostgreSQL server of its own.
func onBoth(t *testing.T, test func(t *testing.T, dsn string)) {
	if os.Getenv(engineEnv) != "" {
		return
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, pgtest.New(t, "fsync=off").DSN("postgres"))
	})
}

// load is what a node does all the time. No call may fail, and so none may
// wait for a lock until it is given up.
type load struct {
	s    *Store
	done atomic.Int64
	wg   sync.WaitGroup
	stop func()
}

const loadSessions = 40

func startLoad(t *testing.T, s *Store) *load {
	t.Helper()
	if d, ok := s.db.(*pgDB); ok { // a busy machine is not a lock
		d.limits = patience{read: time.Minute, write: time.Minute, long: time.Minute}
	}
	fillUsers(t, s, loadSessions)
	all := fillSessions(t, s, loadSessions)
	keys := make([]SessionKey, len(all))
	for i, cs := range all {
		keys[i] = KeyOf(cs)
	}
	ctx, stop := context.WithCancel(t.Context())
	l := &load{s: s, stop: stop}
	for w := range 4 {
		l.loop(t, ctx, "touch", func(ctx context.Context, i int) error {
			cs := all[w+4*(i%(loadSessions/4))]
			ok, err := s.TouchClientSession(ctx, cs)
			if err == nil && !ok {
				err = errors.New("touch changed nothing")
			}
			cs.Version++
			return err
		})
	}
	l.loop(t, ctx, "read", func(ctx context.Context, i int) error {
		_, err := s.SessionForRefresh(ctx, keys[i%loadSessions])
		return err
	})
	l.loop(t, ctx, "read user", func(ctx context.Context, i int) error {
		_, err := s.UserByID(ctx, 1, testUUID(i%loadSessions))
		return err
	})
	l.loop(t, ctx, "start", func(ctx context.Context, i int) error {
		return s.Write(ctx, func(tx *Tx) error {
			_, err := startTest(tx, i%loadSessions)
			return err
		})
	})
	l.loop(t, ctx, "sweep", func(ctx context.Context, i int) error {
		if _, err := s.DueSessions(ctx, 1, 10); err != nil {
			return err
		}
		return s.Write(ctx, func(tx *Tx) error {
			_, err := tx.DeleteEnded(1, 10)
			return err
		})
	})
	t.Cleanup(l.end)
	return l
}

func (l *load) loop(t *testing.T, ctx context.Context, what string, fn func(ctx context.Context, i int) error) {
	l.wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := fn(context.WithoutCancel(ctx), i); err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			l.done.Add(1)
		}
	})
}

// more waits until the load has done n calls more.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	for from := l.done.Load(); l.done.Load() < from+n; time.Sleep(time.Millisecond) {
		if t.Failed() || t.Context().Err() != nil {
			t.FailNow()
		}
	}
}

func (l *load) end() {
	l.stop()
	l.wg.Wait()
}

// A node of the version before serves while the schema is changed under it,
// and afterwards; so does one that starts then.
func TestMigrate_OldNodesServe(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		s := openAt(t, dsn)
		l := startLoad(t, s)
		l.more(t, 500)
		var extra []string
		if isPostgres(dsn) { // prepared statements give another type afterwards
			extra = append(extra, "-- Not a change to make while others serve, but one they survive.\nalter table users alter column first_name type varchar(2000);")
		}
		all := nextVersion(t, extra...)
		var news []string
		n, err := migrate(t.Context(), dsn, all, quick, func(step, text string) { news = append(news, step+": "+text) })
		if err != nil || n != len(all)-len(migrations) {
			t.Fatalf("%d steps, %v; told %q", n, err, news)
		}
		l.more(t, 500)
		again, err := Open(t.Context(), dsn, testOptions)
		if err != nil {
			t.Fatalf("start of a node of the version before: %v", err)
		}
		defer again.Close()
		if _, err := again.UserByID(t.Context(), 1, testUUID(0)); err != nil {
			t.Error(err)
		}
		l.end()
		if got := filled(t, dsn); got < loadSessions {
			t.Errorf("%d rows are filled, there were %d before", got, loadSessions)
		}
		if !slices.ContainsFunc(news, func(s string) bool { return strings.Contains(s, "50 % of the shards") }) {
			t.Errorf("no progress of the backfill in %q", news)
		}
	})
}

// filled counts the rows that the backfill of nextVersion has changed.
func filled(t *testing.T, dsn string) int64 {
	t.Helper()
	s, err := Open(t.Context(), dsn, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var n int64
	err = s.read(t.Context(), func(c *conn) error {
		st, err := c.link.prepare(&query{sql: "select count(*) from client_session where extra = 1", idx: len(queries)})
		if err == nil {
			_, err = st.step()
			n = st.colInt(0)
			st.reset()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Somebody's open transaction delays the migration, and nobody else: the step
// gives up its place in the queue of locks, says who is in the way, and tries
// again.
func TestMigrate_LongReaderDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	dsn := pgtest.New(t, "fsync=off").DSN("postgres")
	l := startLoad(t, openAt(t, dsn))
	reader, err := pgx.Connect(t.Context(), dsn+"&application_name=report")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(context.Background())
	if _, err := reader.Exec(t.Context(), "begin; select count(*) from client_session", pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	var waits atomic.Int64
	done := make(chan error, 1)
	go func() {
		_, err := migrate(t.Context(), dsn, nextVersion(t), quick, func(step, news string) {
			if strings.Contains(news, "waiting for a lock held by process") && strings.Contains(news, "(report, idle in transaction") {
				waits.Add(1)
			}
		})
		done <- err
	}()
	for waits.Load() < 3 {
		l.more(t, 100)
		select {
		case err := <-done:
			t.Fatalf("migrate ended beside the reader: %v", err)
		default:
		}
	}
	if _, err := reader.Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	l.more(t, 100)
}

// What a failed build leaves is an index that is not valid: it is made anew.
func TestMigrate_InvalidIndexIsBuiltAgain(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	dsn := pgtest.New(t, "fsync=off").DSN("postgres")
	s := openAt(t, dsn)
	fillUsers(t, s, 3)
	fillSessions(t, s, 3)
	if err := pgtest.Exec(t.Context(), dsn, "create unique index concurrently client_session_by_extra on client_session (client)"); err == nil {
		t.Fatal("the index was to fail")
	}
	const valid = "select count(*) from pg_index where indexrelid = to_regclass('client_session_by_extra') and indisvalid"
	if n := askPostgres(t, s, valid); n != 0 {
		t.Fatal("the index was to be there and not valid")
	}
	var wg sync.WaitGroup
	for range 3 { // nodes that start at once
		wg.Go(func() {
			if _, err := migrate(t.Context(), dsn, nextVersion(t), quick, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := askPostgres(t, s, valid+" and not indisunique"); n != 1 {
		t.Error("the index is not valid, or not the one of the migration")
	}
}

// A backfill that was stopped goes on where it was.
func TestMigrate_StoppedGoesOn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		const n = 200
		s := openAt(t, dsn)
		fillUsers(t, s, n)
		fillSessions(t, s, n)
		ctx, cancel := context.WithCancel(t.Context())
		reports := 0
		applied, err := migrate(ctx, dsn, nextVersion(t), quick, func(step, news string) {
			if strings.Contains(news, "of the shards") {
				if reports++; reports == 8 {
					cancel()
				}
			}
		})
		if !errors.Is(err, context.Canceled) || applied != 3 {
			t.Fatalf("stopped after %d steps with %v", applied, err)
		}
		if got := filled(t, dsn); got == 0 || got == n {
			t.Errorf("%d of %d rows were filled when it was stopped", got, n)
		}
		if applied, err = migrate(t.Context(), dsn, nextVersion(t), quick, nil); err != nil || applied != 1 {
			t.Errorf("then %d steps, %v", applied, err)
		}
		if got := filled(t, dsn); got != n {
			t.Errorf("%d of %d rows are filled", got, n)
		}
	})
}

// A step that takes something away says which programs it leaves behind.
func TestMigrate_OldestThatMayServe(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dsn string) {
		s := openAt(t, dsn)
		all := nextVersion(t, fmt.Sprintf("-- Takes something away.\n-- oldest: %d\ndrop table extra_thing;", len(migrations)+4))
		if _, err := migrate(t.Context(), dsn, all, quick, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dsn, testOptions); !errors.Is(err, ErrSchemaNew) {
			t.Errorf("start of a node that is too old: %v, want ErrSchemaNew", err)
		}
		for known, want := range map[int]error{len(all): nil, len(all) - 1: nil, len(all) - 2: ErrSchemaNew, len(all) + 1: ErrSchemaOld} {
			err := s.read(t.Context(), func(c *conn) error {
				_, err := checkSchema(c, make([]migration, known))
				return err
			})
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("a program of %d migrations on %d: %v, want %v", known, len(all), err, want)
			}
		}
	})
}

// The slices of a shard leave no id out and none twice.
func TestSlice(t *testing.T) {
	t.Parallel()
	for n := 1; n <= maxSlices; n *= 2 {
		end := []byte{0}
		for i := range n {
			from, to := slice(i, n)
			if !bytes.Equal(from, end) || bytes.Compare(from, to) >= 0 {
				t.Fatalf("slice %d of %d: from %x to %x, the one before ended with %x", i, n, from, to, end)
			}
			end = to
		}
		if last := bytes.Repeat([]byte{0xff}, 18); bytes.Compare(last, end) >= 0 {
			t.Errorf("the last of %d slices ends with %x", n, end)
		}
	}
}

func TestParseMigration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string
		kind         migrationKind
		oldest       int
		ok           bool
	}{
		{"a script", "-- Why.\ncreate table a (x integer);", inOneTx, 0, true},
		{"indexes, online", "-- Why.\n-- run: online\ncreate index a on b (c);\ncreate unique index d on b (e);", online, 0, true},
		{"more than indexes, online", "-- Why.\n-- run: online\ncreate index a on b (c);\ndrop table d;", online, 0, false},
		{"in batches", "-- Why.\n-- run: in batches\nupdate a set b = 1 where sk = $1 and id >= $2 and id < $3;", inBatches, 0, true},
		{"two statements in batches", "-- run: in batches\ndelete from a where sk = $1 and id >= $2 and id < $3; delete from b where sk = $1", inBatches, 0, false},
		{"in batches of everything", "-- run: in batches\nupdate a set b = 1", inBatches, 0, false},
		{"the oldest served", "-- oldest: 12\ndrop table a;", inOneTx, 12, true},
		{"a misspelt word", "-- run: onlne\ncreate index a on b (c);", inOneTx, 0, false},
		{"no number", "-- oldest: none\ndrop table a;", inOneTx, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := parseMigration("0002_x", tt.script)
			if (err == nil) != tt.ok || tt.ok && (m.kind != tt.kind || m.oldest != tt.oldest) {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}
