// Package realm is the configuration and the directory: realms, clients,
// scopes, roles, groups, keys and users. Reading is an immutable Snapshot in
// memory; every write is validated, bumps the realm's version in its
// transaction and is seen by all nodes through a version poll.
//
//	write ─► store (version+1) ─► this node reloads at once
//	                          └─► other nodes: Poll, once a second; at once for
//	                              what a request names and they do not know
//
// It leaves sessions to package session, Keycloak's JSON to package keycloak
// and key formats to package token.
package realm

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// Errors of reads and writes, beside store.ConflictError and
// keycloak.DocumentError.
var (
	ErrUnknownRealm = errors.New("unknown realm")
	ErrUnknown      = errors.New("unknown id")
)

// Snapshot is one version of a realm: its configuration and its keys. It is
// immutable and shared by all requests.
type Snapshot struct {
	*model.Config
	Keys *token.Keyring
	// Derived is for what doors compute from this version of the configuration
	// alone, never from sessions; it goes when the snapshot does.
	Derived Memo

	keyDigest [sha256.Size]byte // of the key components Keys was made from
}

// Record is the caller's own note of a write, stored in the same transaction.
type Record func(tx *store.Tx) error

// Service needs a migrated Store. Load must run before the first request.
type Service struct {
	Store  *store.Store
	Rand   io.Reader
	Now    func() time.Time
	Signer token.SignerMode
	Hasher *credential.Hasher
	Log    *slog.Logger
	// PresetRSAKey, when set, gives new realms this RSA key (PKCS#1, base64)
	// instead of a generated one. For tests: making a key takes long.
	PresetRSAKey func() string

	mu     sync.Mutex                           // one reload at a time
	byName atomic.Pointer[map[string]*Snapshot] // replaced, never changed

	strangers, administrators renewer
}

// Load reads every realm. It is also what Poll does when something changed.
func (s *Service) Load(ctx context.Context) error { return s.Poll(ctx) }

// Poll compares the versions in the store with those in memory and reloads
// what differs. It is cheap when nothing changed.
func (s *Service) Poll(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions, err := s.Store.RealmVersions(ctx)
	if err != nil {
		return fmt.Errorf("realm versions: %w", err)
	}
	old := s.all()
	byID := make(map[string]*Snapshot, len(old))
	for _, snap := range old {
		byID[snap.Realm.ID] = snap
	}
	next := make(map[string]*Snapshot, len(versions))
	changed := len(versions) != len(old)
	for _, v := range versions {
		snap := byID[v.ID]
		if snap == nil || snap.Version != v.Version {
			if snap, err = s.read(ctx, v.ID); errors.Is(err, store.ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			changed = true
		}
		next[snap.Realm.Name] = snap
	}
	if changed {
		s.byName.Store(&next)
	}
	return nil
}

func (s *Service) read(ctx context.Context, id string) (*Snapshot, error) {
	cfg, err := s.Store.LoadConfig(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("load realm %s: %w", id, err)
	}
	var keys []*model.Component
	for _, c := range cfg.Components {
		if c.ProviderType == model.KeyProviderType {
			keys = append(keys, c)
		}
	}
	digest, err := digestOf(keys)
	if err != nil {
		return nil, err
	}
	if old := s.byID(id); old != nil && old.keyDigest == digest {
		return &Snapshot{Config: cfg, Keys: old.Keys, keyDigest: digest}, nil
	}
	ring, err := token.NewKeyring(keys, s.Signer)
	if err != nil {
		return nil, fmt.Errorf("keys of realm %q: %w", cfg.Realm.Name, err)
	}
	for _, fault := range ring.Faults() {
		s.Log.Warn("a key of the realm cannot be used", "realm", cfg.Realm.Name, "err", fault)
	}
	return &Snapshot{Config: cfg, Keys: ring, keyDigest: digest}, nil
}

// digestOf tells key components apart, so that a change of anything else keeps
// the keyring and what its keys have precomputed.
func digestOf(keys []*model.Component) ([sha256.Size]byte, error) {
	b, err := json.Marshal(keys)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("key components: %w", err)
	}
	return sha256.Sum256(b), nil
}

func (s *Service) byID(id string) *Snapshot {
	for _, snap := range s.all() {
		if snap.Realm.ID == id {
			return snap
		}
	}
	return nil
}

// reload puts a realm's newest version into memory.
func (s *Service) reload(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.read(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	next := maps.Clone(s.all())
	if next == nil {
		next = map[string]*Snapshot{}
	}
	maps.DeleteFunc(next, func(_ string, o *Snapshot) bool { return o.Realm.ID == id })
	if snap != nil {
		next[snap.Realm.Name] = snap
	}
	s.byName.Store(&next)
	return nil
}

func (s *Service) all() map[string]*Snapshot {
	if p := s.byName.Load(); p != nil {
		return *p
	}
	return nil
}

// Snapshot is the realm of that name, from memory.
func (s *Service) Snapshot(_ context.Context, name string) (*Snapshot, error) {
	if snap := s.all()[name]; snap != nil {
		return snap, nil
	}
	return nil, ErrUnknownRealm
}

// Snapshots lists all realms by name.
func (s *Service) Snapshots(context.Context) []*Snapshot {
	return slices.SortedFunc(maps.Values(s.all()), func(a, b *Snapshot) int { return strings.Compare(a.Realm.Name, b.Realm.Name) })
}

// maxRetries bounds how often a write is computed again on a newer version.
const maxRetries = 20

// Change writes a change to a realm's configuration. fn computes it from the
// newest version and must put changed copies, never change what cfg holds; it
// runs again when another write came first.
func (s *Service) Change(ctx context.Context, name string, rec Record, fn func(cfg *model.Config) (*store.ConfigChange, error)) error {
	return s.changeWith(ctx, name, rec, func(snap *Snapshot) (*store.ConfigChange, Record, error) {
		ch, err := fn(snap.Config)
		return ch, nil, err
	})
}

// changeWith is Change whose fn may add writes of its own to the transaction.
func (s *Service) changeWith(ctx context.Context, name string, rec Record, fn func(snap *Snapshot) (*store.ConfigChange, Record, error)) error {
	for range maxRetries {
		snap, err := s.Snapshot(ctx, name)
		if err != nil {
			return err
		}
		ch, also, err := fn(snap)
		if err != nil {
			return err
		}
		if ch == nil {
			ch = &store.ConfigChange{}
		}
		ch.RealmID, ch.BaseVersion = snap.Realm.ID, snap.Version
		err = s.Store.Write(ctx, func(tx *store.Tx) error {
			if _, err := tx.ApplyConfig(ch); err != nil {
				return err
			}
			return inOrder(tx, also, rec)
		})
		if reloadErr := s.reload(ctx, snap.Realm.ID); reloadErr != nil && err == nil {
			return reloadErr
		}
		if !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return fmt.Errorf("change realm %q: %w", name, store.ErrStale)
}

func inOrder(tx *store.Tx, recs ...Record) error {
	for _, r := range recs {
		if r == nil {
			continue
		}
		if err := r(tx); err != nil {
			return err
		}
	}
	return nil
}

// newID makes a UUID; the reader is crypto/rand, which does not fail.
func (s *Service) newID() string {
	id, err := model.NewUUID(s.Rand)
	if err != nil {
		panic(err) // a machine without randomness must not hand out ids
	}
	return id
}
