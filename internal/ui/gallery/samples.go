package gallery

import (
	"net/http"

	"github.com/latchkey-id/latchkey/internal/ui"
)

// The sample realm's flow: addresses as the server makes them, with what must
// be escaped in an attribute.
const (
	flow     = "/realms/harbour/login-actions/"
	steps    = "?session_code=Vx1&execution=login&client_id=logbook&tab_id=T1"
	callback = "https://logbook.example/callback"
	home     = "https://logbook.example/"
)

func formTo(action string) ui.Form {
	return ui.Form{Action: flow + action + steps, CSRF: "c5-Token_1"}
}

func base() ui.Options {
	return ui.Options{
		Realm:     ui.Realm{Name: "harbour", DisplayName: "Harbour & Sons", DisplayNameHTML: "<div class=\"logo\"><b>Harbour</b> &amp; Sons</div>"},
		Redirects: []string{callback},
	}
}

// asked is the same, with a client that asks.
func asked() ui.Options {
	o := base()
	o.Client = &ui.Client{ID: "logbook", Name: "Ship's Logbook"}
	return o
}

func rich() ui.Options {
	o := asked()
	o.Client.PolicyURI = "https://logbook.example/privacy?v=2&p=1"
	o.Client.TosURI = "https://logbook.example/terms"
	o.Languages = []ui.Language{
		{Tag: "en", Name: ui.LanguageName("en"), URL: flow + "authenticate" + steps + "&kc_locale=en"},
		{Tag: "de", Name: ui.LanguageName("de"), URL: flow + "authenticate" + steps + "&kc_locale=de"},
	}
	return o
}

func logo() ui.Options {
	o := asked()
	o.Client.LogoURI = "https://logbook.example/logo.svg"
	return o
}

// Samples are all pages, each once as it usually is and again where it shows
// something else.
func Samples() []Sample {
	ok, bad := http.StatusOK, http.StatusBadRequest
	login := ui.Login{Form: formTo("authenticate"), EmailAllowed: true}
	return []Sample{
		{"login", ok, login, asked()},
		{"login-full", ok, ui.Login{
			Form: login.Form, Username: "uma@example.org", EmailOnly: true, CanRemember: true, Remember: true,
			Notice:      ui.Msg(ui.MsgLoginTimeout),
			RegisterURL: flow + "registration" + steps, ForgotURL: flow + "reset-credentials" + steps,
		}, rich()},
		{"login-error", ok, ui.Login{
			Form: login.Form, Username: `uma"><script>alert(1)</script>`, CanRemember: true, Error: ui.Msg(ui.MsgInvalidUser),
		}, base()},
		{"reauthenticate", ok, ui.Reauthenticate{
			Form: login.Form, Username: "uma", RestartURL: flow + "restart" + steps, ForgotURL: flow + "reset-credentials" + steps,
		}, asked()},
		{"reauthenticate-error", ok, ui.Reauthenticate{Form: login.Form, Username: "uma", Error: ui.Msg(ui.MsgInvalidUser)}, base()},
		{"consent", ok, ui.Consent{Form: formTo("consent"), Username: "uma", Scopes: scopes()}, rich()},
		{"consent-logo", ok, ui.Consent{Form: formTo("consent"), Scopes: scopes()[:2]}, logo()},
		{"logout-confirm", ok, ui.LogoutConfirm{Form: formTo("logout-confirm"), BackURL: home}, base()},
		{"logged-out", ok, ui.LoggedOut{BackURL: home}, base()},
		{"logged-out-end", ok, ui.LoggedOut{}, base()},
		{"frontchannel-logout", ok, frames(), base()},
		{"device-code", ok, ui.DeviceCode{Form: formTo("device")}, base()},
		{"device-code-error", ok, ui.DeviceCode{Form: formTo("device"), Code: "WDJB-MJHT", Error: ui.Msg(ui.MsgDeviceInvalidCode)}, base()},
		{"device-done", ok, ui.DeviceDone{}, base()},
		{"device-denied", ok, ui.DeviceDenied{Reason: ui.Msg(ui.MsgDeviceConsentDenied)}, base()},
		{"already-signed-in", ok, ui.AlreadySignedIn{Username: "uma", ContinueURL: flow + "authenticate" + steps, BackURL: home}, asked()},
		{"error", bad, ui.Error{Message: ui.Msg(ui.MsgInvalidParameter, "redirect_uri")}, base()},
		{"error-back", bad, ui.Error{Message: ui.Msg(ui.MsgExpiredCode), BackURL: home}, base()},
		{"update-password", ok, ui.UpdatePassword{Form: formTo("required-action"), Username: "uma", Temporary: true}, base()},
		{"update-password-error", ok, ui.UpdatePassword{
			Form: formTo("required-action"), Username: "uma", CanCancel: true, LogoutSessions: true,
			NewError: ui.Msg(ui.MsgPasswordMinLength, 12), ConfirmError: ui.Msg(ui.MsgPasswordsDiffer),
		}, base()},
		{"update-profile", ok, profile(), base()},
		{"form-post", ok, ui.FormPost{Action: callback, Fields: []ui.Param{
			{Name: "code", Value: "c.1"}, {Name: "state", Value: `"xyz" & <more>`},
			{Name: "session_state", Value: "s1"}, {Name: "iss", Value: "https://id.example/realms/harbour"},
		}}, base()},
	}
}

func scopes() []ui.Scope {
	return []ui.Scope{
		{Name: "profile", Text: "${profileScopeConsentText}"},
		{Name: "email", Text: "${emailScopeConsentText}"},
		{Name: "tides", Parameter: "Cuxhaven"},
		{Name: "offline_access", Text: "${offlineAccessScopeConsentText}"},
	}
}

func frames() ui.FrontchannelLogout {
	return ui.FrontchannelLogout{
		ContinueURL: "https://logbook.example/bye?state=1&x=2",
		Clients: []ui.LogoutFrame{
			{Name: "Ship's Logbook", URL: "https://logbook.example/front;channel?iss=https%3A%2F%2Fid.example&sid=s1"},
			{Name: "${client_account-console}", URL: "https://id.example:8443/out"},
			{Name: "Ferry", URL: "javascript:alert(1)"},
		},
	}
}

func profile() ui.UpdateProfile {
	return ui.UpdateProfile{
		Form:      formTo("required-action"),
		Username:  ui.ProfileField{Value: "uma", ReadOnly: true},
		Email:     ui.ProfileField{Value: "uma@", Required: true, Error: ui.Msg(ui.MsgInvalidEmail)},
		FirstName: ui.ProfileField{Value: "Uma", Required: true},
		LastName:  ui.ProfileField{Required: true, Error: ui.Msg(ui.MsgMissingLastName)},
	}
}
