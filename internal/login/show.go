package login

import (
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// show answers with the page the login is at, and what is to be told on it.
func (v *visit) show(fault ui.Message) error {
	step, action, missing, err := v.next()
	if err != nil {
		return err
	}
	switch step {
	case session.StepPassword:
		return v.showPassword(fault)
	case session.StepConsent:
		return v.showConsent(missing)
	case session.StepAction:
		return v.showAction(action)
	}
	return v.d.Complete(v.w, v.r, v.snap, v.p)
}

func (v *visit) showPassword(fault ui.Message) error {
	r := v.snap.Realm
	form := v.formTo("authenticate", string(session.StepPassword))
	if v.p.Again && v.user != nil {
		return v.page(http.StatusOK, ui.Reauthenticate{Form: form, Username: v.user.Username, RestartURL: v.address("restart", "restart"), Error: fault})
	}
	page := ui.Login{
		Form: form, Username: v.form.Get("username"), EmailAllowed: r.LoginWithEmailAllowed, CanRemember: r.RememberMe,
		Remember: v.form.Get("rememberMe") == "on", Error: fault,
	}
	if page.Username == "" {
		page.Username = v.p.Request.LoginHint
	}
	if remembered, ok := strings.CutPrefix(v.jar.Get(web.CookieRemember), "username:"); ok && r.RememberMe && page.Username == "" {
		page.Username, page.Remember = remembered, true
	}
	return v.page(http.StatusOK, page)
}

func (v *visit) showConsent(missing []*model.ClientScope) error {
	page := ui.Consent{Form: v.formTo("consent", string(session.StepConsent)), Username: v.user.Username}
	for _, s := range missing {
		page.Scopes = append(page.Scopes, ui.Scope{Name: s.Name, Text: s.Attributes["consent.screen.text"]})
	}
	return v.page(http.StatusOK, page)
}

// ErrorPage shows an error of any address to a person's browser, where there is
// no realm to show it in.
func (d *Pages) ErrorPage(w http.ResponseWriter, r *http.Request, e *web.Error) {
	message := ui.Msg(ui.MsgInvalidRequest)
	switch {
	case e.Status == http.StatusNotFound:
		message = ui.Msg(ui.MsgPageNotFound)
	case e.Status == http.StatusServiceUnavailable, e.Status == http.StatusTooManyRequests:
		message = ui.Msg(ui.MsgTooManyRequests)
	case e.Status >= http.StatusInternalServerError:
		message = ui.Msg(ui.MsgInternalError)
	}
	opt := ui.OptionsOf(r, &model.Realm{Name: "Latchkey"}, nil, "", "")
	if err := d.UI.Render(w, e.Status, ui.Error{Message: message}, opt); err != nil {
		web.Log(r.Context()).Set("page", err.Error())
		w.WriteHeader(e.Status)
	}
}
