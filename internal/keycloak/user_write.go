package keycloak

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/model"
)

// requiredActions are the actions of Keycloak 26; others are dropped from
// requests, because nobody could ever fulfil them.
var requiredActions = []string{
	"CONFIGURE_TOTP", "CONFIGURE_RECOVERY_AUTHN_CODES", "TERMS_AND_CONDITIONS", updatePassword, "UPDATE_PROFILE",
	"UPDATE_EMAIL", "VERIFY_EMAIL", "VERIFY_PROFILE", "delete_account", "delete_credential", "idp_link",
	"update_user_locale", "webauthn-register", "webauthn-register-passwordless",
}

// NewUser is the user that POST /users with that body makes: with the realm's
// default role and default groups, beside the groups the body names.
// realmRoles, clientRoles, id and notBefore are ignored, as in Keycloak.
// CreatedMS is 0 unless the body says.
//
// Errors: *DocumentError, with Key for what the user profile forbids. Names
// that are taken are the caller's to find.
func NewUser(cfg *model.Config, doc []byte, newID func() string) (*UserDocument, error) {
	f := body(doc)
	u := &model.User{ID: newID(), RealmNum: cfg.Realm.Num}
	f.str("username", &u.Username)
	f.str("email", &u.Email)
	apply(f, userMembers, u)
	f.number("createdTimestamp", maxMoment, &u.CreatedMS)
	set, _, _ := f.lists("attributes")
	setAttributes(u, set)
	if u.RequiredActions, _ = f.strs("requiredActions"); u.RequiredActions != nil {
		u.RequiredActions = known(u.RequiredActions)
	}
	for _, a := range cfg.Realm.DefaultActions() {
		if !slices.Contains(u.RequiredActions, a) {
			u.RequiredActions = append(u.RequiredActions, a)
		}
	}
	u.Grants.Groups = slices.Clone(cfg.Realm.DefaultGroups)
	u.Grants.Groups = append(u.Grants.Groups, f.groupIDs("groups", groupByPath(cfg))...)
	slices.Sort(u.Grants.Groups)
	if u.Grants.Groups = slices.Compact(u.Grants.Groups); len(u.Grants.Groups) == 0 {
		u.Grants.Groups = nil
	}
	if cfg.Realm.DefaultRoleID != "" {
		u.Grants.Roles = []string{cfg.Realm.DefaultRoleID}
	}
	d := &UserDocument{User: u, Credentials: readCredentials(f, u, newID)}
	f.drop(append(slices.Clone(derivedUser), "notBefore")...)
	u.Extra = f.rest()
	checkUser(cfg, f, &model.User{}, u)
	if f.err != nil {
		return nil, f.err
	}
	return d, nil
}

// UpdateUser is the body of PUT /users/{id} applied to old, as Keycloak does
// it. Without attributes, members that are present change and "" empties a
// name or the e-mail address. With attributes, they replace the set, and
// email, firstName and lastName that are left out are removed too; a username
// left out is an error where names may change. id, createdTimestamp,
// notBefore, roles and groups are ignored; the password is NewPassword's.
//
// Errors: *DocumentError. Two checks are left to the caller, in this order:
// whether username and email are free, then CheckUsernameChange.
func UpdateUser(cfg *model.Config, old *model.User, doc []byte) (*model.User, error) {
	f := body(doc)
	u := *old
	if f.has("attributes") {
		if !f.has("username") && cfg.Realm.EditUsernameAllowed {
			f.failf("username", "User name is missing")
		}
		u.Email, u.FirstName, u.LastName = "", "", ""
		set, _, _ := f.lists("attributes")
		setAttributes(&u, set)
	}
	if f.has("username") {
		f.str("username", &u.Username)
		if u.Username == "" {
			f.failf("username", "User name is missing")
		}
	}
	f.str("email", &u.Email)
	apply(f, userMembers, &u)
	if v, ok := f.strs("requiredActions"); ok {
		u.RequiredActions = known(v)
	}
	f.drop("username", "attributes", "createdTimestamp", "notBefore")
	f.drop(derivedUser...)
	u.Extra = merged(u.Extra, f.rest())
	checkUser(cfg, f, old, &u)
	if f.err != nil {
		return nil, f.err
	}
	return &u, nil
}

// NewPassword is the plain password in the body of PUT /users/{id}: nil when
// there is none. Stored credentials in it are ignored.
//
// Errors: *DocumentError.
func NewPassword(doc []byte) (*CredentialInput, error) {
	f := body(doc)
	var out *CredentialInput
	for _, in := range readCredentials(f, &model.User{}, func() string { return "" }) {
		if in.Credential.Type == "password" && in.Value != "" {
			out = &in
		}
	}
	return out, f.fault()
}

// Enables tells whether the body of PUT /users/{id} says enabled: true.
func Enables(doc []byte) bool {
	f, u := body(doc), &model.User{}
	apply(f, userMembers, u)
	return u.Enabled
}

// CheckUsernameChange refuses a new username where the realm does not let them
// change.
//
// Errors: *DocumentError with Key error-user-attribute-read-only.
func CheckUsernameChange(r *model.Realm, old, next *model.User) error {
	if old.Username == next.Username || r.EditUsernameAllowed {
		return nil
	}
	return &DocumentError{Path: "username", Problem: "must not change", Key: "error-user-attribute-read-only", Params: []any{"username"}}
}

// setAttributes replaces u's attributes; those that are names go to their
// fields, as in Keycloak's user profile.
func setAttributes(u *model.User, set map[string][]string) {
	set = maps.Clone(set)
	for name, to := range map[string]*string{"email": &u.Email, "firstName": &u.FirstName, "lastName": &u.LastName} {
		if v := set[name]; len(v) > 0 && *to == "" {
			*to = v[0]
		}
		delete(set, name)
	}
	delete(set, "username")
	if u.Attributes = set; len(set) == 0 {
		u.Attributes = nil
	}
}

// KnownAction tells whether a required action has that alias.
func KnownAction(alias string) bool { return slices.Contains(requiredActions, alias) }

func known(actions []string) []string {
	out := slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return !KnownAction(a) })
	if len(out) == 0 {
		return nil
	}
	return out
}

// checkUser checks what an administrator wrote against the realm's profile.
func checkUser(cfg *model.Config, f *fields, old, u *model.User) {
	p := ProfileOf(cfg)
	if !p.own {
		checkProfile(f, old, u)
		return
	}
	u.Username, u.Email = strings.ToLower(u.Username), strings.ToLower(u.Email)
	if u.Username == "" {
		f.failf("username", "User name is missing")
	}
	p.apply(old, u, ProfileAdmin)
	if faults := p.faultsOf(old, u, ProfileAdmin); len(faults) > 0 && f.err == nil {
		first := faults[0]
		f.err = &DocumentError{Path: first.Field, Problem: "is not what the user profile allows", Key: first.Key, Params: first.Params}
		if len(faults) > 1 {
			f.err.Faults = faults
		}
	}
}

// checkProfile is the default user profile of Keycloak 26: what changed must
// be well-formed. It also folds username and email to lower case.
func checkProfile(f *fields, old, u *model.User) {
	u.Username, u.Email = strings.ToLower(u.Username), strings.ToLower(u.Email)
	refuse := func(name, problem, key string, params ...any) {
		if f.err == nil {
			f.err = &DocumentError{Path: name, Problem: problem, Key: key, Params: append([]any{name}, params...)}
		}
	}
	if u.Username == "" {
		f.failf("username", "User name is missing")
	}
	if n := utf8.RuneCountInString(u.Username); u.Username != old.Username && (n < 3 || n > maxName) {
		refuse("username", "must have 3 to 255 characters", "error-invalid-length", 3, maxName)
	}
	if u.Username != old.Username && strings.ContainsFunc(u.Username, notInUsername) {
		refuse("username", "has a character that is not allowed", "error-username-invalid-character")
	}
	if u.Email != old.Email && u.Email != "" && !plausibleEmail(u.Email) {
		refuse("email", "is no e-mail address", "error-invalid-email", u.Email)
	}
	for _, n := range []struct{ name, was, is string }{{"firstName", old.FirstName, u.FirstName}, {"lastName", old.LastName, u.LastName}} {
		switch {
		case n.was == n.is:
		case utf8.RuneCountInString(n.is) > maxName:
			refuse(n.name, "must not be longer than 255 characters", "error-invalid-length-too-long", nil, maxName)
		case strings.ContainsAny(n.is, notInPersonName):
			refuse(n.name, "has a character that is not allowed", "error-person-name-invalid-character")
		}
	}
}

// notInPersonName are the characters Keycloak's
// person-name-prohibited-characters refuses.
const notInPersonName = "<>&\"\v$%!#?§;*~/\\|^=[]{}()\x00\r\n\t"

// notInUsername are the characters Keycloak's username-prohibited-characters
// refuses.
func notInUsername(c rune) bool {
	return c <= ' ' || c == 0x7f || strings.ContainsRune("<>&\"'$%!#?§,;:*~/\\|^=[]{}()`", c)
}

// plausibleEmail asks for one @ between a local part of at most 64 characters
// and a domain of sane labels; whether mail arrives only mail can tell.
func plausibleEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(local) > 64 || len(s) > maxName || strings.ContainsAny(s, " \t\r\n<>()[],;:\\\"") {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notInDomain) {
			return false
		}
	}
	return !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..")
}

// notInDomain leaves letters, digits, hyphens and what is not ASCII.
func notInDomain(c rune) bool {
	return c < 0x80 && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

// groupByPath looks groups up by path, with or without the leading slash.
func groupByPath(cfg *model.Config) func(string) string {
	return func(path string) string {
		if g := cfg.GroupByPath(path); g != nil {
			return g.ID
		}
		return ""
	}
}
