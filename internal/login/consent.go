package login

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
)

// consent takes the person's answer. What is agreed to is kept with the user,
// so that it is asked again only when a new scope appears.
func (v *visit) consent() error {
	step, _, missing, err := v.next()
	if err != nil {
		return err
	}
	if step != session.StepConsent {
		return v.proceed()
	}
	if _, ok := v.form.Lookup("cancel"); ok {
		if err := v.d.Sessions.Drop(v.ctx, v.p, nil); err != nil {
			return err
		}
		return v.d.Deny(v.w, v.r, v.snap, v.p)
	}
	if _, ok := v.form.Lookup("accept"); !ok {
		return v.showConsent(missing)
	}
	if err := v.d.Store.Write(v.ctx, func(tx *store.Tx) error { return v.grant(tx) }); err != nil {
		return err
	}
	v.p.Consents = true
	return v.proceed()
}

// grant adds the scopes asked for to what the user allows the client.
func (v *visit) grant(tx *store.Tx) error {
	asked, _ := v.snap.RequestScopes(v.client, v.p.Request.Scope)
	given := model.Consent{ClientID: v.client.ID, CreatedMS: v.d.Now().UnixMilli(), UpdatedMS: v.d.Now().UnixMilli()}
	for _, s := range asked.Scopes {
		if s.Attributes["display.on.consent.screen"] == "true" {
			given.ScopeIDs = append(given.ScopeIDs, s.ID)
		}
	}
	return tx.AddConsent(v.snap.Realm.Num, v.user.ID, given)
}
