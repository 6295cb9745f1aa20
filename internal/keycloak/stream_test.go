package keycloak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// manyUsers is a document of n users of about a kilobyte each, written while
// it is read; users come before what they refer to.
type manyUsers struct {
	n, next int
	rest    []byte
}

const (
	manyHead = `{"realm":"many","users":[`
	manyTail = `],"roles":{"realm":[{"name":"last"}]},"clients":[{"clientId":"svc","serviceAccountsEnabled":true}]}`
)

func (m *manyUsers) Seek(int64, int) (int64, error) {
	m.next, m.rest = 0, []byte(manyHead)
	return 0, nil
}

func (m *manyUsers) Read(p []byte) (int, error) {
	if len(m.rest) == 0 {
		switch {
		case m.next < m.n:
			sep := ","
			if m.next == 0 {
				sep = ""
			}
			m.rest = fmt.Appendf(m.rest, `%s{"username":"u%d","realmRoles":["last"],"attributes":{"note":["%s"]}}`, sep, m.next, strings.Repeat("x", 900))
		case m.next == m.n:
			m.rest = []byte(manyTail)
		default:
			return 0, io.EOF
		}
		m.next++
	}
	k := copy(p, m.rest)
	m.rest = m.rest[k:]
	return k, nil
}

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// Not parallel: it looks at the memory of the whole process.
func TestReadRealm_MemoryDoesNotGrowWithUsers(t *testing.T) {
	const n, allowed = 20_000, 4 << 20 // the document has 20 MB
	before, most, seen := heap(), uint64(0), 0
	d, users, err := ReadRealm(&manyUsers{n: n}, ids())
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for u, err := range users {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen%4000 == 0 {
			most = max(most, heap())
		}
		last = u.User.Username
	}
	if seen != n+1 || last != "service-account-svc" {
		t.Errorf("%d users, the last %q; want %d and the service account", seen, last, n+1)
	}
	if most > before+allowed {
		t.Errorf("heap grew by %d bytes, want at most %d", most-before, allowed)
	}
	if d.Users != nil {
		t.Error("streamed users were kept")
	}
	runtime.KeepAlive(d)
}

func TestWriteExport_MemoryDoesNotGrowWithUsers(t *testing.T) {
	const n, allowed = 10_000, 4 << 20
	cfg := config(t, `{"realm":"many"}`)
	d, users, err := ReadRealm(&manyUsers{n: n}, ids())
	if err != nil {
		t.Fatal(err)
	}
	w := &samplingWriter{}
	before := heap()
	if err := WriteExport(w, cfg, users); err != nil {
		t.Fatal(err)
	}
	if w.most > before+allowed || w.bytes < 9<<20 {
		t.Errorf("heap grew by %d bytes for %d written", w.most-before, w.bytes)
	}
	runtime.KeepAlive(d)
}

type samplingWriter struct {
	bytes, writes int
	most          uint64
}

func (w *samplingWriter) Write(p []byte) (int, error) {
	w.bytes += len(p)
	if w.writes++; w.writes%1000 == 0 {
		w.most = max(w.most, heap())
	}
	return len(p), nil
}

func TestReadRealm_UsersCanBeReadAgainAndStopped(t *testing.T) {
	t.Parallel()
	_, users, err := ReadRealm(&manyUsers{n: 5}, ids())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{6, 2, 6} {
		got := 0
		for _, err := range users {
			if err != nil {
				t.Fatal(err)
			}
			if got++; got == want {
				break
			}
		}
		if got != want {
			t.Errorf("read %d users, want %d", got, want)
		}
	}
}

func TestReadRealm_FaultyUserEndsTheSequence(t *testing.T) {
	t.Parallel()
	_, users, err := ReadRealm(strings.NewReader(`{"realm":"r","users":[{"username":"a"},{"username":""},{"username":"c"}]}`), ids())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for u, err := range users {
		var fault *DocumentError
		switch {
		case errors.As(err, &fault):
			got = append(got, fault.Path)
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, u.User.Username)
		}
	}
	if want := "a users[1].username"; strings.Join(got, " ") != want {
		t.Errorf("sequence = %v, want %s", got, want)
	}
}

func TestWriteExport_IsReadByReadRealm(t *testing.T) {
	t.Parallel()
	d := recordingRealm(t)
	stored(d)
	var b bytes.Buffer
	if err := WriteExport(&b, mustConfig(t, d), seq(d.Users)); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatal("the export is not JSON")
	}
	_, users, err := ReadRealm(bytes.NewReader(b.Bytes()), ids())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range users {
		n++
	}
	if n != len(d.Users) {
		t.Errorf("%d users came back, want %d", n, len(d.Users))
	}
}
