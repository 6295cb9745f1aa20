package store

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shardedTables are the tables whose first column is sk.
func shardedTables(t *testing.T) map[string]bool {
	t.Helper()
	tables := map[string]bool{}
	for _, m := range migrations {
		for _, x := range regexp.MustCompile(`create table (\w+) \(\s+(\w+)`).FindAllStringSubmatch(m.script, -1) {
			tables[x[1]] = x[2] == "sk"
		}
	}
	return tables
}

var (
	tableUse  = regexp.MustCompile(`\b(?:from|join|into|update) (\w+)(?: (\w+))?`)
	planTable = regexp.MustCompile(`^(?:SEARCH|SCAN) (\w+)`)
	parameter = regexp.MustCompile(`\$(\d+)`)
	forbidden = regexp.MustCompile(`\bnow\(|random\(|nextval|current_timestamp|savepoint|skip locked|do update|on conflict \(|insert or|` +
		`\breplace into|->|json|array|collate|ilike|glob|rowid|autoincrement|::|\bwith\b|\*|for update|advisory|listen|notify|trigger|for share|distinct on|lateral|\bpg_|create |nulls first|interval`)
)

func TestStatements_KeepTheRules(t *testing.T) {
	t.Parallel()
	sharded := shardedTables(t)
	source, err := os.ReadFile("allshards.go")
	if err != nil {
		t.Fatal(err)
	}
	ofTables := regexp.MustCompile(`stmt\("(\w[^"]*)"\+t\.name`).FindAllStringSubmatch(string(source), -1)
	names := map[string]bool{}
	for _, q := range queries {
		if names[q.name] {
			t.Errorf("%s: name stands twice", q.name)
		}
		names[q.name] = true
		text := strings.ReplaceAll(q.sql, "count(*)", "count()")
		if x := forbidden.FindString(text); x != "" {
			t.Errorf("%s: uses %q", q.name, x)
		}
		if strings.ToLower(text) != text {
			t.Errorf("%s: is not lower case", q.name)
		}
		marked := strings.Contains(q.sql, allShards)
		if in := strings.Contains(string(source), fmt.Sprintf("stmt(%q", q.name)) || slices.ContainsFunc(ofTables, func(x []string) bool { return strings.HasPrefix(q.name, x[1]) }); in != marked {
			t.Errorf("%s: in allshards.go %v, marked %v", q.name, in, marked)
		}
		next := 1
		for _, m := range parameter.FindAllStringSubmatch(text, -1) {
			switch n, _ := strconv.Atoi(m[1]); {
			case n == next:
				next++
			case n > next:
				t.Errorf("%s: $%d stands before $%d", q.name, n, next)
			}
		}
		if !marked {
			for _, fault := range unboundTables(text, sharded) {
				t.Errorf("%s: %s", q.name, fault)
			}
		}
	}
}

// unboundTables names the sharded tables of a statement whose sk is bound
// neither by a parameter nor by that of another table.
func unboundTables(text string, sharded map[string]bool) []string {
	var faults []string
	notAlias := []string{"on", "where", "set", "values", "order", "join", "left", "group", "cross"}
	for _, m := range tableUse.FindAllStringSubmatch(text, -1) {
		table, alias := m[1], m[2]
		if !sharded[table] {
			continue
		}
		if strings.Contains(text, "insert into "+table+" (sk, ") && strings.Contains(text, "values ($1, ") {
			continue
		}
		prefix := ""
		if alias != "" && !slices.Contains(notAlias, alias) {
			prefix = alias + `\.`
		}
		bound := regexp.MustCompile(`(where|and|on) (\+?` + prefix + `sk = (\$\d+|\w+\.sk)|\w+\.sk = ` + prefix + `sk\b)`)
		if !bound.MatchString(text) {
			faults = append(faults, fmt.Sprintf("sk of %s is not bound", table))
		}
	}
	return faults
}

func TestUnboundTables_FindsMissingShard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"select id from users where id = $1":                                                       1,
		"select id from users where sk = $1 and id = $2":                                           0,
		"select u.id from consent c join users u on u.id = c.user_id where c.sk = $1":              1,
		"select u.id from consent c join users u on u.sk = c.sk where c.sk = $1":                   0,
		"insert into users (id, sk) values ($1, $2)":                                               1,
		"update users set enabled = $1 where id = $2":                                              1,
		"select gen from generation where realm = $1":                                              0,
		"delete from consent where sk = $1 and not exists (select 1 from users u where u.id = $2)": 1,
	} {
		if got := unboundTables(text, map[string]bool{"users": true, "consent": true}); len(got) != want {
			t.Errorf("%s: %v, want %d faults", text, got, want)
		}
	}
}

func TestSchema_KeepsTheRules(t *testing.T) {
	t.Parallel()
	types := regexp.MustCompile(`(?m)^  \w+ +(\w+)`)
	for _, m := range migrations {
		if !strings.HasPrefix(m.script, "--") {
			t.Errorf("%s: does not begin with its reason", m.name)
		}
		for _, x := range types.FindAllStringSubmatch(m.script, -1) {
			if !slices.Contains([]string{"integer", "bigint", "text", "bytea", "key"}, x[1]) && x[1] != "(" {
				t.Errorf("%s: column type in %q", m.name, x[0])
			}
		}
		for _, x := range regexp.MustCompile(`create[^;]*index[^;]*(where|lower)`).FindAllString(m.script, -1) {
			t.Errorf("%s: partial or expression index %q", m.name, x)
		}
		for _, x := range regexp.MustCompile(`create table (\w+) \(\s+sk[^;]*`).FindAllStringSubmatch(m.script, -1) {
			if !strings.Contains(x[0], "primary key (sk, ") {
				t.Errorf("%s: primary key of %s does not begin with sk", m.name, x[1])
			}
		}
	}
}

// Look-ups by key must stay look-ups: the plan of every statement that is
// bound to a shard searches by an index, whatever the number of rows.
func TestStatements_SearchByIndex(t *testing.T) {
	t.Parallel()
	sharded := shardedTables(t)
	readers := openLiteTest(t).db.(*liteDB).readers
	c, err := readers.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer readers.put(c)
	// Small tables of a few rows in all.
	small := regexp.MustCompile(`^SCAN (realm|purge|schema_version|CONSTANT ROW|\d+-ROW VALUES CLAUSE)\b`)
	// The marked statements that lists and counts are made of.
	marked := []*query{qSessionsOfClient, qScanClient, qCountFrom, qTimesOfClient, qDueTimesOfClient, qDueTimesOfRealm, qDue, qEndedBefore, qCountByShard, qCountClient, qCountRealm,
		qUsers, qUsersWithRole, qUsersInGroup, qEventsDown, qEventsUp, qAdminEventsDown, qAdminEventsUp, qExpiredTokens, qExpiredClaims, qExpiredPending, qOldEvents}
	for _, q := range queries {
		if strings.Contains(q.sql, allShards) && !slices.Contains(marked, q) {
			continue
		}
		st, _, err := c.link.(*liteLink).c.PrepareTransient("explain query plan " + q.sql)
		if err != nil {
			t.Errorf("%s: %v", q.name, err)
			continue
		}
		for {
			more, err := st.Step()
			if err != nil {
				t.Errorf("%s: %v", q.name, err)
			}
			if !more {
				break
			}
			if d := st.ColumnText(3); strings.HasPrefix(d, "SCAN") && !small.MatchString(d) {
				t.Errorf("%s: %s", q.name, d)
			}
			// The users_by_name index and its like would read a realm to find a shard.
			if d := st.ColumnText(3); !slices.Contains(marked, q) && strings.HasPrefix(d, "SEARCH") && hasShard(q.sql, d, sharded) && !strings.Contains(d, "sk=?") {
				t.Errorf("%s: does not search within the shard: %s", q.name, d)
			}
		}
		st.Finalize()
	}
}

// hasShard tells whether a step of a plan reads a table with sk; plans name
// tables by their alias.
func hasShard(sql, step string, sharded map[string]bool) bool {
	name := planTable.FindStringSubmatch(step)[1]
	for _, m := range tableUse.FindAllStringSubmatch(sql, -1) {
		if m[2] == name || m[1] == name {
			return sharded[m[1]]
		}
	}
	return false
}

// A job lists what is due in one table: with a join a planner that expects
// nothing of it would read all sessions.
func TestStatements_DueReadsOneTable(t *testing.T) {
	t.Parallel()
	for _, q := range []*query{qDue, qOldestDue, qEndedBefore} {
		if n := len(tableUse.FindAllString(q.sql, -1)); n != 1 {
			t.Errorf("%s reads %d tables", q.name, n)
		}
	}
}
