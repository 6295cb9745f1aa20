package store

import (
	"bytes"
	"os"
	"testing"
)

// A commit whose answer is lost is done again, and nothing is stored twice.
func TestImport_LostCommitIsDoneAgain(t *testing.T) {
	t.Parallel()
	s, p := openProxied(t)
	if s == nil {
		return
	}
	from := openLiteTest(t)
	fillUsers(t, from, 10)
	cr, err := newCopyReader(bytes.NewReader(exported(t, from)), s.copyKeys)
	if err != nil {
		t.Fatal(err)
	}
	im := &importer{s: s}
	if err := im.begin(t.Context(), "export"); err != nil {
		t.Fatal(err)
	}
	rows, err := cr.next()
	if err != nil {
		t.Fatal(err)
	}
	to, runs := im.marker, 0
	to.done++
	err = im.write(t.Context(), func(tx *Tx) error {
		runs++
		if err := tx.moveImport(im.marker, to); err != nil {
			return err
		}
		err := im.store(tx, rows)
		if runs == 1 {
			p.CutNextReply()
		}
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("write: %v after %d runs, want 2", err, runs)
	}
	if n := askPostgres(t, s, "select count(*) from "+rows.table.name); n != int64(len(rows.rows)) {
		t.Errorf("%d rows of %s, want %d", n, rows.table.name, len(rows.rows))
	}
}

// A machine that dies while rows go to several ends the import; it goes on
// when the machine is back, though some of a transaction may be stored.
func TestImport_OneShardDies(t *testing.T) {
	t.Parallel()
	if os.Getenv(engineEnv) != "" {
		return
	}
	c, dsn := newShards(t)
	to := openImport(t, dsn)
	from := openLiteTest(t)
	fillCopy(t, from, copySize)
	export := exported(t, from)
	id, killed := checkedID(t, export), false
	_, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{ID: id, Progress: func(done, total int64) {
		if !killed && done > total/2 {
			killed = true
			c.Shard(2).Kill()
		}
	}})
	if err == nil || !killed {
		t.Fatalf("import without a machine: %v", err)
	}
	if err := c.Shard(2).Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(export), ImportOptions{ID: id}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(exported(t, to), export) {
		t.Error("what was imported is not what was exported")
	}
}
