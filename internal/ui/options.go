package ui

// CSRFField is the hidden field that carries Form.CSRF.
const CSRFField = "csrf"

// Options are what every page of one answer shares.
type Options struct {
	Realm  Realm
	Client *Client // who asks; nil: nobody is named
	Lang   string  // as Choose returned it; "" or without texts = English

	// Overrides are the realm's own texts in Lang, by key; nil = none. Texts
	// written for Keycloak may contain HTML, of which only the text is shown.
	Overrides map[string]string

	// Languages are offered at the foot of the page; fewer than two: none.
	Languages []Language

	// Redirects are the addresses the page's form may lead to in the end, after
	// any number of redirects: the client's redirect URI. See formAction.
	Redirects []string
}

// Realm is what a page shows and obeys of a realm.
type Realm struct {
	Name            string
	DisplayName     string // "" = Name
	DisplayNameHTML string // only its text is shown; "" = DisplayName

	// SecurityHeaders is the realm's browserSecurityHeaders: nil, or a member
	// that is missing, is Keycloak's default; a member that is "" leaves the
	// header out, but for the Content-Security-Policy.
	SecurityHeaders map[string]string
}

// Client is the application that asks, as a page names it.
type Client struct {
	ID        string
	Name      string // may be a placeholder such as ${client_account}; "" = ID
	LogoURI   string // shown if it is https
	PolicyURI string // http or https; consent page
	TosURI    string // http or https; consent page
}

// Language is a link of the language list.
type Language struct {
	Tag  string // "de"
	Name string // in its own words: "Deutsch"; "" = Tag
	URL  string
}

// Form is where a page's form posts to and what protects it. The action is the
// server's own address, absolute or from the root.
type Form struct {
	Action string
	CSRF   string
}

// Message is a text of the catalogue with its parameters. The zero Message is
// none. A key the catalogue does not have shows as itself.
type Message struct {
	Key  string
	Args []any
}

// Msg is the message of a key.
func Msg(key string, args ...any) Message { return Message{Key: key, Args: args} }
