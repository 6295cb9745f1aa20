package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

// A client that asks whether somebody is logged in leaves no trace; a person
// who says no does.
func TestAuthorize_EventsOfRefusals(t *testing.T) {
	t.Parallel()
	d := newLogoutDoor(t, `{"clientId":"asks","secret":"s","redirectUris":["http://localhost:9999/*"],"consentRequired":true}`)
	b := newBrowser(t, d)
	if p := b.authorize("asks", "openid", "prompt", "none"); !strings.Contains(p.location, "error=login_required") {
		t.Fatalf("prompt=none = %q", p.location)
	}
	if got := d.events(t, "LOGIN_ERROR"); len(got) != 0 {
		t.Errorf("events of prompt=none: %v", got)
	}
	p := b.press(b.authorize("asks", "openid profile"), "username", "uma", "password", "password")
	if p.status == http.StatusFound {
		p = b.get(p.location)
	}
	if p = b.press(p, "cancel", "No"); !strings.Contains(p.location, "error=access_denied") {
		t.Fatalf("refused = %d %q", p.status, p.location)
	}
	got := d.events(t, "LOGIN_ERROR")
	if len(got) != 1 || got[0]["error"] != "rejected_by_user" || got[0]["clientId"] != "asks" || got[0]["userId"] == nil {
		t.Errorf("events of a refusal: %v", got)
	}
}
