package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

func TestSweep_RemovesEventsOlderThanTheRealmKeeps(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	doc := `{"realm":"demo","enabled":true,"eventsEnabled":true,"eventsExpiration":3600}`
	if _, err := s.Realms.CreateRealm(t.Context(), strings.NewReader(doc), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	snap, err := s.Realms.Snapshot(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	put := func(id string) {
		err := s.Store.Write(t.Context(), func(tx *store.Tx) error {
			return tx.InsertEvent(&model.Event{ID: id, TimeMS: s.Clock.Now().UnixMilli(), Type: "LOGIN", RealmNum: snap.Realm.Num, RealmID: snap.Realm.ID})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("00000000-0000-4000-8000-000000000001")
	s.Clock.Advance(59 * time.Minute)
	put("00000000-0000-4000-8000-000000000002")
	s.Clock.Advance(2 * time.Minute)
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	events, err := s.Store.Events(t.Context(), snap.Realm.Num, store.EventFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0].ID != "00000000-0000-4000-8000-000000000002" {
		t.Errorf("events left = %v, want the younger one", events)
	}
}

func TestManagement_ReadinessFailsWhileDraining(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.Management().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for _, path := range []string{"/health", "/health/ready", "/health/live"} {
		if w := get(path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"UP"`) {
			t.Errorf("%s = %d %s", path, w.Code, w.Body)
		}
	}
	if w := get("/metrics"); !strings.Contains(w.Body.String(), "latchkey_store_statements_total") {
		t.Errorf("metrics lack the statement counter:\n%.400s", w.Body)
	}
	s.Drain()
	if w := get("/health/ready"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("/health/ready while draining = %d", w.Code)
	}
	if w := get("/health/live"); w.Code != http.StatusOK {
		t.Errorf("/health/live while draining = %d", w.Code)
	}
}
