package realm

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRenewer_SharesAndPaces: whoever asks gets an answer to a question that
// began after, and strangers make few questions of many.
func TestRenewer_SharesAndPaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r renewer
		var asked, running atomic.Int64
		question := func(context.Context) error {
			if running.Add(1) > 1 {
				t.Error("two questions at a time")
			}
			time.Sleep(time.Millisecond)
			running.Add(-1)
			asked.Add(1)
			return nil
		}
		begun := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 10 {
					before := asked.Load()
					if err := r.ask(t.Context(), 100*time.Millisecond, question); err != nil {
						t.Error(err)
					}
					if asked.Load() == before {
						t.Error("answered before anything was asked")
					}
					time.Sleep(7 * time.Millisecond)
				}
			})
		}
		all.Wait()
		if most := int64(time.Since(begun)/(100*time.Millisecond)) + 2; asked.Load() > most || time.Since(begun) > 3*time.Second {
			t.Errorf("%d questions in %v, want at most %d", asked.Load(), time.Since(begun), most)
		}
		time.Sleep(time.Second) // the last question's pause
	})
}

// TestRenewer_FailsInTime: a store that hangs costs no caller more than
// renewPatience, and its error goes to all who wait.
func TestRenewer_FailsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r renewer
		hangs := func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				begun := time.Now()
				if err := r.ask(t.Context(), 0, hangs); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("ask = %v, want the deadline", err)
				}
				if took := time.Since(begun); took > renewPatience {
					t.Errorf("ask took %v", took)
				}
			})
		}
		all.Wait()
		time.Sleep(renewPatience) // what nobody waits for any more
	})
}
