package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/server"
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

func TestMetrics_LiveOfflineSessionsByRealmAndClient(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	doc := `{"realm":"demo","enabled":true,"passwordPolicy":"hashAlgorithm(pbkdf2-sha256) and hashIterations(1)","clients":[{"clientId":"portal","secret":"s","directAccessGrantsEnabled":true}],
	 "users":[{"username":"uma","enabled":true,"email":"u@example.org","firstName":"U","lastName":"O","credentials":[{"type":"password","value":"p"}],"realmRoles":["default-roles-demo"]}]}`
	if _, err := s.Realms.CreateRealm(t.Context(), strings.NewReader(doc), realm.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		form := "grant_type=password&client_id=portal&client_secret=s&username=uma&password=p&scope=offline_access"
		r := httptest.NewRequest(http.MethodPost, s.BaseURL+"/realms/demo/protocol/openid-connect/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	scrape := func() string {
		w := httptest.NewRecorder()
		s.Management().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Body.String()
	}
	if got := scrape(); !strings.Contains(got, `latchkey_sessions{client="portal",kind="offline",realm="demo"} 3`) {
		t.Errorf("metrics lack the three offline sessions:\n%.2000s", got)
	}
	if err := s.Sessions.EndAllOfRealm(t.Context(), s.Realms.Snapshots(t.Context())[0].Realm.Num, "", nil); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(10 * time.Second)
	if got := scrape(); strings.Contains(got, `kind="offline",realm="demo"} 3`) {
		t.Error("sessions that were ended are still counted")
	}
}

func TestSweep_OneNodeAtATime(t *testing.T) {
	t.Parallel()
	a := servertest.New(t)
	b := servertest.New(t, servertest.WithConfig(func(c *server.Config) { c.Store, c.Now = a.Store, a.Clock.Now }))
	holds := func(s *servertest.Server) bool {
		t.Helper()
		held, err := server.HoldSweeper(t.Context(), s.Server)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	if !holds(a) || holds(b) {
		t.Fatal("want node a to sweep and node b to wait")
	}
	a.Clock.Advance(61 * time.Second) // node a is gone
	if !holds(b) || holds(a) {
		t.Error("want node b to take over once the lease has passed, and node a to wait")
	}
}
