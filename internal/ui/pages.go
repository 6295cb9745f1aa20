package ui

// Page is one of the page structs of this file. The zero value of each renders.
type Page interface {
	template() string // file below templates/pages, without .html
}

// formed is a page with a form of the server's own.
type formed interface{ form() Form }

// Login asks for username and password. Fields username, password, rememberMe
// (value "on"); submit login; form id kc-form-login.
type Login struct {
	Form         Form
	Username     string  // from login_hint or the last attempt
	EmailAllowed bool    // loginWithEmailAllowed: "Username or email"
	EmailOnly    bool    // registrationEmailAsUsername: "Email"
	CanRemember  bool    // the realm's rememberMe
	Remember     bool    // ticked
	Error        Message // above the form; marks both fields
	Notice       Message // what happened before, such as MsgLoginTimeout
	RegisterURL  string  // "" = not offered
	ForgotURL    string  // "" = not offered
}

// Label is the key of the username's label.
func (p Login) Label() string {
	switch {
	case p.EmailOnly:
		return keyEmail
	case p.EmailAllowed:
		return keyUsernameOrEmail
	}
	return keyUsername
}

// Reauthenticate asks a person who is known for the password again. Fields and
// submit as Login; username cannot be changed, and what comes back in it is not
// to be trusted.
type Reauthenticate struct {
	Form       Form
	Username   string
	RestartURL string // "Not you?"; "" = not offered
	Error      Message
	ForgotURL  string // "" = not offered
}

// Consent asks whether the client may have scopes. Submits accept, cancel. The
// client is Options.Client.
type Consent struct {
	Form     Form
	Username string // who consents; "" = not named
	Scopes   []Scope
}

// Scope is one line of Consent.
type Scope struct {
	Name      string
	Text      string // consent.screen.text, placeholders unresolved; "" = Name
	Parameter string // of a scope that has one; "" = none
}

// LogoutConfirm asks whether to log out. Submit confirmLogout.
type LogoutConfirm struct {
	Form    Form
	BackURL string // to the application instead; "" = not offered
}

// LoggedOut says that the login has ended.
type LoggedOut struct {
	BackURL string // "" = no link
}

// FrontchannelLogout loads the logout address of every client in a frame and
// then leads on, by script when all have loaded, or by its link.
type FrontchannelLogout struct {
	Clients     []LogoutFrame
	ContinueURL string // post_logout_redirect_uri with its state; "" = the end
}

// LogoutFrame is a client that is told by its frame.
type LogoutFrame struct {
	Name string // placeholders unresolved
	URL  string // http or https, else there is no frame
}

// Frames are the clients whose address may be loaded.
func (p FrontchannelLogout) Frames() []LogoutFrame {
	var out []LogoutFrame
	for _, f := range p.Clients {
		if webAddress(f.URL, "https", "http") && source(f.URL) != "" {
			out = append(out, f)
		}
	}
	return out
}

// DeviceCode asks for the code a device shows. Field device_user_code.
type DeviceCode struct {
	Form  Form
	Code  string // prefilled
	Error Message
}

// DeviceDone sends the person back to the device.
type DeviceDone struct{}

// DeviceDenied says that the device was not let in.
type DeviceDenied struct {
	Reason Message // why, if there is more to say than that it failed
}

// AlreadySignedIn says that this browser has a login already.
type AlreadySignedIn struct {
	Username    string // "" = not named
	ContinueURL string // on with the login; "" = not offered
	BackURL     string // to the application; "" = not offered
}

// Error is the error page; it has no form, and the title of the login page, as
// Keycloak's.
type Error struct {
	Message Message
	BackURL string // to the application; only an address known to be the client's
}

// UpdatePassword asks for a new password. Fields password-new,
// password-confirm, logout-sessions (value "on"); submit login, and cancel-aia
// (value "true") if CanCancel.
type UpdatePassword struct {
	Form           Form
	Username       string
	Temporary      bool // an administrator set the password: the page says why
	LogoutSessions bool // ticked
	CanCancel      bool // the person asked for this
	Error          Message
	NewError       Message
	ConfirmError   Message
}

// UpdateProfile asks for what the profile lacks. Fields username, email,
// firstName, lastName; submit login, and cancel-aia (value "true") if
// CanCancel.
type UpdateProfile struct {
	Form      Form
	Username  ProfileField
	Email     ProfileField
	FirstName ProfileField
	LastName  ProfileField
	CanCancel bool
	Error     Message
}

// ProfileField is one field of UpdateProfile.
type ProfileField struct {
	Value    string
	ReadOnly bool
	Hidden   bool // not on the page at all
	Required bool
	Error    Message
}

// labelled is a ProfileField with its name, the key of its label, its type and
// what a browser may fill in.
type labelled struct {
	ProfileField
	name, label, kind, complete string
}

func (p UpdateProfile) fields() []labelled {
	return []labelled{
		{p.Username, "username", keyUsername, "text", "username"},
		{p.Email, "email", keyEmail, "email", "email"},
		{p.FirstName, "firstName", keyFirstName, "text", "given-name"},
		{p.LastName, "lastName", keyLastName, "text", "family-name"},
	}
}

// FormPost hands an authorization answer to the client by a form (OAuth 2.0
// Form Post Response Mode). It posts to the client, so it has no CSRF field.
type FormPost struct {
	Action string // the redirect URI
	Fields []Param
}

// Param is a hidden input.
type Param struct{ Name, Value string }

func (Login) template() string              { return "login" }
func (Reauthenticate) template() string     { return "reauthenticate" }
func (Consent) template() string            { return "consent" }
func (LogoutConfirm) template() string      { return "logout-confirm" }
func (LoggedOut) template() string          { return "logged-out" }
func (FrontchannelLogout) template() string { return "frontchannel-logout" }
func (DeviceCode) template() string         { return "device-code" }
func (DeviceDone) template() string         { return "device-done" }
func (DeviceDenied) template() string       { return "device-denied" }
func (AlreadySignedIn) template() string    { return "already-signed-in" }
func (Error) template() string              { return "error" }
func (UpdatePassword) template() string     { return "update-password" }
func (UpdateProfile) template() string      { return "update-profile" }
func (FormPost) template() string           { return "form-post" }

func (p Login) form() Form          { return p.Form }
func (p Reauthenticate) form() Form { return p.Form }
func (p Consent) form() Form        { return p.Form }
func (p LogoutConfirm) form() Form  { return p.Form }
func (p DeviceCode) form() Form     { return p.Form }
func (p UpdatePassword) form() Form { return p.Form }
func (p UpdateProfile) form() Form  { return p.Form }
