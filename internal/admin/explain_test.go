package admin_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

// logBook keeps the lines of a server's log.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// lines are the lines of a message.
func (b *logBook) lines(t *testing.T, message string) (all []map[string]any) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.buf.String()) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if o["msg"] == message {
			all = append(all, o)
		}
	}
	return all
}

func (b *logBook) option() servertest.Option {
	return servertest.WithConfig(func(c *server.Config) { c.Log = slog.New(slog.NewJSONHandler(b, nil)) })
}

// protocol posts a form to an endpoint of realm r as client app.
func (a *api) protocol(endpoint string, fields ...string) *answer {
	a.t.Helper()
	form := url.Values{"client_id": {"app"}, "client_secret": {"app-secret"}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return a.postForm("/realms/r/protocol/openid-connect/"+endpoint, form)
}

// Whatever ends an offline session, its row or the record of a mass ending
// names when, why and by whom, and a line of the log says so.
func TestExplain_EveryEndNamesReasonAndActor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reason, by string
		end              func(a *api, tokens map[string]any)
		text             string
	}{
		{"logout with its token", model.EndedByLogout, "app", func(a *api, tokens map[string]any) {
			a.protocol("logout", "refresh_token", tokens["refresh_token"].(string)).want(204)
		}, "by app: a logout"},
		{"revoked by the client", model.EndedByRevoke, "app", func(a *api, tokens map[string]any) {
			a.protocol("revoke", "token", tokens["refresh_token"].(string)).want(200)
		}, "by app: its token was revoked"},
		{"a replaced token used again", model.EndedByReplay, "app", func(a *api, tokens map[string]any) {
			a.put("", map[string]any{"revokeRefreshToken": true}).want(204)
			a.refresh("app", tokens).want(200)
			a.refresh("app", tokens).want(400)
		}, "by app: a refresh token that had been replaced"},
		{"an administrator, one session", model.EndedByAdmin, "admin", func(a *api, tokens map[string]any) {
			a.del("/sessions/"+sid(tokens)+"?isOffline=true", nil).want(204)
		}, "by user admin: an administrator ended it"},
		{"an administrator, by filter", model.EndedByAdmin, "admin", func(a *api, _ map[string]any) {
			a.post("/offline-sessions/revoke", map[string]any{"user": "anna"}).want(200)
		}, "by user admin: an administrator ended it"},
		{"an administrator, a whole client", model.EndedByAdmin, "admin", func(a *api, _ map[string]any) {
			a.post("/offline-sessions/revoke", map[string]any{"client": "app"}).want(200)
		}, "by user admin: an administrator ended it"},
		{"the consent taken back", model.EndedByConsent, "admin", func(a *api, _ map[string]any) {
			a.del("/users/"+a.userID("anna")+"/consents/app", nil).want(204)
		}, "by user admin: the consent"},
		{"the user logged out", model.EndedByUserLogout, "admin", func(a *api, _ map[string]any) {
			a.post("/users/"+a.userID("anna")+"/logout", nil).want(204)
		}, "by user admin: all sessions of the user"},
		{"everyone logged out", model.EndedByRealmLogout, "admin", func(a *api, _ map[string]any) {
			a.post("/logout-all", nil).want(200)
		}, "by user admin: all sessions of the realm"},
		{"the client deleted", model.EndedByDeletion, "admin", func(a *api, _ map[string]any) {
			a.del("/clients/"+a.clientID("app"), nil).want(204)
		}, "by user admin: the client was deleted"},
		{"too long unused, swept", model.EndedByIdle, "", func(a *api, _ map[string]any) {
			a.srv.Clock.Advance(31 * 24 * time.Hour)
			if err := a.srv.Sweep(a.t.Context()); err != nil {
				a.t.Fatal(err)
			}
		}, "Z: nobody refreshed it in time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			book := &logBook{}
			a := newAPI(t, book.option())
			tokens := a.offline("app", "anna")
			if o := a.get("/offline-sessions/" + sid(tokens) + "/explain").object(); !strings.HasPrefix(o["text"].(string), "Lives until 2026-12-21T12:01:00Z, unless it is refreshed before: realm idle (offlineSessionIdleTimeout") {
				t.Errorf("while it lives: %v", o["text"])
			}
			tt.end(a, tokens)
			at := a.srv.Clock.Now().Unix()
			a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
			o := a.get("/offline-sessions/" + sid(tokens) + "/explain").object()
			if text := o["text"].(string); !strings.HasPrefix(text, "Ended at "+a.srv.Clock.Now().UTC().Format(time.RFC3339)) || !strings.Contains(text, tt.text) {
				t.Errorf("text %q, want …%s…", text, tt.text)
			}
			ended := o["session"].(map[string]any)["ended"].(map[string]any)
			by, _ := ended["by"].(string)
			if name, ok := ended["byName"].(string); ok {
				by = name
			}
			if ended["at"] != float64(at) || ended["reason"] != tt.reason || by != tt.by {
				t.Errorf("ended %v, want at %d, %s by %q", ended, at, tt.reason, tt.by)
			}
			if list := a.offlineList(""); len(list) != 0 {
				t.Errorf("listed: %v", list)
			}
			for _, line := range book.lines(t, "sessions ended") {
				if line["reason"] == tt.reason && line["realm"] == "r" && line["by"] == ended["by"] {
					return
				}
			}
			t.Errorf("no line of the log says it: %v", book.lines(t, "sessions ended"))
		})
	}
}

func TestExplain_ExpiredBeforeItIsSwept(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tokens := a.offline("app", "anna")
	over := a.srv.Clock.Now().Unix() + 30*24*3600 + 60
	a.srv.Clock.Advance(31 * 24 * time.Hour)
	a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
	ended := a.get("/offline-sessions/" + sid(tokens)).object()["ended"].(map[string]any)
	if ended["at"] != float64(over) || ended["reason"] != model.EndedByIdle {
		t.Errorf("ended %v", ended)
	}
}

func TestExplain_WhyTokensOfALiveSessionAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do   func(a *api)
		want string
	}{
		"user disabled": {func(a *api) { a.put("/users/"+a.userID("anna"), map[string]any{"enabled": false}).want(204) }, "user disabled"},
		"client disabled": {func(a *api) {
			a.put("/clients/"+a.clientID("app"), map[string]any{"clientId": "app", "enabled": false}).want(204)
		}, "client disabled"},
		"a later notBefore": {func(a *api) { a.put("", map[string]any{"notBefore": a.srv.Clock.Now().Unix() + 5}).want(204) }, "token issued before a not-before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			tokens := a.offline("app", "anna")
			tt.do(a)
			o := a.get("/offline-sessions/" + sid(tokens) + "/explain").object()
			if o["refused"] != tt.want || !strings.Contains(o["text"].(string), tt.want) || o["session"].(map[string]any)["state"] != "refused" {
				t.Errorf("explained: %v, want %s", o, tt.want)
			}
		})
	}
}

func TestExplain_AsksForTheClientOfASharedSession(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := sid(a.offline("app", "anna"))
	a.joins("other", "anna", id)
	for _, path := range []string{"/offline-sessions/" + id, "/offline-sessions/" + id + "/explain"} {
		a.get(path).want(400)
		a.get(path + "?client=other").want(200)
		a.get(path + "?client=" + a.clientID("app")).want(200)
		a.get(path + "?client=admin-cli").want(404)
		a.get(path + "?clientId=app").want(400)
	}
	a.post("/offline-sessions/revoke", map[string]any{"client": "other", "user": "anna"}).is(200, `{"dryRun":false,"ended":1,"done":true}`)
	if o := a.get("/offline-sessions/" + id + "?client=app").object(); o["state"] != "live" {
		t.Errorf("the other client's part: %v", o)
	}
}

// 30 days after its end a session is gone.
func TestExplain_ForThirtyDays(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a *api){
		"its own":  func(a *api) { a.post("/offline-sessions/revoke", map[string]any{"user": "anna"}).want(200) },
		"realm's":  func(a *api) { a.post("/logout-all", nil).want(200) },
		"client's": func(a *api) { a.post("/offline-sessions/revoke", map[string]any{"client": "app"}).want(200) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			id := sid(a.offline("app", "anna"))
			end(a)
			for _, day := range []struct{ pass, want int }{{29, 200}, {2, 404}} {
				a.srv.Clock.Advance(time.Duration(day.pass) * 24 * time.Hour)
				if err := a.srv.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
				a.admin = a.token("master", "admin-cli", "", "admin", "admin", "")
				a.get("/offline-sessions/" + id).want(day.want)
			}
		})
	}
}

// The sweeper's lines do not grow with the sessions.
func TestLog_TellsExpiryInBatches(t *testing.T) {
	t.Parallel()
	book := &logBook{}
	a := newAPI(t, book.option())
	a.starts("app", "anna", 450)
	a.srv.Clock.Advance(31 * 24 * time.Hour)
	if err := a.srv.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	told, lines := 0.0, book.lines(t, "sessions ended")
	for _, line := range lines {
		if line["reason"] == "idle" && line["client"] == "app" && line["kind"] == "offline" {
			told += line["count"].(float64)
		}
	}
	if told != 450 || len(lines) > 4 {
		t.Errorf("%v sessions told in %d lines", told, len(lines))
	}
}

func TestLog_HasTheEventsTheRealmKeeps(t *testing.T) {
	t.Parallel()
	book := &logBook{}
	a := newAPI(t, book.option())
	a.put("", map[string]any{"eventsEnabled": true}).want(204)
	tokens := a.offline("app", "anna")
	a.protocol("logout", "refresh_token", tokens["refresh_token"].(string)).want(204)
	a.protocol("token", "grant_type", "password", "username", "anna", "password", "wrong").want(400)
	want := map[string]string{"LOGIN": "INFO", "LOGOUT": "INFO", "LOGIN_ERROR": "WARN"}
	for _, line := range book.lines(t, "event") {
		if line["level"] != want[line["type"].(string)] || line["realm"] != "r" || line["client"] != "app" || line["user"] != a.userID("anna") {
			t.Errorf("line %v", line)
		}
		delete(want, line["type"].(string))
	}
	if len(want) > 0 {
		t.Errorf("no line of %v", want)
	}
	if lines := book.lines(t, "admin event"); len(lines) == 0 || lines[len(lines)-1]["resource"] != "REALM" {
		t.Errorf("admin events: %v", lines)
	}
	book.mu.Lock()
	defer book.mu.Unlock()
	if strings.Contains(book.buf.String(), "app-secret") || strings.Contains(book.buf.String(), tokens["refresh_token"].(string)) {
		t.Error("a secret is in the log")
	}
}
