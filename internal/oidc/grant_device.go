package oidc

import (
	"errors"
	"net/http"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

const grantTypeDevice = "urn:ietf:params:oauth:grant-type:device_code"

// grantDevice is a device's poll (RFC 8628 §3.4), its checks in Keycloak's
// order (measured).
func grantDevice(q *request) (*Answer, error) {
	d, err := q.device()
	if err != nil {
		return nil, err
	}
	code, err := q.e.Sessions.Polled(q.ctx, d, q.now)
	switch {
	case errors.Is(err, session.ErrSlowDown):
		return nil, slowDown()
	case errors.Is(err, session.ErrDeviceDenied):
		return nil, deviceRefusal("access_denied", "The end user denied the authorization request")
	case errors.Is(err, session.ErrDevicePending):
		return nil, q.devicePending("The authorization request is still pending")
	case err != nil:
		return nil, q.wire(err, false)
	}
	row, err := q.loginOf(code)
	switch text := refusalText(err); {
	case text == "User disabled":
		return nil, q.deviceUserDisabled(d, code)
	case text != "":
		return nil, q.devicePending("The authorization request is verified but can not lookup the user session yet")
	case err != nil:
		return nil, err
	}
	return q.redeemDevice(d, code, row)
}

// device finds the device code, which must be the client's.
func (q *request) device() (*session.Device, error) {
	if !q.client.DeviceGrantEnabled() {
		return nil, invalidGrant("Client not allowed OAuth 2.0 Device Authorization Grant")
	}
	handle, sent := q.form.Lookup("device_code")
	if !sent {
		return nil, deviceRefusal("invalid_request", "Missing parameter: device_code")
	}
	d, err := q.e.Sessions.Device(q.ctx, q.snap.Realm.Num, handle, q.now)
	switch {
	case errors.Is(err, session.ErrCodeUnknown):
		return nil, invalidGrant("Device code not valid")
	case d != nil && d.ClientNum != q.client.Num:
		q.event.cause = "invalid_oauth2_device_code"
		q.event.detail("reason", "unauthorized client")
		return nil, invalidGrant("unauthorized client")
	case errors.Is(err, session.ErrCodeExpired):
		return nil, deviceRefusal("expired_token", "Device code is expired")
	case err != nil:
		return nil, q.wire(err, false)
	}
	return d, nil
}

// redeemDevice uses the device code up and mints its tokens.
func (q *request) redeemDevice(d *session.Device, code *session.Code, row *model.SessionRow) (*Answer, error) {
	verifier, sent := q.form.Lookup("code_verifier")
	if err := model.VerifyPKCE(d.Challenge, d.Method, verifier, sent); err != nil {
		q.pkceReason(err)
		return nil, invalidGrant(err.Error())
	}
	if err := q.useDevice(d, code); err != nil {
		return nil, err
	}
	code.Nonce = d.Nonce
	return q.redeem(code, row, token.GrantDevice)
}

func (q *request) useDevice(d *session.Device, code *session.Code) error {
	q.event.e.UserID, q.event.e.Session = code.UserID, code.SessionID
	q.event.detail("code_id", code.SessionID)
	won, err := q.e.Sessions.UseDevice(q.ctx, d)
	if err != nil {
		return q.wire(err, false)
	}
	if !won {
		return slowDown() // polled at the same time elsewhere
	}
	return nil
}

func (q *request) deviceUserDisabled(d *session.Device, code *session.Code) error {
	if err := q.useDevice(d, code); err != nil {
		return err
	}
	q.event.cause = "user_disabled"
	return invalidGrant("User disabled")
}

// devicePending is an answer that is no fault: it leaves no event.
func (q *request) devicePending(text string) error {
	q.event = &eventDraft{}
	return deviceRefusal("authorization_pending", text)
}

func slowDown() error { return deviceRefusal("slow_down", "Slow down") }

func deviceRefusal(code, text string) error {
	return web.OAuthError(http.StatusBadRequest, code, text)
}

// refusalText is what an answer of ours says; "" for any other error.
func refusalText(err error) string {
	var we *web.Error
	if errors.As(err, &we) && we.Status == http.StatusBadRequest {
		return we.Description
	}
	return ""
}
