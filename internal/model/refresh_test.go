package model_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

// refreshCase is a refresh that is allowed, until a test breaks it.
type refreshCase struct {
	realm  *model.Realm
	client *model.Client
	scopes []*model.ClientScope
	use    model.RefreshUse
	row    *model.SessionRow
	now    int64
}

func newRefreshCase() *refreshCase {
	now := int64(start + 2*hour)
	return &refreshCase{
		realm:  newRealm(func(r *model.Realm) { r.OfflineSessionMaxLifespanEnabled = true }),
		client: &model.Client{ID: "client-id", Num: 3, ClientID: "portal", OptionalScopes: []string{"offline-id"}, Attributes: map[string]string{}},
		scopes: []*model.ClientScope{{ID: "offline-id", Name: model.OfflineAccess, Protocol: "openid-connect", ScopeMappings: []string{"offline-role"}}},
		use:    model.RefreshUse{JTI: "t", IssuedAt: now - 10, Offline: true},
		row: &model.SessionRow{
			Session: *newSession(true), UserSessionLive: true,
			User: model.User{ID: "u", Enabled: true, Grants: model.Grants{Roles: []string{"offline-role"}}},
		},
		now: now,
	}
}

func (rc *refreshCase) check(t *testing.T) error {
	t.Helper()
	cfg, err := model.NewConfig(rc.realm, 1, []*model.Client{rc.client}, rc.scopes,
		[]*model.Role{{ID: "offline-role", Name: model.OfflineAccess}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return model.CheckRefresh(cfg, rc.client, rc.use, rc.row, rc.now)
}

// TestCheckRefresh: what refuses a refresh, in Keycloak's order.
func TestCheckRefresh(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		fact func(*refreshCase)
		want error
	}{
		{"nothing speaks against it", func(*refreshCase) {}, nil},

		{"the user session was ended", func(c *refreshCase) { c.row.UserSessionLive = false }, model.ErrSessionGone},
		{"all sessions of the realm were ended", func(c *refreshCase) { c.row.Session.Superseded = &model.Ending{Reason: model.EndedByRealmLogout} }, model.ErrSessionGone},
		{"all sessions of the client were ended", func(c *refreshCase) { c.row.Session.Superseded = &model.Ending{} }, model.ErrSessionGone},
		{"all sessions of the user were ended", func(c *refreshCase) { c.row.Session.Superseded = &model.Ending{Reason: model.EndedByUserLogout} }, model.ErrStale},
		{"all sessions of the user were ended, online", func(c *refreshCase) {
			c.row.Session.Superseded, c.row.Session.Offline, c.use.Offline = &model.Ending{Reason: model.EndedByUserLogout}, false, false
		}, model.ErrSessionGone},
		{"the consent was taken back", func(c *refreshCase) { c.row.Session.Ended = &model.Ending{Reason: model.EndedByConsent} }, model.ErrClientSessionGone},
		{"at the realm's idle limit", func(c *refreshCase) { c.now = c.row.Session.LastRefresh + 30*day + 60; c.use.IssuedAt = c.now }, nil},
		{"one second past the realm's idle limit", func(c *refreshCase) { c.now = c.row.Session.LastRefresh + 30*day + 61 }, model.ErrSessionGone},
		{"one second before the realm's maximum", func(c *refreshCase) { c.now = start + 60*day - 1; c.row.Session.LastRefresh = c.now - 5 }, nil},
		{"at the realm's maximum", func(c *refreshCase) { c.now = start + 60*day; c.row.Session.LastRefresh = c.now - 5 }, model.ErrSessionGone},

		{"remembered", func(c *refreshCase) { c.row.Session.RememberMe = true }, nil},
		{"remembered, and the realm forgot", func(c *refreshCase) { c.row.Session.RememberMe, c.realm.RememberMe = true, false }, model.ErrSessionNotActive},

		{"the user is disabled", func(c *refreshCase) { c.row.User.Enabled = false }, model.ErrUserDisabled},

		{"a second older than the user session", func(c *refreshCase) { c.row.Session.UserStarted = c.use.IssuedAt + 1 }, nil},
		{"two seconds older than the user session", func(c *refreshCase) { c.row.Session.UserStarted = c.use.IssuedAt + 2 }, model.ErrBeforeSession},

		{"the client session was ended", func(c *refreshCase) { c.row.Session.Ended = &model.Ending{Reason: model.EndedByReplay} }, model.ErrClientSessionGone},
		{"past the client's idle limit", func(c *refreshCase) {
			c.client.Attributes["client.offline.session.idle.timeout"] = "4"
			c.now = c.row.Session.LastRefresh + 5
		}, model.ErrClientSessionGone},
		{"at the client's maximum", func(c *refreshCase) {
			c.client.Attributes["client.offline.session.max.lifespan"] = "100"
			c.now = c.row.Session.Started + 100
		}, model.ErrClientSessionGone},

		{"a second older than the client session", func(c *refreshCase) { c.row.Session.Started = c.use.IssuedAt + 1 }, nil},
		{"two seconds older than the client session", func(c *refreshCase) { c.row.Session.Started = c.use.IssuedAt + 2 }, model.ErrBeforeClient},

		{"issued at the not-before", func(c *refreshCase) { c.realm.NotBefore = c.use.IssuedAt }, nil},
		{"issued before the realm's not-before", func(c *refreshCase) { c.realm.NotBefore = c.use.IssuedAt + 1 }, model.ErrStale},
		{"issued before the client's not-before", func(c *refreshCase) { c.realm.NotBefore, c.client.NotBefore = 1, c.use.IssuedAt+1 }, model.ErrStale},
		{"issued before the user's not-before", func(c *refreshCase) { c.row.User.NotBefore = c.use.IssuedAt + 1 }, model.ErrStale},

		{"the client lost the scope", func(c *refreshCase) { c.client.OptionalScopes = nil }, model.ErrOfflineNotGranted},
		{"the scope is a default one now", func(c *refreshCase) { c.client.OptionalScopes, c.client.DefaultScopes = nil, []string{"offline-id"} }, nil},
		{"the realm lost the scope", func(c *refreshCase) { c.scopes = nil }, model.ErrOfflineNotGranted},
		{"the user lost the role", func(c *refreshCase) { c.row.User.Grants.Roles = nil }, model.ErrOfflineNotGranted},
		{"the scope asks for no role", func(c *refreshCase) { c.row.User.Grants.Roles, c.scopes[0].ScopeMappings = nil, nil }, nil},
		{"an online token needs no grant", func(c *refreshCase) { c.use.Offline, c.row.User.Grants.Roles = false, nil }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newRefreshCase()
			tt.fact(c)
			if got := c.check(t); !errors.Is(got, tt.want) {
				t.Errorf("CheckRefresh = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestCheckRefresh_TellsTheFirst: where several facts refuse, Keycloak's order
// decides which is told.
func TestCheckRefresh_TellsTheFirst(t *testing.T) {
	t.Parallel()
	c := newRefreshCase()
	c.row.User.Grants.Roles = nil
	steps := []struct {
		fact func()
		want error
	}{
		{func() {}, model.ErrOfflineNotGranted},
		{func() { c.row.User.NotBefore = c.use.IssuedAt + 1 }, model.ErrStale},
		{func() { c.row.Session.Started = c.use.IssuedAt + 2 }, model.ErrBeforeClient},
		{func() { c.row.Session.Ended = &model.Ending{} }, model.ErrClientSessionGone},
		{func() { c.row.Session.UserStarted = c.use.IssuedAt + 2 }, model.ErrBeforeSession},
		{func() { c.row.User.Enabled = false }, model.ErrUserDisabled},
		{func() { c.row.Session.RememberMe, c.realm.RememberMe = true, false }, model.ErrSessionNotActive},
		{func() { c.row.UserSessionLive = false }, model.ErrSessionGone},
	}
	for _, s := range steps {
		s.fact()
		if got := c.check(t); !errors.Is(got, s.want) {
			t.Errorf("CheckRefresh = %v, want %v", got, s.want)
		}
	}
}

func TestUseChain(t *testing.T) {
	t.Parallel()
	const at = start + hour
	// A was used and B is its successor.
	afterA := model.Chain{ID: "x", Used: "A", Uses: 1, Current: "B", Issued: at}
	for _, tt := range []struct {
		name     string
		main     model.Chain
		more     []model.Chain
		use      model.RefreshUse
		maxReuse int
		want     model.Chain
		wantMore []model.Chain
		err      error
	}{
		{"first use of a chain", model.Chain{}, nil, model.RefreshUse{JTI: "A", ChainID: "x", IssuedAt: at}, 0,
			model.Chain{ID: "x", Used: "A", Uses: 1, Current: "new", Issued: at + 9}, nil, nil},
		{"first use of a token from before rotation", model.Chain{}, nil, model.RefreshUse{JTI: "A", IssuedAt: at}, 0,
			model.Chain{Used: "A", Uses: 1, Current: "new", Issued: at + 9}, nil, nil},
		{"first use of a chain whose first token is known", model.Chain{ID: "x", Current: "A", Issued: at}, nil, model.RefreshUse{JTI: "A", ChainID: "x", IssuedAt: at}, 0,
			model.Chain{ID: "x", Used: "A", Uses: 1, Current: "new", Issued: at + 9}, nil, nil},
		{"the newest token", afterA, nil, model.RefreshUse{JTI: "B", ChainID: "x", IssuedAt: at}, 0,
			model.Chain{ID: "x", Used: "B", Uses: 1, Current: "new", Issued: at + 9}, nil, nil},
		{"the used token again", afterA, nil, model.RefreshUse{JTI: "A", ChainID: "x", IssuedAt: at - 5}, 0, model.Chain{}, nil, model.ErrReused},
		{"the used token again, allowed once", afterA, nil, model.RefreshUse{JTI: "A", ChainID: "x", IssuedAt: at - 5}, 1,
			model.Chain{ID: "x", Used: "A", Uses: 2, Current: "new", Issued: at + 9}, nil, nil},
		{"the used token a third time, allowed once", model.Chain{ID: "x", Used: "A", Uses: 2, Current: "C", Issued: at}, nil,
			model.RefreshUse{JTI: "A", ChainID: "x", IssuedAt: at - 5}, 1, model.Chain{}, nil, model.ErrReused},
		{"an older token", afterA, nil, model.RefreshUse{JTI: "0", ChainID: "x", IssuedAt: at - 1}, 0, model.Chain{}, nil, model.ErrSuperseded},
		{"an older token, reuse allowed", afterA, nil, model.RefreshUse{JTI: "0", ChainID: "x", IssuedAt: at - 1}, 5, model.Chain{}, nil, model.ErrSuperseded},
		{"an older token of the same second", afterA, nil, model.RefreshUse{JTI: "0", ChainID: "x", IssuedAt: at}, 0, model.Chain{}, nil, model.ErrReused},
		{"a sibling of the same second, reuse allowed", afterA, nil, model.RefreshUse{JTI: "0", ChainID: "x", IssuedAt: at}, 1,
			model.Chain{ID: "x", Used: "0", Uses: 1, Current: "new", Issued: at + 9}, nil, nil},

		{"a second chain of the session", afterA, nil, model.RefreshUse{JTI: "K", ChainID: "y", IssuedAt: at - 50}, 0,
			afterA, []model.Chain{{ID: "y", Used: "K", Uses: 1, Current: "new", Issued: at + 9}}, nil},
		{"a token from before rotation beside a chain", afterA, nil, model.RefreshUse{JTI: "K", IssuedAt: at - 50}, 0,
			afterA, []model.Chain{{Used: "K", Uses: 1, Current: "new", Issued: at + 9}}, nil},
		{"the newest of the second chain", afterA, []model.Chain{{ID: "y", Used: "K", Uses: 1, Current: "L", Issued: at}, {ID: "z", Used: "P", Uses: 1, Current: "Q", Issued: at}},
			model.RefreshUse{JTI: "L", ChainID: "y", IssuedAt: at}, 0,
			afterA, []model.Chain{{ID: "y", Used: "L", Uses: 1, Current: "new", Issued: at + 9}, {ID: "z", Used: "P", Uses: 1, Current: "Q", Issued: at}}, nil},
		{"the used one of the second chain", afterA, []model.Chain{{ID: "y", Used: "K", Uses: 1, Current: "L", Issued: at}},
			model.RefreshUse{JTI: "K", ChainID: "y", IssuedAt: at}, 0, model.Chain{}, nil, model.ErrReused},
		{"the newest of the main chain beside a second", afterA, []model.Chain{{ID: "y", Used: "K", Uses: 1, Current: "L", Issued: at}},
			model.RefreshUse{JTI: "B", ChainID: "x", IssuedAt: at}, 0,
			model.Chain{ID: "x", Used: "B", Uses: 1, Current: "new", Issued: at + 9}, []model.Chain{{ID: "y", Used: "K", Uses: 1, Current: "L", Issued: at}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSession(true)
			s.Chain, s.MoreChains = tt.main, tt.more
			before := *s
			before.MoreChains = append([]model.Chain(nil), tt.more...)
			main, more, err := model.UseChain(s, tt.use, tt.maxReuse, "new", at+9)
			if !errors.Is(err, tt.err) {
				t.Fatalf("UseChain = %v, want %v", err, tt.err)
			}
			if d := cmp.Diff(main, tt.want); d != "" {
				t.Errorf("main chain (-got +want):\n%s", d)
			}
			if d := cmp.Diff(more, tt.wantMore); d != "" {
				t.Errorf("more chains (-got +want):\n%s", d)
			}
			if d := cmp.Diff(*s, before); d != "" {
				t.Errorf("UseChain changed the session (-got +want):\n%s", d)
			}
		})
	}
}

// TestUseChain_OnlyTheNewestOfASecond: three refreshes within one second leave
// one good token, where Keycloak leaves three (docs/decisions/0003).
func TestUseChain_OnlyTheNewestOfASecond(t *testing.T) {
	t.Parallel()
	s := newSession(true)
	tokens := []string{"A", "B", "C", "D"}
	for i := range 3 {
		var err error
		use := model.RefreshUse{JTI: tokens[i], ChainID: "x", IssuedAt: start}
		if s.Chain, s.MoreChains, err = model.UseChain(s, use, 0, tokens[i+1], start); err != nil {
			t.Fatalf("use of %s: %v", tokens[i], err)
		}
	}
	for i, want := range []error{model.ErrReused, model.ErrReused, model.ErrReused, nil} {
		_, _, err := model.UseChain(s, model.RefreshUse{JTI: tokens[i], ChainID: "x", IssuedAt: start}, 0, "E", start)
		if !errors.Is(err, want) {
			t.Errorf("use of %s = %v, want %v", tokens[i], err, want)
		}
	}
}

// However many logins share a client session, its row stays small, and no
// token of a chain that was forgotten works a second time.
func TestUseChain_Bound(t *testing.T) {
	t.Parallel()
	s := &model.ClientSession{Chain: model.Chain{ID: "main", Current: "m", Issued: 1}}
	use := func(chain int, jti string, issued, now int64) error {
		main, more, err := model.UseChain(s, model.RefreshUse{JTI: jti, ChainID: fmt.Sprint("chain ", chain), IssuedAt: issued}, 0, fmt.Sprint("next ", chain), now)
		if err == nil {
			s.Chain, s.MoreChains = main, more
		}
		return err
	}
	const logins = 2 * model.MaxChains
	for i := range logins {
		at := int64(100 + i)
		if err := use(i, fmt.Sprint("first ", i), at, at); err != nil {
			t.Fatalf("first use of chain %d: %v", i, err)
		}
		if len(s.MoreChains) > model.MaxChains {
			t.Fatalf("%d chains, want at most %d", len(s.MoreChains), model.MaxChains)
		}
	}
	for i := range logins - model.MaxChains {
		for _, jti := range []string{"first ", "next "} {
			if err := use(i, fmt.Sprint(jti, i), int64(100+i), 1000); !errors.Is(err, model.ErrStale) {
				t.Errorf("%s%d of a forgotten chain: %v, want ErrStale", jti, i, err)
			}
		}
	}
	if err := use(logins-1, fmt.Sprint("next ", logins-1), 100+logins-1, 1000); err != nil {
		t.Errorf("the latest chain goes on: %v", err)
	}
	if s.Chain.ID != "main" {
		t.Errorf("the main chain was forgotten: %+v", s.Chain)
	}
}
