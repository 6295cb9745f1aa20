package account

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// event makes the event of an act of the person. Its client is account, as in
// Keycloak, whichever application the token was issued to.
func (c *call) event(kind string, details map[string]string) *model.Event {
	return &model.Event{
		ID: token.NewJTI(c.api.Rand), TimeMS: c.api.Now().UnixMilli(), Type: kind, RealmNum: c.snap.Realm.Num, RealmID: c.snap.Realm.ID,
		ClientID: clientID, UserID: c.user.ID, IP: web.ClientIP(c.r), Details: details,
	}
}

// record is an event for the transaction of its act; nil when the realm keeps
// none of its type.
func (c *call) record(e *model.Event) func(tx *store.Tx) error {
	if !c.snap.Realm.KeepsEvent(e.Type) {
		return nil
	}
	return func(tx *store.Tx) error { return tx.InsertEvent(e) }
}

// failed keeps the event of an act that was refused with a text; the refusal
// does not wait on its success.
func (c *call) failed(kind, code, text string) {
	e := c.event(kind+"_ERROR", map[string]string{"reason": text})
	e.Error = code
	rec := c.record(e)
	if rec == nil {
		return
	}
	if err := c.api.Store.Write(c.ctx, rec); err != nil {
		web.Log(c.ctx).Set("event_lost", err.Error())
	}
}

// logout notes the end of a session.
func (c *call) logout(sessionID string) session.Record {
	e := c.event("LOGOUT", nil)
	e.Session = sessionID
	return c.record(e)
}

// write runs an act and its record in one transaction.
func (c *call) write(rec func(tx *store.Tx) error, act func(tx *store.Tx) error) error {
	return c.api.Store.Write(c.ctx, func(tx *store.Tx) error {
		if err := act(tx); err != nil || rec == nil {
			return err
		}
		return rec(tx)
	})
}
