package store

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Migrations run forward only. File N is 000N_name.sql; it must be safe to run
// while programs of the schema before it serve: add, backfill, later remove.
// It begins with its reason. A line of its own may say how it is run:
//
//	-- run: online     only "create index", built on PostgreSQL while others write
//	-- run: in batches one statement, run for every shard $1 and ranges of ids from $2
//	                   to below $3, more than once if need be
//	-- oldest: N       programs that know fewer than N migrations may not serve any more
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	name, script string
	kind         migrationKind
	oldest       int // 0: as the one before
}

type migrationKind int

const (
	inOneTx migrationKind = iota
	online
	inBatches
)

// migrations are all files, in order: the schema's version is their number.
var migrations = func() []migration {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		panic(err)
	}
	var all []migration
	for i, e := range entries {
		if !strings.HasPrefix(e.Name(), fmt.Sprintf("%04d_", i+1)) {
			panic("migration out of order: " + e.Name())
		}
		script, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			panic(err)
		}
		m, err := parseMigration(strings.TrimSuffix(e.Name(), ".sql"), string(script))
		if err != nil {
			panic(err)
		}
		all = append(all, m)
	}
	return all
}()

var (
	migrationWord = regexp.MustCompile(`(?m)^-- (run|oldest): (.*)$`)
	sqlComment    = regexp.MustCompile(`(?m)--.*$`)
	createIndex   = regexp.MustCompile(`^create (unique )?index (\w+) on `)
	createdTable  = regexp.MustCompile(`(?m)^create table (?:if not exists )?(\w+) \(`)
)

// parseMigration reads how a file wants to be run.
func parseMigration(name, script string) (migration, error) {
	m := migration{name: name, script: script}
	for _, w := range migrationWord.FindAllStringSubmatch(script, -1) {
		n, err := strconv.Atoi(w[2])
		switch {
		case w[1] == "oldest" && err == nil && n > 0:
			m.oldest = n
		case w[1] == "run" && w[2] == "online":
			m.kind = online
		case w[1] == "run" && w[2] == "in batches":
			m.kind = inBatches
		default:
			return m, fmt.Errorf("migration %s: %q is not understood", name, w[0])
		}
	}
	statements := m.statements()
	bad := func(s string) bool { return !createIndex.MatchString(s) }
	switch {
	case m.kind == online && slices.ContainsFunc(statements, bad):
		return m, fmt.Errorf("migration %s: an online step creates indexes only", name)
	case m.kind == inBatches && (len(statements) != 1 || !strings.Contains(statements[0], "$3")):
		return m, fmt.Errorf("migration %s: a step in batches is one statement with $1, $2 and $3", name)
	case m.kind == inBatches:
		m.script = statements[0]
	}
	return m, nil
}

// statements are those of the script; no text in it holds a semicolon.
func (m *migration) statements() []string {
	var all []string
	for s := range strings.SplitSeq(sqlComment.ReplaceAllString(m.script, ""), ";") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// oldestServed is the number of migrations a program must know to serve a
// database on which these ran.
func oldestServed(done []migration) int {
	oldest := 1
	for _, m := range done {
		oldest = max(oldest, m.oldest)
	}
	return oldest
}

// tablesOf are the tables that migrations make, the lock of migrations first.
func tablesOf(all []migration) []string {
	names := []string{"schema_version"}
	for _, m := range all {
		for _, x := range createdTable.FindAllStringSubmatch(m.script, -1) {
			names = append(names, x[1])
		}
	}
	return names
}
