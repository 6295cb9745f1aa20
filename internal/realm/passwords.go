package realm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// requirePasswordChange is the action a temporary password leaves behind.
const requirePasswordChange = "UPDATE_PASSWORD"

// SetPassword replaces a user's password. A temporary one must be changed at
// the next browser login; until then the password grant is refused.
//
// Errors: ErrUnknown, credential.ViolationError, credential.ErrBusy.
func (s *Service) SetPassword(ctx context.Context, name, id, password string, temporary bool, rec Record) error {
	var creds []model.Credential
	return s.ChangeUser(ctx, name, id, func(tx *store.Tx) error {
		if err := tx.SetCredentials(id, creds); err != nil {
			return err
		}
		return inOrder(tx, rec)
	}, func(cfg *model.Config, u *model.User) (err error) {
		creds, err = s.newPasswords(ctx, cfg, u, password, temporary)
		return err
	})
}

// newPasswords are a user's passwords once it has a new one: that, and as many
// of those before as the policy remembers. The user's required actions follow.
func (s *Service) newPasswords(ctx context.Context, cfg *model.Config, u *model.User, password string, temporary bool) ([]model.Credential, error) {
	rules, err := rulesOf(cfg, u, password)
	if err != nil {
		return nil, err
	}
	creds, err := s.Store.Credentials(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	before := passwordsBefore(creds, rules.History())
	if err := s.checkHistory(ctx, rules, before, password); err != nil {
		return nil, err
	}
	made, err := s.passwordCredential(ctx, cfg, password)
	if err != nil {
		return nil, err
	}
	before = before[:min(len(before), max(rules.History()-1, 0))]
	for i := range before {
		if before[i].Type == credential.TypePassword {
			before[i].ID, before[i].Type, before[i].Label = s.newID(), credential.TypeHistory, ""
		}
	}
	u.RequiredActions = slices.DeleteFunc(u.RequiredActions, func(a string) bool { return a == requirePasswordChange })
	if temporary {
		u.RequiredActions = append(u.RequiredActions, requirePasswordChange)
	}
	return append([]model.Credential{made}, before...), nil
}

// passwordsBefore are the n latest passwords a user had, the present one
// first.
func passwordsBefore(creds []model.Credential, n int) []model.Credential {
	var out []model.Credential
	for _, c := range creds {
		if c.Type == credential.TypePassword || c.Type == credential.TypeHistory {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b model.Credential) int {
		if a.Type != b.Type {
			return cmp.Compare(a.Type, b.Type) // password before password-history
		}
		return cmp.Compare(b.CreatedMS, a.CreatedMS)
	})
	return out[:min(len(out), n)]
}

// checkHistory refuses a password that is one of those before.
func (s *Service) checkHistory(ctx context.Context, rules credential.Rules, before []model.Credential, password string) error {
	for _, c := range before {
		c.Type = credential.TypePassword
		used, _, err := s.Hasher.Verify(ctx, c, password, credential.Policy{})
		switch {
		case used:
			return rules.UsedBefore()
		case errors.Is(err, credential.ErrMalformed), errors.Is(err, credential.ErrUnsupported): // imported; nobody can use it
		case err != nil:
			return err
		}
	}
	return nil
}

// checkPassword refuses a new user's password.
//
// Errors: credential.ViolationError.
func checkPassword(cfg *model.Config, u *model.User, password string) error {
	_, err := rulesOf(cfg, u, password)
	return err
}

// rulesOf are the realm's rules, which the password was found to keep. A
// stored policy that cannot be read, which only an older version let in,
// refuses every password.
func rulesOf(cfg *model.Config, u *model.User, password string) (credential.Rules, error) {
	rules, err := credential.ParseRules(cfg.Realm.PasswordPolicy)
	if err != nil {
		return rules, &keycloak.DocumentError{Path: "passwordPolicy", Problem: err.Error()}
	}
	return rules, rules.Check(password, credential.Subject{Username: u.Username, Email: u.Email})
}

// checkPolicy refuses a realm's passwordPolicy that cannot be kept.
//
// Errors: keycloak.DocumentError.
func checkPolicy(r *model.Realm) error {
	_, err := credential.ParseRules(r.PasswordPolicy)
	var bad *credential.PolicyError
	if errors.As(err, &bad) {
		return &keycloak.DocumentError{Problem: bad.Text}
	}
	return err
}

func (s *Service) passwordCredential(ctx context.Context, cfg *model.Config, password string) (model.Credential, error) {
	secret, data, err := s.Hasher.Hash(ctx, password, s.Rand, credential.ParsePolicy(cfg.Realm.PasswordPolicy))
	if err != nil {
		return model.Credential{}, fmt.Errorf("hash password: %w", err)
	}
	return model.Credential{
		ID: s.newID(), Type: "password", CreatedMS: s.Now().UnixMilli(), Priority: 10,
		SecretData: secret, CredentialData: data,
	}, nil
}

// Rehash stores a password again under the realm's policy after a login that
// showed it. A failure costs nothing: the old hash stays.
func (s *Service) Rehash(ctx context.Context, snap *Snapshot, userID string, old model.Credential, password string) error {
	cred, err := s.passwordCredential(ctx, snap.Config, password)
	if err != nil {
		return err
	}
	cred.ID, cred.Label, cred.CreatedMS, cred.Priority = old.ID, old.Label, old.CreatedMS, old.Priority
	return s.Store.Write(ctx, func(tx *store.Tx) error { return tx.ReplaceCredential(userID, old, cred) })
}
