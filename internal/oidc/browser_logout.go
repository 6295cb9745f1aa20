package oidc

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

const (
	confirmPath        = "/protocol/openid-connect/logout/logout-confirm"
	confirmPathPattern = "/realms/{realm}" + confirmPath
)

// browserLogout is OpenID Connect RP-Initiated Logout 1.0 §2. An ID token of
// the login this browser holds ends it at once; so does one alone, where the
// browser holds none. Everything else is asked first, since anyone can send a
// browser here, unless nobody is logged in and there is somewhere to go.
//
// The offline sessions of the login go on, but for clients that want otherwise.
func (q *request) browserLogout(w http.ResponseWriter) error {
	q.w = w
	in, hinted, err := q.checkLogout()
	if in == nil {
		return err
	}
	sso, err := q.sso(w)
	switch {
	case err != nil:
		return err
	case hinted && (sso == nil || sso.SessionID == in.SessionID):
		return q.finishLogout(w, in, sso, hinted)
	case !hinted && sso == nil && in.RedirectURI != "":
		return q.finishLogout(w, in, nil, false)
	}
	return q.askLogout(w, in)
}

// checkLogout checks the parameters; in is nil when they were answered with an
// error page. hinted tells that there is an ID token of a client of today.
func (q *request) checkLogout() (in *session.Logout, hinted bool, err error) {
	id, raw, target := q.form.Get("client_id"), q.form.Get("id_token_hint"), q.form.Get("post_logout_redirect_uri")
	if target != "" && raw == "" && id == "" {
		return nil, false, q.refuseLogout(ui.Msg(ui.MsgMissingParameter, "id_token_hint"), "invalid_request",
			"Either the parameter 'client_id' or the parameter 'id_token_hint' is required when 'post_logout_redirect_uri' is used.")
	}
	in = &session.Logout{State: q.form.Get("state"), UILocales: q.form.Get("ui_locales")}
	azp, reason, err := q.readHint(in, raw)
	switch {
	case err != nil:
		return nil, false, err
	case reason == "" && azp != "" && id != "" && azp != id:
		q.event.e.ClientID = id
		reason = "Parameter client_id is different than the client for which ID Token was issued."
	}
	if reason != "" {
		return nil, false, q.refuseLogout(ui.Msg(ui.MsgInvalidParameter, "id_token_hint"), "invalid_token", reason)
	}
	if id == "" {
		id = azp
	}
	if q.client, err = q.clientNamed(id); err != nil {
		return nil, false, err
	}
	if q.client != nil {
		in.ClientID, q.event.e.ClientID = q.client.ClientID, q.client.ClientID
	}
	if target != "" && (q.client == nil || !q.client.PostLogoutAllowed(target)) {
		q.event.detail("redirect_uri", target)
		return nil, false, q.refuseLogout(ui.Msg(ui.MsgInvalidRedirectURI), "invalid_redirect_uri", "")
	}
	in.RedirectURI = target
	return in, azp != "" && q.client != nil, nil
}

// readHint reads an ID token of this realm, however old: it says who logs out,
// and lets nobody in. azp is the client it is for, "" without one; reason is
// what is wrong with it.
func (q *request) readHint(in *session.Logout, raw string) (azp, reason string, err error) {
	if raw == "" {
		if q.form.TooLong("id_token_hint") {
			return "", "Invalid IDToken", nil
		}
		return "", "", nil
	}
	c, err := q.parseAccess(raw)
	switch {
	case errors.Is(err, token.ErrInvalid):
		return "", "Invalid IDToken", nil
	case err != nil:
		return "", "", err
	case c.Typ != token.TypID:
		return "", "Token type is incorrect. Expected '[ID]' but was '" + c.Typ + "'", nil
	case c.Azp == "":
		return "", "Invalid IDToken", nil
	}
	in.SessionID, in.UserID = c.Sid, c.Sub
	return c.Azp, "", nil
}

// refuseLogout answers with an error page and stores the event.
func (q *request) refuseLogout(m ui.Message, cause, reason string) error {
	q.note("error", cause)
	q.note("reason", reason)
	q.event.cause = cause
	q.event.detail("reason", reason)
	q.failed(cause, "")
	return q.page(http.StatusBadRequest, ui.Error{Message: m, BackURL: q.clientHome()})
}

func (q *request) clientHome() string {
	if q.client == nil {
		return ""
	}
	return q.client.HomeURL()
}

// askLogout asks the person. Only the page that is shown here, in the browser
// it is shown in, can confirm.
func (q *request) askLogout(w http.ResponseWriter, in *session.Logout) (err error) {
	if in.Browser, err = q.browser(w); err != nil {
		return err
	}
	if err := q.e.Sessions.AskLogout(q.ctx, q.snap.Realm.Num, in, q.now, q.snap.Realm.AccessCodeLifespanLogin()); err != nil {
		return err
	}
	return q.showLogout(in)
}

// showLogout shows the page that asks.
func (q *request) showLogout(in *session.Logout) error {
	address := url.Values{"client_id": {in.ClientID}, "tab_id": {in.Handle}}
	return q.logoutPage(in, ui.LogoutConfirm{
		Form: ui.Form{Action: q.issuer + confirmPath + "?" + address.Encode(), CSRF: in.Key}, BackURL: q.clientHome(),
	})
}

// logoutPage answers with a page of a logout, in the language it began in.
func (q *request) logoutPage(in *session.Logout, p ui.Page) error {
	opt := ui.OptionsOf(q.r, q.snap.Realm, q.client, in.UILocales, "")
	if in.RedirectURI != "" {
		opt.Redirects = []string{in.RedirectURI}
	}
	return q.e.UI.Render(q.w, http.StatusOK, p, opt)
}

// confirmLogout takes the person's word, once. GET shows the page again, as
// after a change of language.
func (e *Endpoints) confirmLogout(w http.ResponseWriter, r *http.Request) error {
	q, err := e.open(r)
	if err != nil {
		return err
	}
	q.w = w
	if q.form, err = web.ParseForm(r); err != nil && !errors.Is(err, web.ErrDuplicated) {
		return err
	}
	q.begin("LOGOUT")
	in, err := e.Sessions.AskedLogout(q.ctx, q.snap.Realm.Num, q.jar(w).Get(web.CookieBrowser), r.URL.Query().Get("tab_id"), q.now)
	if err == nil {
		q.client = q.snap.Client(in.ClientID)
		if r.Method != http.MethodPost {
			return q.showLogout(in)
		}
		err = q.takeWord(in)
	}
	if errors.Is(err, store.ErrNotFound) {
		return q.refuseLogout(ui.Msg(ui.MsgFailedLogout), "session_expired", "Failed verification during logout.")
	} else if err != nil {
		return err
	}
	if q.client != nil {
		q.event.e.ClientID = q.client.ClientID
	}
	sso, err := q.sso(w)
	if err != nil {
		return err
	}
	return q.finishLogout(w, in, sso, in.SessionID != "")
}

// takeWord uses up a logout that waits, if the page's key came back. Errors:
// store.ErrNotFound.
func (q *request) takeWord(in *session.Logout) error {
	if subtle.ConstantTimeCompare([]byte(q.form.Get(ui.CSRFField)), []byte(in.Key)) != 1 {
		return store.ErrNotFound
	}
	return q.e.Sessions.ConfirmLogout(q.ctx, in)
}

// finishLogout ends the login the ID token names and the one this browser
// holds, mostly the same, and leads on. That there is none any more is told in
// an event alone.
func (q *request) finishLogout(w http.ResponseWriter, in *session.Logout, sso *session.SSO, hinted bool) error {
	q.event.detail("redirect_uri", in.RedirectURI)
	ended := false
	var frames []ui.LogoutFrame
	if sso != nil {
		parts, err := q.endLogin(model.ShardOf(sso.User.ID), sso.SessionID, sso.User.ID)
		if err != nil {
			return err
		}
		ended, frames = true, q.logoutFrames(parts)
	}
	if hinted && (sso == nil || sso.SessionID != in.SessionID) {
		shard, err := q.e.Sessions.LogoutTarget(q.ctx, q.snap.Config, in.SessionID, in.UserID)
		switch {
		case err == nil:
			if _, err := q.endLogin(shard, in.SessionID, in.UserID); err != nil {
				return err
			}
			ended = true
		case !errors.Is(err, model.ErrSessionGone):
			return err
		}
	}
	if hinted && !ended {
		q.event.cause = "session_expired"
		delete(q.event.e.Details, "redirect_uri")
		q.failed("session_expired", "")
	}
	q.clearIdentity(w)
	return q.leave(w, in, frames)
}

// endLogin ends one login, with an event of its own.
func (q *request) endLogin(shard int64, sid, userID string) ([]session.Ended, error) {
	first := q.event.e
	q.begin("LOGOUT")
	q.event.e.ClientID = firstOf(first.ClientID, "account") // nobody's: Keycloak's own
	q.event.e.Session, q.event.e.UserID = sid, userID
	q.event.detail("redirect_uri", first.Details["redirect_uri"])
	return q.end(shard, sid, false)
}

// logoutFrames are the clients that are told by the browser (OpenID Connect
// Front-Channel Logout 1.0 §3).
func (q *request) logoutFrames(parts []session.Ended) (frames []ui.LogoutFrame) {
	for _, p := range parts {
		c := q.snap.ClientByNum(p.ClientNum)
		if c == nil || !c.Enabled {
			continue
		}
		if address := c.FrontchannelLogoutURL(q.issuer, p.SessionID); address != "" {
			name := c.Name
			if name == "" {
				name = c.ClientID
			}
			frames = append(frames, ui.LogoutFrame{Name: name, URL: address})
		}
	}
	return frames
}

// leave sends the browser where the client wants it, by way of the clients that
// are told in frames, or says that the person is logged out.
func (q *request) leave(w http.ResponseWriter, in *session.Logout, frames []ui.LogoutFrame) error {
	target := ""
	if in.RedirectURI != "" {
		var params [][2]string
		if in.State != "" {
			params = [][2]string{{"state", in.State}}
		}
		target = model.ResponseURL(in.RedirectURI, "query", params)
	}
	switch {
	case len(frames) > 0:
		return q.logoutPage(in, ui.FrontchannelLogout{Clients: frames, ContinueURL: target})
	case target == "":
		return q.logoutPage(in, ui.LoggedOut{BackURL: q.clientHome()})
	}
	w.Header().Set("Cache-Control", web.CachePage)
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
	return nil
}
