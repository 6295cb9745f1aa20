package model_test

import (
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

func TestSessionExpiry_NamesTheLimitThatDecides(t *testing.T) {
	t.Parallel()
	const hour, day = int64(3600), int64(86400)
	realm := model.Realm{OfflineSessionIdleTimeout: 30 * day, OfflineSessionMaxLifespan: 60 * day, SSOSessionIdleTimeout: hour, SSOSessionMaxLifespan: 10 * hour}
	limited := realm
	limited.OfflineSessionMaxLifespanEnabled = true
	for _, tt := range []struct {
		name    string
		realm   func(r *model.Realm)
		limited bool
		attrs   map[string]string
		session model.ClientSession
		at      int64
		rule    model.Rule
	}{
		{name: "the realm's idle timeout", session: model.ClientSession{Offline: true, LastRefresh: 1000},
			at: 1000 + 30*day + 60, rule: model.Rule{Name: "realm idle", Setting: "offlineSessionIdleTimeout", Seconds: 30 * day}},
		{name: "the client's own, shorter", attrs: map[string]string{"client.offline.session.idle.timeout": "6000"}, session: model.ClientSession{Offline: true, LastRefresh: 1000},
			at: 1000 + 6000 + 60, rule: model.Rule{Name: "client idle", Setting: "client.offline.session.idle.timeout", Seconds: 6000}},
		{name: "the client's own, longer, does not count", attrs: map[string]string{"client.offline.session.idle.timeout": "99999999"}, session: model.ClientSession{Offline: true, LastRefresh: 1000},
			at: 1000 + 30*day + 60, rule: model.Rule{Name: "realm idle", Setting: "offlineSessionIdleTimeout", Seconds: 30 * day}},
		{name: "the realm's for clients", realm: func(r *model.Realm) { r.ClientOfflineSessionIdleTimeout = 6000 }, session: model.ClientSession{Offline: true, LastRefresh: 1000},
			at: 1000 + 6000 + 60, rule: model.Rule{Name: "realm client idle", Setting: "clientOfflineSessionIdleTimeout", Seconds: 6000}},
		{name: "the realm's maximum", limited: true, session: model.ClientSession{Offline: true, UserStarted: 500, Started: 700, LastRefresh: 500 + 59*day},
			at: 500 + 60*day, rule: model.Rule{Name: "realm max", Setting: "offlineSessionMaxLifespan", Seconds: 60 * day}},
		{name: "the client's maximum", attrs: map[string]string{"client.offline.session.max.lifespan": "7200"}, session: model.ClientSession{Offline: true, UserStarted: 500, Started: 700, LastRefresh: 700},
			at: 700 + 7200, rule: model.Rule{Name: "client max", Setting: "client.offline.session.max.lifespan", Seconds: 7200}},
		{name: "the realm's maximum for clients", limited: true, realm: func(r *model.Realm) { r.ClientOfflineSessionMaxLifespan = 7200 },
			session: model.ClientSession{Offline: true, UserStarted: 500, Started: 700, LastRefresh: 700},
			at:      700 + 7200, rule: model.Rule{Name: "realm client max", Setting: "clientOfflineSessionMaxLifespan", Seconds: 7200}},
		{name: "of a login, remembered", realm: func(r *model.Realm) { r.SSOSessionIdleTimeoutRememberMe = 2 * hour }, session: model.ClientSession{RememberMe: true, LastRefresh: 1000},
			at: 1000 + 2*hour + 60, rule: model.Rule{Name: "realm idle", Setting: "ssoSessionIdleTimeoutRememberMe", Seconds: 2 * hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := realm
			if tt.limited {
				r = limited
			}
			if tt.realm != nil {
				tt.realm(&r)
			}
			c := &model.Client{Attributes: tt.attrs}
			at, rule := model.SessionExpiry(&r, c, &tt.session)
			if at != tt.at || rule != tt.rule {
				t.Errorf("ends at %d by %+v, want %d by %+v", at, rule, tt.at, tt.rule)
			}
			if at != model.SessionLimits(&r, c, &tt.session).Dies(&tt.session) {
				t.Error("not the moment the session is judged by")
			}
		})
	}
}

func TestInUseUntil_FollowsTheNewestAccessToken(t *testing.T) {
	t.Parallel()
	s := &model.ClientSession{Offline: true, LastRefresh: 1000}
	r := &model.Realm{OfflineSessionIdleTimeout: 86400, AccessTokenLifespan: 300, RevokeRefreshToken: true}
	if got := model.InUseUntil(r, &model.Client{}, s); got != 1300 {
		t.Errorf("with rotation %d", got)
	}
	r.RevokeRefreshToken = false
	if got := model.InUseUntil(r, &model.Client{}, s); got != 1360 {
		t.Errorf("without rotation, where the last refresh may lag by a minute: %d", got)
	}
}
