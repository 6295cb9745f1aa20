package crash_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/store/pgtest"
)

// crowd is users spread over the shards.
const crowd = 24

// TestShardDown_OthersAreServed: one of three shards is killed. Its users get
// 503 in bounded time, all others are served as before, and everybody is when
// the shard is back.
func TestShardDown_OthersAreServed(t *testing.T) {
	t.Parallel()
	servers := pgtest.NewShards(t)
	key := filepath.Join(t.TempDir(), "instance.key")
	db := servers.Schema(t, func(dsn string) { migrate(t, dsn, key) })
	p := startServer(t, db, append(crowdArgs(t), "--instance-key-file", key)...)
	var chains []*chain
	for i := range crowd {
		for _, realm := range []string{rotating, plain} {
			c, err := p.loginAs(realm, fmt.Sprintf("user%d", i))
			if err != nil {
				t.Fatalf("%v\n%s", err, p.out.tail())
			}
			chains = append(chains, c)
		}
	}
	// The third holds a share of the users; configuration lies on the first.
	dead := servers.Shard(3)
	dead.Kill()
	served, refused := 0, 0
	for _, c := range chains {
		begun := time.Now()
		err := p.advance(c)
		switch {
		case errors.Is(err, errBusy):
			refused++
		case err != nil:
			t.Errorf("realm %s: %v", c.realm, err)
		default:
			served++
		}
		if took := time.Since(begun); took > patience {
			t.Errorf("answered after %v", took)
		}
	}
	if served < len(chains)/3 || refused == 0 {
		t.Errorf("%d chains served and %d not, of %d on three shards", served, refused, len(chains))
	}
	t.Logf("with one shard of three down: %d chains served, %d told to come again", served, refused)
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	for _, c := range chains {
		p.verify(t, c)
	}
}

// crowdArgs are the arguments of a server whose realms have many users.
func crowdArgs(t *testing.T) []string {
	t.Helper()
	var names []string
	for i := range crowd {
		names = append(names, fmt.Sprintf("user%d", i))
	}
	return realmArgs(t, t.TempDir(), names...)
}
