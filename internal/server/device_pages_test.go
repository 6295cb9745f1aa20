package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/server"
	"github.com/latchkey-id/latchkey/internal/server/servertest"
)

func TestDevice_UserCodeAsTyped(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := newTV(t, s, "openid")
	c := d.UserCode
	bare := strings.ReplaceAll(c, "-", "")
	for _, tt := range []struct {
		typed string
		known bool
	}{
		{c, true}, {strings.ToLower(c), true}, {bare, true}, {bare[:2] + "-" + bare[2:], true}, {"-" + bare + "--", true},
		{bare[:4] + " " + bare[4:], false}, {" " + c, false}, {bare[:7], false}, {bare + "A", false},
	} {
		for name, v := range map[string]*viewer{
			"address": newViewer(t, s).open(livingPath + "/device?user_code=" + url.QueryEscape(tt.typed)),
			"form":    newViewer(t, s).open(livingPath+"/device").press("device_user_code", tt.typed),
		} {
			want := "device_user_code"
			if tt.known {
				want = "password"
			}
			if v.status != 200 || v.kind() != want {
				t.Errorf("%q by %s: %d, page %q, want %q", tt.typed, name, v.status, v.kind(), want)
			}
		}
	}
	v := newViewer(t, s).open(livingPath + "/device").press()
	if v.kind() != "device_user_code" || strings.Contains(v.page, textInvalid) {
		t.Error("an empty form was not just shown again")
	}
}

// A user code is short: nobody may try many.
func TestDevice_GuessesAreBounded(t *testing.T) {
	t.Parallel()
	s := newLiving(t, servertest.WithConfig(func(c *server.Config) { c.ProxyHeaders = "xforwarded" }))
	d := newTV(t, s, "openid")
	guess := func(code, from string) (int, string) {
		r := send(s, http.MethodGet, livingPath+"/device?user_code="+code, "", "", "X-Forwarded-For", from)
		return r.Code, r.Header().Get("Retry-After")
	}
	for i := range 20 {
		if status, _ := guess("AAAA-AAA"+string(rune('A'+i)), "2001:db8::1"); status != 200 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	for _, tt := range []struct {
		name, code, from string
		status           int
		wait             string
	}{
		{"one more wrong code", "ZZZZ-ZZZZ", "2001:db8::1", 429, "60"},
		{"the right code", d.UserCode, "2001:db8::1", 429, "60"},
		{"from the same network", d.UserCode, "2001:db8::2", 429, "60"},
		{"from elsewhere", d.UserCode, "2001:db8:0:1::1", 302, ""},
	} {
		if status, wait := guess(tt.code, tt.from); status != tt.status || wait != tt.wait {
			t.Errorf("%s: %d, Retry-After %q, want %d, %q", tt.name, status, wait, tt.status, tt.wait)
		}
	}
	s.Clock.Advance(time.Minute)
	if status, _ := guess(d.UserCode, "2001:db8::1"); status != http.StatusFound {
		t.Errorf("a minute later: %d", status)
	}
}

func TestDevice_ClientGoneMeanwhile(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d, approved := newTV(t, s, "openid"), newTV(t, s, "openid")
	newViewer(t, s).open(approved.Complete).answer("accept")
	v := newViewer(t, s).open(d.Complete)
	changeClient(t, s, "tv", func(c *model.Client) { c.Enabled = false })
	v.press("username", "alice", "password", "pw").shows("password for a disabled client", 400, "Login requester not enabled")
	newViewer(t, s).open(d.Complete).shows("user code of a disabled client", 400, "Login requester not enabled")
	wantPoll(t, "disabled", poll(t, s, approved), "invalid_client")
	changeClient(t, s, "tv", func(c *model.Client) {
		c.Enabled, c.Attributes = true, map[string]string{"oauth2.device.authorization.grant.enabled": "false"}
	})
	if a := poll(t, s, approved); a.Error != "invalid_grant" || a.Description != "Client not allowed OAuth 2.0 Device Authorization Grant" {
		t.Errorf("grant off: %s %q", a.Error, a.Description)
	}
	newViewer(t, s).open(d.Complete).shows("grant off", 400, "The flow is disabled for the client.")
	changeClient(t, s, "tv", func(c *model.Client) {
		c.Attributes = map[string]string{"oauth2.device.authorization.grant.enabled": "true"}
	})
	wantPoll(t, "on again", poll(t, s, approved), "")
}

// Forms sent twice, the back button, two tabs with one code.
func TestDevice_AnswersCountOnce(t *testing.T) {
	t.Parallel()
	s := newLiving(t)
	d := newTV(t, s, "openid")
	v := newViewer(t, s).open(d.Complete)
	other := newViewer(t, s).open(d.Complete).press("username", "alice", "password", "pw")
	loginPage := v.at
	v.press("username", "alice", "password", "pw")
	consent := v.form()
	v.answer("accept").shows("accepted", 200, textDone)
	v.request(http.MethodPost, consent, "accept=").shows("consent sent twice", 200, textDone)
	v.request(http.MethodPost, consent, "cancel=").shows("taken back", 200, textDone)
	v.open(loginPage).shows("back button", 200, textDone)
	if other.press("accept", "").status != 200 {
		t.Errorf("the other tab: %d", other.status)
	}
	if other.cookies["KEYCLOAK_IDENTITY"] != "" {
		t.Error("the answer that came second made a login")
	}
	wantPoll(t, "approved", poll(t, s, d), "")
}
