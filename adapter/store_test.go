package adapter_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/latchkey-id/latchkey/adapter"
	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// stores are all there are, each empty.
func stores(t *testing.T) map[string]adapter.TokenStore {
	t.Helper()
	files, err := adapter.NewFileStore(filepath.Join(t.TempDir(), "tokens"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := adapter.Encrypted(&adapter.MemoryStore{}, bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]adapter.TokenStore{
		"memory": &adapter.MemoryStore{}, "files": files, "encrypted": sealed,
		"sqlite":     sqlStore(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "tokens.db")+"?_pragma=busy_timeout(60000)", "blob", adapter.SQLOptions{}),
		"postgresql": sqlStore(t, "pgx", pgtest.DSN(t), "bytea", adapter.SQLOptions{Table: "token_" + strings.ToLower(rand.Text()), Numbered: true}),
	}
}

func sqlStore(t *testing.T, driver, dsn, blob string, opts adapter.SQLOptions) adapter.TokenStore {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	table := opts.Table
	if table == "" {
		table = "offline_token"
	}
	if _, err := db.ExecContext(t.Context(), adapter.CreateTable(table, blob)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the database may be one that stays
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), "drop table "+table); err != nil {
			t.Error(err)
		}
	})
	store, err := adapter.NewSQLStore(db, opts)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestStores_KeepTheirWord: what TokenStore promises, for every store.
func TestStores_KeepTheirWord(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			must := func(version int64, err error) int64 {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				return version
			}
			conflict := func(what string, version int64) {
				t.Helper()
				if _, err := s.Swap(ctx, "k/1", version, []byte("lost")); !errors.Is(err, adapter.ErrConflict) {
					t.Errorf("%s: Swap = %v, want ErrConflict", what, err)
				}
			}
			if _, _, err := s.Load(ctx, "k/1"); !errors.Is(err, adapter.ErrNoToken) {
				t.Errorf("Load of nothing = %v, want ErrNoToken", err)
			}
			conflict("a version of nothing", 7)
			first := must(s.Swap(ctx, "k/1", 0, []byte("one")))
			must(s.Swap(ctx, "k/2", 0, []byte("beside")))
			conflict("made twice", 0)
			second := must(s.Swap(ctx, "k/1", first, []byte("two\x00\xff")))
			conflict("an old version", first)
			value, version, err := s.Load(ctx, "k/1")
			if must(version, err); string(value) != "two\x00\xff" || version != second || second == first {
				t.Errorf("Load = %q, %d, want what was written last, %d", value, version, second)
			}
			must(0, s.Delete(ctx, "k/1"))
			must(0, s.Delete(ctx, "k/1"))
			conflict("a version of what was deleted", second)
			again := must(s.Swap(ctx, "k/1", 0, []byte("anew")))
			if again == first || again == second {
				t.Errorf("made anew it has version %d once more", again)
			}
			conflict("the first version of what was deleted", first)
			if value, _, err := s.Load(ctx, "k/2"); err != nil || string(value) != "beside" {
				t.Errorf("the key beside it holds %q, %v", value, err)
			}
		})
	}
}

// TestStores_OneWins: of writers at once on one version one wins.
func TestStores_OneWins(t *testing.T) {
	t.Parallel()
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			version := int64(0)
			for range 5 {
				var won atomic.Int64
				var wg sync.WaitGroup
				for i := range 8 {
					wg.Go(func() {
						next, err := s.Swap(t.Context(), "k", version, fmt.Append(nil, i))
						if err == nil {
							if !won.CompareAndSwap(0, next) {
								t.Error("two writers won")
							}
						} else if !errors.Is(err, adapter.ErrConflict) {
							t.Errorf("Swap = %v, want ErrConflict", err)
						}
					})
				}
				wg.Wait()
				if version = won.Load(); version == 0 {
					t.Fatal("nobody won")
				}
			}
		})
	}
}

// TestEncrypted_Seals: what is kept cannot be read, moved to another key or
// changed; an old secret opens until it is given up.
func TestEncrypted_Seals(t *testing.T) {
	t.Parallel()
	ctx, inner := t.Context(), &adapter.MemoryStore{}
	old, fresh := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	open := func(secrets ...[]byte) adapter.TokenStore {
		s, err := adapter.Encrypted(inner, secrets...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := open(old).Swap(ctx, "uma", 0, []byte("refresh-0")); err != nil {
		t.Fatal(err)
	}
	raw, version, err := inner.Load(ctx, "uma")
	if err != nil || bytes.Contains(raw, []byte("refresh")) {
		t.Fatalf("stored %q, %v, want it sealed", raw, err)
	}
	if value, _, err := open(fresh, old).Load(ctx, "uma"); err != nil || string(value) != "refresh-0" {
		t.Errorf("with the old secret second: %q, %v", value, err)
	}
	if _, v, err := open(fresh).Load(ctx, "uma"); !errors.Is(err, adapter.ErrCorrupt) || v != version {
		t.Errorf("without the old secret: version %d, %v, want ErrCorrupt and the version to write over", v, err)
	}
	if _, err := inner.Swap(ctx, "eve", 0, raw); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(old).Load(ctx, "eve"); !errors.Is(err, adapter.ErrCorrupt) {
		t.Errorf("moved to another key: %v, want ErrCorrupt", err)
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if version, err = inner.Swap(ctx, "uma", version, changed); err != nil {
			t.Fatal(err)
		}
		if _, _, err := open(old).Load(ctx, "uma"); !errors.Is(err, adapter.ErrCorrupt) {
			t.Errorf("byte %d changed: %v, want ErrCorrupt", i, err)
		}
	}
	for _, secrets := range [][][]byte{nil, {[]byte("short")}} {
		if _, err := adapter.Encrypted(inner, secrets...); err == nil {
			t.Errorf("Encrypted with %q = nil, want an error", secrets)
		}
	}
}

// TestFileStore_Files: they are the user's alone; a damaged one is told, kept
// beside and written over; what a crash left does no harm.
func TestFileStore_Files(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "a", "tokens")
	s, err := adapter.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Swap(ctx, "../../etc/passwd", 0, []byte("one")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v, want the token's and its lock", files, err)
	}
	token := files[0]
	for _, name := range append(files, dir) {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v, want nothing for others", name, info.Mode(), err)
		}
	}
	good, err := os.ReadFile(token)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": {}, "cut off": good[:len(good)/2], "zeros": make([]byte, len(good)), "other JSON": []byte("{}"),
		"a changed value":   bytes.Replace(good, []byte(`"value":"b`), []byte(`"value":"c`), 1),
		"another key's":     bytes.Replace(good, []byte("passwd"), []byte("shadow"), 1),
		"another version":   bytes.Replace(good, []byte(`"version":`), []byte(`"version":1`), 1),
		"a later format":    bytes.Replace(good, []byte(`"format":1`), []byte(`"format":2`), 1),
		"base64 with a dot": bytes.Replace(good, []byte(`"value":"`), []byte(`"value":".`), 1),
	} {
		if err := os.WriteFile(token, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(token+".new", []byte("half of what a crash"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, version, err := s.Load(ctx, "../../etc/passwd")
		if !errors.Is(err, adapter.ErrCorrupt) || !strings.Contains(err.Error(), token) {
			t.Errorf("%s: Load = %v, want ErrCorrupt and the file", name, err)
		}
		if _, err := s.Swap(ctx, "../../etc/passwd", version, []byte("mended")); err != nil {
			t.Errorf("%s: Swap = %v", name, err)
		}
		if value, _, err := s.Load(ctx, "../../etc/passwd"); err != nil || string(value) != "mended" {
			t.Errorf("%s: mended it is %q, %v", name, value, err)
		}
		if kept, err := os.ReadFile(token + ".corrupt"); err != nil || !bytes.Equal(kept, content) {
			t.Errorf("%s: beside lies %q, %v, want the damaged file", name, kept, err)
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := adapter.NewFileStore(dir); err == nil {
		t.Error("a directory anybody may write to was taken")
	}
}

// TestSQLStore_RefusesATableThatIsNone: a name goes into a statement's text.
func TestSQLStore_RefusesATableThatIsNone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b", "a;drop table b", "a.b.c", "1a", `"a"`} {
		if _, err := adapter.NewSQLStore(nil, adapter.SQLOptions{Table: name}); err == nil {
			t.Errorf("table %q = nil, want an error", name)
		}
	}
}
