package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

func FuzzEncodeID(f *testing.F) {
	for _, id := range []string{"", "a", testUUID(5), "0F8FAD5B-d9cb-469f-a165-70867728950e", "AAAAAAAAAAAAAAAAAAAAAAAA", "D_8AAAAAAAAAAAAAAAAAAA-_",
		"onrtro:0f8fad5b-d9cb-469f-a165-70867728950e", "fifteen-letters", "sixteen--letters", "seventeen-letters", "eighteen---letters",
		"f:0f8fad5b-d9cb-469f-a165-70867728950e:bob", "\x00\x00\x00", "\xff\xfe", "AAAAAAAAAAA\nAAAAAAAAAAAA"} {
		f.Add(id, int64(4095))
	}
	f.Fuzz(func(t *testing.T, id string, shard int64) {
		shard = (shard%model.Shards + model.Shards) % model.Shards
		if got := decodeID(appendID(nil, id)); got != id {
			t.Errorf("id %q comes back as %q", id, got)
		}
		if got := decodeSessionID(shard, appendSessionID(nil, shard, id)); got != id {
			t.Errorf("session id %q of shard %d comes back as %q", id, shard, got)
		}
	})
}

func TestEncodeID_IsCompact(t *testing.T) {
	t.Parallel()
	native, err := model.NewSessionID(77, bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		got  []byte
		want int
	}{
		{"UUID", appendID(nil, testUUID(1)), 16},
		{"base64", appendID(nil, native), 18},
		{"session id of its shard", appendSessionID(nil, 77, native), 16},
		{"session id of another shard", appendSessionID(nil, 78, native), 18},
		{"UUID as session id", appendSessionID(nil, 77, testUUID(1)), 17},
		{"upper-case UUID", appendID(nil, "0F8FAD5B-D9CB-469F-A165-70867728950E"), 37},
		{"text of an id's length", appendID(nil, "fifteen-letters"), 19},
	} {
		if len(tt.got) != tt.want {
			t.Errorf("%s: %d bytes, want %d", tt.name, len(tt.got), tt.want)
		}
	}
}

func TestEncodeID_NeverTheSameForTwo(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for n := range 25 {
		for _, fill := range []byte{0, 1, 'A', 'a', 0xff} {
			id := string(bytes.Repeat([]byte{fill}, n))
			for _, b := range [][]byte{appendSessionID([]byte("s"), 0, id), appendID([]byte("i"), id)} {
				if other, ok := seen[string(b)]; ok && other != id {
					t.Errorf("%q and %q are stored alike", id, other)
				}
				seen[string(b)] = id
			}
		}
	}
}

func FuzzNotes(f *testing.F) {
	f.Add("AUTH_TIME", "1790000000", "acr", "1")
	f.Add("clientHost", "10.0.0.1", "", "")
	f.Add("other", "007", "x", "-1")
	f.Add("x", "18446744073709551615", "y", "9223372036854775807")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		notes := map[string]string{k1: v1, k2: v2}
		if diff := cmp.Diff(notes, decodeNotes(encodeNotes(notes))); diff != "" {
			t.Error(diff)
		}
		decodeNotes([]byte(k1 + v1 + k2)) // damage must not panic
	})
}

func TestNotes_UsualOnesAreSmall(t *testing.T) {
	t.Parallel()
	if b := encodeNotes(map[string]string{"AUTH_TIME": "1790000000", "acr": "1"}); len(b) > 8 {
		t.Errorf("%d bytes", len(b))
	}
	if encodeNotes(nil) != nil || decodeNotes(nil) != nil {
		t.Error("no notes are not nothing")
	}
}

func TestIP_RoundTrips(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1", "fe80::1%eth0", "010.0.0.1", "abc", "fifteen-letters", "unknown"} {
		if got := decodeIP(encodeIP(ip)); got != ip {
			t.Errorf("%q comes back as %q", ip, got)
		}
	}
}

func TestGrants_ReadAsJSONWould(t *testing.T) {
	t.Parallel()
	for _, g := range []model.Grants{
		{}, {Roles: []string{"a"}}, {Groups: []string{"b", "c"}}, {Roles: []string{"a", "b"}, Groups: []string{"c"}},
		{Roles: []string{`quo"te`, `back\slash`, "bra]cket", "com,ma"}, Groups: []string{"ü"}},
	} {
		text, err := encodeGrants(g)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeGrants(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(g, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	got, err := decodeGrants(`{ "groups": ["b"], "roles": ["a"] }`)
	if err != nil || !slices.Equal(got.Roles, []string{"a"}) || !slices.Equal(got.Groups, []string{"b"}) {
		t.Errorf("other layout: %v, %v", got, err)
	}
	if _, err := decodeGrants(`{"roles":["a"`); err == nil {
		t.Error("damage is not noticed")
	}
}

func TestLike_MatchesAsSQL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		word, text string
		want       bool
	}{
		{"al", "Alice", true}, {"ice", "alice", false}, {"*ice", "alice", true}, {"*li*", "alice", true}, {`"alice"`, "alice", true},
		{`"alic"`, "alice", false}, {"a_i", "alice", false}, {"a%", "alice", false}, {"a!", "a!b", true}, {"a*e", "alice", true},
		{"*", "", true}, {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if got := like(searchPattern(tt.word), tt.text); got != tt.want {
			t.Errorf("%s against %s: %v", tt.word, tt.text, got)
		}
	}
}

func TestSessionBytes_StayUnderGate(t *testing.T) {
	if testing.Short() {
		t.Skip("writes ten thousand sessions")
	}
	t.Parallel()
	// A hundred thousand take 320 bytes each; of fewer, the counters' share is larger.
	if got := sessionBytes(t, 10_000); got > 400 {
		t.Errorf("%s bytes a session, gate 400 (design §4.9)", fmt.Sprintf("%.0f", got))
	}
}
