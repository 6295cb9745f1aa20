package store

import (
	"fmt"
	"strings"
)

// copyTables are the tables an export holds, with all of their columns, in
// this order: the one list that reading, writing and counting are made of. The
// first keys columns are the primary key. A type with ? may be null.
var copyTables = []*copyTable{
	newCopyTable("realm_object", 3, "realm_id text, kind text, id text, num int?, name text, doc text, sealed bytes?"),
	newCopyTable("number", 1, "name text, next int"),
	newCopyTable("generation", 2, "realm int, client int, gen int, ended_at int, reason text?, ended_by text?"),
	newCopyTable("scope_text", 1, "id int, value text"),
	newCopyTable("purge", 3, "realm int, client int, kind text, at int, next_sk int"),
	newCopyTable("users", 2, `sk int, id bytes, realm int, username text, email text?, first_name text?, last_name text?, enabled int,
 email_verified int, created int, not_before int, gen int, gen_at int?, gen_reason text?, gen_by text?, version int, service_client text?,
 grants text?, doc text?`),
	newCopyTable("user_role", 3, "sk int, user_id bytes, role_id bytes"),
	newCopyTable("user_group", 3, "sk int, user_id bytes, group_id bytes"),
	newCopyTable("login_name", 4, "sk int, realm int, kind text, value text, user_id bytes"),
	newCopyTable("credential", 3, `sk int, user_id bytes, id bytes, type text, label text?, created int, priority int, secret_data text?,
 credential_data text?`),
	newCopyTable("consent", 3, "sk int, user_id bytes, client int, client_id bytes, scopes text?, created int, updated int"),
	newCopyTable("user_session", 3, `sk int, id bytes, offline int, realm int, user_id bytes, started int, ip bytes?, remember_me int, rg int, ug int,
 ended int?, ended_reason text?, ended_by text?`),
	newCopyTable("client_session", 4, `sk int, session_id bytes, client int, offline int, started int, last_refresh int, rg int, cg int, ug int,
 version int, chain bytes?, used bytes?, uses int, cur bytes?, issued int, chains text?, scope int, notes bytes?, ended int?, ended_reason text?,
 ended_by text?, die_slot int`),
	newCopyTable("session_count", 6, "sk int, realm int, client int, offline int, rg int, cg int, n int"),
	newCopyTable("revoked_token", 2, "sk int, jti bytes, exp int, die_slot int"),
	newCopyTable("claim", 4, "sk int, realm int, kind text, value text, exp int, die_slot int"),
	newCopyTable("pending", 2, "sk int, id bytes, kind text, realm int, version int, used int, doc text, exp int, die_slot int"),
	newCopyTable("login_failure", 2, "sk int, user_id bytes, realm int, failures int, lockouts int, last int, until int, ip text?, version int"),
	newCopyTable("event", 2, `sk int, id bytes, realm int, time_ms int, type text, realm_id text, client_id text?, user_id text?, session_id text?,
 ip text?, error text?, details text?`),
	newCopyTable("admin_event", 2, `sk int, id bytes, realm int, time_ms int, realm_id text, auth_realm text?, auth_client text?, auth_user text?, ip text?,
 operation text, resource_type text, resource_path text?, representation text?, error text?, details text?`),
	// Last, because without them nobody serves what the others hold.
	newCopyTable("realm", 1, "id text, num int, name text, visible int, version int, doc text"),
	newCopyTable("realm_name", 1, "name text, realm_id text"),
}

// notCopied are the tables an export leaves out, each with the reason.
var notCopied = map[string]string{
	"lease":          "it tells which process works now, and which import is not finished",
	"schema_version": "migrate makes it; an export names the version it was made with",
}

// qForgetNumbers takes away the counters a migration began, before those of
// an export come.
var qForgetNumbers = stmt("delete numbers", `delete from number`)

// copyTable is a table as exports know it.
type copyTable struct {
	name    string
	keys    int // columns of the primary key
	columns []copyColumn
	sharded bool // the first column is sk
	sorts   bool // the order of its keys depends on the database: the export sorts

	read, count, any *query // all rows, or those of shards $1 to $2; how many; whether one is there
	insert           *query
	insertMany       *query // many rows
	many             int
}

type copyColumn struct {
	name     string
	kind     copyKind
	nullable bool
}

// copyKind is the type of a column.
type copyKind byte

const (
	copyInt copyKind = iota
	copyText
	copyBytes
)

var copyKinds = map[string]copyKind{"int": copyInt, "text": copyText, "bytes": copyBytes}

// insertParams is about how many parameters one insert has: enough rows that
// the way to the database and back counts for little.
const insertParams = 1000

func newCopyTable(name string, keys int, columns string) *copyTable {
	t := &copyTable{name: name, keys: keys}
	for _, text := range strings.Split(columns, ",") {
		column, kind, _ := strings.Cut(strings.TrimSpace(text), " ")
		kind, nullable := strings.CutSuffix(kind, "?")
		k, ok := copyKinds[kind]
		if !ok {
			panic("type of column " + column)
		}
		t.sorts = t.sorts || len(t.columns) < keys && k == copyText
		t.columns = append(t.columns, copyColumn{column, k, nullable})
	}
	t.sharded = t.columns[0].name == "sk"
	t.read, t.count, t.any = stmtExport(t), stmtCount(t), stmtAny(t)
	t.many = max(2, insertParams/len(t.columns))
	t.insert = stmt("import row of "+name, t.insertSQL(1))
	t.insertMany = stmt("import rows of "+name, t.insertSQL(t.many))
	return t
}

func (t *copyTable) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// insertSQL inserts rows that may be there already, from an import that was
// interrupted.
func (t *copyTable) insertSQL(rows int) string {
	values, n := make([]string, rows), 0
	for i := range values {
		row := make([]string, len(t.columns))
		for j := range row {
			n++
			row[j] = fmt.Sprintf("$%d", n)
		}
		values[i] = "(" + strings.Join(row, ", ") + ")"
	}
	return "insert into " + t.name + " (" + strings.Join(t.names(), ", ") + ") values " + strings.Join(values, ", ") + " on conflict do nothing"
}

// readSQL reads rows in the order of their keys, as far as every database
// orders them alike: texts it may not.
func (t *copyTable) readSQL() string {
	sql := "select " + strings.Join(t.names(), ", ") + " from " + t.name
	if t.sharded {
		sql += " where sk >= $1 and sk <= $2"
	}
	switch {
	case !t.sorts:
		sql += " order by " + strings.Join(t.names()[:t.keys], ", ")
	case t.sharded:
		sql += " order by sk"
	}
	return sql
}

// anySQL finds a row that no migration put there.
func (t *copyTable) anySQL() string {
	if t.name == "number" {
		return "select 1 from number where next > 1 limit 1"
	}
	return "select 1 from " + t.name + " limit 1"
}
