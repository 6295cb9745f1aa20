package store

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qShardWholeUsers = stmt("realm's whole users of shard", `select `+userColumns+` from users u where u.sk = $1 and +u.realm = $2 order by u.id`)
	qShardCreds      = stmt("credentials of shard", `select user_id, id, type, label, created, priority, secret_data, credential_data from credential
 where sk = $1 order by user_id, priority, created`)
	qShardConsents = stmt("consents of shard", `select user_id, client_id, scopes, created, updated from consent where sk = $1 order by user_id, created`)
)

// ReadRealm calls fn with a realm's configuration and its users with what
// belongs to them, all as of one moment. fn may range over users once; an
// error among them is the last. Memory does not grow with users. ErrNotFound.
func (s *Store) ReadRealm(ctx context.Context, realmID string, fn func(cfg *model.Config, users iter.Seq2[NewUser, error]) error) error {
	return s.db.readAll(ctx, func(c *conn) error {
		cfg, err := loadConfig(c, s.seal, realmID)
		if err != nil {
			return fmt.Errorf("load realm %s: %w", realmID, err)
		}
		return fn(cfg, func(yield func(NewUser, error) bool) {
			for sk := int64(0); sk < model.Shards; sk++ {
				users, err := shardUsers(c, sk, cfg.Realm.Num)
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(NewUser{}, err)
					return
				}
				for _, u := range users {
					if !yield(*u, nil) {
						return
					}
				}
			}
		})
	})
}

// shardUsers are a realm's users of one shard, with what belongs to them.
func shardUsers(c *conn, sk, realm int64) ([]*NewUser, error) {
	var all []*NewUser
	byID := map[string]*NewUser{}
	err := c.on(qShardWholeUsers).int(sk).int(realm).each(func(u *cursor) error {
		x := &model.User{}
		err := scanUser(u, x)
		all = append(all, &NewUser{User: x})
		byID[x.ID] = all[len(all)-1]
		return err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	err = c.on(qShardCreds).int(sk).each(func(u *cursor) error {
		if x := byID[u.rID()]; x != nil {
			x.Credentials = append(x.Credentials, readCredential(u))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = c.on(qShardConsents).int(sk).each(func(u *cursor) error {
		x := byID[u.rID()]
		if x == nil {
			return nil
		}
		consent := model.Consent{ClientID: u.rID()}
		if err := json.Unmarshal([]byte(u.rText()), &consent.ScopeIDs); err != nil {
			return fmt.Errorf("consent of user %s: %w", x.User.ID, err)
		}
		consent.CreatedMS, consent.UpdatedMS = u.rInt(), u.rInt()
		x.Consents = append(x.Consents, consent)
		return nil
	})
	return all, err
}
