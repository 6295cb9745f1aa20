package browser_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/chromedp/cdproto/page"
)

var pageFrames = page.GetFrameTree

// document is the realm's discovery document.
func (h *house) document() map[string]any {
	h.t.Helper()
	resp, err := http.Get(h.issuer() + "/.well-known/openid-configuration")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		h.t.Fatal(err)
	}
	return doc
}

// announced is an address of the discovery document; "" when it has none.
func (h *house) announced(member string) string {
	h.t.Helper()
	s, _ := h.document()[member].(string)
	return s
}

// signOut ends the browser's login where the server announces how, and comes
// back to the relying party. Until then an administrator ends the session.
func (b *tab) signOut(h *house, a tokens) {
	b.t.Helper()
	end := h.announced("end_session_endpoint")
	if end == "" {
		h.admin(http.MethodDelete, "/sessions/"+a.Session)
		return
	}
	b.open(end + "?" + url.Values{"id_token_hint": {a.ID}, "post_logout_redirect_uri": {h.app + "/"}, "state": {"bye"}}.Encode())
	b.until(`document.querySelector("#app")`)
	if got := eval[string](b, "location.href"); got != h.app+"/?state=bye" {
		b.t.Errorf("after sign-out the browser is at %s", got)
	}
}

// admin calls admin REST below the realm and returns the answer.
func (h *house) admin(method, path string) []byte {
	h.t.Helper()
	resp, err := http.PostForm(h.base+"/realms/master/protocol/openid-connect/token", url.Values{
		"client_id": {"admin-cli"}, "grant_type": {"password"}, "username": {"admin"}, "password": {"admin"}})
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var a tokens
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.base+"/admin/realms/harbour"+path, strings.NewReader(""))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.Access)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		h.t.Fatalf("%s %s: %d %s %v", method, path, answer.StatusCode, body, err)
	}
	return body
}
