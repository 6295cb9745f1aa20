package oidc

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
)

// eventDraft collects the event of a request until it is stored with the
// write it belongs to.
type eventDraft struct {
	e     *model.Event
	keeps bool // the realm stores events of this type
	// cause is the event's error where the wire's answer does not tell it.
	cause string
}

// begin starts the event of a request. Where the realm keeps neither it nor
// its error, as of refreshes by default, no detail is collected.
func (q *request) begin(kind string) {
	d := &eventDraft{e: &model.Event{Type: kind, RealmNum: q.snap.Realm.Num, RealmID: q.snap.Realm.ID, IP: q.ip}, keeps: q.keeps(kind)}
	q.event = d
	if d.keeps || q.keeps(kind+"_ERROR") {
		d.e.ID, d.e.TimeMS, d.e.Details = token.NewJTI(q.e.Rand), q.e.Now().UnixMilli(), map[string]string{}
	}
}

// keeps tells whether the realm stores events of a type.
func (q *request) keeps(kind string) bool { return q.snap.Realm.KeepsEvent(kind) }

func (d *eventDraft) detail(key, value string) {
	if d.collects() && value != "" {
		d.e.Details[key] = value
	}
}

func (d *eventDraft) drop(key string) {
	if d.collects() {
		delete(d.e.Details, key)
	}
}

func (d *eventDraft) collects() bool { return d != nil && d.e != nil && d.e.Details != nil }

// loginEvent fills in the event LOGIN of a login that is complete.
func (q *request) loginEvent(p *session.Progress, u *model.User) {
	q.event.e.UserID, q.event.e.ClientID = u.ID, q.client.ClientID
	q.event.details(p.LoginDetails(q.client.ConsentRequired))
	q.event.detail("username", firstOf(p.Name, u.Username))
}

// beganSession names in the event LOGIN the session it began or goes on.
func (q *request) beganSession(sid string) {
	q.event.e.Session = sid
	q.event.detail("code_id", sid)
}

// rejected stores that a person refused consent.
func (q *request) rejected(p *session.Progress, u *model.User) {
	q.begin("LOGIN")
	q.event.e.UserID, q.event.e.ClientID, q.event.cause = u.ID, q.client.ClientID, "rejected_by_user"
	q.event.details(p.PageDetails())
	q.event.detail("username", firstOf(p.Name, u.Username))
	q.failed("access_denied", "")
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (d *eventDraft) details(all map[string]string) {
	for name, value := range all {
		d.detail(name, value)
	}
}

// record stores the event in the transaction of the write that caused it; nil
// when the realm keeps none.
func (d *eventDraft) record() session.Record {
	if d == nil || d.e == nil || !d.keeps {
		return nil
	}
	return func(tx *store.Tx) error { return tx.InsertEvent(d.e) }
}

// failures are the event errors of answers that mean one thing, by the
// answer's text; false leaves out the reason (measured on Keycloak 26.7.2).
var failures = map[string]struct {
	code   string
	reason bool
}{
	"Invalid user credentials":                               {"invalid_user_credentials", false},
	"Account disabled":                                       {"user_disabled", false},
	"Account is not fully set up":                            {"resolve_required_actions", false},
	"Missing parameter: username":                            {"user_not_found", false},
	"Client not allowed for direct access grants":            {"not_allowed", true},
	"Client requires user consent":                           {"consent_denied", true},
	"Offline tokens not allowed for the user or client":      {"not_allowed", true},
	"Missing parameter: code":                                {"invalid_code", true},
	"Code not valid":                                         {"invalid_code", false},
	"Auth error: Found different client_id in clientSession": {"invalid_client", true},
	"Client not enabled to retrieve service account":         {"invalid_client", true},
	"Public client not allowed to retrieve service account":  {"invalid_client", true},
	"Invalid token":                                          {"invalid_token", false},

	deviceOff:        {"not_allowed", true},
	deviceBearerOnly: {"not_allowed", true},
	"Client not allowed OAuth 2.0 Device Authorization Grant": {"not_allowed", true},
	"Missing parameter: device_code":                          {"invalid_oauth2_device_code", true},
	"Device code not valid":                                   {"invalid_oauth2_device_code", false},
	"Device code is expired":                                  {"expired_oauth2_device_code", false},
	"Slow down":                                               {"slow_down", false},
	model.ErrPKCEMissing.Error():                              {"code_verifier_missing", true},
	model.ErrPKCENotAsked.Error():                             {"invalid_code_verifier", true},
	model.ErrPKCESyntax.Error():                               {"invalid_code_verifier", true},
	model.ErrPKCEMismatch.Error():                             {"pkce_verification_failed", false},
}

// eventError is error and reason of the event for a refused request.
func (d *eventDraft) eventError(code, description string) (string, string) {
	if d.cause != "" {
		return d.cause, ""
	}
	if f, ok := failures[description]; ok {
		switch {
		case f.code == "invalid_user_credentials" && d.e.UserID == "":
			return "user_not_found", ""
		case f.reason:
			return f.code, description
		}
		return f.code, ""
	}
	switch code {
	case "invalid_grant":
		return "invalid_token", description
	case "invalid_scope":
		return "invalid_request", description
	}
	return code, description
}

// failed stores the request's event as an error. The answer does not wait on
// its success: a full disk must not change what a stranger is told.
func (q *request) failed(code, description string) {
	d := q.event
	if d == nil || d.e == nil {
		return
	}
	d.e.Type += "_ERROR"
	var reason string
	d.e.Error, reason = d.eventError(code, description)
	d.detail("reason", reason)
	if !q.keeps(d.e.Type) {
		return
	}
	if err := q.e.Store.Write(q.ctx, func(tx *store.Tx) error { return tx.InsertEvent(d.e) }); err != nil {
		q.note("event_lost", err.Error())
	}
}

// store keeps the event of an action that writes nothing else.
func (q *request) store() error {
	rec := q.event.record()
	if rec == nil {
		return nil
	}
	return q.e.Store.Write(q.ctx, func(tx *store.Tx) error { return rec(tx) })
}
