package crash_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

var rounds = flag.Int("rounds", 20, "how often the server is killed")

// realmDocument is a realm whose tokens and hashes are cheap, so that the load
// is on the database.
const realmDocument = `{"realm":"%s","enabled":true,"sslRequired":"none","revokeRefreshToken":%v,"eventsEnabled":true,
"defaultSignatureAlgorithm":"ES256","passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1000)",
"components":{"org.keycloak.keys.KeyProvider":[
 {"name":"es","providerId":"ecdsa-generated","config":{"ecdsaEllipticCurveKey":["P-256"]}},
 {"name":"hs","providerId":"hmac-generated","config":{"algorithm":["HS512"]}}]},
"clients":[{"clientId":"portal","secret":"s3cret","publicClient":false,"directAccessGrantsEnabled":true}],
"users":[%s]}`

// userDocument is a user of such a realm.
const userDocument = `{"username":"%[1]s","enabled":true,"email":"%[1]s@example.org","firstName":"A","lastName":"L",
 "credentials":[{"type":"password","value":"pw","temporary":false}],"realmRoles":["default-roles-%[2]s"]}`

const (
	workers    = 4 // per realm
	loginsEach = 2 // chains a worker begins each round with; more follow
)

// crew is the workers of one realm; each owns its chains.
type crew struct {
	realm     string
	chains    [workers][]*chain
	lostLogin atomic.Int64 // logins without an answer: their sessions may be there
	refreshes atomic.Int64
}

// TestKilledServer_KeepsWhatItAcknowledged: after every kill -9 each chain gets
// exactly what the last answer promised, the counts fit, and the file is sound.
func TestKilledServer_KeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		*rounds = min(*rounds, 3)
	}
	dir := t.TempDir()
	db := filepath.Join(dir, "latchkey.db")
	args := realmArgs(t, dir)
	crews := []*crew{{realm: rotating}, {realm: plain}}
	p := startServer(t, "sqlite:"+db, args...)
	for round := range *rounds {
		loadUntilKilled(t, p, crews)
		if round == *rounds-1 {
			checkIntegrity(t, db) // of what the kill left, before anybody repairs it
		}
		p = startServer(t, "sqlite:"+db, args...)
		for _, c := range crews {
			c.each(func(ch *chain) { p.verify(t, ch) })
		}
		if t.Failed() {
			t.Fatalf("in round %d\n%s", round+1, p.out.tail())
		}
	}
	for _, c := range crews {
		c.checkCounts(t, p)
	}
	p.stop(t)
	checkIntegrity(t, db)
}

// realmArgs are the arguments of a server with both realms, their user alice and
// others of those names, and an administrator.
func realmArgs(t *testing.T, dir string, names ...string) []string {
	t.Helper()
	args := []string{"--bootstrap-admin-username", "admin", "--bootstrap-admin-password", "admin"}
	for _, name := range []string{rotating, plain} {
		users := []string{fmt.Sprintf(userDocument, "alice", name)}
		for _, user := range names {
			users = append(users, fmt.Sprintf(userDocument, user, name))
		}
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, fmt.Appendf(nil, realmDocument, name, name == rotating, strings.Join(users, ",")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--import-realm", file)
	}
	return args
}

// loadUntilKilled puts load on the server and kills it at a random moment.
func loadUntilKilled(t *testing.T, p *process, crews []*crew) {
	t.Helper()
	var killed atomic.Bool
	var all sync.WaitGroup
	for _, c := range crews {
		for w := range workers {
			all.Go(func() {
				if err := c.work(p, w); !errors.Is(err, errGone) || !killed.Load() {
					t.Errorf("realm %s, before the kill: %v", c.realm, err)
				}
			})
		}
	}
	timer := time.NewTimer(500*time.Millisecond + time.Duration(random(uint64(500*time.Millisecond))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.exited:
		t.Errorf("the server ended by itself: %v", p.err)
	}
	killed.Store(true)
	p.kill()
	all.Wait()
	if t.Failed() {
		t.Fatal(p.out.tail())
	}
}

// work logs in, refreshes in turn and now and then logs out, until there is no
// answer.
func (c *crew) work(p *process, w int) error {
	var active []*chain
	for _, ch := range c.chains[w] {
		if ch.state == live {
			active = append(active, ch)
		}
	}
	for n := 0; ; n++ {
		if n < loginsEach || random(300) == 0 {
			ch, err := p.login(c.realm)
			if errors.Is(err, errGone) {
				c.lostLogin.Add(1)
			}
			if err != nil {
				return err
			}
			c.chains[w], active = append(c.chains[w], ch), append(active, ch)
			continue
		}
		i := int(random(uint64(len(active))))
		if len(active) > 1 && random(300) == 0 {
			if err := p.leave(active[i]); err != nil {
				return err
			}
			active = slices.Delete(active, i, i+1)
			continue
		}
		if err := p.advance(active[i]); err != nil {
			return err
		}
		c.refreshes.Add(1)
	}
}

func (c *crew) each(f func(*chain)) {
	for _, chains := range c.chains {
		for _, ch := range chains {
			f(ch)
		}
	}
}

// checkCounts compares what admin REST counts and lists with what the chains
// say is live, those of others among them. Logins without an answer may have
// left a session each.
func (c *crew) checkCounts(t *testing.T, p *process, others ...*chain) {
	t.Helper()
	alive, states := map[string]bool{}, map[state]int{}
	for _, ch := range others {
		if ch.realm == c.realm && ch.state == live {
			alive[ch.id] = true
		}
	}
	c.each(func(ch *chain) {
		states[ch.state]++
		if ch.state == live {
			alive[ch.id] = true
		}
	})
	t.Logf("realm %s: %d refreshes; chains: %d live, %d logged out, %d given up; %d logins without an answer",
		c.realm, c.refreshes.Load(), states[live], states[ended], states[givenUp], c.lostLogin.Load())

	clients := adminGet[[]struct{ ID string }](t, p, c.realm, "/clients?clientId=portal")
	if len(clients) != 1 {
		t.Fatalf("realm %s: %d clients portal", c.realm, len(clients))
	}
	path := "/clients/" + clients[0].ID
	count := adminGet[struct{ Count int }](t, p, c.realm, path+"/offline-session-count").Count
	listed := adminGet[[]struct{ ID string }](t, p, c.realm, path+"/offline-sessions?max=100000")
	if count != len(listed) {
		t.Errorf("realm %s: %d offline sessions counted, %d listed", c.realm, count, len(listed))
	}
	unknown := 0
	for _, s := range listed {
		if !alive[s.ID] {
			unknown++
		}
		delete(alive, s.ID)
	}
	if len(alive) > 0 {
		t.Errorf("realm %s: %d live sessions are not listed", c.realm, len(alive))
	}
	if int64(unknown) > c.lostLogin.Load() {
		t.Errorf("realm %s: %d sessions are listed that should be over, at most %d may", c.realm, unknown, c.lostLogin.Load())
	}
}

// adminToken is an access token of the administrator.
func (p *process) adminToken(t *testing.T) string {
	t.Helper()
	resp, err := p.client.PostForm(p.base+"/realms/master/protocol/openid-connect/token", url.Values{
		"client_id": {"admin-cli"}, "grant_type": {"password"}, "username": {"admin"}, "password": {"admin"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || a.Access == "" {
		t.Fatalf("administrator's token: %v %v", a, err)
	}
	return a.Access
}

// adminGet reads a path of admin REST, below a realm.
func adminGet[T any](t *testing.T, p *process, realm, path string) (v T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/admin/realms/"+realm+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.adminToken(t))
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || json.Unmarshal(body, &v) != nil {
		t.Fatalf("GET %s: %d %.200s %v", path, resp.StatusCode, body, err)
	}
	return v
}

// checkIntegrity lets SQLite check the whole file, as nobody else uses it.
func checkIntegrity(t *testing.T, db string) {
	t.Helper()
	conn, err := sqlite.OpenConn(db, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var found []string
	err = sqlitex.ExecuteTransient(conn, "pragma integrity_check", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		found = append(found, s.ColumnText(0))
		return nil
	}})
	if err != nil || len(found) != 1 || found[0] != "ok" {
		t.Errorf("pragma integrity_check = %s, %v", strings.Join(found, "; "), err)
	}
}
