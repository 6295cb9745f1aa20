package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qRealmVersions = stmt("realm versions", `select id, name, num, version from realm where visible = 1`)
	qRealm         = stmt("realm", `select num, name, visible, version, doc from realm where id = $1`)
	qRealmHead     = stmt("realm head", `select num, name, visible, version from realm where id = $1`)
	qRealmInsert   = stmt("insert realm", `insert into realm (id, num, name, visible, version, doc) values ($1, $2, $3, $4, 1, $5) on conflict do nothing`)
	qRealmShow     = stmt("show realm", `update realm set visible = 1, version = version + 1 where id = $1 and visible = 0`)
	qRealmDelete   = stmt("delete realm", `delete from realm where id = $1`)
	qInvisible     = stmt("invisible realms", `select id from realm where visible = 0
 and not exists (select 1 from lease where lease.name = $1 || realm.id and lease.held_until > $2)`)
	qNameClaim     = stmt("claim realm name", `insert into realm_name (name, realm_id) values ($1, $2) on conflict do nothing`)
	qNameRelease   = stmt("release realm name", `delete from realm_name where name = $1 and realm_id = $2`)
	qObjects       = stmt("realm objects", `select kind, id, num, doc, sealed from realm_object where realm_id = $1`)
	qObjectsDelete = stmt("delete realm objects", `delete from realm_object where realm_id = $1`)
	qNumber        = stmt("next number", `update number set next = next + $1 where name = $2 returning next`)
	qPurgeInsert   = stmt("insert purge", `insert into purge (realm, client, kind, at, next_sk) values ($1, $2, $3, $4, 0) on conflict do nothing`)
	qPurgeAgain    = stmt("purge again", `update purge set at = $1, next_sk = 0 where realm = $2 and client = $3 and kind = $4`)
)

// RealmVersions lists the visible realms and the versions of their
// configuration: what a node compares its snapshots with.
func (s *Store) RealmVersions(ctx context.Context) ([]RealmVersion, error) {
	var all []RealmVersion
	err := s.read(ctx, func(c *conn) error {
		return c.on(qRealmVersions).each(func(u *cursor) error {
			all = append(all, RealmVersion{ID: u.rText(), Name: u.rText(), Num: u.rInt(), Version: u.rInt()})
			return nil
		})
	})
	return all, err
}

// LoadConfig reads the whole configuration of a realm, visible or not, as of
// one moment; client secrets and component configs are opened. ErrNotFound.
func (s *Store) LoadConfig(ctx context.Context, realmID string) (*model.Config, error) {
	var cfg *model.Config
	err := s.readOnce(ctx, func(c *conn) (err error) {
		cfg, err = loadConfig(c, s.seal, realmID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load realm %s: %w", realmID, err)
	}
	return cfg, nil
}

func loadConfig(c *conn, sl sealer, realmID string) (*model.Config, error) {
	r := &model.Realm{}
	var version int64
	found, err := c.on(qRealm).text(realmID).first(func(u *cursor) error {
		num := u.rInt()
		u.skip(2)
		version = u.rInt()
		err := json.Unmarshal([]byte(u.rText()), r)
		r.Num = num
		return err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotFound
	}
	var o objects
	err = c.on(qObjects).text(realmID).each(func(u *cursor) error {
		kind, id := u.rText(), u.rText()
		num, doc := u.rInt(), u.rText()
		plain, err := sl.open(u.rBytes(), realmID, kind, id)
		if err != nil {
			return err
		}
		if err := o.add(kind, num, []byte(doc), plain); err != nil {
			return fmt.Errorf("%s %s: %w", kind, id, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return model.NewConfig(r, version, o.clients, o.scopes, o.roles, o.groups, o.components)
}

// number takes n numbers of a counter and gives the first.
func (tx *Tx) number(counter string, n int64) (int64, error) {
	next, err := tx.c.on(qNumber).int(n).text(counter).number()
	return next - n, err
}

// CreateRealm adds a realm without objects, at version 1, and sets r.Num.
// An invisible realm (an import under way) takes its name only when it is
// shown. ConflictError realm or id.
func (tx *Tx) CreateRealm(r *model.Realm, visible bool) error {
	num, err := tx.number("realm", 1)
	if err != nil {
		return err
	}
	r.Num = num
	doc, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("realm %q: %w", r.Name, err)
	}
	n, err := tx.c.on(qRealmInsert).text(r.ID).int(r.Num).text(r.Name).flag(visible).text(string(doc)).exec()
	if err != nil {
		return err
	}
	if n == 0 {
		return &ConflictError{Kind: "id", Value: r.ID}
	}
	if visible {
		return tx.claimRealmName(r.Name, r.ID)
	}
	return nil
}

func (tx *Tx) claimRealmName(name, realmID string) error {
	n, err := tx.c.on(qNameClaim).text(name).text(realmID).exec()
	if err == nil && n == 0 {
		return &ConflictError{Kind: "realm", Value: name}
	}
	return err
}

// realmHead is what a write needs to know of a realm.
type realmHead struct {
	num     int64
	name    string
	visible bool
	version int64
}

func (tx *Tx) realmHead(realmID string) (h realmHead, err error) {
	found, err := tx.c.on(qRealmHead).text(realmID).first(func(u *cursor) error {
		h = realmHead{num: u.rInt(), name: u.rText(), visible: u.rFlag(), version: u.rInt()}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("realm %s: %w", realmID, ErrNotFound)
	}
	return h, err
}

// ShowRealm makes an invisible realm visible; nothing happens to a visible
// one. ConflictError realm when its name was taken meanwhile; ErrNotFound.
func (tx *Tx) ShowRealm(realmID string) error {
	h, err := tx.realmHead(realmID)
	if err != nil || h.visible {
		return err
	}
	if err := tx.claimRealmName(h.name, realmID); err != nil {
		return err
	}
	_, err = tx.c.on(qRealmShow).text(realmID).exec()
	return err
}

// DeleteRealm removes a realm and its objects now; its users, sessions and
// events go with PurgeLeftovers. ErrNotFound.
func (tx *Tx) DeleteRealm(realmID string) error {
	h, err := tx.realmHead(realmID)
	if err != nil {
		return err
	}
	_, err1 := tx.c.on(qRealmDelete).text(realmID).exec()
	_, err2 := tx.c.on(qNameRelease).text(h.name).text(realmID).exec()
	_, err3 := tx.c.on(qObjectsDelete).text(realmID).exec()
	return errors.Join(err1, err2, err3, tx.putPurge(h.num, 0, purgeRealm, 0))
}

// putPurge leaves work for PurgeLeftovers.
func (tx *Tx) putPurge(realm, client int64, kind string, at int64) error {
	n, err := tx.c.on(qPurgeInsert).int(realm).int(client).text(kind).int(at).exec()
	if err == nil && n == 0 {
		_, err = tx.c.on(qPurgeAgain).int(at).int(realm).int(client).text(kind).exec()
	}
	return err
}

// ImportLease begins the name of the lease (Lease) under which a realm is
// imported; the realm's id follows.
const ImportLease = "import "

// DropInvisibleRealms deletes the realms whose import never finished: those
// nobody holds the ImportLease of at now. It returns how many there were.
func (s *Store) DropInvisibleRealms(ctx context.Context, now int64) (int, error) {
	n := 0
	err := s.Write(ctx, func(tx *Tx) error {
		var ids []string
		err := tx.c.on(qInvisible).text(ImportLease).int(now).each(func(u *cursor) error {
			ids = append(ids, u.rText())
			return nil
		})
		for _, id := range ids {
			err = errors.Join(err, tx.DeleteRealm(id))
		}
		n = len(ids)
		return err
	})
	return n, err
}
