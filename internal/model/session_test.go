package model_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	hour  = 60 * 60
	day   = 24 * hour
	start = 1_800_000_000 // when the sessions of these tests started
)

// newRealm is a realm with Keycloak's defaults.
func newRealm(change func(*model.Realm)) *model.Realm {
	r := &model.Realm{
		Num: 1, Name: "shop", Enabled: true, AccessTokenLifespan: 300, SSOSessionIdleTimeout: 30 * 60, SSOSessionMaxLifespan: 10 * hour,
		OfflineSessionIdleTimeout: 30 * day, OfflineSessionMaxLifespan: 60 * day, RememberMe: true,
	}
	if change != nil {
		change(r)
	}
	return r
}

// newClient is a client with attributes given as name, value, name, value …
func newClient(attributes ...string) *model.Client {
	c := &model.Client{ID: "client-id", Num: 3, ClientID: "portal", Enabled: true, Attributes: map[string]string{}}
	for i := 0; i+1 < len(attributes); i += 2 {
		c.Attributes[attributes[i]] = attributes[i+1]
	}
	return c
}

// newSession started at start; the client joined an hour later.
func newSession(offline bool) *model.ClientSession {
	return &model.ClientSession{
		SessionID: "s", ClientNum: 3, Offline: offline, RealmNum: 1, UserID: "u",
		UserStarted: start, Started: start + hour, LastRefresh: start + hour, Version: 1,
	}
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	maxOn := func(r *model.Realm) { r.OfflineSessionMaxLifespanEnabled = true }
	for _, tt := range []struct {
		name     string
		realm    func(*model.Realm)
		client   *model.Client
		offline  bool
		remember bool
		want     model.Limits
	}{
		{"online", nil, newClient(), false, false,
			model.Limits{Idle: 1800, RealmIdle: 1800, MaxEnd: start + 10*hour, RealmMax: start + 10*hour, SlackIdle: 18}},
		{"online, realm's client values", func(r *model.Realm) { r.ClientSessionIdleTimeout, r.ClientSessionMaxLifespan = 600, hour }, newClient(), false, false,
			model.Limits{Idle: 600, RealmIdle: 1800, MaxEnd: start + 2*hour, RealmMax: start + 10*hour, SlackIdle: 6}},
		{"online, client's own values before the realm's", func(r *model.Realm) { r.ClientSessionIdleTimeout, r.ClientSessionMaxLifespan = 600, hour },
			newClient("client.session.idle.timeout", "900", "client.session.max.lifespan", "7200"), false, false,
			model.Limits{Idle: 900, RealmIdle: 1800, MaxEnd: start + 3*hour, RealmMax: start + 10*hour, SlackIdle: 9}},
		{"online, the client may not outlive the user session", nil, newClient("client.session.max.lifespan", "999999"), false, false,
			model.Limits{Idle: 1800, RealmIdle: 1800, MaxEnd: start + 10*hour, RealmMax: start + 10*hour, SlackIdle: 18}},
		{"remembered", func(r *model.Realm) {
			r.SSOSessionIdleTimeoutRememberMe, r.SSOSessionMaxLifespanRememberMe = day, 30*day
		}, newClient(), false, true,
			model.Limits{Idle: day, RealmIdle: day, MaxEnd: start + 30*day, RealmMax: start + 30*day, SlackIdle: 60}},
		{"remembered, but the normal values are longer", func(r *model.Realm) { r.SSOSessionIdleTimeoutRememberMe, r.SSOSessionMaxLifespanRememberMe = 60, 60 }, newClient(), false, true,
			model.Limits{Idle: 1800, RealmIdle: 1800, MaxEnd: start + 10*hour, RealmMax: start + 10*hour, SlackIdle: 18}},
		{"offline has no maximum", nil, newClient(), true, false, model.Limits{Idle: 30 * day, RealmIdle: 30 * day, SlackIdle: 60}},
		{"offline, realm limits the maximum", maxOn, newClient(), true, false,
			model.Limits{Idle: 30 * day, RealmIdle: 30 * day, MaxEnd: start + 60*day, RealmMax: start + 60*day, SlackIdle: 60}},
		{"offline, realm's client values", func(r *model.Realm) {
			maxOn(r)
			r.ClientOfflineSessionIdleTimeout, r.ClientOfflineSessionMaxLifespan = day, 2*day
		}, newClient(), true, false,
			model.Limits{Idle: day, RealmIdle: 30 * day, MaxEnd: start + hour + 2*day, RealmMax: start + 60*day, SlackIdle: 60}},
		{"offline, realm's client maximum counts only with the switch", func(r *model.Realm) { r.ClientOfflineSessionMaxLifespan = 2 * day }, newClient(), true, false,
			model.Limits{Idle: 30 * day, RealmIdle: 30 * day, SlackIdle: 60}},
		{"offline, the client's own maximum counts without the switch", nil, newClient("client.offline.session.max.lifespan", "100"), true, false,
			model.Limits{Idle: 30 * day, RealmIdle: 30 * day, MaxEnd: start + hour + 100, SlackIdle: 60}},
		{"offline, client's own idle", nil, newClient("client.offline.session.idle.timeout", "4"), true, false,
			model.Limits{Idle: 4, RealmIdle: 30 * day, SlackIdle: 0}},
		{"what is no positive number counts as not set", nil, newClient("client.offline.session.idle.timeout", "-5", "client.offline.session.max.lifespan", "x"), true, false,
			model.Limits{Idle: 30 * day, RealmIdle: 30 * day, SlackIdle: 60}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(tt.offline)
			s.RememberMe = tt.remember
			if d := cmp.Diff(model.SessionLimits(newRealm(tt.realm), tt.client, s), tt.want); d != "" {
				t.Errorf("SessionLimits (-got +want):\n%s", d)
			}
		})
	}
}

func TestTouchEvery(t *testing.T) {
	t.Parallel()
	for idle, want := range map[int64]time.Duration{
		0: 0, 4: 40 * time.Millisecond, 100: time.Second, 1800: 18 * time.Second, 6000: time.Minute, 30 * day: time.Minute, 1<<31 - 1: time.Minute,
	} {
		if got := model.TouchEvery(idle); got != want {
			t.Errorf("TouchEvery(%d) = %v, want %v", idle, got, want)
		}
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	const used = start + hour
	for _, tt := range []struct {
		name   string
		limits model.Limits
		now    int64
		want   string // reason, "" = alive
	}{
		{"at the idle limit", model.Limits{Idle: 100, RealmIdle: 200}, used + 100, ""},
		{"one second past", model.Limits{Idle: 100, RealmIdle: 200}, used + 101, model.EndedByIdle},
		{"the realm's idle is the shorter", model.Limits{Idle: 300, RealmIdle: 200}, used + 201, model.EndedByIdle},
		{"never early: the stored use may lag", model.Limits{Idle: 100, RealmIdle: 100, SlackIdle: 10}, used + 110, ""},
		{"past the lag", model.Limits{Idle: 100, RealmIdle: 100, SlackIdle: 10}, used + 111, model.EndedByIdle},
		{"before the maximum", model.Limits{Idle: day, RealmIdle: day, MaxEnd: used + 50}, used + 49, ""},
		{"at the maximum", model.Limits{Idle: day, RealmIdle: day, MaxEnd: used + 50}, used + 50, model.EndedByMax},
		{"at the realm's maximum", model.Limits{Idle: day, RealmIdle: day, RealmMax: used + 50}, used + 50, model.EndedByMax},
		{"no maximum", model.Limits{Idle: 1 << 40, RealmIdle: 1 << 40}, used + 1<<39, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, over := tt.limits.Expired(newSession(true), tt.now)
			if got != tt.want || over != (tt.want != "") {
				t.Errorf("Expired = %q, %v, want %q", got, over, tt.want)
			}
		})
	}
}

// TestDies_IsNeverLate: at the second before Dies a session is alive, whatever
// the limits, so that the sweeper may wait until then.
func TestDies_IsNeverLate(t *testing.T) {
	t.Parallel()
	for _, idle := range []int64{1, 100, 30 * day} {
		for _, realmIdle := range []int64{1, 100, 30 * day} {
			for _, slack := range []int64{0, 60} {
				for _, end := range []int64{0, start + hour + 50, start + 90*day} {
					for _, realmEnd := range []int64{0, start + hour + 20, start + 60*day} {
						l := model.Limits{Idle: idle, RealmIdle: realmIdle, SlackIdle: slack, MaxEnd: end, RealmMax: realmEnd}
						s := newSession(true)
						dies := l.Dies(s)
						if reason, over := l.Expired(s, dies-1); over {
							t.Errorf("%+v: over (%s) before it dies at %d", l, reason, dies)
						}
						if _, over := l.Expired(s, dies+1); !over {
							t.Errorf("%+v: not over after it died at %d", l, dies)
						}
					}
				}
			}
		}
	}
}

func TestAccessTokenExpiry(t *testing.T) {
	t.Parallel()
	const now = start + 2*hour
	for _, tt := range []struct {
		name   string
		client *model.Client
		limits model.Limits
		want   int64
	}{
		{"the realm's lifespan", newClient(), model.Limits{}, now + 300},
		{"the client's lifespan", newClient("access.token.lifespan", "60"), model.Limits{}, now + 60},
		{"cut to the end of the client session", newClient(), model.Limits{MaxEnd: now + 20, RealmMax: now + 30}, now + 20},
		{"-1 is the end of the user session", newClient("access.token.lifespan", "-1"), model.Limits{MaxEnd: now + 5000, RealmMax: now + 5000}, now + 5000},
		{"-1, but the client session ends before", newClient("access.token.lifespan", "-1"), model.Limits{MaxEnd: now + 100, RealmMax: now + 5000}, now + 100},
		{"-1 without an end is as long as a login", newClient("access.token.lifespan", "-1"), model.Limits{}, now + 36000},
		{"0 is not set", newClient("access.token.lifespan", "0"), model.Limits{}, now + 300},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := model.AccessTokenExpiry(newRealm(nil), tt.client, tt.limits, now); got != tt.want {
				t.Errorf("AccessTokenExpiry = now%+d, want now%+d", got-now, tt.want-now)
			}
		})
	}
}

func TestRefreshTokenExpiry(t *testing.T) {
	t.Parallel()
	const now = start + 2*hour
	for _, tt := range []struct {
		name    string
		maxOn   bool
		limits  model.Limits
		offline bool
		want    int64
	}{
		{"online: idle", false, model.Limits{Idle: 1800, RealmIdle: 1800, MaxEnd: now + 8*hour}, false, now + 1800},
		{"online: the client's idle is shorter", false, model.Limits{Idle: 60, RealmIdle: 1800, MaxEnd: now + 8*hour}, false, now + 60},
		{"online: the end comes first", false, model.Limits{Idle: 1800, RealmIdle: 1800, MaxEnd: now + 10}, false, now + 10},
		{"offline: none", false, model.Limits{Idle: day, RealmIdle: day}, true, 0},
		{"offline: none although the client has a maximum", false, model.Limits{Idle: day, RealmIdle: day, MaxEnd: now + 100}, true, 0},
		{"offline, realm limits the maximum: idle", true, model.Limits{Idle: day, RealmIdle: 30 * day, MaxEnd: now + 60*day}, true, now + day},
		{"offline, realm limits the maximum: end", true, model.Limits{Idle: day, RealmIdle: 30 * day, MaxEnd: now + 100}, true, now + 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRealm(func(r *model.Realm) { r.OfflineSessionMaxLifespanEnabled = tt.maxOn })
			if got := model.RefreshTokenExpiry(r, tt.limits, tt.offline, now); got != tt.want {
				t.Errorf("RefreshTokenExpiry = %d, want %d", got, tt.want)
			}
			if r.OfflineMaxLimited() != tt.maxOn {
				t.Errorf("OfflineMaxLimited = %v", r.OfflineMaxLimited())
			}
		})
	}
}

// TestLatestNotBefore: Keycloak lets an old realm value hide a newer client's.
func TestLatestNotBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ realm, client, user, want int64 }{{0, 0, 0, 0}, {3, 2, 1, 3}, {1, 3, 2, 3}, {1, 2, 3, 3}} {
		got := model.LatestNotBefore(&model.Realm{NotBefore: tt.realm}, &model.Client{NotBefore: tt.client}, &model.User{NotBefore: tt.user})
		if got != tt.want {
			t.Errorf("LatestNotBefore(%d, %d, %d) = %d, want %d", tt.realm, tt.client, tt.user, got, tt.want)
		}
	}
}

func TestClientAttributes(t *testing.T) {
	t.Parallel()
	c := newClient("a", "TRUE", "b", "false", "c", "", "n", "12", "m", "-1", "x", "1s")
	for name, want := range map[string]bool{"a": true, "b": false, "c": true, "absent": true} {
		if got := c.Flag(name, true); got != want {
			t.Errorf("Flag(%q, true) = %v, want %v", name, got, want)
		}
	}
	if c.Flag("absent", false) {
		t.Error("Flag of an absent attribute is not its default")
	}
	for name, want := range map[string]int64{"n": 12, "m": -1, "x": 0, "absent": 0} {
		if got := c.Seconds(name); got != want {
			t.Errorf("Seconds(%q) = %d, want %d", name, got, want)
		}
	}
	if !newClient().UseRefreshTokens() || newClient("use.refresh.tokens", "false").UseRefreshTokens() {
		t.Error("refresh tokens are on unless switched off")
	}
	if newClient().Lightweight() || !newClient("client.use.lightweight.access.token.enabled", "true").Lightweight() {
		t.Error("access tokens are lightweight only when switched on")
	}
}

func TestSignatureAlgorithms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, realm        string
		client             *model.Client
		accessAlg, idToken string
	}{
		{"nothing set", "", newClient(), "RS256", "RS256"},
		{"the realm's", "ES256", newClient(), "ES256", "ES256"},
		{"the client's own", "ES256", newClient("access.token.signed.response.alg", "PS256", "id.token.signed.response.alg", "EdDSA"), "PS256", "EdDSA"},
	} {
		r := newRealm(func(r *model.Realm) { r.DefaultSignatureAlgorithm = tt.realm })
		if a, id := model.AccessTokenAlg(r, tt.client), model.IDTokenAlg(r, tt.client); a != tt.accessAlg || id != tt.idToken {
			t.Errorf("%s: %s and %s, want %s and %s", tt.name, a, id, tt.accessAlg, tt.idToken)
		}
	}
}
