package realm

import (
	"sync"
	"sync/atomic"
)

// Memo remembers a bounded number of values by key. The zero value is ready.
type Memo struct {
	values sync.Map
	count  atomic.Int64
}

// maxMemo bounds what a snapshot remembers: beyond it values are computed each
// time, which costs time and no memory.
const maxMemo = 4096

// Get is the value of a key, made by make the first time. Values are shared:
// nobody may change one.
func (m *Memo) Get(key string, make func() any) any {
	if v, ok := m.values.Load(key); ok {
		return v
	}
	v := make()
	if m.count.Add(1) <= maxMemo {
		m.values.Store(key, v)
	}
	return v
}
