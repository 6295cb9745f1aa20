package browser_test

import (
	"testing"
)

// TestLogout_AsksWithoutHint: a link that says nothing of who signs out signs
// nobody out by itself. Waits for end_session_endpoint.
func TestLogout_AsksWithoutHint(t *testing.T) {
	t.Parallel()
	b, h := newTab(t), newHouse(t)
	end := h.announced("end_session_endpoint")
	if end == "" {
		t.Log("waits for end_session_endpoint: nothing announces it")
		return
	}
	r := h.ask("notes", "openid")
	b.open(r.url)
	b.signIn("uma", "pw")
	session := h.works("code", h.redeem(r, h.arrival()))
	b.open(end + "?client_id=notes")
	b.inspect("logout-confirm")
	h.works("refresh before the person agreed", h.refresh("notes", session.Refresh))
	b.press("#kc-logout")
	b.inspect("logout-done")
	if got := h.refresh("notes", session.Refresh); got.Error != "invalid_grant" {
		t.Errorf("refresh after sign-out = %q, want invalid_grant", got.Error)
	}
	b.back()
	if b.has("#kc-logout") {
		b.press("#kc-logout")
		b.inspect("logout-twice")
	}
}
