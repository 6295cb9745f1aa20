package adapter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// SQLStore keeps values in a table of a database the application has, over
// database/sql. It works with any driver whose database knows primary keys and
// guarded updates; SQLite, PostgreSQL and MySQL are meant.
type SQLStore struct {
	db                           *sql.DB
	load, insert, update, remove string
}

// SQLOptions adjust a SQLStore.
type SQLOptions struct {
	// Table is the table's name; "" = "offline_token".
	Table string
	// Numbered writes parameters as $1, $2 (PostgreSQL); otherwise as ?.
	Numbered bool
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// NewSQLStore makes a store over a table that is there: see CreateTable.
//
// Errors: a table name that is none.
func NewSQLStore(db *sql.DB, opts SQLOptions) (*SQLStore, error) {
	if opts.Table == "" {
		opts.Table = "offline_token"
	}
	if !tableName.MatchString(opts.Table) {
		return nil, fmt.Errorf("token table: %q is no name of a table", opts.Table)
	}
	text := func(query string) string {
		query = strings.ReplaceAll(query, "TABLE_NAME", opts.Table)
		for n := 1; opts.Numbered && strings.Contains(query, "?"); n++ {
			query = strings.Replace(query, "?", fmt.Sprintf("$%d", n), 1)
		}
		return query
	}
	return &SQLStore{
		db:     db,
		load:   text("select value, version from TABLE_NAME where id = ?"),
		insert: text("insert into TABLE_NAME (id, version, value) values (?, ?, ?)"),
		update: text("update TABLE_NAME set value = ?, version = version + 1 where id = ? and version = ?"),
		remove: text("delete from TABLE_NAME where id = ?"),
	}, nil
}

// CreateTable is the statement that makes the table a SQLStore uses. blob is
// the database's type for bytes: "blob" (SQLite, MySQL) or "bytea" (PostgreSQL).
func CreateTable(table, blob string) string {
	return "create table if not exists " + table + " (id varchar(700) not null primary key, version bigint not null, value " + blob + " not null)"
}

// Load reads a value. Errors: ErrNoToken, the driver's.
func (s *SQLStore) Load(ctx context.Context, key string) (value []byte, version int64, err error) {
	err = s.db.QueryRowContext(ctx, s.load, key).Scan(&value, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, ErrNoToken
	}
	return value, version, err
}

// Swap writes a value with one guarded statement. Errors: ErrConflict, the
// driver's.
func (s *SQLStore) Swap(ctx context.Context, key string, version int64, value []byte) (int64, error) {
	if version == 0 {
		return s.first(ctx, key, value)
	}
	result, err := s.db.ExecContext(ctx, s.update, value, key, version)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, ErrConflict
	}
	return version + 1, nil
}

// first inserts a value. That the key is taken is told from other errors by
// looking, since every driver has an error of its own for it.
func (s *SQLStore) first(ctx context.Context, key string, value []byte) (int64, error) {
	version := nextVersion(0)
	_, err := s.db.ExecContext(ctx, s.insert, key, version, value)
	if err == nil {
		return version, nil
	}
	if _, _, there := s.Load(ctx, key); there == nil {
		return 0, ErrConflict
	}
	return 0, err
}

// Delete removes a value.
func (s *SQLStore) Delete(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, s.remove, key)
	return err
}
