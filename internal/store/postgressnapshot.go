package store

import (
	"context"
	"errors"
)

func (d *pgDB) readOnce(ctx context.Context, fn func(c *conn) error) error {
	return d.readUntil(ctx, func(c *conn) error { return snapshot(ctx, c, nil, fn) })
}

// readAll has no limits of time: what it reads is large, and may be written
// to somebody slow.
func (d *pgDB) readAll(ctx context.Context, fn func(c *conn) error) error {
	err := ctx.Err()
	if err == nil {
		patient := []string{"set local statement_timeout = 0", "set local idle_in_transaction_session_timeout = 0"}
		err = d.onConn(ctx, func(c *conn) error { return snapshot(ctx, c, patient, fn) })
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// snapshot runs fn in a transaction that reads as of one moment.
func snapshot(ctx context.Context, c *conn, settings []string, fn func(c *conn) error) error {
	undo := c.link.interruptible(ctx)
	defer undo()
	for _, sql := range append([]string{"begin isolation level repeatable read read only"}, settings...) {
		if err := c.command(sql); err != nil {
			return err
		}
	}
	err := fn(c)
	if c.inTx() {
		err = errors.Join(err, c.command("rollback"))
	}
	return err
}
