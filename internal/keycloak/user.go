package keycloak

import (
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// UserDocument is a user with what belongs to it in documents and requests.
type UserDocument struct {
	User        *model.User // CreatedMS is 0 when the document does not say
	Credentials []CredentialInput
	Consents    []model.Consent
}

// UserOptions say how a user is shown. Brief leaves out what lists with
// briefRepresentation do; HasOTP is member totp; Access is member access, nil
// for none (service accounts have none).
type UserOptions struct {
	Brief  bool
	HasOTP bool
	Access map[string]bool
}

// exportOnlyUser are extra members of users that only export files show.
var exportOnlyUser = []string{"federatedIdentities", "socialLinks"}

// UserRepresentation is a user as admin REST shows it.
func UserRepresentation(u *model.User, opts UserOptions) Object {
	o := userObject(u, opts.Brief)
	if !opts.Brief {
		o.add("totp", opts.HasOTP)
		o.add("disableableCredentialTypes", []string{})
		o.add("requiredActions", list(u.RequiredActions))
		o.add("notBefore", u.NotBefore)
		o.addExtra(u.Extra, exportOnlyUser...)
	}
	if opts.Access != nil {
		o.add("access", opts.Access)
	}
	return o
}

func userObject(u *model.User, brief bool) Object {
	o := Object{{"id", u.ID}, {"username", u.Username}}
	o.addText("firstName", u.FirstName)
	o.addText("lastName", u.LastName)
	o.addText("email", u.Email)
	o.add("emailVerified", u.EmailVerified)
	if len(u.Attributes) > 0 && !brief {
		o.add("attributes", u.Attributes)
	}
	o.add("enabled", u.Enabled)
	o.add("createdTimestamp", u.CreatedMS)
	return o
}

func serviceAccountName(clientID string) string {
	return "service-account-" + strings.ToLower(clientID)
}

// userMembers are the plain members of users in documents and new users.
var userMembers = []member[model.User]{
	text("firstName", func(u *model.User) *string { return &u.FirstName }),
	text("lastName", func(u *model.User) *string { return &u.LastName }),
	toggle("enabled", func(u *model.User) *bool { return &u.Enabled }),
	toggle("emailVerified", func(u *model.User) *bool { return &u.EmailVerified }),
}

// derivedUser are members that say what is known otherwise.
var derivedUser = []string{
	"totp", "access", "disableableCredentialTypes", "self", "origin", "userProfileMetadata", "realmRoles",
	"clientRoles", "applicationRoles", "groups", "serviceAccountClientId", "clientConsents", "credentials", "id",
}

// readUser reads a user of a realm document. Roles and groups are those named
// and no others: Keycloak gives the default role to users made one by one, not
// to imported ones.
func (x *index) readUser(f *fields, newID func() string) *UserDocument {
	u := &model.User{ID: f.id(newID)}
	f.str("username", &u.Username)
	u.Username = strings.ToLower(u.Username)
	f.checkName(f.at("username"), u.Username)
	f.str("email", &u.Email)
	u.Email = strings.ToLower(u.Email)
	apply(f, userMembers, u)
	for _, s := range []struct{ name, value string }{{"email", u.Email}, {"firstName", u.FirstName}, {"lastName", u.LastName}} {
		if s.value != "" {
			f.checkName(f.at(s.name), s.value)
		}
	}
	f.number("createdTimestamp", maxMoment, &u.CreatedMS)
	f.number("notBefore", maxNumber, &u.NotBefore)
	u.Attributes, _, _ = f.lists("attributes")
	u.RequiredActions, _ = f.strs("requiredActions")
	x.readServiceLink(f, u)
	u.Grants.Roles = f.roleIDs("realmRoles", "clientRoles", x.finder())
	u.Grants.Groups = f.groupIDs("groups", x.groupByPath)
	d := &UserDocument{User: u, Consents: x.readConsents(f)}
	d.Credentials = readCredentials(f, u, newID)
	f.drop(derivedUser...)
	u.Extra = f.rest()
	return d
}

// readServiceLink ties the user of a service account to its client.
func (x *index) readServiceLink(f *fields, u *model.User) {
	clientID := ""
	if f.str("serviceAccountClientId", &clientID); clientID == "" {
		return
	}
	c := x.clients[clientID]
	switch {
	case c == nil:
		f.failf(f.at("serviceAccountClientId"), "unknown client %q", clientID)
	case c.ServiceUserID != "" && c.ServiceUserID != u.ID:
		f.failf(f.at("serviceAccountClientId"), "client %q has another service account", clientID)
	default:
		u.ServiceClientID = c.ID
	}
}

// groupIDs are the ids of the groups that a member names by path.
func (f *fields) groupIDs(name string, byPath func(string) string) (ids []string) {
	given, _ := f.items(name)
	for _, it := range given {
		path, ok := f.scalar(it, false)
		if !ok {
			continue
		}
		if id := byPath(path); id != "" {
			ids = append(ids, id)
		} else {
			f.failf(it.path, "unknown group %q", path)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (x *index) readConsents(f *fields) (out []model.Consent) {
	given, _ := f.items("clientConsents")
	for _, it := range given {
		sub := f.object(it.raw, it.path)
		clientID, consent := "", model.Consent{}
		sub.str("clientId", &clientID)
		if c := x.clients[clientID]; c != nil {
			consent.ClientID = c.ID
		} else {
			sub.failf(sub.at("clientId"), "unknown client %q", clientID)
		}
		names, _ := sub.items("grantedClientScopes")
		for _, n := range names {
			name, _ := sub.scalar(n, false)
			if s := x.scopes[name]; s != nil {
				consent.ScopeIDs = append(consent.ScopeIDs, s.ID)
			} else {
				sub.failf(n.path, "unknown client scope %q", name)
			}
		}
		slices.Sort(consent.ScopeIDs)
		sub.number("createdDate", maxMoment, &consent.CreatedMS)
		sub.number("lastUpdatedDate", maxMoment, &consent.UpdatedMS)
		out = append(out, consent)
	}
	return out
}
