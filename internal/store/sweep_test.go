package store

import "testing"

// TestOldestDue_IsWhatTheSweeperTakesFirst: since when the first of DueSessions
// has been due, on every engine; nothing when none is.
func TestOldestDue_IsWhatTheSweeperTakesFirst(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	if _, due, err := s.OldestDue(t.Context(), 1<<30); due || err != nil {
		t.Errorf("of an empty store = %v, %v", due, err)
	}
	fillUsers(t, s, 3)
	all := fillSessions(t, s, 3)
	slots := []int64{70, 50, 60}
	for i, cs := range all {
		mustWrite(t, s, func(tx *Tx) error {
			_, err := tx.Reslot(KeyOf(cs), cs.Version, slots[i]*DieSlotSeconds+17)
			return err
		})
	}
	for _, tt := range []struct {
		slot, since int64
		due         bool
	}{{50, 0, false}, {51, 51 * DieSlotSeconds, true}, {1 << 30, 51 * DieSlotSeconds, true}} {
		since, due, err := s.OldestDue(t.Context(), tt.slot)
		if err != nil || since != tt.since || due != tt.due {
			t.Errorf("before slot %d = %d, %v, %v; want %d, %v", tt.slot, since, due, err, tt.since, tt.due)
		}
	}
}
