package login

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/token"
	"github.com/latchkey-id/latchkey/internal/web"
)

// event is an event of this login.
func (v *visit) event(kind string) *model.Event {
	e := v.realmEvent(kind)
	e.ClientID = v.p.Request.ClientID
	e.Details = map[string]string{"auth_method": "openid-connect", "auth_type": "code"}
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

// realmEvent is an event of a visit that is in no login yet; it has no details.
func (v *visit) realmEvent(kind string) *model.Event {
	r := v.snap.Realm
	return &model.Event{
		ID: token.NewJTI(v.d.Rand), Type: kind, RealmNum: r.Num, RealmID: r.ID, IP: web.ClientIP(v.r), TimeMS: v.d.Now().UnixMilli(),
	}
}

// keep stores an event that belongs to no other write, where the realm keeps
// such. The page does not wait on its success.
func (v *visit) keep(e *model.Event) {
	if !v.snap.Realm.KeepsEvent(e.Type) {
		return
	}
	if err := v.d.Store.Write(v.ctx, func(tx *store.Tx) error { return tx.InsertEvent(e) }); err != nil {
		web.Log(v.ctx).Set("event_lost", err.Error())
	}
}
