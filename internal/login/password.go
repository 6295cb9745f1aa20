package login

import (
	"errors"
	"maps"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
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

// failed stores LOGIN_ERROR. The page does not wait on its success.
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

// event is an event of the password's page.
func (v *visit) event(kind string) *model.Event {
	r := v.snap.Realm
	e := &model.Event{
		ID: token.NewJTI(v.d.Rand), Type: kind, RealmNum: r.Num, RealmID: r.ID, IP: web.ClientIP(v.r), TimeMS: v.d.Now().UnixMilli(),
		ClientID: v.p.Request.ClientID,
		Details:  map[string]string{"auth_method": "openid-connect", "auth_type": "code", "code_id": v.p.EventID()},
	}
	if v.p.Request.RedirectURI != "" {
		e.Details["redirect_uri"] = v.p.Request.RedirectURI
	}
	return e
}

// pageEvent is an event of a page after the password, with details on top.
func (v *visit) pageEvent(kind string, more map[string]string) *model.Event {
	e := v.event(kind)
	e.UserID, e.Details = v.user.ID, v.p.PageDetails()
	if e.Details["username"] = v.p.Name; v.p.Name == "" {
		e.Details["username"] = v.user.Username
	}
	maps.Copy(e.Details, more)
	return e
}
