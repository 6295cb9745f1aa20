package store

import (
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
// sessions, is planned without a sequential scan once tables are filled.
func TestStatements_NoSequentialScanOnPostgres(t *testing.T) {
	t.Parallel()
	if !onPostgres() {
		return
	}
	s := openTest(t)
	fillPostgres(t, s)
	conn, err := s.db.(*pgDB).pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, setting := range []string{"analyze", "set plan_cache_mode = force_generic_plan"} {
		if _, err := conn.Exec(t.Context(), setting); err != nil {
			t.Fatal(err)
		}
	}
	scan := regexp.MustCompile(`Seq Scan on (\w+)`)
	// Tables of a row for each realm, job or pending deletion.
	small := []string{"realm", "purge", "schema_version", "number", "lease", "generation", "realm_name", "scope_text"}
	// What reads or counts a share of a realm: here all users and sessions are
	// of one realm and one client, so that reading the table is the best plan.
	whole := []*query{qUsers, qCountUsers, qUsersWithRole, qUsersInGroup, qTimesOfClient, qCountClient, qCountRealm,
		qExpiredTokens, qExpiredClaims, qOldEvents, qOldAdminEvents}
	for _, q := range queries {
		for _, line := range explain(t, conn.Conn(), q) {
			if m := scan.FindStringSubmatch(line); m != nil && !slices.Contains(whole, q) && !slices.Contains(small, m[1]) {
				t.Errorf("%s: %s", q.name, strings.TrimSpace(line))
			}
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
