package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
)

// Migrations run forward only. File N is 000N_name.sql; it must be safe to run
// while the previous program still serves.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct{ name, script string }

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
		all = append(all, migration{strings.TrimSuffix(e.Name(), ".sql"), string(script)})
	}
	return all
}()

var (
	qSchemaVersion = stmt("schema version", `select version from schema_version order by version desc limit 1`)
	qSchemaAdd     = stmt("schema step", `insert into schema_version (version, name) values ($1, $2)`)
)

const createSchemaVersion = `create table if not exists schema_version (version integer not null primary key, name text not null)`

// schemaVersion is the number of migrations that ran; 0 for a new database.
func schemaVersion(c *conn) (int64, error) {
	v, err := c.on(qSchemaVersion).number()
	if errors.Is(err, errNoTable) {
		c.prepared[qSchemaVersion.idx] = nil
		return 0, nil
	}
	return v, err
}

// checkSchema tells whether the database is at this program's version:
// ErrSchemaOld, ErrSchemaNew.
func checkSchema(c *conn) error {
	v, err := schemaVersion(c)
	switch {
	case err != nil:
		return err
	case v < int64(len(migrations)):
		return ErrSchemaOld
	case v > int64(len(migrations)):
		return ErrSchemaNew
	}
	return nil
}

// Migrate brings the database up to this program's schema, one transaction a
// file; progress, if not nil, is told each file's name when it is done.
// ErrSchemaNew when the database is ahead. Several processes may call it.
func Migrate(ctx context.Context, dsn string, o Options, progress func(name string)) (applied int, err error) {
	c, begin, err := openMigrate(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := c.close(); err == nil && cerr != nil {
			err = fmt.Errorf("close database: %w", cerr)
		}
	}()
	for {
		name, err := migrateOne(c, begin, migrations)
		if err != nil || name == "" {
			return applied, err
		}
		applied++
		if progress != nil {
			progress(name)
		}
	}
}

// openMigrate opens the one connection that migrates. begin opens a
// transaction on it that no other process migrates beside.
func openMigrate(ctx context.Context, dsn string) (c *conn, begin func() error, err error) {
	if isPostgres(dsn) {
		return openMigratePostgres(ctx, dsn)
	}
	path, err := sqlitePath(dsn)
	if err != nil {
		return nil, nil, err
	}
	if err := createFile(path); err != nil {
		return nil, nil, err
	}
	if c, err = openSQLite(path, true, nil, nil); err != nil {
		return nil, nil, err
	}
	return c, func() error { return beginWrite(c, ctx.Err) }, nil
}

// migrateOne runs the next file of all; "" when there is none left.
func migrateOne(c *conn, begin func() error, all []migration) (name string, err error) {
	if err := begin(); err != nil {
		return "", err
	}
	defer func() {
		if err != nil || name == "" {
			err = errors.Join(err, c.command("rollback"))
		}
	}()
	v, err := schemaVersion(c)
	switch {
	case err != nil:
		return "", err
	case v > int64(len(all)):
		return "", ErrSchemaNew
	case v == int64(len(all)):
		return "", nil
	}
	m := all[v]
	scripts := []string{createSchemaVersion, m.script}
	if _, ok := c.link.(*pgLink); ok {
		scripts = append(scripts, afterMigration[m.name])
	}
	for _, script := range scripts {
		if err := c.link.script(script); err != nil {
			return "", fmt.Errorf("migration %s: %w", m.name, c.link.classify(err))
		}
	}
	if _, err := c.on(qSchemaAdd).int(v + 1).text(m.name).exec(); err != nil {
		return "", err
	}
	return m.name, c.command("commit")
}
