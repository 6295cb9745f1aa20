package oidc

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Pages shows the next page of a login in progress: the door for people.
type Pages func(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error

// authorize is the authorization endpoint (RFC 6749 §3.1; OpenID Connect Core
// §3.1.2). A browser that is logged in already gets its answer at once, unless
// something is to be asked; any other begins a login.
func (e *Endpoints) authorize(w http.ResponseWriter, r *http.Request) error {
	q, err := e.openPage(w, r)
	if q == nil {
		return err
	}
	req, err := q.authorizationRequest(q.params())
	if fault, ok := errors.AsType[*model.AuthorizationError](err); ok {
		return q.refuseAuthorization(w, fault)
	} else if err != nil {
		return err
	}
	q.client = q.snap.Client(req.ClientID)
	q.begin("LOGIN")
	p := &session.Progress{Request: *req, Pushed: q.pushed}
	sso, err := q.sso(w)
	if err != nil {
		return err
	}
	step, err := q.resume(p, sso)
	if err != nil {
		return err
	}
	switch {
	case step == session.StepDone:
		return q.complete(w, p, sso.User)
	case req.Prompts("none"):
		return q.answerError(w, req, promptErrors[step])
	}
	return q.beginLogin(w, p)
}

// params are the parameters of the request. One that is repeated counts as such
// also when it is too long to be read.
func (q *request) params() model.AuthorizationParams {
	p := model.NewAuthorizationParams(q.form.All())
	if q.repeated && len(p.Repeated) == 0 {
		p.Repeated = q.form.Long()
	}
	return p
}

// promptErrors are the answers to prompt=none (OpenID Connect Core §3.1.2.6).
var promptErrors = map[session.Step]string{
	session.StepPassword: "login_required",
	session.StepAction:   "interaction_required",
	session.StepConsent:  "interaction_required",
}

// openPage opens a request of a person's browser: query or form, the realm.
// q is nil when it has been answered.
func (e *Endpoints) openPage(w http.ResponseWriter, r *http.Request) (*request, error) {
	q, err := e.open(r)
	if err != nil {
		return nil, err
	}
	q.w = w
	q.form, err = web.ParseParameters(r)
	if q.repeated = errors.Is(err, web.ErrDuplicated); err != nil && !q.repeated {
		return nil, err
	}
	switch {
	case !q.snap.Realm.Enabled:
		return nil, q.page(http.StatusBadRequest, ui.Error{Message: ui.Msg(ui.MsgRealmNotEnabled)})
	case web.PlainHTTP(r, q.base, q.snap.Realm.SSLRequired):
		return nil, q.page(http.StatusBadRequest, ui.Error{Message: ui.Msg(ui.MsgHTTPSRequired)})
	}
	return q, nil
}

// page answers with a page of the realm.
func (q *request) page(status int, p ui.Page) error {
	opt := ui.OptionsOf(q.r, q.snap.Realm, q.client, q.form.Get("ui_locales"), "")
	return q.e.UI.Render(q.w, status, p, opt)
}

// refuseAuthorization sends a fault back to the client where the redirect is
// trusted, and shows it on a page where it is not.
func (q *request) refuseAuthorization(w http.ResponseWriter, f *model.AuthorizationError) error {
	q.begin("LOGIN")
	q.client = q.snap.Client(f.ClientID)
	q.event.e.ClientID = f.ClientID
	q.event.detail("redirect_uri", f.RedirectURI)
	q.event.detail("response_type", f.ResponseType)
	if f.ResponseTypeKnown {
		q.event.detail("response_mode", f.ResponseMode)
	}
	q.note("error", f.Cause)
	q.note("reason", f.Reason)
	q.event.cause = f.Cause
	q.event.detail("reason", f.Reason)
	q.failed(f.Code, f.Description)
	if !f.Trusted {
		return q.page(f.Status, ui.Error{Message: ui.Message{Key: f.Page, Args: f.Args}})
	}
	return q.send(w, f.RedirectURI, f.ResponseMode, f.Answer(q.client, q.issuer))
}

// sso reads the login this browser has; nil for none.
func (q *request) sso(w http.ResponseWriter) (*session.SSO, error) {
	jar := q.jar(w)
	raw := jar.Get(web.CookieIdentity)
	if raw == "" {
		return nil, nil
	}
	id, err := q.snap.Keys.ParseIdentity(raw)
	if errors.Is(err, token.ErrInvalid) || err == nil && (id.Iss != q.issuer || id.Exp != 0 && id.Exp <= q.now) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	sso, err := q.e.Sessions.SSO(q.ctx, q.snap.Config, id.Sid, id.Sub, id.Iat)
	if errors.Is(err, model.ErrSessionGone) {
		return nil, nil
	}
	return sso, err
}

// resume tells what a login still needs when it may go on from sso, and fills
// in p what sso knows. prompt=login, max_age and a level that is asked for want
// the password again.
func (q *request) resume(p *session.Progress, sso *session.SSO) (session.Step, error) {
	if sso == nil {
		return session.StepPassword, nil
	}
	p.UserID, p.SSO, p.Remember = sso.User.ID, sso.SessionID, sso.Remember
	req := &p.Request
	if req.Prompts("login") || tooOld(req, q.now-sso.AuthTime) || req.RaisesLevel(q.snap.Realm, q.client) {
		p.Again = true
		return session.StepPassword, nil
	}
	p.SSOTime = sso.AuthTime
	step, _, _, err := q.e.Sessions.Next(q.ctx, q.snap.Config, q.client, p, sso.User, q.asked(req))
	return step, err
}

// actionAge is how old a login may be, in seconds, for an action that an
// application starts; else the password is asked for again (measured).
const actionAge = 300

// tooOld tells whether a login of so many seconds ago is too old for what is
// asked. max_age=0 is never met (OpenID Connect Core §3.1.2.1: as prompt=login),
// where Keycloak takes a login of the same second.
func tooOld(req *model.AuthorizationRequest, age int64) bool {
	return req.MaxAge == 0 || req.MaxAge > 0 && age > req.MaxAge || session.Starts(req.Action) && age > actionAge
}

// asked is the scope of a checked request.
func (q *request) asked(req *model.AuthorizationRequest) model.ScopeSet {
	set, _ := q.snap.RequestScopes(q.client, req.Scope)
	return set
}

// beginLogin stores the login and shows its first page.
func (q *request) beginLogin(w http.ResponseWriter, p *session.Progress) error {
	if err := q.storeLogin(w, p); err != nil {
		return err
	}
	return q.e.Pages(w, q.r, q.snap, p)
}

// storeLogin stores a login that begins, bound to the browser.
func (q *request) storeLogin(w http.ResponseWriter, p *session.Progress) (err error) {
	if p.Browser, err = q.browser(w); err != nil {
		return err
	}
	return q.e.Sessions.Begin(q.ctx, q.snap.Realm.Num, p, q.now, q.snap.Realm.AccessCodeLifespanLogin())
}

// browser is the value of the cookie that binds what is in progress to this
// browser; one that has none gets it.
func (q *request) browser(w http.ResponseWriter) (string, error) {
	jar := q.jar(w)
	if v := jar.Get(web.CookieBrowser); validBrowser(v) {
		return v, nil
	}
	v, err := q.e.Sessions.NewBrowser()
	if err == nil {
		jar.Set(web.CookieBrowser, v, 0, false)
	}
	return v, err
}

// validBrowser tells whether a cookie's value is one of ours. What another
// site planted there would have to be one of a browser that it knows.
func validBrowser(v string) bool {
	_, ok := model.HandleShard(v)
	return ok
}

// handed opens a request that the door for people hands over with its login.
func (e *Endpoints) handed(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) (*request, error) {
	q, err := e.open(r)
	if err != nil {
		return nil, err
	}
	q.w, q.snap, q.client = w, snap, snap.Client(p.Request.ClientID)
	return q, nil
}

// Complete answers the client once a login has gone through all its steps.
func (e *Endpoints) Complete(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error {
	q, err := e.handed(w, r, snap, p)
	if err != nil {
		return err
	}
	q.begin("LOGIN")
	u, err := e.Realms.User(q.ctx, snap, p.UserID)
	if err != nil {
		return err
	}
	if p.Device != "" {
		return q.approve(w, p, u)
	}
	return q.complete(w, p, u)
}

// Deny answers the client when the person said no.
func (e *Endpoints) Deny(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error {
	q, err := e.handed(w, r, snap, p)
	if err != nil {
		return err
	}
	if p.Device != "" {
		return q.deny(w, p)
	}
	u, err := e.Realms.User(q.ctx, snap, p.UserID)
	if err != nil {
		return err
	}
	q.rejected(p, u)
	q.endProof(w, p)
	return q.answerError(w, &p.Request, "access_denied")
}

// complete starts or continues the session, and answers with what response_type
// asks for.
func (q *request) complete(w http.ResponseWriter, p *session.Progress, u *model.User) error {
	req := &p.Request
	scopes := q.asked(req)
	l := &session.Login{User: u, Session: p.SSO, IP: q.ip, Remember: p.Remember, Scope: scopes.FullScope(), Notes: q.loginNotes(p), Pushed: p.Pushed}
	if p.Tab != "" {
		l.Progress = p
	}
	if other, err := q.join(w, p, l); err != nil || other != nil {
		return q.differentUser(w, p, u, other, err)
	}
	if req.Wants("code") {
		l.Lifespan = q.snap.Realm.AccessCodeLifespan()
		l.Code = &session.Code{
			Challenge: req.CodeChallenge, Method: req.CodeChallengeMethod, Nonce: req.Nonce,
		}
		if req.RedirectURISent {
			l.Code.RedirectURI = req.RedirectURI
		}
	}
	q.loginEvent(p, u)
	answer := model.AuthorizationAnswer{ActionStatus: p.Action}
	if req.Action != "" && !session.Starts(req.Action) {
		answer.ActionStatus = model.ActionFailed
	}
	l.Prepare = func(sid, code string) error {
		q.beganSession(sid)
		answer.SessionState, answer.Code = sid, code
		if !req.Wants("token") && !req.Wants("id_token") {
			return nil
		}
		return q.addTokens(&answer, req, u, sid, l.Notes, scopes)
	}
	sid, _, started, err := q.e.Sessions.Finish(q.ctx, q.snap.Config, q.client, l, q.now, q.event.record())
	switch {
	case errors.Is(err, session.ErrPushedUsed):
		return q.refuseAuthorization(w, pushedUnknown().Of(q.client))
	case errors.Is(err, model.ErrSessionGone):
		return q.withoutSSO(w, p, u)
	case err != nil:
		return err
	}
	if started || p.AuthTime > 0 {
		if err := q.setIdentity(w, u, sid, p.Remember); err != nil {
			return err
		}
	}
	q.endProof(w, p)
	return q.send(w, req.RedirectURI, req.ResponseMode, req.Answer(q.client, q.issuer, answer))
}

// withoutSSO goes on with a login whose session of before ended on the way, by a
// logout in another tab: with a session of its own if it came with a password,
// else from the beginning.
func (q *request) withoutSSO(w http.ResponseWriter, p *session.Progress, u *model.User) error {
	p.SSO, p.SSOTime = "", 0
	switch {
	case p.AuthTime > 0:
		return q.complete(w, p, u)
	case p.Request.Prompts("none"):
		return q.answerError(w, &p.Request, "login_required")
	}
	p.UserID, p.Again, p.Consents = "", false, false
	if p.Tab == "" {
		return q.beginLogin(w, p)
	}
	if err := q.e.Sessions.Advance(q.ctx, p, nil); err != nil {
		return err
	}
	return q.e.Pages(w, q.r, q.snap, p)
}

// loginNotes are what mappers read of a login: when the password was given, and
// which level that is for this request (acr).
func (q *request) loginNotes(p *session.Progress) map[string]string {
	at, level := p.AuthTime, model.LevelPassword
	if at == 0 {
		at, level = p.SSOTime, model.LevelSSO
	}
	notes := map[string]string{
		session.NoteAuthTime: strconv.FormatInt(at, 10),
		"acr":                model.ACR(q.snap.Realm, q.client, p.Request.ACR, level),
	}
	return q.withAgent(q.markOffline(notes, q.asked(&p.Request)))
}

// withAgent adds to the notes of a login what its program and device say they
// are, for the person who looks at the list of logins.
func (q *request) withAgent(notes map[string]string) map[string]string {
	agent := model.ParseUserAgent(q.r.UserAgent()).Note()
	if agent == "" {
		return notes
	}
	if notes == nil {
		notes = map[string]string{}
	}
	notes[model.NoteUserAgent] = agent
	return notes
}

// answerError answers the client with an error. The event, if there is one, is
// the caller's: a refused prompt=none leaves none (measured).
func (q *request) answerError(w http.ResponseWriter, req *model.AuthorizationRequest, code string) error {
	q.note("error", code)
	return q.send(w, req.RedirectURI, req.ResponseMode, req.Answer(q.client, q.issuer, model.AuthorizationAnswer{Error: code}))
}

// send takes an answer to the client by its response mode.
func (q *request) send(w http.ResponseWriter, redirectURI, mode string, params [][2]string) error {
	w.Header().Set("Cache-Control", web.CachePage)
	if mode == "form_post" {
		page := ui.FormPost{Action: redirectURI}
		for _, p := range params {
			page.Fields = append(page.Fields, ui.Param{Name: p[0], Value: p[1]})
		}
		return q.page(http.StatusOK, page)
	}
	w.Header().Set("Location", model.ResponseURL(redirectURI, mode, params))
	w.WriteHeader(http.StatusFound)
	return nil
}
