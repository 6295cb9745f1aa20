package session

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
)

// Names of what an event of a login tells of consent (Keycloak's).
const (
	consentNotRequired = "no_consent_required"
	consentGranted     = "consent_granted"    // on the way
	consentPersistent  = "persistent_consent" // before
)

// EventID is detail code_id of the events of a login that has no session yet,
// one for all of them. It names nothing: the handle stays a secret.
func (p *Progress) EventID() string {
	if p.SSO != "" {
		return p.SSO
	}
	sum := sha256.Sum256([]byte("event of login " + p.Tab))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// Paged tells that a page came between the password, or the login that goes on,
// and now: the events of Keycloak's pages tell other things.
func (p *Progress) Paged() bool { return p.Tab != "" && (p.Proof != "" || p.AuthTime == 0) }

// PageDetails are the details of events at a page after the password, as
// Keycloak's (measured).
func (p *Progress) PageDetails() map[string]string {
	d := p.answerDetails()
	d["auth_method"], d["remember_me"], d["code_id"] = "openid-connect", strconv.FormatBool(p.Remember), p.EventID()
	return d
}

// LoginDetails are the details of the event LOGIN (measured); the session is
// the caller's.
func (p *Progress) LoginDetails(consentRequired bool) map[string]string {
	d := p.answerDetails()
	d["auth_method"], d["consent"] = "openid-connect", p.consentDetail(consentRequired)
	switch {
	case p.Paged():
		d["remember_me"] = strconv.FormatBool(p.Remember)
	case p.Remember:
		d["remember_me"] = "true"
	}
	if !p.Paged() {
		d["auth_type"] = "code"
	}
	for name, value := range p.Did {
		d[name] = value
	}
	return d
}

func (p *Progress) consentDetail(required bool) string {
	switch {
	case p.Consents:
		return consentGranted
	case required:
		return consentPersistent
	}
	return consentNotRequired
}

// answerDetails tell how the client is answered. A device is told nothing;
// Keycloak tells its events the defaults.
func (p *Progress) answerDetails() map[string]string {
	d := map[string]string{"response_type": "code", "response_mode": "query"}
	if p.Device == "" {
		d["response_type"], d["response_mode"] = p.Request.ResponseType, p.Request.ResponseMode
	}
	if p.Request.RedirectURI != "" {
		d["redirect_uri"] = p.Request.RedirectURI
	}
	return d
}
