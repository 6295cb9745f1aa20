package store

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// A database of any earlier version is read as it was after all migrations.
func TestMigrate_KeepsOldRows(t *testing.T) {
	t.Parallel()
	const userID = "0f8fad5b-d9cb-469f-a165-70867728950e"
	sk := model.ShardOf(userID)
	path := filepath.Join(t.TempDir(), "old.db")
	if err := createFile(path); err != nil {
		t.Fatal(err)
	}
	c, err := openSQLite(path, true, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := liteMigrator(c).step(t.Context(), migrations[:1]); err != nil {
		t.Fatal(err)
	}
	fixture, err := os.ReadFile("testdata/fixture_0001.sql")
	if err != nil {
		t.Fatal(err)
	}
	script := strings.NewReplacer("@sk", strconv.FormatInt(sk, 10), "@name", strconv.FormatInt(model.ShardOfName(1, nameUser, "alice"), 10)).Replace(string(fixture))
	if err := c.link.script(script); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	s, err := OpenAndMigrate(t.Context(), "sqlite:"+path, Options{InstanceKey: make([]byte, InstanceKeyBytes)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cfg, err := s.LoadConfig(t.Context(), "realm-1")
	if err != nil || cfg.Version != 5 || cfg.Realm.Name != "demo" || cfg.ClientByNum(3).ClientID != "app" {
		t.Errorf("config: %+v, %v", cfg, err)
	}
	user, err := s.UserByUsername(t.Context(), 1, "alice")
	want := &model.User{ID: userID, RealmNum: 1, Username: "alice", Email: "alice@example.org", FirstName: "Alice", Enabled: true, CreatedMS: 1790000000123,
		Grants: model.Grants{Roles: []string{"role-1"}}, Attributes: map[string][]string{"locale": {"de"}}}
	if diff := cmp.Diff(want, user); err != nil || diff != "" {
		t.Error(err, diff)
	}
	views, err := s.SessionsOfUser(t.Context(), 1, userID, true, nil)
	if err != nil || len(views) != 1 {
		t.Fatal(views, err)
	}
	row, err := s.SessionForRefresh(t.Context(), KeyOf(&views[0].ClientSession))
	if err != nil {
		t.Fatal(err)
	}
	session := model.ClientSession{SessionID: views[0].SessionID, ClientNum: 3, Offline: true, RealmNum: 1, UserID: userID, UserStarted: 1790000000,
		Started: 1790000000, LastRefresh: 1790000500, Scope: "openid offline_access", Notes: map[string]string{"acr": "10", "AUTH_TIME": "1790000000"},
		Chain: model.Chain{ID: "unico", Current: "0f8fad5b-d9cb-469f-a165-70867728950f", Issued: 1790000500}, Version: 4}
	if diff := cmp.Diff(session, row.Session); diff != "" {
		t.Error(diff)
	}
	if shard, ok := model.SessionShard(row.Session.SessionID); !ok || shard != sk {
		t.Errorf("session id %q is of shard %d", row.Session.SessionID, shard)
	}
	if views[0].IP != "203.0.113.9" || !row.UserSessionLive {
		t.Errorf("%+v", views[0])
	}
}
