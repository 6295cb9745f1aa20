package adapter

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// FileStore keeps every value in a file of its own below a directory, readable
// by this user alone, for command line programs and services on one machine. A
// write goes to a new file that is synced and renamed over the old one, under a
// lock that other processes respect. The directory must be on a local disk:
// locks of network file systems do not hold.
type FileStore struct{ dir string }

// NewFileStore makes the directory, mode 0700, if it is not there.
//
// Errors: the directory cannot be made, or others may write to it.
func NewFileStore(dir string) (*FileStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("token files: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("token files: %w", err)
	}
	if modesCount && info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("token files: %s may be written to by others (mode %v): chmod 700", dir, info.Mode().Perm())
	}
	return &FileStore{dir}, nil
}

// stored is a file's content. Sum is of the other members, so that a damaged
// file is found out.
type stored struct {
	Format  int    `json:"format"`
	Key     string `json:"key"`
	Version int64  `json:"version"`
	Value   string `json:"value"` // base64
	Sum     string `json:"sum"`   // SHA-256, hex
}

const fileFormat = 1

func (s *stored) sum() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %q %d %s", s.Format, s.Key, s.Version, s.Value))
	return hex.EncodeToString(h[:])
}

// path is the key's file: a hash, since keys hold what no file name may.
func (s *FileStore) path(key string) string {
	h := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(h[:16])+".token")
}

// Load reads a value. Errors: ErrNoToken, ErrCorrupt (with the file's name).
func (s *FileStore) Load(ctx context.Context, key string) ([]byte, int64, error) {
	if lockToRead {
		unlock, err := s.lock(ctx, key)
		if err != nil {
			return nil, 0, err
		}
		defer unlock()
	}
	return s.read(key)
}

func (s *FileStore) read(key string) ([]byte, int64, error) {
	path := s.path(key)
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, ErrNoToken
	case err != nil:
		return nil, 0, err
	}
	var f stored
	if json.Unmarshal(raw, &f) != nil || f.Format != fileFormat || f.Key != key || f.Version < 1 || f.Sum != f.sum() {
		return nil, 0, fmt.Errorf("%s: %w", path, ErrCorrupt)
	}
	value, err := base64.StdEncoding.DecodeString(f.Value)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, ErrCorrupt)
	}
	return value, f.Version, nil
}

// Swap writes a value under the key's lock. Over a damaged file version 0
// writes: what it held is lost already, but it is kept beside with the ending
// .corrupt. Errors: ErrConflict.
func (s *FileStore) Swap(ctx context.Context, key string, version int64, value []byte) (int64, error) {
	unlock, err := s.lock(ctx, key)
	if err != nil {
		return 0, err
	}
	defer unlock()
	_, now, err := s.read(key)
	aside := ""
	switch {
	case errors.Is(err, ErrCorrupt) && version == 0:
		aside = s.path(key) + ".corrupt"
	case err != nil && !errors.Is(err, ErrNoToken):
		return 0, err
	case now != version:
		return 0, ErrConflict
	}
	f := stored{Format: fileFormat, Key: key, Version: nextVersion(version), Value: base64.StdEncoding.EncodeToString(value)}
	f.Sum = f.sum()
	raw, err := json.Marshal(f)
	if err != nil {
		return 0, err
	}
	if err := replace(s.path(key), raw, aside); err != nil {
		return 0, err
	}
	return f.Version, nil
}

// Delete removes a value under the key's lock.
func (s *FileStore) Delete(ctx context.Context, key string) error {
	unlock, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(s.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(s.dir)
}

// lock takes the key's lock, which other processes and other FileStores of this
// one respect. The lock files stay: removing one would let two in.
//
// A process holds it for a few system calls; who waits looks every 2 ms.
func (s *FileStore) lock(ctx context.Context, key string) (unlock func(), err error) {
	l := flock.New(s.path(key)+".lock", flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 2*time.Millisecond); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return func() { _ = l.Close() }, nil // closing gives the lock back
}

// replace puts content in a file's place so that a crash leaves the old or the
// new one, whole. With aside the old file is kept under that name. The caller
// holds the lock: nobody else writes the new file, and one that a crash left is
// written over.
func replace(path string, content []byte, aside string) (err error) {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next)
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if aside != "" {
		if err = os.Rename(path, aside); err != nil {
			return err
		}
	}
	if err = os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
