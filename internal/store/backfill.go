package store

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qFillNext    = stmt("next shard to fill", `select name from schema_version where version = -2`)
	qFillNextRow = stmt("insert next shard to fill", `insert into schema_version (version, name) values (-2, $1) on conflict do nothing`)
	qFillNextSet = stmt("set next shard to fill", `update schema_version set name = $1 where version = -2`)
	qFillDone    = stmt("filled", `delete from schema_version where version = -2`)
)

// maxSlices is how many transactions the rows of a shard are filled in at
// most: slices of equal width of their random ids.
const maxSlices = 256

// slice is the range of ids, from included, of the i-th of n slices.
func slice(i, n int) (from, to []byte) {
	width := maxSlices / n
	from, to = []byte{byte(i * width)}, bytes.Repeat([]byte{0xff}, 32)
	if i < n-1 {
		to = []byte{byte((i + 1) * width)}
	}
	return from, to
}

// backfill runs the statement of the last of done on shard after shard, a
// slice at a time, each in a transaction of its own: rows are locked for
// milliseconds. Slices are made wider where they hold few rows. Row -2 of
// schema_version is the shard that a killed one goes on with.
func (m *migrator) backfill(ctx context.Context, done []migration) error {
	const report = model.Shards / 16
	name := done[len(done)-1].name
	fill := &cursor{c: m.c, q: &query{name: name, sql: done[len(done)-1].script, idx: len(queries)}}
	defer fill.reset()
	sk, err := m.fillFrom()
	slices, rows := maxSlices, int64(0)
	for ; sk < model.Shards && err == nil; sk++ {
		before := rows
		for i := 0; i < slices && err == nil; i++ {
			err = m.insist(ctx, name, func() error {
				n, err := m.batch(ctx, fill, len(done)-1, sk, i, slices)
				rows += n
				return err
			})
			if err == nil && rows > before && !sleep(ctx, m.how.rest) {
				err = context.Cause(ctx)
			}
		}
		switch each := (rows - before) / int64(slices); {
		case each > m.how.batch && slices < maxSlices:
			slices *= 2
		case 4*each < m.how.batch && slices > 1:
			slices /= 2
		}
		if err == nil && (sk+1)%report == 0 {
			m.told(name, fmt.Sprintf("%d rows, %d %% of the shards", rows, 100*(sk+1)/model.Shards))
		}
	}
	if err != nil {
		return err
	}
	return m.insist(ctx, name, func() error {
		return m.inTx(ctx, func() error {
			if err := m.stillAt(len(done) - 1); err != nil {
				return err
			}
			if _, err := m.c.on(qFillDone).exec(); err != nil {
				return err
			}
			return m.note(done)
		})
	})
}

// stillAt is errRollback when another node was faster.
func (m *migrator) stillAt(version int) error {
	v, err := schemaVersion(m.c)
	if err == nil && v != int64(version) {
		err = errRollback
	}
	return err
}

// batch fills the i-th of n slices of a shard, and says how many rows it changed.
func (m *migrator) batch(ctx context.Context, fill *cursor, version int, sk int64, i, n int) (changed int64, err error) {
	err = m.inTx(ctx, func() error {
		if err := m.stillAt(version); err != nil {
			return err
		}
		if fill.arg, fill.err = 0, nil; fill.s == nil {
			fill.s, fill.err = m.c.link.prepare(fill.q)
		}
		from, to := slice(i, n)
		rows, err := fill.int(sk).bytes(from).bytes(to).exec()
		if err != nil {
			return err
		}
		changed = int64(rows)
		switch note := i == n-1 && (sk%16 == 15 || n > 1); {
		case note:
			return m.fillNext(sk + 1)
		case rows == 0:
			return errRollback
		}
		return nil
	})
	if err != nil {
		changed = 0
	}
	return changed, err
}

// fillFrom is the shard to go on with.
func (m *migrator) fillFrom() (sk int64, err error) {
	_, err = m.c.on(qFillNext).first(func(u *cursor) error {
		sk, err = strconv.ParseInt(u.rText(), 10, 64)
		return err
	})
	return sk, err
}

// fillNext notes the shard to go on with.
func (m *migrator) fillNext(sk int64) error {
	next := strconv.FormatInt(sk, 10)
	if n, err := m.c.on(qFillNextSet).text(next).exec(); err != nil || n == 1 {
		return err
	}
	_, err := m.c.on(qFillNextRow).text(next).exec()
	return err
}
