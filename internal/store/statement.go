package store

import "strings"

// allShards marks a statement that is not bound to one shard. Such statements
// live in allshards.go, for lists and jobs only (design §4.10).
const allShards = "-- all shards"

// A query is one SQL statement of the package: a constant text, prepared once
// per connection. Parameters are $1, $2 … in order of first appearance, which
// is the order in which they are bound.
type query struct {
	name string // for errors
	sql  string
	kind string // its first word
	idx  int    // its place in every connection's statements
}

// queries are all statements there are.
var queries []*query

// stmt registers a statement. It is called for package variables only.
func stmt(name, sql string) *query {
	kind, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	q := &query{name: name, sql: sql, kind: kind, idx: len(queries)}
	queries = append(queries, q)
	return q
}
