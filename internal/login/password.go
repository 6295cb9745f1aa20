package login

import (
	"errors"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// authenticate takes username and password. An unknown user, a wrong password
// and an account that is disabled for it look and take the same.
func (v *visit) authenticate() error {
	name := v.form.Get("username")
	if v.p.Again && v.user != nil {
		name = v.user.Username // what comes back in the form is not to be trusted
	}
	verdict, err := v.d.Realms.VerifyPassword(v.ctx, v.snap, realm.Attempt{
		Login: name, Password: v.form.Get("password"), IP: web.ClientIP(v.r), ClientID: v.p.Request.ClientID,
	})
	u := verdict.User
	switch {
	case errors.Is(err, credential.ErrBusy), errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnknown):
		return web.Overloaded(err)
	case err != nil:
		return err
	case !verdict.OK:
		if v.p.Again && v.user != nil {
			name = "" // nobody typed it
		}
		v.failed(verdict.Cause, u, name)
		v.user = nil
		if v.p.Again {
			v.user = u
		}
		return v.showPassword(ui.Msg(ui.MsgInvalidUser))
	case !u.Enabled:
		v.failed("user_disabled", u, name)
		return v.showPassword(ui.Msg(ui.MsgAccountDisabled))
	}
	if v.p.UserID != u.ID { // the session of somebody else does not go on
		v.p.SSO, v.p.SSOTime, v.p.Consents = "", 0, false
	}
	v.user, v.p.UserID, v.p.AuthTime, v.p.Name = u, u.ID, v.now, model.EventText(name)
	v.p.Remember = v.snap.Realm.RememberMe && v.form.Get("rememberMe") == "on" || v.p.Again && v.p.Remember
	v.rememberName(u)
	return v.proceed()
}

// rememberName keeps the name for the next login, or forgets it.
func (v *visit) rememberName(u *model.User) {
	switch {
	case v.p.Remember:
		v.jar.Set(web.CookieRemember, "username:"+u.Username, 365*24*60*60, false)
	case v.jar.Get(web.CookieRemember) != "":
		v.jar.Clear(web.CookieRemember)
	}
}

// failed stores LOGIN_ERROR.
func (v *visit) failed(code string, u *model.User, name string) {
	web.Log(v.ctx).Set("error", code)
	e := v.event("LOGIN_ERROR")
	e.Error = code
	if name != "" {
		e.Details["username"] = model.EventText(name)
	}
	if u != nil {
		e.UserID = u.ID
	}
	v.keep(e)
}
