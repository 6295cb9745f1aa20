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
	"github.com/latchkey-id/latchkey/internal/web"
)

// showAction shows the form of a required action. One that nothing here does
// is not skipped: the login stops.
func (v *visit) showAction(action string) error {
	form := v.formTo("required-action", action)
	switch action {
	case session.ActionUpdatePassword:
		return v.page(http.StatusOK, v.passwordPage())
	case session.ActionUpdateProfile, session.ActionVerifyProfile:
		if action == session.ActionVerifyProfile {
			v.keep(v.pageEvent("VERIFY_PROFILE", map[string]string{"fields_to_update": strings.Join(session.MissingProfile(v.user), ",")}))
		}
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
		v.p.Did = map[string]string{"custom_required_action": action}
		e := v.pageEvent("CUSTOM_REQUIRED_ACTION_ERROR", v.p.Did)
		e.Error = "rejected_by_user"
		v.keep(e)
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
		v.passwordRefused("password_missing", "")
		page.NewError = ui.Msg(ui.MsgMissingPassword)
		return v.page(http.StatusOK, page)
	case password != v.form.Get("password-confirm"):
		v.passwordRefused("password_confirm_error", "")
		page.ConfirmError = ui.Msg(ui.MsgPasswordsDiffer)
		return v.page(http.StatusOK, page)
	}
	v.p.Did = map[string]string{"custom_required_action": session.ActionUpdatePassword, "credential_type": credential.TypePassword}
	err := v.d.Realms.SetPassword(v.ctx, v.snap.Realm.Name, v.user.ID, password, false, v.passwordRecord())
	var violation *credential.ViolationError
	if errors.As(err, &violation) {
		v.passwordRefused("password_rejected", violation.Key)
		page.NewError = ui.Message{Key: violation.Key, Args: violation.Args}
		return v.page(http.StatusOK, page)
	}
	if err != nil {
		return err
	}
	if page.LogoutSessions {
		if err := v.endOthers(); err != nil {
			return err
		}
	}
	return v.acted(session.ActionUpdatePassword)
}

// endOthers ends all other sessions of the person, with an event LOGOUT for each
// login.
func (v *visit) endOthers() error {
	parts, err := v.d.Sessions.PartsOfUser(v.ctx, v.snap.Config, v.user.ID)
	if err != nil {
		return err
	}
	logins, err := v.d.Sessions.OfUser(v.ctx, v.snap.Config, v.user.ID, false)
	if err != nil {
		return err
	}
	if err := v.d.Sessions.EndOthersOfUser(v.ctx, v.snap.Config, v.user.ID, v.p.SSO); err != nil {
		return err
	}
	var events []*model.Event
	told := map[string]bool{v.p.SSO: true}
	for _, login := range logins {
		if told[login.SessionID] {
			continue
		}
		told[login.SessionID] = true
		e := v.pageEvent("LOGOUT", v.p.Did)
		e.Session, e.Details["logout_triggered_by_required_action"] = login.SessionID, session.ActionUpdatePassword
		events = append(events, e)
	}
	v.keep(events...)
	parts = slices.DeleteFunc(parts, func(e session.Ended) bool { return e.SessionID == v.p.SSO })
	v.d.Ended(v.ctx, v.snap, v.base+"/realms/"+v.snap.Realm.Name, parts)
	return nil
}

// passwordRefused stores the events of a new password that is none: Keycloak's
// new one and the one before it.
func (v *visit) passwordRefused(code, reason string) {
	web.Log(v.ctx).Set("error", code)
	var events []*model.Event
	for _, kind := range passwordEvents {
		e := v.pageEvent(kind+"_ERROR", v.p.Did)
		e.Error = code
		e.Details["credential_type"], e.Details["custom_required_action"] = credential.TypePassword, session.ActionUpdatePassword
		if reason != "" {
			e.Details["reason"] = reason
		}
		events = append(events, e)
	}
	v.keep(events...)
}

var passwordEvents = []string{"UPDATE_CREDENTIAL", "UPDATE_PASSWORD"}

// passwordRecord is the events of a new password, in one transaction with it.
func (v *visit) passwordRecord() func(tx *store.Tx) error {
	var records []func(tx *store.Tx) error
	for _, kind := range passwordEvents {
		if rec := v.record(kind); rec != nil {
			records = append(records, rec)
		}
	}
	return func(tx *store.Tx) error {
		for _, rec := range records {
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

// record is the event of the action that is done, for the transaction of its
// cause.
func (v *visit) record(kind string) func(tx *store.Tx) error {
	if !v.snap.Realm.KeepsEvent(kind) {
		return nil
	}
	e := v.pageEvent(kind, v.p.Did)
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
	v.p.Did = profileDetails(action, v.user, &next)
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

// profileDetails are what UPDATE_PROFILE tells: what was, and what is now.
func profileDetails(action string, was, next *model.User) map[string]string {
	d := map[string]string{"context": session.ActionUpdateProfile, "custom_required_action": action}
	for _, f := range []struct{ name, was, next string }{
		{"email", was.Email, next.Email}, {"first_name", was.FirstName, next.FirstName}, {"last_name", was.LastName, next.LastName},
		{"username", was.Username, next.Username},
	} {
		if f.was == f.next {
			continue
		}
		if d["updated_"+f.name] = f.next; f.was != "" {
			d["previous_"+f.name] = f.was
		}
	}
	return d
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
