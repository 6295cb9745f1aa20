package login

import (
	"errors"

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
	v.user, v.p.UserID, v.p.AuthTime = u, u.ID, v.now
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
	const kind = "LOGIN_ERROR"
	if !v.snap.Realm.KeepsEvent(kind) {
		return
	}
	e := v.event(kind)
	e.Error = code
	e.Details["username"] = name
	if u != nil {
		e.UserID = u.ID
	}
	if err := v.d.Store.Write(v.ctx, func(tx *store.Tx) error { return tx.InsertEvent(e) }); err != nil {
		web.Log(v.ctx).Set("event_lost", err.Error())
	}
}

// event is an event of this login.
func (v *visit) event(kind string) *model.Event {
	r := v.snap.Realm
	e := &model.Event{
		ID: token.NewJTI(v.d.Rand), Type: kind, RealmNum: r.Num, RealmID: r.ID, IP: web.ClientIP(v.r), TimeMS: v.d.Now().UnixMilli(),
		ClientID: v.p.Request.ClientID, Details: map[string]string{"auth_method": "openid-connect", "auth_type": "code"},
	}
	if v.p.Request.RedirectURI != "" {
		e.Details["redirect_uri"] = v.p.Request.RedirectURI
	}
	if v.p.Request.Action != "" {
		e.Details["custom_required_action"] = v.p.Request.Action
	}
	if v.user != nil {
		e.UserID = v.user.ID
		e.Details["username"] = v.user.Username
	}
	return e
}
