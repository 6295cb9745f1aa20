package login

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
)

// showAction shows the form of a required action. One that nothing here does
// is not skipped: the login stops.
func (v *visit) showAction(action string) error {
	form := v.formTo("required-action", action)
	switch action {
	case session.ActionUpdatePassword:
		return v.page(http.StatusOK, v.passwordPage())
	case session.ActionUpdateProfile, session.ActionVerifyProfile:
		return v.page(http.StatusOK, v.profilePage(form, v.user, action))
	}
	return v.page(http.StatusBadRequest, ui.Error{Message: ui.Msg(ui.MsgUnsupportedAction, action), BackURL: v.home()})
}

// requiredAction takes the form of the action the login is at.
func (v *visit) requiredAction() error {
	step, action, _, err := v.next()
	switch {
	case err != nil:
		return err
	case step != session.StepAction:
		return v.show(ui.Message{})
	case v.cancels(action):
		v.p.Action = model.ActionCancelled
		return v.proceed()
	case action == session.ActionUpdatePassword:
		return v.updatePassword()
	case action == session.ActionUpdateProfile, action == session.ActionVerifyProfile:
		return v.updateProfile(action)
	}
	return v.showAction(action)
}

// cancels tells whether the person gave up an action that the application
// started and nobody demands.
func (v *visit) cancels(action string) bool {
	_, cancel := v.form.Lookup("cancel-aia")
	return cancel && v.started(action)
}

func (v *visit) started(action string) bool {
	return action == v.p.Request.Action && !session.Required(v.snap.Config, v.user, action)
}

func (v *visit) passwordPage() ui.UpdatePassword {
	const action = session.ActionUpdatePassword
	started := v.started(action)
	return ui.UpdatePassword{
		Form: v.formTo("required-action", action), Username: v.user.Username, Temporary: !started, CanCancel: started,
		LogoutSessions: v.form.Get("logout-sessions") == "on",
	}
}

// updatePassword takes a new password, and ends all other sessions of the
// person if asked to, offline ones too.
func (v *visit) updatePassword() error {
	page := v.passwordPage()
	password := v.form.Get("password-new")
	switch {
	case password == "":
		page.NewError = ui.Msg(ui.MsgMissingPassword)
		return v.page(http.StatusOK, page)
	case password != v.form.Get("password-confirm"):
		page.ConfirmError = ui.Msg(ui.MsgPasswordsDiffer)
		return v.page(http.StatusOK, page)
	}
	err := v.d.Realms.SetPassword(v.ctx, v.snap.Realm.Name, v.user.ID, password, false, v.passwordEvents())
	var violation *credential.ViolationError
	if errors.As(err, &violation) {
		page.NewError = ui.Message{Key: violation.Key, Args: violation.Args}
		return v.page(http.StatusOK, page)
	}
	if err != nil {
		return err
	}
	if page.LogoutSessions {
		parts, err := v.d.Sessions.PartsOfUser(v.ctx, v.snap.Config, v.user.ID)
		if err != nil {
			return err
		}
		if err := v.d.Sessions.EndOthersOfUser(v.ctx, v.snap.Config, v.user.ID, v.p.SSO); err != nil {
			return err
		}
		parts = slices.DeleteFunc(parts, func(e session.Ended) bool { return e.SessionID == v.p.SSO })
		v.d.Ended(v.ctx, v.snap, v.base+"/realms/"+v.snap.Realm.Name, parts)
	}
	return v.acted(session.ActionUpdatePassword)
}

// passwordEvents are the events of a new password: Keycloak's old one and its
// successor.
func (v *visit) passwordEvents() func(tx *store.Tx) error {
	old, next := v.record("UPDATE_PASSWORD"), v.record("UPDATE_CREDENTIAL")
	return func(tx *store.Tx) error {
		for _, rec := range []func(tx *store.Tx) error{old, next} {
			if rec == nil {
				continue
			}
			if err := rec(tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// acted goes on after an action: the user has changed.
func (v *visit) acted(action string) (err error) {
	if action == v.p.Request.Action {
		v.p.Action = model.ActionDone
	}
	if v.user, err = v.d.Realms.User(v.ctx, v.snap, v.user.ID); err != nil {
		return err
	}
	return v.proceed()
}

// record is the event of an action, for the transaction of its cause.
func (v *visit) record(kind string) func(tx *store.Tx) error {
	if !v.snap.Realm.KeepsEvent(kind) {
		return nil
	}
	e := v.event(kind)
	if kind == "UPDATE_PASSWORD" || kind == "UPDATE_CREDENTIAL" {
		e.Details["credential_type"] = credential.TypePassword
	}
	return func(tx *store.Tx) error { return tx.InsertEvent(e) }
}

func (v *visit) profilePage(form ui.Form, u *model.User, action string) ui.UpdateProfile {
	r := v.snap.Realm
	return ui.UpdateProfile{
		Form:      form,
		CanCancel: v.started(action),
		Username:  ui.ProfileField{Value: u.Username, ReadOnly: !r.EditUsernameAllowed, Required: true},
		Email:     ui.ProfileField{Value: u.Email, Required: true},
		FirstName: ui.ProfileField{Value: u.FirstName, Required: true},
		LastName:  ui.ProfileField{Value: u.LastName, Required: true},
	}
}

// updateProfile takes what the profile lacked.
func (v *visit) updateProfile(action string) error {
	next := *v.user
	next.Email, next.FirstName, next.LastName = strings.ToLower(strings.TrimSpace(v.form.Get("email"))), strings.TrimSpace(v.form.Get("firstName")), strings.TrimSpace(v.form.Get("lastName"))
	if name := strings.ToLower(strings.TrimSpace(v.form.Get("username"))); v.snap.Realm.EditUsernameAllowed && name != "" {
		next.Username = name
	}
	page := v.profilePage(v.formTo("required-action", action), &next, action)
	if faultIn(&page) {
		return v.page(http.StatusOK, page)
	}
	err := v.d.Realms.ChangeUser(v.ctx, v.snap.Realm.Name, v.user.ID, v.record("UPDATE_PROFILE"), func(_ *model.Config, u *model.User) error {
		if u.Email != next.Email {
			u.EmailVerified = false
		}
		u.Username, u.Email, u.FirstName, u.LastName = next.Username, next.Email, next.FirstName, next.LastName
		u.RequiredActions = slices.DeleteFunc(u.RequiredActions, func(a string) bool { return a == action })
		return nil
	})
	var conflict *store.ConflictError
	if errors.As(err, &conflict) {
		if conflict.Kind == "email" {
			page.Email.Error = ui.Msg(ui.MsgEmailExists)
		} else {
			page.Username.Error = ui.Msg(ui.MsgUsernameExists)
		}
		return v.page(http.StatusOK, page)
	}
	if err != nil {
		return err
	}
	return v.acted(action)
}

// nameMax is the longest name Keycloak's default user profile takes.
const nameMax = 255

// faultIn marks the fields that cannot stay as they are.
func faultIn(p *ui.UpdateProfile) bool {
	for _, f := range []struct {
		field   *ui.ProfileField
		missing string
	}{{&p.Username, ui.MsgMissingUsername}, {&p.Email, ui.MsgMissingEmail}, {&p.FirstName, ui.MsgMissingFirstName}, {&p.LastName, ui.MsgMissingLastName}} {
		switch {
		case f.field.Value == "":
			f.field.Error = ui.Msg(f.missing)
		case len(f.field.Value) > nameMax:
			f.field.Error = ui.Msg(ui.MsgFieldTooLong, "", 0, nameMax)
		}
	}
	if at := strings.IndexByte(p.Email.Value, '@'); p.Email.Error.Key == "" && (at <= 0 || at == len(p.Email.Value)-1 || strings.ContainsAny(p.Email.Value, " \t<>\"")) {
		p.Email.Error = ui.Msg(ui.MsgInvalidEmail)
	}
	for _, f := range []*ui.ProfileField{&p.Username, &p.Email, &p.FirstName, &p.LastName} {
		if f.Error.Key != "" {
			return true
		}
	}
	return false
}
