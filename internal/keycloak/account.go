package keycloak

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/model"
)

// AccountRepresentation is a user as the account REST shows it to themselves.
// Of their attributes it shows locale, where the realm has languages: others
// are the administrators'.
func AccountRepresentation(r *model.Realm, u *model.User, metadata bool) Object {
	o := Object{{"id", u.ID}, {"username", u.Username}}
	if r.EmailAsUsername() && u.Email != "" {
		o[1].Value = u.Email
	}
	o.addText("firstName", u.FirstName)
	o.addText("lastName", u.LastName)
	if u.Email != "" {
		o.add("email", u.Email)
		o.add("emailVerified", u.EmailVerified)
	}
	if on, _, _ := r.Internationalization(); on && len(u.Attributes[attrLocale]) > 0 {
		o.add("attributes", map[string][]string{attrLocale: u.Attributes[attrLocale]})
	}
	if metadata {
		o.add("userProfileMetadata", profileMetadata(r))
	}
	return o
}

const attrLocale = "locale"

// profileRequired tells whether e-mail and names are required: the profile of
// master asks for none (measured).
func profileRequired(r *model.Realm) bool { return r.Name != "master" }

// usernameFixed tells whether people may not change their username.
func usernameFixed(r *model.Realm) bool { return !r.EditUsernameAllowed || r.EmailAsUsername() }

// profileMetadata describes the default user profile of Keycloak 26.
func profileMetadata(r *model.Realm) Object {
	empty := map[string]any{"ignore.empty.value": true}
	length := Object{{"max", maxName}, {"ignore.empty.value", true}}
	one := Object{{"max", "1"}}
	required := profileRequired(r)
	var attributes []Object
	add := func(name string, required, readOnly bool, annotations any, validators Object) {
		o := Object{{"name", name}, {"displayName", "${" + name + "}"}, {"required", required}, {"readOnly", readOnly}}
		if annotations != nil {
			o.add("annotations", annotations)
		}
		attributes = append(attributes, append(o, Member{"validators", validators}, Member{"multivalued", false}))
	}
	if on, _, _ := r.Internationalization(); on {
		attributes = append(attributes, Object{
			{"name", attrLocale}, {"displayName", attrLocale}, {"required", false}, {"readOnly", false}, {"validators", Object{}}, {"multivalued", false},
		})
	}
	add("username", !r.EmailAsUsername(), usernameFixed(r), nil, Object{
		{"username-prohibited-characters", empty}, {"multivalued", one}, {"length", append(slices.Clone(length), Member{"min", minUsername})},
		{"up-username-not-idn-homograph", empty},
	})
	add("email", required, false, Object{}, Object{{"multivalued", one}, {"length", length}, {"email", empty}})
	for _, name := range []string{"firstName", "lastName"} {
		add(name, required, false, nil, Object{{"person-name-prohibited-characters", empty}, {"multivalued", one}, {"length", length}})
	}
	return Object{{"attributes", attributes}, {"groups", []Object{{
		{"name", "user-metadata"}, {"displayHeader", "User metadata"}, {"displayDescription", "Attributes, which refer to user metadata"},
	}}}}
}

// ProfileError is what the user profile has against a user's own changes.
type ProfileError struct{ Faults []ProfileFault }

// ProfileFault is one message of a ProfileError: Keycloak's key and parameters,
// the first of which is the field's name as ${field}.
type ProfileFault struct {
	Field, Key string
	Params     []any
}

func (e *ProfileError) Error() string {
	keys := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		keys[i] = f.Field + " " + f.Key
	}
	return "user profile: " + strings.Join(keys, ", ")
}

func (e *ProfileError) add(field, key string, params ...any) {
	e.Faults = append(e.Faults, ProfileFault{field, key, append([]any{"${" + field + "}"}, params...)})
}

// accountMembers are the members of the body of POST /account that are no
// text of the profile.
var accountMembers = []string{"id", "enabled", "userProfileMetadata"}

// UpdateAccount is the body of POST /account applied to old: email, firstName
// and lastName become what it says, and username where the realm lets people
// change it; a member left out is an empty one. Of attributes it takes locale,
// where the realm has languages; all others stay as they are. A new e-mail
// address is not verified.
//
// Errors: *ProfileError; *DocumentError, with a Path for a member of the wrong
// type. That a name is taken is the caller's to find.
func UpdateAccount(r *model.Realm, old *model.User, doc []byte) (*model.User, error) {
	f := body(doc)
	given := map[string]*string{}
	for _, name := range []string{"username", "email", "firstName", "lastName"} {
		given[name] = f.profileText(name)
	}
	verified := false // read for its type alone: nobody verifies their own address
	f.boolean("emailVerified", &verified)
	locale := f.locale()
	f.drop(accountMembers...)
	if rest := f.rest(); len(rest) > 0 && f.err == nil {
		f.err = &DocumentError{Problem: "Invalid json representation for UserRepresentation. Unrecognized field " + quoteShort(slices.Min(slices.Collect(maps.Keys(rest)))) + "."}
	}
	if f.err != nil {
		return nil, f.err
	}
	u := *old
	u.Email, u.FirstName, u.LastName = strings.ToLower(textOf(given["email"])), textOf(given["firstName"]), textOf(given["lastName"])
	faults := &ProfileError{}
	setUsername(r, &u, given["username"], faults)
	checkAccount(r, old, &u, given["email"], faults)
	if len(faults.Faults) > 0 {
		return nil, faults
	}
	if u.Email != old.Email {
		u.EmailVerified = false
	}
	if on, _, _ := r.Internationalization(); on {
		u.Attributes = withLocale(old.Attributes, locale)
	}
	return &u, nil
}

// profileText reads a text; numbers and booleans count by their text. nil when
// it is absent.
func (f *fields) profileText(name string) *string {
	raw, ok := f.take(name)
	if !ok {
		return nil
	}
	s, ok := f.scalar(item{path: f.at(name), raw: raw}, true)
	if !ok {
		return nil
	}
	s = strings.TrimSpace(s)
	return &s
}

// locale reads attributes.locale, of several the first. Attributes of another
// shape are ignored, as in Keycloak.
func (f *fields) locale() []string {
	raw, ok := f.take("attributes")
	if !ok {
		return nil
	}
	own := &fields{reader: &reader{}, m: map[string]json.RawMessage{"attributes": raw}}
	set, _, _ := own.lists("attributes")
	if own.err != nil || len(set[attrLocale]) == 0 || utf8.RuneCountInString(set[attrLocale][0]) > maxName {
		return nil
	}
	return set[attrLocale][:1]
}

func withLocale(attributes map[string][]string, locale []string) map[string][]string {
	out := maps.Clone(attributes)
	delete(out, attrLocale)
	if len(locale) > 0 {
		if out == nil {
			out = map[string][]string{}
		}
		out[attrLocale] = locale
	}
	return out
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// quoteShort quotes a name that a stranger chose.
func quoteShort(name string) string {
	const longest = 64
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "") + "…"
	}
	return fmt.Sprintf("%q", name)
}

// minUsername is the length of the shortest username the profile takes.
const minUsername = 3

// setUsername takes the username that was sent, if the realm lets it change.
func setUsername(r *model.Realm, u *model.User, sent *string, faults *ProfileError) {
	name := strings.ToLower(textOf(sent))
	switch {
	case r.EmailAsUsername():
		u.Username = cmp.Or(u.Email, u.Username)
	case !r.EditUsernameAllowed && (sent == nil || name == u.Username):
	case !r.EditUsernameAllowed:
		faults.add("username", "error-user-attribute-read-only")
		if name == "" {
			faults.add("username", "missingUsernameMessage")
		} else {
			faults.add("username", "readOnlyUsernameMessage")
		}
	case name == "":
		faults.add("username", "missingUsernameMessage")
	default:
		u.Username = name
	}
}

// checkAccount checks what changed, and that what must be there is.
func checkAccount(r *model.Realm, old, u *model.User, email *string, faults *ProfileError) {
	required := profileRequired(r)
	if u.Username != old.Username && !r.EmailAsUsername() {
		if n := utf8.RuneCountInString(u.Username); n < minUsername || n > maxName {
			faults.add("username", "error-invalid-length", "3", "255")
		}
		if strings.ContainsFunc(u.Username, notInUsername) {
			faults.add("username", "error-username-invalid-character")
		}
	}
	switch {
	case u.Email == "" && required:
		if email != nil {
			faults.add("email", "missingEmailMessage")
		}
		faults.add("email", "error-user-attribute-required")
	case u.Email != "" && u.Email != old.Email:
		if utf8.RuneCountInString(u.Email) > maxName {
			faults.add("email", "error-invalid-length-too-long", nil, "255")
		}
		if !plausibleEmail(u.Email) {
			faults.add("email", "error-invalid-email", *email)
		}
	}
	for _, n := range []struct{ name, was, is string }{{"firstName", old.FirstName, u.FirstName}, {"lastName", old.LastName, u.LastName}} {
		switch {
		case n.is == "" && required:
			faults.add(n.name, "error-user-attribute-required")
		case n.is == n.was:
		case utf8.RuneCountInString(n.is) > maxName:
			faults.add(n.name, "error-invalid-length-too-long", nil, "255")
		case strings.ContainsAny(n.is, notInPersonName):
			faults.add(n.name, "error-person-name-invalid-character")
		}
	}
}
