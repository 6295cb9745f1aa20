package store

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
)

var (
	qScopeText   = stmt("scope text", `select value from scope_text where id = $1`)
	qScopeInsert = stmt("insert scope text", `insert into scope_text (id, value) values ($1, $2) on conflict do nothing`)
)

// scopeCacheMax bounds the scope texts kept in memory. Realms have a handful.
const scopeCacheMax = 10_000

// scopeTexts are the scope texts known to be stored, by id. A million
// sessions share a few, so that a session keeps eight bytes of it.
type scopeTexts struct {
	mu     sync.RWMutex
	stored map[int64]string
}

func scopeID(text string) int64 {
	h := sha256.Sum256([]byte(text))
	return int64(binary.BigEndian.Uint64(h[:8]))
}

func (t *scopeTexts) known(id int64) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	text, ok := t.stored[id]
	return text, ok
}

func (t *scopeTexts) learn(id int64, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stored == nil || len(t.stored) >= scopeCacheMax {
		t.stored = map[int64]string{}
	}
	t.stored[id] = text
}

// text is the scope text of an id, read once.
func (t *scopeTexts) text(c *conn, id int64) (string, error) {
	if text, ok := t.known(id); ok {
		return text, nil
	}
	text, err := readScope(c, id)
	if err == nil {
		t.learn(id, text)
	}
	return text, err
}

func readScope(c *conn, id int64) (text string, err error) {
	found, err := c.on(qScopeText).int(id).first(func(u *cursor) error {
		text = u.rText()
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("scope text %d: %w", id, ErrNotFound)
	}
	return text, err
}

// scopeText is the scope text of an id inside a write: it is not learnt, since
// the write that stored it may be this one, and may yet be undone.
func (tx *Tx) scopeText(id int64) (string, error) {
	if text, ok := tx.s.scopes.known(id); ok {
		return text, nil
	}
	return readScope(tx.c, id)
}

// internScope stores a scope text and returns its id.
func (tx *Tx) internScope(text string) (int64, error) {
	id := scopeID(text)
	have, ok := tx.s.scopes.known(id)
	if !ok {
		n, err := tx.c.on(qScopeInsert).int(id).text(text).exec()
		if err != nil {
			return 0, err
		}
		if n == 1 {
			tx.committed = append(tx.committed, func() { tx.s.scopes.learn(id, text) })
			return id, nil
		}
		if have, err = readScope(tx.c, id); err != nil {
			return 0, err
		}
	}
	if have != text {
		return 0, fmt.Errorf("scope text %d stands for another text", id)
	}
	return id, nil
}
