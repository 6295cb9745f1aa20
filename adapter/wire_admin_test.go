package adapter_test

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/adapter"
)

func steward(h *house) *adapter.Admin {
	h.t.Helper()
	a, err := adapter.NewAdmin(h.provider("steward", nil))
	h.must(err)
	return a
}

// every collects a list.
func every[T any](h *house, list iter.Seq2[T, error]) (out []T) {
	h.t.Helper()
	for item, err := range list {
		h.must(err)
		out = append(out, item)
	}
	return out
}

// adminLists: lists come whole, over more than one page, and may be left early.
func adminLists(t *testing.T, h *house) {
	admin, ctx := steward(h), t.Context()
	for i := range 120 {
		h.admin(http.MethodPost, h.realmPath("/users"), map[string]any{"username": fmt.Sprint("crowd-", i), "enabled": true}, nil)
	}
	if got := every(h, admin.Users(ctx, "crowd-")); len(got) != 120 {
		t.Errorf("%d users, want 120", len(got))
	}
	list, n := admin.Users(ctx, ""), 0
	for range 2 { // a sequence runs anew each time
		for _, err := range list {
			h.must(err)
			if n++; n%3 == 0 {
				break
			}
		}
	}
	if n != 6 {
		t.Errorf("two runs that stop at the third user saw %d", n)
	}
	user, ok, err := admin.User(ctx, "uma")
	h.must(err)
	if !ok || user.Email != "uma@example.org" || !user.Enabled || user.Created.Time().IsZero() {
		t.Errorf("user %+v, want uma", user)
	}
	if _, ok, err := admin.User(ctx, "um"); ok || err != nil {
		t.Errorf("user um: %v, %v, want none", ok, err)
	}
	var names []string
	for _, c := range every(h, admin.Clients(ctx)) {
		names = append(names, c.ClientID)
	}
	if !slices.Contains(names, "portal") || !slices.Contains(names, "api") {
		t.Errorf("clients %v, want portal and api among them", names)
	}
	if _, ok, err := admin.Client(ctx, "none"); ok || err != nil {
		t.Errorf("client none: %v, %v, want none", ok, err)
	}
	h.direct("portal", "openid")
	h.direct("portal", "openid offline_access")
	portal, _, err := admin.Client(ctx, "portal")
	h.must(err)
	for name, list := range map[string]iter.Seq2[adapter.Session, error]{
		"logins of the user":                  admin.UserSessions(ctx, user.ID),
		"logins of the client":                admin.ClientSessions(ctx, portal.ID),
		"offline sessions of the user":        admin.UserOfflineSessions(ctx, user.ID, portal.ID),
		"offline sessions of the client":      admin.ClientOfflineSessions(ctx, portal.ID),
		"offline sessions of the client anew": admin.ClientOfflineSessions(ctx, portal.ID),
	} {
		got := every(h, list)
		if len(got) != 1 || got[0].Username != "uma" || got[0].UserID != user.ID || got[0].ID == "" || h.clock.Now().Sub(got[0].Start.Time()).Abs() > time.Minute {
			t.Errorf("%s: %+v, want one of uma from now", name, got)
		}
	}
}

// adminEnds: a logout keeps or ends offline sessions, as asked.
func adminEnds(t *testing.T, h *house) {
	admin, ctx, id := steward(h), t.Context(), h.uma()
	source := h.source(h.provider("portal", nil), &adapter.MemoryStore{})
	online := h.direct("public", "openid")
	h.must(admin.LogoutUserKeepOffline(ctx, id))
	if got := every(h, admin.UserSessions(ctx, id)); len(got) != 0 {
		t.Errorf("logins after LogoutUserKeepOffline: %+v", got)
	}
	public := adapter.NewTokenSource(h.provider("public", nil), &adapter.MemoryStore{}, adapter.SourceOptions{})
	online.AccessToken = ""
	h.must(public.Keep(ctx, uma, online))
	if _, err := public.Token(ctx, uma); !isLoginRequired(err) {
		t.Errorf("refresh of the login = %v, want that it is gone", err)
	}
	h.clock.Advance(6 * time.Minute)
	if _, err := source.Token(ctx, uma); err != nil {
		t.Errorf("refresh of the offline token after LogoutUserKeepOffline = %v", err)
	}
	portal, _, err := admin.Client(ctx, "portal")
	h.must(err)
	left := every(h, admin.UserOfflineSessions(ctx, id, portal.ID))
	if len(left) != 1 {
		t.Fatalf("%d offline sessions are left, want 1", len(left))
	}
	h.must(admin.EndSession(ctx, left[0].ID, true))
	h.must(admin.EndSession(ctx, left[0].ID, true)) // gone already is no error
	h.clock.Advance(6 * time.Minute)
	if _, err := source.Token(ctx, uma); !isLoginRequired(err) {
		t.Errorf("refresh of an ended offline session = %v, want that it is gone", err)
	}
	h.direct("portal", "openid")
	h.direct("portal", "openid")
	if n, err := admin.EndClientSessions(ctx, portal.ID, false); n != 2 || err != nil {
		t.Errorf("EndClientSessions = %d, %v, want 2", n, err)
	}
	h.must(source.Keep(ctx, uma, h.direct("portal", "offline_access")))
	if !h.keycloak {
		h.clock.Advance(2 * time.Second) // not-before is in whole seconds
	}
	h.must(admin.LogoutUser(ctx, id))
	h.clock.Advance(6 * time.Minute)
	if _, err := source.Token(ctx, uma); !isLoginRequired(err) && !h.keycloak {
		t.Errorf("refresh of the offline token after LogoutUser = %v, want that it is gone", err)
	}
}

// adminConsents: a consent is listed and taken back, and its offline token dies.
func adminConsents(t *testing.T, h *house) {
	admin, ctx, id := steward(h), t.Context(), h.uma()
	l, p := newLogin(h, "asking")
	target, pending, err := l.Begin(ctx, url.Values{"scope": {"offline_access"}})
	h.must(err)
	_, grant, err := l.Finish(ctx, pending, newBrowser(h).login(target))
	h.must(err)
	source := adapter.NewTokenSource(p, &adapter.MemoryStore{}, adapter.SourceOptions{})
	h.must(source.Keep(ctx, uma, *grant))
	got := every(h, admin.Consents(ctx, id))
	if len(got) != 1 || got[0].ClientID != "asking" || !slices.Contains(got[0].Scopes, "offline_access") || got[0].Created.Time().IsZero() {
		t.Errorf("consents %+v, want that for asking", got)
	}
	h.must(admin.RevokeConsent(ctx, id, "asking"))
	h.must(admin.RevokeConsent(ctx, id, "asking")) // nothing to take back is no error
	if got := every(h, admin.Consents(ctx, id)); len(got) != 0 {
		t.Errorf("consents after RevokeConsent: %+v", got)
	}
	h.clock.Advance(6 * time.Minute)
	if _, err := source.Token(ctx, uma); !isLoginRequired(err) {
		t.Errorf("Token after RevokeConsent = %v, want that a login is required", err)
	}
}

// adminLacksRole: a service account without roles is told so, in a list too.
func adminLacksRole(t *testing.T, h *house) {
	admin, err := adapter.NewAdmin(h.provider("idler", nil))
	h.must(err)
	for _, err := range admin.Users(t.Context(), "") {
		if said, ok := errors.AsType[*adapter.ProtocolError](err); !ok || said.Status != http.StatusForbidden {
			t.Errorf("Users = %v, want 403", err)
		}
	}
	if err := admin.LogoutUser(t.Context(), h.uma()); err == nil {
		t.Error("LogoutUser without a role worked")
	}
	if _, err := adapter.NewAdmin(h.provider("public", nil)); err == nil {
		t.Error("NewAdmin for a public client = nil, want an error")
	}
}
