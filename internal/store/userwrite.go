package store

import (
	"errors"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/model"
)

var (
	qUserInsert = stmt("insert user", `insert into users (sk, id, realm, username, email, first_name, last_name, enabled, email_verified,
 created, not_before, gen, version, service_client, grants, doc)
 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 1, $12, $13, $14) on conflict do nothing`)

	qUserVersion = stmt("user and version", `select u.version, `+userColumns+` from users u where u.sk = $1 and u.id = $2 and u.realm = $3`)

	qUserUpdate = stmt("update user", `update users set username = $1, email = $2, first_name = $3, last_name = $4, enabled = $5,
 email_verified = $6, created = $7, not_before = $8, service_client = $9, grants = $10, doc = $11, version = version + 1
 where sk = $12 and id = $13 and version = $14`)

	qUserDelete        = stmt("delete user", `delete from users where sk = $1 and id = $2 and realm = $3`)
	qNameInsert        = stmt("claim login name", `insert into login_name (sk, realm, kind, value, user_id) values ($1, $2, $3, $4, $5) on conflict do nothing`)
	qNameDelete        = stmt("release login name", `delete from login_name where sk = $1 and realm = $2 and kind = $3 and value = $4 and user_id = $5`)
	qUserRoleInsert    = stmt("insert user role", `insert into user_role (sk, user_id, role_id) values ($1, $2, $3) on conflict do nothing`)
	qUserRoleDelete    = stmt("delete user role", `delete from user_role where sk = $1 and user_id = $2 and role_id = $3`)
	qUserRolesDelete   = stmt("delete user roles", `delete from user_role where sk = $1 and user_id = $2`)
	qUserGroupInsert   = stmt("insert user group", `insert into user_group (sk, user_id, group_id) values ($1, $2, $3) on conflict do nothing`)
	qUserGroupDelete   = stmt("delete user group", `delete from user_group where sk = $1 and user_id = $2 and group_id = $3`)
	qUserGroupsDelete  = stmt("delete user groups", `delete from user_group where sk = $1 and user_id = $2`)
	qUserCredsDelete   = stmt("delete user credentials", `delete from credential where sk = $1 and user_id = $2`)
	qUserConsentDelete = stmt("delete user consents", `delete from consent where sk = $1 and user_id = $2`)
)

// InsertUser adds a user with its credentials and consents. Many at once are
// written fastest in the order of model.ShardOf, some hundreds a write.
// *ConflictError username, email (if n.UniqueEmail) or id.
func (tx *Tx) InsertUser(n NewUser) error {
	x := n.User
	sk := model.ShardOf(x.ID)
	grants, doc, err := encodeUserTexts(x)
	if err != nil {
		return err
	}
	rows, err := tx.c.on(qUserInsert).int(sk).id(x.ID).int(x.RealmNum).text(x.Username).opt(x.Email).opt(x.FirstName).opt(x.LastName).
		flag(x.Enabled).flag(x.EmailVerified).int(x.CreatedMS).int(x.NotBefore).opt(x.ServiceClientID).opt(grants).opt(doc).exec()
	if err != nil {
		return err
	}
	if rows == 0 {
		return &ConflictError{Kind: "id", Value: x.ID}
	}
	if err := tx.claimName(x, nameUser, x.Username, true); err != nil {
		return err
	}
	if err := tx.claimName(x, nameEmail, x.Email, n.UniqueEmail); err != nil {
		return err
	}
	if err := tx.moveGrants(sk, x.ID, model.Grants{}, x.Grants); err != nil {
		return err
	}
	for i := range n.Credentials {
		if err := tx.insertCredential(sk, x.ID, &n.Credentials[i]); err != nil {
			return err
		}
	}
	for _, c := range n.Consents {
		if err := tx.PutConsent(x.RealmNum, x.ID, c); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

func encodeUserTexts(x *model.User) (grants, doc string, err error) {
	if grants, err = encodeGrants(x.Grants); err == nil {
		doc, err = encodeUserDoc(x)
	}
	if err != nil {
		err = fmt.Errorf("user %s: %w", x.ID, err)
	}
	return grants, doc, err
}

// claimName takes a login name for a user; "" needs none. A name that need
// not be unique goes to the first who asks.
func (tx *Tx) claimName(x *model.User, kind, value string, unique bool) error {
	if value == "" {
		return nil
	}
	n, err := tx.c.on(qNameInsert).int(model.ShardOfName(x.RealmNum, kind, value)).int(x.RealmNum).text(kind).text(value).id(x.ID).exec()
	if err != nil || n == 1 || !unique {
		return err
	}
	if kind == nameUser {
		return &ConflictError{Kind: "username", Value: value}
	}
	return &ConflictError{Kind: "email", Value: value}
}

func (tx *Tx) releaseName(x *model.User, kind, value string) error {
	if value == "" {
		return nil
	}
	_, err := tx.c.on(qNameDelete).int(model.ShardOfName(x.RealmNum, kind, value)).int(x.RealmNum).text(kind).text(value).id(x.ID).exec()
	return err
}

// moveGrants writes the reverse look-ups of what changed between two grants.
func (tx *Tx) moveGrants(sk int64, userID string, old, new model.Grants) error {
	for _, m := range []struct {
		q    *query
		a, b []string // rows for what is in a and not in b
	}{
		{qUserRoleDelete, old.Roles, new.Roles}, {qUserRoleInsert, new.Roles, old.Roles},
		{qUserGroupDelete, old.Groups, new.Groups}, {qUserGroupInsert, new.Groups, old.Groups},
	} {
		for _, id := range without(m.a, m.b) {
			if _, err := tx.c.on(m.q).int(sk).id(userID).id(id).exec(); err != nil {
				return err
			}
		}
	}
	return nil
}

func without(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	in := make(map[string]bool, len(b))
	for _, x := range b {
		in[x] = true
	}
	var out []string
	for _, x := range a {
		if !in[x] {
			out = append(out, x)
		}
	}
	return out
}

// UpdateUser replaces the stored user old by new, which has the same id and
// realm, and moves its login names. ErrStale when the stored user is not old
// any more (or was deleted); *ConflictError username, or email if uniqueEmail.
func (tx *Tx) UpdateUser(old, new *model.User, uniqueEmail bool) error {
	sk := model.ShardOf(old.ID)
	var version int64
	stored := &model.User{ID: old.ID}
	found, err := tx.c.on(qUserVersion).int(sk).id(old.ID).int(old.RealmNum).first(func(u *cursor) error {
		version = u.rInt()
		return scanUser(u, stored)
	})
	if err != nil {
		return err
	}
	same, err := sameUser(stored, old)
	if err != nil {
		return err
	}
	if !found || !same {
		return fmt.Errorf("user %s: %w", old.ID, ErrStale)
	}
	grants, doc, err := encodeUserTexts(new)
	if err != nil {
		return err
	}
	n, err := tx.c.on(qUserUpdate).text(new.Username).opt(new.Email).opt(new.FirstName).opt(new.LastName).flag(new.Enabled).
		flag(new.EmailVerified).int(new.CreatedMS).int(new.NotBefore).opt(new.ServiceClientID).opt(grants).opt(doc).
		int(sk).id(old.ID).int(version).exec()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("user %s: %w", old.ID, ErrStale)
	}
	if err := tx.moveGrants(sk, old.ID, old.Grants, new.Grants); err != nil {
		return err
	}
	if err := tx.moveName(old, nameUser, old.Username, new.Username, true); err != nil {
		return err
	}
	return tx.moveName(old, nameEmail, old.Email, new.Email, uniqueEmail)
}

func (tx *Tx) moveName(x *model.User, kind, from, to string, unique bool) error {
	if from == to {
		return nil
	}
	if err := tx.claimName(x, kind, to, unique); err != nil {
		return err
	}
	return tx.releaseName(x, kind, from)
}

// sameUser compares users as they are stored, where nil and empty are one.
func sameUser(a, b *model.User) (bool, error) {
	ag, ad, err := encodeUserTexts(a)
	if err != nil {
		return false, err
	}
	bg, bd, err := encodeUserTexts(b)
	if err != nil {
		return false, err
	}
	return ag == bg && ad == bd && a.ID == b.ID && a.RealmNum == b.RealmNum && a.Username == b.Username && a.Email == b.Email &&
		a.FirstName == b.FirstName && a.LastName == b.LastName && a.Enabled == b.Enabled && a.EmailVerified == b.EmailVerified &&
		a.CreatedMS == b.CreatedMS && a.NotBefore == b.NotBefore && a.ServiceClientID == b.ServiceClientID, nil
}

// DeleteUser removes a user and all that belongs to it, sessions included.
// ErrNotFound.
func (tx *Tx) DeleteUser(realm int64, id string) error {
	x, err := tx.UserByID(realm, id)
	if err != nil {
		return err
	}
	if err := tx.releaseName(x, nameUser, x.Username); err != nil {
		return err
	}
	if err := tx.releaseName(x, nameEmail, x.Email); err != nil {
		return err
	}
	tx.ended(EndedSessions{Ending: model.Ending{Reason: model.EndedByUserDeletion}, RealmNum: realm, UserID: id, All: true})
	return tx.deleteUserRows(realm, id)
}

// deleteUserRows removes the rows of a user's own shard.
func (tx *Tx) deleteUserRows(realm int64, id string) error {
	sk := model.ShardOf(id)
	if err := tx.deleteSessionsOf(realm, sk, id); err != nil {
		return err
	}
	for _, q := range []*query{qUserCredsDelete, qUserConsentDelete, qUserRolesDelete, qUserGroupsDelete, qFailureDelete} {
		if _, err := tx.c.on(q).int(sk).id(id).exec(); err != nil {
			return err
		}
	}
	_, err := tx.c.on(qUserDelete).int(sk).id(id).int(realm).exec()
	return err
}
