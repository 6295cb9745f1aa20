package login_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/server/servertest"
	"github.com/latchkey-id/latchkey/internal/store"
)

// eventsOf lists the shop's events, oldest first, those of one moment by type:
// "TYPE error user session name=value …". Ids are ID.
func eventsOf(t *testing.T, s *servertest.Server) []string {
	t.Helper()
	events, err := s.Store.Events(t.Context(), shop(t, s).Realm.Num, store.EventFilter{Max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		line := e.Type
		if e.Error != "" {
			line += " " + e.Error
		}
		if e.UserID != "" {
			line += " user"
		}
		if e.Session != "" {
			line += " session"
		}
		for _, name := range slices.Sorted(maps.Keys(e.Details)) {
			value := e.Details[name]
			if name == "code_id" {
				value = "ID"
			}
			line += " " + name + "=" + value
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

const (
	answered = " redirect_uri=http://app.example/cb response_mode=query response_type=code"
	// paged is what events at a page after the password tell.
	paged = " redirect_uri=http://app.example/cb remember_me=false response_mode=query response_type=code"
)

// Each line is what a Keycloak 26.7.2 stored for the same act.
func TestEvents_AsKeycloaks(t *testing.T) {
	t.Parallel()
	password := func(b *browser, name string, more ...string) *page {
		return b.submit(b.follow(b.get(auth(more...))), "username", name, "password", "pw")
	}
	for _, tt := range []struct {
		name string
		act  func(b *browser)
		want []string
	}{
		{"login", func(b *browser) { password(b, "alice") }, []string{
			"LOGIN user session auth_method=openid-connect auth_type=code code_id=ID consent=no_consent_required" + answered + " username=alice",
		}},
		{"login by email", func(b *browser) { password(b, "ALICE@x.org") }, []string{
			"LOGIN user session auth_method=openid-connect auth_type=code code_id=ID consent=no_consent_required" + answered + " username=ALICE@x.org",
		}},
		{"wrong password", func(b *browser) {
			b.submit(b.follow(b.get(auth())), "username", "alice", "password", "no")
		}, []string{
			"LOGIN_ERROR invalid_user_credentials user auth_method=openid-connect auth_type=code code_id=ID redirect_uri=http://app.example/cb username=alice",
		}},
		{"no username", func(b *browser) { b.submit(b.follow(b.get(auth())), "username", "", "password", "no") }, []string{
			"LOGIN_ERROR user_not_found auth_method=openid-connect auth_type=code code_id=ID redirect_uri=http://app.example/cb",
		}},
		{"a long username is cut", func(b *browser) {
			b.submit(b.follow(b.get(auth())), "username", strings.Repeat("ä", 10000), "password", "no")
		}, []string{
			"LOGIN_ERROR user_not_found auth_method=openid-connect auth_type=code code_id=ID redirect_uri=http://app.example/cb username=" + strings.Repeat("ä", 254) + "…",
		}},
		{"bad scope", func(b *browser) { b.get(auth("scope", "nope")) }, []string{
			"LOGIN_ERROR invalid_request reason=Invalid scopes: nope" + answered,
		}},
		{"bad response type", func(b *browser) { b.get(auth("response_type", "x")) }, []string{
			"LOGIN_ERROR invalid_request reason=Unsupported response_type redirect_uri=http://app.example/cb response_type=x",
		}},
		{"new password refused and given", func(b *browser) {
			p := b.follow(password(b, "temp"))
			p = b.submit(p, "password-new", "", "password-confirm", "")
			p = b.submit(p, "password-new", "a", "password-confirm", "b")
			b.submit(p, "password-new", "next", "password-confirm", "next")
		}, []string{
			"LOGIN user session auth_method=openid-connect code_id=ID consent=no_consent_required credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
			"UPDATE_CREDENTIAL user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
			"UPDATE_CREDENTIAL_ERROR password_confirm_error user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
			"UPDATE_CREDENTIAL_ERROR password_missing user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
			"UPDATE_PASSWORD user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
			"UPDATE_PASSWORD_ERROR password_confirm_error user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
			"UPDATE_PASSWORD_ERROR password_missing user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=temp",
		}},
		{"profile", func(b *browser) {
			b.submit(b.follow(password(b, "half")), "email", "half@x.org", "firstName", "H", "lastName", "A")
		}, []string{
			"LOGIN user session auth_method=openid-connect code_id=ID consent=no_consent_required context=UPDATE_PROFILE custom_required_action=VERIFY_PROFILE" + paged +
				" updated_email=half@x.org updated_first_name=H updated_last_name=A username=half",
			"UPDATE_PROFILE user auth_method=openid-connect code_id=ID context=UPDATE_PROFILE custom_required_action=VERIFY_PROFILE" + paged +
				" updated_email=half@x.org updated_first_name=H updated_last_name=A username=half",
			"VERIFY_PROFILE user auth_method=openid-connect code_id=ID fields_to_update=lastName,firstName,email" + paged + " username=half",
		}},
		{"action given up", func(b *browser) {
			b.submit(b.follow(password(b, "bob", "kc_action", "UPDATE_PROFILE")), "cancel-aia", "true")
		}, []string{
			"CUSTOM_REQUIRED_ACTION_ERROR rejected_by_user user auth_method=openid-connect code_id=ID custom_required_action=UPDATE_PROFILE" + paged + " username=bob",
			"LOGIN user session auth_method=openid-connect code_id=ID consent=no_consent_required custom_required_action=UPDATE_PROFILE" + paged + " username=bob",
		}},
		{"other devices signed out", func(b *browser) {
			password(newBrowser(b.t, b.srv), "bob")
			b.submit(b.follow(password(b, "bob", "kc_action", "UPDATE_PASSWORD")), "password-new", "next", "password-confirm", "next", "logout-sessions", "on")
		}, []string{
			"LOGIN user session auth_method=openid-connect auth_type=code code_id=ID consent=no_consent_required" + answered + " username=bob",
			"LOGIN user session auth_method=openid-connect code_id=ID consent=no_consent_required credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=bob",
			"LOGOUT user session auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD logout_triggered_by_required_action=UPDATE_PASSWORD" + paged + " username=bob",
			"UPDATE_CREDENTIAL user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=bob",
			"UPDATE_PASSWORD user auth_method=openid-connect code_id=ID credential_type=password custom_required_action=UPDATE_PASSWORD" + paged + " username=bob",
		}},
		{"consent refused, given, kept", func(b *browser) {
			uri := "http://asks.example/cb"
			consent := func(answer string) {
				b := newBrowser(b.t, b.srv)
				b.submit(b.follow(b.submit(b.follow(b.get(auth("client_id", "asks", "redirect_uri", uri))), "username", "alice", "password", "pw")), answer, "x")
			}
			consent("cancel")
			consent("accept")
			b.submit(b.follow(b.get(auth("client_id", "asks", "redirect_uri", uri))), "username", "alice", "password", "pw")
		}, []string{
			strings.ReplaceAll("LOGIN user session auth_method=openid-connect auth_type=code code_id=ID consent=persistent_consent"+answered+" username=alice", "app.", "asks."),
			strings.ReplaceAll("LOGIN user session auth_method=openid-connect code_id=ID consent=consent_granted"+paged+" username=alice", "app.", "asks."),
			strings.ReplaceAll("LOGIN_ERROR rejected_by_user user auth_method=openid-connect code_id=ID"+paged+" username=alice", "app.", "asks."),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "")
			tt.act(newBrowser(t, s))
			if got := eventsOf(t, s); !slices.Equal(got, tt.want) {
				t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// All errors of one login share one code_id, which is not its handle; its
// success and the tokens have the session's.
func TestEvents_CodeID(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	b := newBrowser(t, s)
	p := b.follow(b.get(auth()))
	p = b.submit(p, "username", "alice", "password", "no")
	tab := p.tab()
	p = b.submit(p, "username", "alice", "password", "no")
	b.submit(p, "username", "alice", "password", "pw")
	events, err := s.Store.Events(t.Context(), shop(t, s).Realm.Num, store.EventFilter{Max: 10})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for _, e := range events {
		ids[e.Details["code_id"]]++
		if e.Details["code_id"] == tab {
			t.Error("an event names the login's handle")
		}
		if e.Type == "LOGIN" && e.Details["code_id"] != e.Session {
			t.Errorf("code_id of LOGIN = %q, want the session %q", e.Details["code_id"], e.Session)
		}
	}
	if len(ids) != 2 || len(events) != 3 {
		t.Errorf("code_ids = %v of %d events, want one of two errors and one of the login", ids, len(events))
	}
}
