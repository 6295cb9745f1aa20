package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qRealmBump    = stmt("bump realm", `update realm set version = version + 1 where id = $1 and version = $2`)
	qRealmReplace = stmt("replace realm", `update realm set name = $1, doc = $2 where id = $3`)
	qObjectInsert = stmt("insert object", `insert into realm_object (realm_id, kind, id, num, name, doc, sealed)
 values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`)
	qObjectUpdate = stmt("update object", `update realm_object set name = $1, doc = $2, sealed = $3
 where realm_id = $4 and kind = $5 and id = $6`)
	qObjectDelete = stmt("delete object", `delete from realm_object where realm_id = $1 and kind = $2 and id = $3 returning num`)
	qObjectNum    = stmt("number of object", `select num from realm_object where realm_id = $1 and kind = $2 and id = $3`)
)

// ApplyConfig changes a realm's configuration and returns its new version.
// Puts insert, or replace the object of the same id; a client with Num 0 gets
// its number, which is set. The sessions of a deleted client end, its rows go
// with PurgeLeftovers.
//
// Errors: ErrStale when the realm is not at ch.BaseVersion; ErrNotFound;
// *ConflictError when a name is taken.
func (tx *Tx) ApplyConfig(ch *ConfigChange) (newVersion int64, err error) {
	h, err := tx.realmHead(ch.RealmID)
	if err != nil {
		return 0, err
	}
	n, err := tx.c.on(qRealmBump).text(ch.RealmID).int(ch.BaseVersion).exec()
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fmt.Errorf("realm %s at version %d: %w", ch.RealmID, ch.BaseVersion, ErrStale)
	}
	if ch.Realm != nil {
		if err := tx.replaceRealm(h, ch.RealmID, ch.Realm); err != nil {
			return 0, err
		}
	}
	if err := tx.deleteObjects(h, ch); err != nil {
		return 0, err
	}
	if err := tx.numberClients(ch); err != nil {
		return 0, err
	}
	all, err := ch.puts()
	if err != nil {
		return 0, err
	}
	for i := range all {
		if err := tx.putObject(ch.RealmID, &all[i]); err != nil {
			return 0, err
		}
	}
	return ch.BaseVersion + 1, nil
}

func (tx *Tx) replaceRealm(h realmHead, realmID string, r *model.Realm) error {
	stored := *r
	stored.ID, stored.Num = realmID, h.num
	doc, err := json.Marshal(&stored)
	if err != nil {
		return fmt.Errorf("realm %q: %w", r.Name, err)
	}
	if h.visible && r.Name != h.name {
		if err := tx.claimRealmName(r.Name, realmID); err != nil {
			return err
		}
		if _, err := tx.c.on(qNameRelease).text(h.name).text(realmID).exec(); err != nil {
			return err
		}
	}
	_, err = tx.c.on(qRealmReplace).text(r.Name).text(string(doc)).text(realmID).exec()
	return err
}

func (tx *Tx) deleteObjects(h realmHead, ch *ConfigChange) error {
	for _, d := range []struct {
		kind string
		ids  []string
	}{
		{kindScope, ch.DeleteScopes}, {kindRole, ch.DeleteRoles}, {kindGroup, ch.DeleteGroups}, {kindComponent, ch.DeleteComponents},
	} {
		for _, id := range d.ids {
			if _, err := tx.c.on(qObjectDelete).text(ch.RealmID).text(d.kind).text(id).number(); err != nil {
				return err
			}
		}
	}
	for _, id := range ch.DeleteClients {
		num, err := tx.c.on(qObjectDelete).text(ch.RealmID).text(kindClient).text(id).number()
		if err != nil {
			return err
		}
		if num == 0 {
			continue // was not there
		}
		if err := tx.bumpGeneration(h.num, num, model.Ending{At: ch.At, Reason: model.EndedByDeletion, By: ch.By}); err != nil {
			return err
		}
		if err := tx.putPurge(h.num, num, purgeClient, 0); err != nil {
			return err
		}
	}
	return nil
}

// numberClients gives clients without a number one: that of the stored client
// of the same id, else a new one. It is taken back if the write fails, since
// the number may then go to another client.
func (tx *Tx) numberClients(ch *ConfigChange) error {
	var fresh []*model.Client
	for _, c := range ch.PutClients {
		if c.Num != 0 {
			continue
		}
		tx.undone = append(tx.undone, func() { c.Num = 0 })
		num, err := tx.c.on(qObjectNum).text(ch.RealmID).text(kindClient).text(c.ID).number()
		if err != nil {
			return err
		}
		if c.Num = num; num == 0 {
			fresh = append(fresh, c)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	num, err := tx.number("client", int64(len(fresh)))
	for i, c := range fresh {
		c.Num = num + int64(i)
	}
	return err
}

func (ch *ConfigChange) puts() ([]object, error) {
	var all []object
	for _, x := range ch.PutClients {
		all = append(all, clientObject(x))
	}
	for _, x := range ch.PutScopes {
		all = append(all, scopeObject(x))
	}
	for _, x := range ch.PutRoles {
		all = append(all, roleObject(x))
	}
	for _, x := range ch.PutGroups {
		all = append(all, groupObject(x))
	}
	for _, x := range ch.PutComponents {
		o, err := componentObject(x)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// putObject inserts an object or replaces the one of its id.
func (tx *Tx) putObject(realmID string, o *object) error {
	doc, err := json.Marshal(o.doc)
	if err != nil {
		return fmt.Errorf("%s %s: %w", o.kind, o.id, err)
	}
	sealed := tx.s.seal.seal(o.plain, realmID, o.kind, o.id)
	u := tx.c.on(qObjectInsert).text(realmID).text(o.kind).text(o.id)
	if o.num != 0 {
		u.int(o.num)
	} else {
		u.null()
	}
	n, err := u.text(o.name).text(string(doc)).bytes(sealed).exec()
	if err != nil || n == 1 {
		return err
	}
	n, err = tx.c.on(qObjectUpdate).text(o.name).text(string(doc)).bytes(sealed).text(realmID).text(o.kind).text(o.id).exec()
	if errors.Is(err, errUnique) || err == nil && n == 0 {
		return &o.conflict
	}
	return err
}
