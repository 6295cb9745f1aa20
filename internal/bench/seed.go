package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// seedBatch is how many rows one transaction stores.
const seedBatch = 2000

// seedScope is what a login for openid and offline access is granted.
const seedScope = "openid acr basic email offline_access profile roles web-origins"

// seeded is what filling the database gave.
type seeded struct {
	bytesEach float64
	took      time.Duration
	cold      []*chain // of some sessions, chosen at random; each was not used yet
	client    string   // id of the client they are with
}

// seed stores users and offline sessions straight into an SQLite database,
// which no server has open: each session as a browser login leaves it after
// some refreshes with rotation. A session's bytes are what the file grows by,
// write-ahead log moved in.
func (b *bench) seed(ctx context.Context, db *database) (s *seeded, err error) {
	begun := time.Now()
	path := db.file()
	target, err := openStore(ctx, db)
	if err != nil {
		return nil, err
	}
	users, err := target.addUsers(ctx, b)
	if err = closed(target.st, err); err != nil {
		return nil, err
	}
	before, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if target, err = openStore(ctx, db); err != nil {
		return nil, err
	}
	cold, err := target.addSessions(ctx, b, users)
	if err = closed(target.st, err); err != nil {
		return nil, err
	}
	after, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &seeded{
		bytesEach: float64(after.Size()-before.Size()) / float64(b.sessions),
		took:      time.Since(begun), cold: cold, client: target.client.ID,
	}, nil
}

// closed closes the store, which empties its write-ahead log.
func closed(st *store.Store, err error) error {
	if cerr := st.Close(); err == nil {
		err = cerr
	}
	return err
}

// seedTarget is where stored sessions go.
type seedTarget struct {
	st     *store.Store
	realm  *model.Realm
	client *model.Client
	role   string // id of the realm's default role
	now    int64
}

func openStore(ctx context.Context, db *database) (*seedTarget, error) {
	key, err := store.LoadOrCreateInstanceKey(db.keyFile())
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, db.dsn(), store.Options{InstanceKey: key})
	if err != nil {
		return nil, err
	}
	versions, err := st.RealmVersions(ctx)
	if err != nil {
		return nil, closed(st, err)
	}
	for _, v := range versions {
		if v.Name != storeRealm {
			continue
		}
		cfg, err := st.LoadConfig(ctx, v.ID)
		if err != nil {
			return nil, closed(st, err)
		}
		return &seedTarget{st, cfg.Realm, cfg.Client("portal"), cfg.Realm.DefaultRoleID, time.Now().Unix()}, nil
	}
	return nil, closed(st, fmt.Errorf("no realm %s", storeRealm))
}

// addUsers stores the users and returns their ids in the order of their
// shards, in which rows are stored fastest.
func (s *seedTarget) addUsers(ctx context.Context, b *bench) ([]string, error) {
	ids := make([]string, b.users)
	for i := range ids {
		ids[i] = newUUID()
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(model.ShardOf(a), model.ShardOf(b)) })
	for from := 0; from < len(ids); from += seedBatch {
		err := s.st.Write(ctx, func(tx *store.Tx) error {
			for i := from; i < min(from+seedBatch, len(ids)); i++ {
				if err := s.addUser(tx, ids[i], fmt.Sprintf("stored%07d", i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("store users: %w", err)
		}
	}
	b.progress("stored %s users", grouped(len(ids)))
	return ids, nil
}

func (s *seedTarget) addUser(tx *store.Tx, id, name string) error {
	return tx.InsertUser(store.NewUser{UniqueEmail: true, User: &model.User{
		ID: id, RealmNum: s.realm.Num, Username: name, Email: name + "@example.org", FirstName: "Given", LastName: "Family",
		Enabled: true, CreatedMS: s.now * 1000, Grants: model.Grants{Roles: []string{s.role}},
	}})
}

// addSessions stores the sessions in rounds over all users, so that a user's
// sessions come at different times as in life.
func (s *seedTarget) addSessions(ctx context.Context, b *bench, users []string) ([]*chain, error) {
	keep := b.requests + b.chains
	var cold []*chain
	for from := 0; from < b.sessions; from += seedBatch {
		var batch []*chain
		err := s.st.Write(ctx, func(tx *store.Tx) error {
			batch = batch[:0] // it may run again
			for i := from; i < min(from+seedBatch, b.sessions); i++ {
				c, err := s.addSession(tx, users[i%len(users)], int64(i))
				if err != nil {
					return err
				}
				if c != nil && random(uint64(b.sessions)) < uint64(2*keep) {
					batch = append(batch, c.chain(s))
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("store sessions: %w", err)
		}
		cold = append(cold, batch...)
		if done := min(from+seedBatch, b.sessions); done%max(seedBatch, b.sessions/10) == 0 {
			b.progress("stored %s sessions", grouped(done))
		}
	}
	for i := range cold { // not in the order of the shards
		j := i + int(random(uint64(len(cold)-i)))
		cold[i], cold[j] = cold[j], cold[i]
	}
	return cold[:min(len(cold), keep)], nil
}

// storedSession is a session with what its newest token says.
type storedSession struct{ *model.ClientSession }

func (s *seedTarget) addSession(tx *store.Tx, userID string, i int64) (*storedSession, error) {
	id, err := model.NewSessionID(model.ShardOf(userID), rand.Reader)
	if err != nil {
		return nil, err
	}
	const day = 24 * 60 * 60
	started := s.now - 20*day + i%(15*day)
	used := started + i%(5*day)
	us := &model.UserSession{ID: id, Offline: true, RealmNum: s.realm.Num, UserID: userID, Started: started, IP: fmt.Sprintf("203.0.113.%d", i%256)}
	cs := &model.ClientSession{
		SessionID: id, ClientNum: s.client.Num, Offline: true, RealmNum: s.realm.Num, UserID: userID,
		UserStarted: started, Started: started, LastRefresh: used, Scope: seedScope,
		Notes: map[string]string{"AUTH_TIME": fmt.Sprint(started), "acr": "1"},
		Chain: model.Chain{ID: newUUID(), Used: newUUID(), Uses: 1, Current: newUUID(), Issued: used},
	}
	return &storedSession{cs}, tx.StartSession(us, cs, model.SessionLimits(s.realm, s.client, cs).Dies(cs))
}

// chain is the session with its newest token, as the server would have issued
// it.
func (c *storedSession) chain(s *seedTarget) *chain {
	issuer := publicURL + "/realms/" + storeRealm
	header, _ := json.Marshal(map[string]string{"alg": "HS512", "typ": "JWT", "kid": storeKid})
	payload, _ := json.Marshal(map[string]any{
		"iat": c.Chain.Issued, "jti": c.Chain.Current, "iss": issuer, "aud": issuer, "sub": c.UserID, "typ": "Offline", "azp": s.client.ClientID,
		"sid": c.SessionID, "scope": c.Scope, "aud_x": "account", "prov": "default", "reuse_id": c.Chain.ID,
	})
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha512.New, storeSecret)
	mac.Write([]byte(input))
	return &chain{storeRealm, input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))}
}

// newUUID is a random id; crypto/rand does not fail.
func newUUID() string {
	id, err := model.NewUUID(rand.Reader)
	if err != nil {
		panic(err)
	}
	return id
}

// random is a number in [0, n).
func random(n uint64) uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:]) % n
}
