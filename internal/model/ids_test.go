package model_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/latchkey-id/latchkey/internal/model"
)

func TestShardOf_IsFixed(t *testing.T) {
	t.Parallel()
	// Rows lie where these say: they must never change.
	for id, want := range map[string]int64{
		"":                                     0xe3b0 % model.Shards,
		"00000000-0000-4000-8000-000000000000": 0xb80,
	} {
		if got := model.ShardOf(id); got != want {
			t.Errorf("ShardOf(%q) = %#x, want %#x", id, got, want)
		}
	}
}

func TestShardOfName_TellsRealmAndKindApart(t *testing.T) {
	t.Parallel()
	a := model.ShardOfName(1, "username", "x")
	if a == model.ShardOfName(2, "username", "x") && a == model.ShardOfName(1, "email", "x") && a == model.ShardOfName(1, "username", "y") {
		t.Error("one shard for different claims")
	}
}

func TestNewSessionID_CarriesItsShard(t *testing.T) {
	t.Parallel()
	for _, shard := range []int64{0, 1, 255, 256, model.Shards - 1} {
		id, err := model.NewSessionID(shard, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := model.SessionShard(id); !ok || got != shard || len(id) != 24 {
			t.Errorf("SessionShard(%q) = %d, %v, want %d", id, got, ok, shard)
		}
	}
}

func TestSessionShard_RefusesForeignIDs(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"", "short", strings.Repeat("A", 23), strings.Repeat("A", 25),
		"5f2b9d1e-93d6-4f2b-8a53-0f8b6c1d2e3f", // a session of an older Keycloak
		"!!!!!!!!!!!!!!!!!!!!!!!!",
		"__________________________"[:24], // no such shard
	} {
		if shard, ok := model.SessionShard(id); ok {
			t.Errorf("SessionShard(%q) = %d, want none", id, shard)
		}
	}
}

func TestNewUUID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, b := range []byte{0, 0xff, 0x5a} {
		id, err := model.NewUUID(bytes.NewReader(bytes.Repeat([]byte{b}, 16)))
		if err != nil || !form.MatchString(id) {
			t.Errorf("NewUUID = %q, %v, want version 4", id, err)
		}
	}
}

func TestIDs_NeedRandomness(t *testing.T) {
	t.Parallel()
	broken := errors.New("no randomness")
	if _, err := model.NewUUID(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("NewUUID = %v, want %v", err, broken)
	}
	if _, err := model.NewSessionID(1, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("NewSessionID = %v, want %v", err, broken)
	}
}
