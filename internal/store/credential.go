package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Types of credentials (model.Credential.Type): the password, and those before
// it that must not come again.
const (
	typePassword = "password"
	typeHistory  = "password-history"
)

var (
	qCreds       = stmt("credentials", `select id, type, label, created, priority, secret_data, credential_data from credential where sk = $1 and user_id = $2 order by priority, created`)
	qCredInsert  = stmt("insert credential", `insert into credential (sk, user_id, id, type, label, created, priority, secret_data, credential_data) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`)
	qCredsDelete = stmt("delete credentials of type", `delete from credential where sk = $1 and user_id = $2 and type = $3`)
	qCredDelete  = stmt("delete credential", `delete from credential where sk = $1 and user_id = $2 and id = $3`)
	qCredLabel   = stmt("label credential", `update credential set label = $1 where sk = $2 and user_id = $3 and id = $4`)
	qCredOrder   = stmt("order credential", `update credential set priority = $1 where sk = $2 and user_id = $3 and id = $4`)
	qCredReplace = stmt("replace credential", `update credential set secret_data = $1, credential_data = $2 where sk = $3 and user_id = $4 and id = $5 and secret_data = $6`)

	qConsents      = stmt("consents", `select c.client_id, c.scopes, c.created, c.updated from consent c join users u on u.sk = c.sk and u.id = c.user_id where c.sk = $1 and c.user_id = $2 and u.realm = $3 order by c.created`)
	qConsentInsert = stmt("insert consent", `insert into consent (sk, user_id, client, client_id, scopes, created, updated) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`)
	qConsentUpdate = stmt("update consent", `update consent set scopes = $1, created = $2, updated = $3 where sk = $4 and user_id = $5 and client = $6`)
	qConsentDelete = stmt("delete consent", `delete from consent where sk = $1 and user_id = $2 and client = $3`)
	qClientNum     = stmt("client number", `select o.num from realm r join realm_object o on o.realm_id = r.id where r.num = $1 and o.kind = 'client' and o.id = $2`)
)

// Credentials lists a user's credentials by priority.
func (s *Store) Credentials(ctx context.Context, userID string) ([]model.Credential, error) {
	var all []model.Credential
	err := s.read(ctx, func(c *conn) (err error) {
		all, err = credentials(c, userID)
		return err
	})
	return all, err
}

func credentials(c *conn, userID string) ([]model.Credential, error) {
	var all []model.Credential
	err := c.on(qCreds).int(model.ShardOf(userID)).id(userID).each(func(u *cursor) error {
		all = append(all, readCredential(u))
		return nil
	})
	return all, err
}

func readCredential(u *cursor) model.Credential {
	return model.Credential{ID: u.rID(), Type: u.rText(), Label: u.rText(), CreatedMS: u.rInt(), Priority: int(u.rInt()),
		SecretData: u.rText(), CredentialData: u.rText()}
}

func (tx *Tx) insertCredential(sk int64, userID string, c *model.Credential) error {
	n, err := tx.c.on(qCredInsert).int(sk).id(userID).id(c.ID).text(c.Type).opt(c.Label).int(c.CreatedMS).int(int64(c.Priority)).
		text(c.SecretData).text(c.CredentialData).exec()
	if err == nil && n == 0 {
		return &ConflictError{Kind: "id", Value: c.ID}
	}
	return err
}

// SetCredentials replaces all passwords of a user, those before them included,
// by creds.
func (tx *Tx) SetCredentials(userID string, creds []model.Credential) error {
	sk := model.ShardOf(userID)
	for _, kind := range []string{typePassword, typeHistory} {
		if _, err := tx.c.on(qCredsDelete).int(sk).id(userID).text(kind).exec(); err != nil {
			return err
		}
	}
	for i := range creds {
		if err := tx.insertCredential(sk, userID, &creds[i]); err != nil {
			return err
		}
	}
	return nil
}

// OrderCredentials gives a user's credentials the priorities 10, 20, … in the
// order of ids.
func (tx *Tx) OrderCredentials(userID string, ids []string) error {
	sk := model.ShardOf(userID)
	for i, id := range ids {
		if _, err := tx.c.on(qCredOrder).int(int64(i+1) * 10).int(sk).id(userID).id(id).exec(); err != nil {
			return err
		}
	}
	return nil
}

// ReplaceCredential stores a credential's new hash; nothing happens when old
// is not what is stored any more.
func (tx *Tx) ReplaceCredential(userID string, old, new model.Credential) error {
	_, err := tx.c.on(qCredReplace).text(new.SecretData).text(new.CredentialData).int(model.ShardOf(userID)).id(userID).id(old.ID).text(old.SecretData).exec()
	return err
}

// LabelCredential gives a credential of a user a name, "" for none; false when
// the user has no such credential.
func (tx *Tx) LabelCredential(userID, id, label string) (bool, error) {
	n, err := tx.c.on(qCredLabel).opt(label).int(model.ShardOf(userID)).id(userID).id(id).exec()
	return n == 1, err
}

// DeleteCredential removes one credential of a user; false when there is none
// of that id.
func (tx *Tx) DeleteCredential(userID, id string) (bool, error) {
	n, err := tx.c.on(qCredDelete).int(model.ShardOf(userID)).id(userID).id(id).exec()
	return n == 1, err
}

// Consents lists what a user allowed, the oldest first.
func (s *Store) Consents(ctx context.Context, realm int64, userID string) ([]model.Consent, error) {
	var all []model.Consent
	err := s.read(ctx, func(c *conn) (err error) {
		all, err = consents(c, realm, userID)
		return err
	})
	return all, err
}

func consents(c *conn, realm int64, userID string) ([]model.Consent, error) {
	var all []model.Consent
	err := c.on(qConsents).int(model.ShardOf(userID)).id(userID).int(realm).each(func(u *cursor) error {
		x := model.Consent{ClientID: u.rID()}
		if err := json.Unmarshal([]byte(u.rText()), &x.ScopeIDs); err != nil {
			return fmt.Errorf("consent of user %s: %w", userID, err)
		}
		x.CreatedMS, x.UpdatedMS = u.rInt(), u.rInt()
		all = append(all, x)
		return nil
	})
	return all, err
}

// PutConsent stores a consent, in place of what the user allowed the client
// before. ErrNotFound when the realm has no such client.
func (tx *Tx) PutConsent(realm int64, userID string, c model.Consent) error {
	sk := model.ShardOf(userID)
	num, err := tx.c.on(qClientNum).int(realm).text(c.ClientID).number()
	if err != nil {
		return err
	}
	if num == 0 {
		return fmt.Errorf("client %s of a consent: %w", c.ClientID, ErrNotFound)
	}
	scopes, err := json.Marshal(c.ScopeIDs)
	if err != nil {
		return fmt.Errorf("consent: %w", err)
	}
	n, err := tx.c.on(qConsentInsert).int(sk).id(userID).int(num).id(c.ClientID).text(string(scopes)).int(c.CreatedMS).int(c.UpdatedMS).exec()
	if err == nil && n == 0 {
		_, err = tx.c.on(qConsentUpdate).text(string(scopes)).int(c.CreatedMS).int(c.UpdatedMS).int(sk).id(userID).int(num).exec()
	}
	return err
}

// AddConsent adds scopes to what a user allows a client.
func (tx *Tx) AddConsent(realm int64, userID string, c model.Consent) error {
	all, err := consents(tx.c, realm, userID)
	if err != nil {
		return err
	}
	for _, old := range all {
		if old.ClientID != c.ClientID {
			continue
		}
		c.CreatedMS = old.CreatedMS
		for _, id := range old.ScopeIDs {
			if !slices.Contains(c.ScopeIDs, id) {
				c.ScopeIDs = append(c.ScopeIDs, id)
			}
		}
	}
	return tx.PutConsent(realm, userID, c)
}

// DeleteConsent takes back what a user allowed a client (its number); false
// when there was nothing. clientNum is unique across realms, realm only says
// whose it is.
func (tx *Tx) DeleteConsent(realm int64, userID string, clientNum int64) (bool, error) {
	n, err := tx.c.on(qConsentDelete).int(model.ShardOf(userID)).id(userID).int(clientNum).exec()
	return n > 0, err
}
