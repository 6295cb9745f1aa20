package store

import "errors"

// noteWrite tells the log, once, that the database no longer takes writes, and
// once that it does again. Requests meanwhile are many and say nothing new.
func (s *Store) noteWrite(err error) {
	refused := errors.Is(err, ErrReadOnly)
	if refused == s.readOnly.Load() || err != nil && !refused || !s.readOnly.CompareAndSwap(!refused, refused) {
		return
	}
	if refused {
		s.log.Error("the database takes no writes: what must be stored is refused, reads go on", "err", err)
	} else {
		s.log.Info("the database takes writes again")
	}
}
