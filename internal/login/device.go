package login

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// deviceEntry is the page that takes the code a device shows (RFC 8628 §3.3).
// An address with a code goes on by itself.
//
// Its form has no secret of the browser's: whoever sends it could as well have
// sent the address with the code, and a person consents before anything is
// given to the device.
func (d *Pages) deviceEntry(w http.ResponseWriter, r *http.Request) error {
	v, done, err := d.enter(w, r)
	if err != nil || done {
		return err
	}
	if v.form, err = web.ParseParameters(r); err != nil && !errors.Is(err, web.ErrDuplicated) {
		return err
	}
	field := "user_code"
	if r.Method == http.MethodPost {
		field = "device_user_code"
	}
	typed := v.form.Get(field)
	if typed == "" {
		return v.askDeviceCode(http.StatusOK, ui.Message{})
	}
	return v.verifyDevice(typed)
}

// askDeviceCode shows the form, empty: what was wrong is not worth keeping.
func (v *visit) askDeviceCode(status int, fault ui.Message) error {
	form := ui.Form{Action: v.realmURL() + "/device"}
	return v.page(status, ui.DeviceCode{Form: form, Error: fault})
}

// verifyDevice begins the login a user code asks for.
func (v *visit) verifyDevice(typed string) error {
	address := web.ClientIP(v.r)
	if wait := v.d.guesses.begin(address, v.now); wait > 0 {
		v.w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
		return v.askDeviceCode(http.StatusTooManyRequests, ui.Msg(ui.MsgTooManyRequests))
	}
	code := session.ReadUserCode(typed)
	asked, err := v.d.Sessions.Verification(v.ctx, v.snap.Realm.Num, code, v.now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return v.refuseUserCode(ui.MsgDeviceInvalidCode, "device code not found (it may already have been used)")
	case errors.Is(err, session.ErrDeviceDenied):
		return v.refuseUserCode(ui.MsgDeviceInvalidCode, "device code denied")
	case errors.Is(err, session.ErrCodeExpired):
		return v.refuseUserCode(ui.MsgDeviceExpiredCode, "device code expired")
	case err != nil:
		return err
	}
	v.d.guesses.right(address, v.now)
	return v.beginDevice(code, asked)
}

// refuseUserCode asks again.
func (v *visit) refuseUserCode(message, reason string) error {
	e := v.realmEvent("OAUTH2_DEVICE_VERIFY_USER_CODE_ERROR")
	e.Error, e.Details = "invalid_oauth2_user_code", map[string]string{"reason": reason}
	v.keep(e)
	web.Log(v.ctx).Set("error", e.Error)
	return v.askDeviceCode(http.StatusOK, ui.Msg(message))
}

func (v *visit) beginDevice(code string, asked *session.Verification) error {
	v.client = v.snap.ClientByNum(asked.ClientNum)
	v.p = &session.Progress{Device: code, Request: model.AuthorizationRequest{Scope: asked.Scope, MaxAge: -1}}
	if v.client != nil {
		v.p.Request.ClientID = v.client.ClientID
	}
	if gone, err := v.clientGone(); gone {
		return err
	}
	if !v.client.DeviceGrantEnabled() {
		return v.page(http.StatusBadRequest, ui.Error{Message: ui.Msg(ui.MsgDeviceGrantDisabled)})
	}
	e := v.realmEvent("OAUTH2_DEVICE_VERIFY_USER_CODE")
	e.ClientID = v.client.ClientID
	if asked.Scope != "" {
		e.Details = map[string]string{"scope": asked.Scope}
	}
	v.keep(e)
	if err := v.d.Begin(v.w, v.r, v.snap, v.p); err != nil {
		return err
	}
	v.w.Header().Set("Cache-Control", web.CachePage)
	http.Redirect(v.w, v.r, v.address("authenticate", "device"), http.StatusFound)
	return nil
}

// clientGone refuses a code whose client was disabled or deleted since the
// device asked for it.
func (v *visit) clientGone() (bool, error) {
	if v.client != nil && v.client.Enabled {
		return false, nil
	}
	e := v.event("LOGIN_ERROR")
	e.Error = "client_disabled"
	v.keep(e)
	web.Log(v.ctx).Set("error", e.Error)
	return true, v.page(http.StatusBadRequest, ui.Error{Message: ui.Msg(ui.MsgLoginRequesterNotEnabled)})
}

// deviceStatus says how it ended. It decides nothing: anyone may open it.
func (d *Pages) deviceStatus(w http.ResponseWriter, r *http.Request) error {
	v, done, err := d.enter(w, r)
	if err != nil || done {
		return err
	}
	switch v.query.Get("error") {
	case "":
		return v.page(http.StatusOK, ui.DeviceDone{})
	case "access_denied":
		return v.page(http.StatusOK, ui.DeviceDenied{Reason: ui.Msg(ui.MsgDeviceConsentDenied)})
	case "expired_token":
		return v.page(http.StatusOK, ui.DeviceDenied{Reason: ui.Msg(ui.MsgDeviceExpiredCode)})
	}
	return v.page(http.StatusOK, ui.DeviceDenied{})
}
