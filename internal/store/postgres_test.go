package store

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/latchkey-id/latchkey/internal/model"
)

// onPostgres tells whether the suite runs on PostgreSQL this time.
func onPostgres() bool { return os.Getenv(engineEnv) == "postgres" }

// A touch changes no indexed column and finds room on its page: no index
// hears of it. Not parallel: another test's transaction would keep old rows.
func TestTouch_IsHOT(t *testing.T) {
	if !onPostgres() {
		return
	}
	s := openTest(t)
	const n, rounds = 200, 5
	fillUsers(t, s, n)
	all := fillSessions(t, s, n)
	for range rounds {
		for _, cs := range all {
			if ok, err := s.TouchClientSession(t.Context(), cs); !ok || err != nil {
				t.Fatal(ok, err)
			}
			cs.Version++
			cs.LastRefresh++
		}
	}
	s.db.(*pgDB).pool.Reset() // a connection reports its counts when it ends
	var hot, updates int64
	for updates < n*rounds {
		updates = askPostgres(t, s, "select n_tup_upd from pg_stat_user_tables where relid = 'client_session'::regclass")
		hot = askPostgres(t, s, "select n_tup_hot_upd from pg_stat_user_tables where relid = 'client_session'::regclass")
		if t.Context().Err() != nil {
			t.FailNow()
		}
	}
	if updates != n*rounds || hot < updates*95/100 {
		t.Errorf("%d of %d touches were HOT updates", hot, updates)
	}
}

// Every statement that is bound to a shard, and those that list and sweep
// sessions, is planned without a sequential scan; and what is bound to a shard
// never goes by an index that spans them. It holds for a database that was
// just filled, of which PostgreSQL knows nothing yet, and for one it knows.
func TestStatements_PlansOnPostgres(t *testing.T) {
	t.Parallel()
	if !onPostgres() {
		return
	}
	s := openTest(t)
	fillPostgres(t, s)
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("analyzed=%v", known), func(t *testing.T) {
			c, err := pgx.ConnectConfig(t.Context(), s.db.(*pgDB).pool.Config().ConnConfig)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.Background())
			settings := "set plan_cache_mode = force_generic_plan"
			if known {
				settings += "; analyze"
			}
			if _, err := c.Exec(t.Context(), settings, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
			for _, q := range queries {
				checkPlan(t, q, explain(t, c, q))
			}
		})
	}
}

var (
	seqScan   = regexp.MustCompile(`Seq Scan on (\w+)`)
	wideIndex = regexp.MustCompile(`client_session_by_client|users_by_name|\w+_by_(slot|time)\b`) // no statement binds all of its columns
	// Tables of a row for each realm, job or pending deletion.
	smallTables = []string{"realm", "purge", "schema_version", "number", "lease", "generation", "realm_name", "scope_text"}
	// What reads or counts a share of a realm: here all users and sessions are
	// of one realm and one client, so that reading the table is the best plan.
	wholeRealm = []*query{qUsers, qCountUsers, qUsersWithRole, qUsersInGroup, qTimesOfClient, qCountByShard, qCountClient, qCountRealm,
		qExpiredTokens, qExpiredClaims, qExpiredPending, qFailuresOfRealm, qOldEvents, qOldAdminEvents}
)

// readsAll tells whether a statement is for all rows of a table.
func readsAll(q *query) bool {
	return slices.ContainsFunc(copyTables, func(t *copyTable) bool {
		return q == t.count || q == t.any || q == t.read && (!t.sharded || t.sorts)
	})
}

func checkPlan(t *testing.T, q *query, plan []string) {
	t.Helper()
	for _, line := range plan {
		if m := seqScan.FindStringSubmatch(line); m != nil && !slices.Contains(smallTables, m[1]) && !slices.Contains(wholeRealm, q) && !readsAll(q) {
			t.Errorf("%s: %s", q.name, strings.TrimSpace(line))
		}
		if index := wideIndex.FindString(line); index != "" && !strings.Contains(q.sql, allShards) {
			t.Errorf("%s: goes by %s", q.name, index)
		}
	}
}

// explain is the plan a statement has whatever its parameters are.
func explain(t *testing.T, c *pgx.Conn, q *query) []string {
	t.Helper()
	name := fmt.Sprintf("e%d", q.idx)
	if _, err := c.Exec(t.Context(), "prepare "+name+" as "+q.sql); err != nil {
		t.Errorf("%s: %v", q.name, err)
		return nil
	}
	sd, err := c.Prepare(t.Context(), q.name, q.sql)
	if err != nil {
		t.Fatal(err)
	}
	args := make([]string, len(sd.ParamOIDs))
	for i, oid := range sd.ParamOIDs {
		switch oid {
		case pgtype.Int4OID, pgtype.Int8OID:
			args[i] = "1"
		case pgtype.TextOID:
			args[i] = "'x'"
		case pgtype.ByteaOID:
			args[i] = `'\x00'`
		default:
			t.Errorf("%s: $%d is of type %d, which the store does not bind", q.name, i+1, oid)
			return nil
		}
	}
	for _, f := range sd.Fields {
		if !slices.Contains([]uint32{pgtype.Int4OID, pgtype.Int8OID, pgtype.TextOID, pgtype.ByteaOID, pgtype.NumericOID}, f.DataTypeOID) {
			t.Errorf("%s: column %s is of type %d, which the store does not read", q.name, f.Name, f.DataTypeOID)
		}
	}
	call := "explain execute " + name
	if len(args) > 0 {
		call += " (" + strings.Join(args, ", ") + ")"
	}
	rows, err := c.Query(t.Context(), call, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Errorf("%s: %v", q.name, err)
	}
	return lines
}

// fillPostgres makes every table of users' rows too large to be read through.
func fillPostgres(t *testing.T, s *Store) {
	t.Helper()
	const n = 4000
	fillUsers(t, s, n)
	fillSessions(t, s, n)
	mustWrite(t, s, func(tx *Tx) error {
		for i := range n {
			id := testUUID(i)
			x := testUser(n + i)
			x.Grants = model.Grants{Groups: []string{testUUID(2_000_000 + i%50)}}
			if err := tx.InsertUser(NewUser{User: x, Credentials: []model.Credential{{ID: id, Type: typePassword, SecretData: "{}", CredentialData: "{}"}}}); err != nil {
				return err
			}
			if err := tx.RevokeToken(id, int64(1_790_000_000+900*i)); err != nil {
				return err
			}
			if _, err := tx.ClaimOnce(1, "code", id, int64(1_790_000_000+900*i)); err != nil {
				return err
			}
			if err := tx.InsertPending(&Pending{Handle: id, Kind: "code", RealmNum: 1, Doc: []byte("{}"), Expires: int64(1_790_000_000 + 900*i)}); err != nil {
				return err
			}
			if err := tx.PutLoginFailures(&model.LoginFailures{UserID: id, RealmNum: 1, Failures: 1}); err != nil {
				return err
			}
			if err := tx.InsertEvent(&model.Event{ID: id, RealmNum: 1, TimeMS: int64(i) * 1000, Type: "LOGIN"}); err != nil {
				return err
			}
			if err := tx.InsertAdminEvent(&model.AdminEvent{ID: id, RealmNum: 1, TimeMS: int64(i) * 1000, Operation: "CREATE"}); err != nil {
				return err
			}
			n, err := tx.c.on(qConsentInsert).int(model.ShardOf(id)).id(id).int(3).id(id).text("[]").int(1).int(1).exec()
			if err != nil || n != 1 {
				return fmt.Errorf("consent: %d, %w", n, err)
			}
			if _, err := tx.c.on(qObjectInsert).text(testUUID(i % 40)).text(kindRole).text(id).null().text(id).text("{}").null().exec(); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestParsePostgres(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, dsn string
		ok        bool
	}{
		{"one host", "postgres://u:secret@h/db", true},
		{"several hosts, the one that takes writes", "postgres://u@h1:5432,h2:5433/db?target_session_attrs=read-write", true},
		{"commits on a standby too", "postgres://h/db?synchronous_commit=remote_apply", true},
		{"commits that a crash undoes", "postgres://h/db?synchronous_commit=off", false},
		{"a bad port", "postgres://u:secret@h:x/db", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := parsePostgres(tt.dsn)
			if (err == nil) != tt.ok {
				t.Fatalf("parsePostgres(%q) = %v", tt.dsn, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
			if err == nil && (cfg.ConnConfig.RuntimeParams["synchronous_commit"] == "" || cfg.ConnConfig.ConnectTimeout == 0) {
				t.Errorf("commits may be lost, or connecting may hang: %v", cfg.ConnConfig.RuntimeParams)
			}
		})
	}
}

func TestOutcomeOfCode(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01", "55P03", "57P03", "25006", "53300", "08001", "08004"} {
		if o, _ := outcomeOfCode(code); o != again {
			t.Errorf("%s: %v, want it tried again", code, o)
		}
	}
	for _, code := range []string{"08006", "08003", "08007", "57P01", "57P02", "40003", "XX000"} {
		if o, _ := outcomeOfCode(code); o != unknown {
			t.Errorf("%s: %v, want unknown", code, o)
		}
	}
}

func TestNumericInt(t *testing.T) {
	t.Parallel()
	if !onPostgres() {
		return
	}
	s := openTest(t)
	for i, want := range []int64{0, 1, -1, 9999, 10_000, 123_456_789, -40_000_000, 1_000_000_000_001, 9_000_000_000_000_000_000} {
		var got int64
		err := s.read(t.Context(), func(c *conn) (err error) {
			st, err := c.link.prepare(&query{sql: fmt.Sprintf("select (%d)::numeric", want), idx: len(queries) + i})
			if err != nil {
				return err
			}
			_, err = st.step()
			got = st.colInt(0)
			st.reset()
			return err
		})
		if err != nil || got != want {
			t.Errorf("%d reads as %d, %v", want, got, err)
		}
	}
}
