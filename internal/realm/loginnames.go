package realm

import (
	"context"
	"errors"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
)

// loginNamesFree tells whether a user's new names mean nobody else at a login.
// Where e-mail addresses log in, a username that is somebody's address would
// take their login away, and an address that is somebody's username could never
// be used. Two such changes at once may both pass. old is nil for a new user.
//
// Errors: *store.ConflictError.
func (s *Service) loginNamesFree(ctx context.Context, cfg *model.Config, old, next *model.User) error {
	if !cfg.Realm.LoginWithEmailAllowed {
		return nil
	}
	if old == nil {
		old = &model.User{}
	}
	for _, n := range []struct {
		kind, was, is string
		other         func(ctx context.Context, realm int64, name string) (*model.User, error)
	}{
		{"username", old.Username, next.Username, s.Store.UserByEmail},
		{"email", old.Email, next.Email, s.Store.UserByUsername},
	} {
		if n.is == "" || n.is == n.was {
			continue
		}
		switch u, err := n.other(ctx, cfg.Realm.Num, n.is); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case u.ID != next.ID:
			return &store.ConflictError{Kind: n.kind, Value: n.is}
		}
	}
	return nil
}
