package login

import (
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// event is an event of the password's page.
func (v *visit) event(kind string) *model.Event {
	e := v.realmEvent(kind)
	e.ClientID = v.p.Request.ClientID
	e.Details = map[string]string{"auth_method": "openid-connect", "auth_type": "code", "code_id": v.p.EventID()}
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

// realmEvent is an event of a visit that is in no login yet; it has no details.
func (v *visit) realmEvent(kind string) *model.Event {
	r := v.snap.Realm
	return &model.Event{
		ID: token.NewJTI(v.d.Rand), Type: kind, RealmNum: r.Num, RealmID: r.ID, IP: web.ClientIP(v.r), TimeMS: v.d.Now().UnixMilli(),
	}
}

// keep stores events that belong to no other write, of those the realm keeps.
// The page does not wait on its success.
func (v *visit) keep(events ...*model.Event) {
	events = slices.DeleteFunc(events, func(e *model.Event) bool { return !v.snap.Realm.KeepsEvent(e.Type) })
	if len(events) == 0 {
		return
	}
	err := v.d.Store.Write(v.ctx, func(tx *store.Tx) error {
		for _, e := range events {
			if err := tx.InsertEvent(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		web.Log(v.ctx).Set("event_lost", err.Error())
	}
}
