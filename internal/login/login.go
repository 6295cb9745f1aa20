// Package login is the door for people: the pages of a login in a browser,
// below /realms/{realm}/login-actions.
//
//	authorization endpoint ─► Show ─► password ─► required actions ─► consent ─► Complete
//
// A login in progress is stored (session.Progress), so any node serves its next
// page. Its pages are found by the handle in their address together with a
// cookie of the browser, and a form brings back the key of the page it came
// from: a page of another login, browser or step changes nothing. What the
// answer to the client is belongs to the door for clients, which hands a login
// over and gets it back through functions of this struct's fields.
package login

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Pages serves the pages of all realms. All fields are required.
type Pages struct {
	Realms   *realm.Service
	Sessions *session.Service
	Store    *store.Store
	UI       *ui.UI
	Rand     io.Reader
	Now      func() time.Time
	Base     *web.BaseURL

	// Begin stores a login that a device asked for, and finds the login this
	// browser has.
	Begin func(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error
	// Complete answers who asked for the login, once nothing is missing; Deny
	// when the person refused.
	Complete, Deny func(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error

	// Ended tells clients that their sessions have ended.
	Ended func(ctx context.Context, snap *realm.Snapshot, issuer string, parts []session.Ended)

	guesses guesses // wrong user codes by address
}

// Routes registers the pages.
func (d *Pages) Routes(mux *web.Mux) {
	const actions = "/realms/{realm}/login-actions"
	mux.Handle("GET "+actions+"/authenticate", d.current)
	mux.Handle("POST "+actions+"/authenticate", d.step((*visit).authenticate))
	mux.Handle("GET "+actions+"/required-action", d.current)
	mux.Handle("POST "+actions+"/required-action", d.step((*visit).requiredAction))
	mux.Handle("GET "+actions+"/consent", d.current)
	mux.Handle("POST "+actions+"/consent", d.step((*visit).consent))
	mux.Handle("GET "+actions+"/restart", d.restart)
	mux.Handle("GET /realms/{realm}/device", d.deviceEntry)
	mux.Handle("POST /realms/{realm}/device", d.deviceEntry)
	mux.Handle("GET /realms/{realm}/device/status", d.deviceStatus)
}

// visit is one request of a person's browser to a login in progress.
type visit struct {
	d    *Pages
	ctx  context.Context
	w    http.ResponseWriter
	r    *http.Request
	snap *realm.Snapshot
	base string
	now  int64

	query  url.Values
	form   web.Form
	jar    web.CookieJar
	p      *session.Progress
	client *model.Client
	user   *model.User // nil before the password
}

// at begins a visit to the pages of a realm.
func (d *Pages) at(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot) (*visit, error) {
	base, err := d.Base.Of(r)
	if err != nil {
		return nil, err
	}
	v := &visit{d: d, ctx: r.Context(), w: w, r: r, base: base, now: d.Now().Unix(), snap: snap, query: r.URL.Query()}
	if v.snap == nil {
		v.snap, err = d.Realms.Find(v.ctx, r.PathValue("realm"))
		if errors.Is(err, realm.ErrUnknownRealm) {
			return nil, web.AdminError(http.StatusNotFound, "Realm does not exist")
		} else if err != nil {
			return nil, err
		}
	}
	v.jar = web.Cookies(w, r, base, v.snap.Realm.Name)
	return v, nil
}

// enter begins a visit to a realm that lets people in; done tells that the
// request has been answered, because this one does not.
func (d *Pages) enter(w http.ResponseWriter, r *http.Request) (v *visit, done bool, err error) {
	if v, err = d.at(w, r, nil); err != nil {
		return nil, false, err
	}
	switch {
	case !v.snap.Realm.Enabled:
		return v, true, v.refuse(ui.Msg(ui.MsgRealmNotEnabled))
	case web.PlainHTTP(r, v.base, v.snap.Realm.SSLRequired):
		return v, true, v.refuse(ui.Msg(ui.MsgHTTPSRequired))
	}
	return v, false, nil
}

// open finds the login a page's address names; done tells that the request has
// been answered, because there is none or it may not go on.
func (d *Pages) open(w http.ResponseWriter, r *http.Request) (v *visit, done bool, err error) {
	if v, done, err = d.enter(w, r); err != nil || done {
		return v, done, err
	}
	browser := v.jar.Get(web.CookieBrowser)
	p, err := d.Sessions.Progress(v.ctx, v.snap.Realm.Num, browser, v.query.Get("tab_id"), v.now)
	v.client = v.snap.Client(v.query.Get("client_id"))
	switch {
	case errors.Is(err, session.ErrFinished):
		v.p, v.client = p, v.snap.Client(p.Request.ClientID) // not the one the address names
		return v, true, v.finished()
	case errors.Is(err, store.ErrNotFound) && browser == "":
		return v, true, v.refuse(ui.Msg(ui.MsgCookieNotFound))
	case errors.Is(err, store.ErrNotFound):
		return v, true, v.refuse(ui.Msg(ui.MsgExpiredCode))
	case err != nil:
		return nil, false, err
	case !v.proves(p):
		return v, true, v.refuse(ui.Msg(ui.MsgExpiredCode))
	}
	v.p = p
	done, err = v.load()
	return v, done, err
}

// refuse answers with an error page that leads back to the client.
func (v *visit) refuse(m ui.Message) error {
	return v.page(http.StatusBadRequest, ui.Error{Message: m, BackURL: v.home()})
}

// load reads what the login is about, as it is now. done tells that the request
// has been answered: client or user were disabled or deleted on the way.
func (v *visit) load() (done bool, err error) {
	v.client = v.snap.Client(v.p.Request.ClientID)
	switch {
	case v.client == nil:
		return true, v.refuse(ui.Msg(ui.MsgClientNotFound))
	case !v.client.Enabled:
		return true, v.refuse(ui.Msg(ui.MsgLoginRequesterNotEnabled))
	}
	if err := v.checkSSO(); err != nil || v.p.UserID == "" {
		return false, err
	}
	v.user, err = v.d.Realms.User(v.ctx, v.snap, v.p.UserID)
	switch {
	case errors.Is(err, realm.ErrUnknown), err == nil && !v.user.Enabled:
		v.user = nil
		return true, v.refuse(ui.Msg(ui.MsgAccountDisabled))
	}
	return false, err
}

// checkSSO forgets the earlier login this one goes on from when that has ended:
// a logout must not be undone by a page that was open.
func (v *visit) checkSSO() error {
	p := v.p
	if p.SSO == "" {
		return nil
	}
	_, err := v.d.Sessions.SSO(v.ctx, v.snap.Config, p.SSO, p.UserID, max(p.SSOTime, p.AuthTime, p.Started))
	if !errors.Is(err, model.ErrSessionGone) {
		return err
	}
	if p.SSO, p.SSOTime, p.Again = "", 0, false; p.AuthTime == 0 {
		p.UserID, p.Consents = "", false
	}
	return nil
}

// finished is shown to a browser that went back to a login that is over.
func (v *visit) finished() error {
	if v.p != nil && v.p.Device != "" {
		return v.page(http.StatusOK, ui.DeviceDone{})
	}
	return v.page(http.StatusOK, ui.AlreadySignedIn{BackURL: v.back()})
}

// back leads from a login that is over to the client: to its home, else to where
// the login's answer went, with what Keycloak answers there. "" where neither is
// known, and where the answer is no address.
func (v *visit) back() string {
	if home := v.home(); home != "" || v.client == nil || v.p == nil {
		return home
	}
	req := &v.p.Request
	if req.ResponseMode == "form_post" || !v.client.RedirectAllowed(req.RedirectURI) {
		return ""
	}
	issuer := v.base + "/realms/" + v.snap.Realm.Name
	over := model.AuthorizationAnswer{Error: "temporarily_unavailable", Description: "authentication_expired"}
	return model.ResponseURL(req.RedirectURI, req.ResponseMode, req.Answer(v.client, issuer, over))
}

// home is where the client lives, if it says so; "" otherwise.
func (v *visit) home() string {
	if v.client == nil {
		return ""
	}
	return v.client.HomeURL()
}

// step wraps the handler of a form: a form of an earlier page of the same login,
// or one that another site sent, changes nothing and shows where the login is
// now.
func (d *Pages) step(handle func(v *visit) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, done, err := d.open(w, r)
		if err != nil || done {
			return err
		}
		if v.form, err = web.ParseForm(r); err != nil && !errors.Is(err, web.ErrDuplicated) {
			return err
		}
		if !web.SameText(v.query.Get("session_code"), v.p.Key) || web.FromOtherSite(r) {
			v.form = web.Form{}
			return v.show(ui.Message{})
		}
		return v.settled(handle(v))
	}
}

// settled shows where the login is when the same form was sent twice and the
// other one won.
func (v *visit) settled(err error) error {
	if !errors.Is(err, store.ErrStale) {
		return err
	}
	now, done, err := v.d.open(v.w, v.r)
	if err != nil || done {
		return err
	}
	return now.show(ui.Message{})
}

// current shows the page the login is at.
func (d *Pages) current(w http.ResponseWriter, r *http.Request) error {
	v, done, err := d.open(w, r)
	if err != nil || done {
		return err
	}
	return v.settled(v.show(ui.Message{}))
}

// restart forgets who was logging in.
func (d *Pages) restart(w http.ResponseWriter, r *http.Request) error {
	v, done, err := d.open(w, r)
	if err != nil || done {
		return err
	}
	v.p.Anew = true
	v.p.UserID, v.p.AuthTime, v.p.SSO, v.p.SSOTime, v.p.Again, v.p.Consents, v.user = "", 0, "", 0, false, false, nil
	if err := d.Sessions.Advance(v.ctx, v.p, nil); err != nil {
		return v.settled(err)
	}
	return v.show(ui.Message{})
}

// Show answers with the page a login is at; it is how a login begins.
func (d *Pages) Show(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error {
	v, err := d.at(w, r, snap)
	if err != nil {
		return err
	}
	v.p = p
	if done, err := v.load(); err != nil || done {
		return err
	}
	return v.show(ui.Message{})
}

// proceed goes to the next page, or completes the login.
func (v *visit) proceed() error {
	step, _, _, err := v.next()
	if err != nil {
		return err
	}
	if step == session.StepDone {
		return v.d.Complete(v.w, v.r, v.snap, v.p)
	}
	if err := v.prove(); err != nil {
		return err
	}
	if err := v.d.Sessions.Advance(v.ctx, v.p, nil); err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", web.CachePage)
	http.Redirect(v.w, v.r, v.address("required-action", string(step)), http.StatusFound)
	return nil
}

func (v *visit) next() (session.Step, string, []*model.ClientScope, error) {
	asked, _ := v.snap.RequestScopes(v.client, v.p.Request.Scope)
	return v.d.Sessions.Next(v.ctx, v.snap.Config, v.client, v.p, v.user, asked)
}

// address is where a page of this login is, and where its form posts to.
func (v *visit) address(page, execution string) string {
	q := url.Values{"session_code": {v.p.Key}, "execution": {execution}, "client_id": {v.p.Request.ClientID}, "tab_id": {v.p.Tab}}
	return v.realmURL() + "/login-actions/" + page + "?" + q.Encode()
}

func (v *visit) realmURL() string {
	return v.base + "/realms/" + url.PathEscape(v.snap.Realm.Name)
}

func (v *visit) formTo(page, execution string) ui.Form {
	return ui.Form{Action: v.address(page, execution), CSRF: v.p.Key}
}

// page answers with a page of the realm.
func (v *visit) page(status int, p ui.Page) error {
	locales, locale := "", ""
	if v.p != nil {
		locales = v.p.Request.UILocales
	}
	if v.user != nil && len(v.user.Attributes["locale"]) > 0 {
		locale = v.user.Attributes["locale"][0]
	}
	opt := ui.OptionsOf(v.r, v.snap.Realm, v.client, locales, locale)
	if v.p != nil {
		opt.Redirects = []string{v.p.Request.RedirectURI}
	}
	return v.d.UI.Render(v.w, status, p, opt)
}
