package oidc

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// deviceAnswer is the device authorization response (RFC 8628 §3.2).
type deviceAnswer struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"`
	Interval                int64  `json:"interval"`
}

// deviceAuthorization is the device authorization endpoint (RFC 8628 §3.1). As
// Keycloak it drops scopes the client does not have, and stores no event of a
// success.
func (e *Endpoints) deviceAuthorization(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", web.CachePage)
	q, duplicated, err := e.openForm(r)
	if err != nil {
		return err
	}
	q.begin("OAUTH2_DEVICE_AUTH")
	if err := q.authenticateClient(); err != nil {
		return q.refuse(err)
	}
	if err := q.allowOrigin(w); err != nil {
		return err
	}
	d, err := q.checkDevice(duplicated)
	if err != nil {
		return q.refuse(err)
	}
	code, err := e.Sessions.NewDevice(q.ctx, q.snap.Realm.Num, d)
	if err != nil {
		return err
	}
	user := session.ShowUserCode(d.UserCode)
	uri := q.snap.Realm.Attributes["shortVerificationUri"]
	if uri == "" {
		uri = q.issuer + "/device"
	}
	return web.WriteJSON(w, http.StatusOK, deviceAnswer{
		DeviceCode: code, UserCode: user, VerificationURI: uri, VerificationURIComplete: uri + "?user_code=" + user,
		ExpiresIn: d.Expires - q.now, Interval: d.Interval,
	})
}

// checkDevice reads what the device asks for, in Keycloak's order (measured).
func (q *request) checkDevice(duplicated bool) (*session.Device, error) {
	c := q.client
	switch {
	case !c.DeviceGrantEnabled():
		return nil, web.OAuthError(http.StatusBadRequest, "unauthorized_client", deviceOff)
	case c.BearerOnly:
		return nil, web.OAuthError(http.StatusForbidden, "unauthorized_client", deviceBearerOnly)
	case duplicated:
		q.event.cause = "invalid_request"
		q.event.detail("reason", web.ErrDuplicated.Error())
		return nil, invalidGrant(web.ErrDuplicated.Error())
	}
	challenge, method, fault := model.CheckDevicePKCE(c, model.NewAuthorizationParams(q.form.All()))
	if fault != nil {
		return nil, web.OAuthError(http.StatusBadRequest, fault.Code, fault.Description)
	}
	lifespan, interval := model.DeviceTimes(q.snap.Realm, c)
	return &session.Device{
		ClientNum: c.Num, Scope: q.form.Get("scope"), Nonce: q.form.Get("nonce"), Challenge: challenge, Method: method,
		Interval: interval, Expires: q.now + lifespan,
	}, nil
}

const (
	deviceOff        = "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. The flow is disabled for the client."
	deviceBearerOnly = "Bearer-only applications are not allowed to initiate browser login."
)

// Begin starts a login that no authorization request asked for, a device's: it
// goes on from the login this browser has. p names the client and the scope.
func (e *Endpoints) Begin(w http.ResponseWriter, r *http.Request, snap *realm.Snapshot, p *session.Progress) error {
	q, err := e.handed(w, r, snap, p)
	if err != nil {
		return err
	}
	sso, err := q.sso(w)
	if err != nil {
		return err
	}
	if _, err := q.resume(p, sso); err != nil {
		return err
	}
	return q.storeLogin(w, p)
}

// approve completes a login that a device asked for: it has a session, and the
// device gets the tokens when it polls.
func (q *request) approve(w http.ResponseWriter, p *session.Progress, u *model.User) error {
	v, err := q.e.Sessions.Verification(q.ctx, q.snap.Realm.Num, p.Device, q.now)
	if err != nil {
		return q.lateAnswer(w, p, err)
	}
	l := &session.Login{
		Progress: p, User: u, Session: p.SSO, IP: q.ip, Remember: p.Remember, Scope: q.asked(&p.Request).FullScope(), Notes: q.loginNotes(p), Device: v,
	}
	if other, err := q.join(w, p, l); err != nil || other != nil {
		return q.differentUser(w, p, u, other, err)
	}
	q.loginEvent(p, u)
	l.Prepare = func(sid, _ string) error {
		q.beganSession(sid)
		return nil
	}
	sid, _, started, err := q.e.Sessions.Finish(q.ctx, q.snap.Config, q.client, l, q.now, q.event.record())
	if err != nil {
		return q.lateAnswer(w, p, err)
	}
	if started || p.AuthTime > 0 {
		if err := q.setIdentity(w, u, sid, p.Remember); err != nil {
			return err
		}
	}
	q.endProof(w, p)
	return q.deviceStatus(w, "")
}

// deny tells the device that the person refused.
func (q *request) deny(w http.ResponseWriter, p *session.Progress) error {
	v, err := q.e.Sessions.Verification(q.ctx, q.snap.Realm.Num, p.Device, q.now)
	if err == nil {
		err = q.e.Sessions.Deny(q.ctx, v, nil)
	}
	if err != nil {
		return q.lateAnswer(w, p, err)
	}
	u, err := q.e.Realms.User(q.ctx, q.snap, p.UserID)
	if err != nil {
		return err
	}
	q.rejected(p, u)
	q.endProof(w, p)
	q.note("error", "access_denied")
	return q.deviceStatus(w, "access_denied")
}

// lateAnswer is shown to who answers what was answered before, or what has
// expired. The same answer of the same person is no fault: it was sent twice.
func (q *request) lateAnswer(w http.ResponseWriter, p *session.Progress, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrStale):
		approved, err := q.e.Sessions.ApprovedBy(q.ctx, q.snap.Realm.Num, p.Device, p.UserID, q.now)
		if err != nil {
			return err
		}
		if approved {
			return q.deviceStatus(w, "")
		}
		return q.deviceStatus(w, "expired_token")
	case errors.Is(err, session.ErrCodeExpired):
		return q.deviceStatus(w, "expired_token")
	case errors.Is(err, session.ErrDeviceDenied):
		return q.deviceStatus(w, "access_denied")
	}
	return err
}

// deviceStatus leads to the page that says how it ended.
func (q *request) deviceStatus(w http.ResponseWriter, fault string) error {
	to := q.issuer + "/device/status"
	if fault != "" {
		to += "?error=" + url.QueryEscape(fault)
	}
	w.Header().Set("Cache-Control", web.CachePage)
	http.Redirect(w, q.r, to, http.StatusFound)
	return nil
}
