package session

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/latchkey-id/latchkey/internal/store"
)

// newPending is a pending thing whose document is v, not stored yet.
func newPending(kind string, realm int64, handle string, v any, expires int64) (*store.Pending, error) {
	p := &store.Pending{Handle: handle, Kind: kind, RealmNum: realm, Expires: expires}
	return p, setDoc(p, v)
}

// setDoc puts v into a pending thing.
func setDoc(p *store.Pending, v any) (err error) {
	if p.Doc, err = json.Marshal(v); err != nil {
		return fmt.Errorf("%s: %w", p.Kind, err)
	}
	return nil
}

// pending reads a pending thing, used or not, and its document into v.
// store.ErrNotFound also when it expired.
func (s *Service) pending(ctx context.Context, kind string, realm int64, handle string, now int64, v any) (*store.Pending, error) {
	p, err := s.Store.Pending(ctx, kind, realm, handle, now)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(p.Doc, v); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return p, nil
}
