package server_test

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestParallelRefresh: of many uses of one token at once, exactly as many
// succeed as rotation allows; the others get Keycloak's answers, and the
// replay has ended the client session for the winners too.
func TestParallelRefresh(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, settings   string
		callers, succeed int
		after            string // what a winner's successor is told; "" = it works
	}{
		{"rotation off", ``, 64, 64, ""},
		{"one use", `"revokeRefreshToken":true,"refreshTokenMaxReuse":0,`, 64, 1, "Session doesn't have required client"},
		{"one reuse", `"revokeRefreshToken":true,"refreshTokenMaxReuse":1,`, 64, 2, "Session doesn't have required client"},
		// More callers than a refresh decides again (16) may be told to come back.
		{"as many uses as callers", `"revokeRefreshToken":true,"refreshTokenMaxReuse":15,`, 16, 16, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, tt.settings)
			token := login(t, s).Refresh
			s.Clock.Advance(5 * time.Minute) // so that a use is written with rotation off too

			answers := make([]tokens, tt.callers)
			var all sync.WaitGroup
			begin := make(chan struct{})
			for i := range answers {
				all.Go(func() {
					<-begin
					answers[i] = refresh(t, s, token)
				})
			}
			close(begin)
			all.Wait()

			var won []tokens
			for _, a := range answers {
				if a.Status == http.StatusOK {
					won = append(won, a)
				} else if !refusedReplay(a) {
					t.Errorf("a caller got %d %s %q", a.Status, a.Error, a.Description)
				}
			}
			if len(won) != tt.succeed {
				t.Fatalf("%d of %d succeeded, want %d", len(won), tt.callers, tt.succeed)
			}
			if got := refresh(t, s, won[0].Refresh); got.Description != tt.after {
				t.Errorf("the winner's successor got %d %q, want %q", got.Status, got.Description, tt.after)
			}
		})
	}
}

// refusedReplay tells whether an answer is one Keycloak gives to a token that
// was used too often.
func refusedReplay(a tokens) bool {
	return a.Status == http.StatusBadRequest && a.Error == "invalid_grant" &&
		(a.Description == "Maximum allowed refresh token reuse exceeded" || a.Description == "Session doesn't have required client")
}

// TestParallelRefresh_ManySessions: refreshes of different sessions do not
// disturb each other, so that every chain goes on.
func TestParallelRefresh_ManySessions(t *testing.T) {
	t.Parallel()
	s := newShop(t, `"revokeRefreshToken":true,`)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			token := ask(t, s, "grant_type", "password", "username", "alice", "password", "pw", "scope", "offline_access").Refresh
			for i := range 20 {
				a := refresh(t, s, token)
				if a.Status != http.StatusOK {
					t.Errorf("refresh %d: %d %q", i, a.Status, a.Description)
					return
				}
				token = a.Refresh
			}
		})
	}
	all.Wait()
}

// TestParallelEndings: a session that is refreshed while it is ended is over
// for good afterwards.
func TestParallelEndings(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{``, `"revokeRefreshToken":true,`} {
		s := newShop(t, settings)
		for range 8 {
			token := login(t, s).Refresh
			s.Clock.Advance(5 * time.Minute)
			var all sync.WaitGroup
			last := token
			all.Go(func() {
				for {
					a := refresh(t, s, last)
					if a.Status != http.StatusOK {
						return
					}
					last = a.Refresh
				}
			})
			all.Go(func() {
				w := send(s, http.MethodPost, protocolPath+"/logout", formType, "client_id=portal&client_secret=s3cret&refresh_token="+token)
				if w.Code != http.StatusNoContent {
					t.Errorf("logout: %d", w.Code)
				}
			})
			all.Wait()
			if a := refresh(t, s, last); a.Description != "Offline user session not found" {
				t.Errorf("refresh after logout: %d %q", a.Status, a.Description)
			}
		}
	}
}
