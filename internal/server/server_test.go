package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// sweeps tells whether a node has the sweeper's lease, or takes it.
func sweeps(t *testing.T, s *servertest.Server) bool {
	t.Helper()
	held, err := server.HoldSweeper(t.Context(), s.Server)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func TestSweep_OneNodeAtATime(t *testing.T) {
	t.Parallel()
	a := servertest.New(t)
	b := servertest.Beside(t, a)
	if !sweeps(t, a) || sweeps(t, b) {
		t.Fatal("want node a to sweep and node b to wait")
	}
	a.Clock.Advance(61 * time.Second) // node a is gone
	if !sweeps(t, b) || sweeps(t, a) {
		t.Error("want node b to take over once the lease has passed, and node a to wait")
	}
}

// metric is the value of one series of /metrics; false when there is none.
func metric(t *testing.T, s *servertest.Server, series string) (string, bool) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Management().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

func wantMetric(t *testing.T, s *servertest.Server, series, want string) {
	t.Helper()
	if got, _ := metric(t, s, series); got != want {
		t.Errorf("%s = %q, want %q", series, got, want)
	}
}

func TestMetrics_RefreshesByRealmAndResult(t *testing.T) {
	t.Parallel()
	s := newShop(t, `"revokeRefreshToken":true,`)
	first := login(t, s)
	refresh(t, s, first.Refresh)
	refresh(t, s, first.Refresh) // a replay, which ends the chain
	refresh(t, s, first.Refresh)
	refresh(t, s, "nonsense")
	ask(t, s, "grant_type", "refresh_token")
	ask(t, s, "grant_type", "refresh_token", "refresh_token", first.Refresh, "client_secret", "wrong")
	for result, want := range map[string]string{"ok": "1", "replayed": "1", "session_over": "1", "invalid_token": "1", "bad_request": "1"} {
		wantMetric(t, s, `latchkey_refreshes_total{realm="shop",result="`+result+`"}`, want)
	}
	send(s, http.MethodPost, "/realms/made-up/protocol/openid-connect/token", formType, "grant_type=refresh_token")
	w := httptest.NewRecorder()
	s.Management().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if strings.Contains(w.Body.String(), "made-up") {
		t.Error("a stranger's realm name is a label")
	}
}

func TestMetrics_RefreshWithoutTheDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	of := login(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	form := "grant_type=refresh_token&client_id=portal&client_secret=s3cret&refresh_token=" + of.Refresh
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, s.BaseURL+protocolPath+"/token", strings.NewReader(form))
	r.Header.Set("Content-Type", formType)
	w := httptest.NewRecorder()
	if s.Handler().ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("refresh whose time is over = %d", w.Code)
	}
	wantMetric(t, s, `latchkey_refreshes_total{realm="shop",result="unavailable"}`, "1")
}

// TestMetrics_SweeperLag: nothing waits, then a session does, whatever node
// sweeps; a sweep brings it back to nothing.
func TestMetrics_SweeperLag(t *testing.T) {
	t.Parallel()
	s := newShop(t, `"offlineSessionIdleTimeout":600,`)
	login(t, s)
	const lag = "latchkey_sweeper_lag_seconds"
	wantMetric(t, s, lag, "0")
	s.Clock.Advance(600 * time.Second)
	wantMetric(t, s, lag, "0") // it may be over; its quarter of an hour is not
	s.Clock.Advance(time.Hour)
	before := s.Store.Stats().Statements
	got, _ := metric(t, s, lag)
	if n, err := strconv.Atoi(got); err != nil || n < 2700 || n > 3700 {
		t.Errorf("%s an hour after a session was over = %q", lag, got)
	}
	asked := s.Store.Stats().Statements
	wantMetric(t, s, lag, got)
	if again := s.Store.Stats().Statements; again != asked || asked == before {
		t.Errorf("%d statements for the first scrape and %d for the next", asked-before, again-asked)
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(10 * time.Second)
	wantMetric(t, s, lag, "0")
}

func TestMetrics_Connections(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for series, want := range map[string]string{
		"latchkey_store_connections_max": "4", "latchkey_store_connections_in_use": "0", "latchkey_store_connections_waiting": "0",
		"latchkey_store_connection_waits_total": "0", "latchkey_store_connection_wait_seconds_total": "0",
	} {
		wantMetric(t, s, series, want)
	}
	if open, _ := metric(t, s, "latchkey_store_connections_open"); open == "" || open == "0" {
		t.Errorf("connections open = %q", open)
	}
}
