package store_test

import (
	"errors"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/store/storetest"
)

func TestPending_FoundByItsHandleUntilItExpires(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	handle := handleOf(t, 7, 1)
	p := &store.Pending{Handle: handle, Kind: "code", RealmNum: 1, Doc: []byte(`{"a":1}`), Expires: 1000}
	write(t, s, func(tx *store.Tx) error { return tx.InsertPending(p) })
	got, err := s.Pending(t.Context(), "code", 1, handle, 999)
	if err != nil || string(got.Doc) != `{"a":1}` || got.Used || got.Version != 1 || got.Expires != 1000 {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, find := range map[string]func() error{
		"expired":       func() error { _, err := s.Pending(t.Context(), "code", 1, handle, 1000); return err },
		"another kind":  func() error { _, err := s.Pending(t.Context(), "par", 1, handle, 1); return err },
		"another realm": func() error { _, err := s.Pending(t.Context(), "code", 2, handle, 1); return err },
		"no handle":     func() error { _, err := s.Pending(t.Context(), "code", 1, "", 1); return err },
		"unknown":       func() error { _, err := s.Pending(t.Context(), "code", 1, handleOf(t, 7, 2), 1); return err },
	} {
		if err := find(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

func TestPending_OneOfManyUsesWins(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	p := &store.Pending{Handle: "BDWP-HQPK", Kind: "user code", RealmNum: 1, Doc: []byte("{}"), Expires: 1000} // a word people type
	write(t, s, func(tx *store.Tx) error { return tx.InsertPending(p) })
	a, _ := s.Pending(t.Context(), p.Kind, 1, p.Handle, 1)
	b, _ := s.Pending(t.Context(), p.Kind, 1, p.Handle, 1)
	ran := 0
	for i, x := range []*store.Pending{a, b, a} {
		won, err := s.UsePending(t.Context(), x, func(*store.Tx) error { ran++; return nil })
		if err != nil || won != (i == 0) {
			t.Errorf("use %d: won %v, %v", i, won, err)
		}
	}
	if ran != 1 {
		t.Errorf("what goes with the use ran %d times", ran)
	}
	if got, err := s.Pending(t.Context(), p.Kind, 1, p.Handle, 1); err != nil || !got.Used {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

func TestPending_UpdateNamesItsVersion(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	p := &store.Pending{Handle: handleOf(t, 4095, 3), Kind: "login", RealmNum: 1, Doc: []byte("{}"), Expires: 1000}
	write(t, s, func(tx *store.Tx) error { return tx.InsertPending(p) })
	late := *p
	p.Doc, p.Expires = []byte(`{"user":"u"}`), 2000
	write(t, s, func(tx *store.Tx) error { return tx.UpdatePending(p) })
	if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.UpdatePending(&late) }); !errors.Is(err, store.ErrStale) {
		t.Errorf("write over another's: %v, want ErrStale", err)
	}
	if got, err := s.Pending(t.Context(), "login", 1, p.Handle, 1500); err != nil || string(got.Doc) != `{"user":"u"}` || got.Version != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertPending(p) }); conflict(err) != "login" {
		t.Errorf("insert again: %v, want a conflict", err)
	}
	write(t, s, func(tx *store.Tx) error {
		_, err := tx.DeleteExpired(2000+store.DieSlotSeconds, 100)
		return err
	})
	write(t, s, func(tx *store.Tx) error { return tx.InsertPending(p) }) // it was swept
	write(t, s, func(tx *store.Tx) error { return tx.DeletePending(p) })
	if _, err := s.Pending(t.Context(), "login", 1, p.Handle, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

func handleOf(t *testing.T, shard int64, seed byte) string {
	t.Helper()
	h, err := model.NewHandle(shard, &repeat{seed})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// repeat reads one byte again and again.
type repeat struct{ b byte }

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.b
	}
	return len(p), nil
}

func TestLoginFailures_NoneIsLost(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	id := alice().ID
	f, err := s.LoginFailures(t.Context(), 1, id)
	if err != nil || f.Failures != 0 || f.Version != 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	put := func(f *model.LoginFailures) error {
		return s.Write(t.Context(), func(tx *store.Tx) error { return tx.PutLoginFailures(f) })
	}
	late := *f
	f.Failures, f.LastMS, f.Until, f.IP, f.Lockouts = 3, 5000, 65, "203.0.113.9", 1
	if err := put(f); err != nil {
		t.Fatal(err)
	}
	if err := put(&late); !errors.Is(err, store.ErrStale) {
		t.Errorf("a count over another's: %v, want ErrStale", err)
	}
	got, err := s.LoginFailures(t.Context(), 1, id)
	want := *f
	want.Version = 1
	if err != nil || *got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	got.Failures++
	if err := put(got); err != nil {
		t.Error(err)
	}
	if other, err := s.LoginFailures(t.Context(), 2, id); err != nil || other.Failures != 0 {
		t.Errorf("of another realm: %+v, %v", other, err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.ClearLoginFailures(1, id) })
	if got, err := s.LoginFailures(t.Context(), 1, id); err != nil || got.Failures != 0 {
		t.Errorf("cleared: %+v, %v", got, err)
	}
}
