package keycloak

import (
	_ "embed"
	"encoding/json"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// profileFile is the user profile of a realm that has not configured one.
//
//go:embed defaults/userprofile.json
var profileFile []byte

var defaultProfile = embedded[Profile](profileFile)

// A realm keeps its user profile, as JSON, in a component of this type.
const (
	profileType     = "org.keycloak.userprofile.UserProfileProvider"
	profileProvider = "declarative-user-profile"
	profileConfig   = "kc.user.profile.config"
)

// Who a rule of the user profile is about.
const (
	ProfileAdmin = "admin"
	ProfileUser  = "user"
)

// Policies for attributes that the profile does not name; "" drops and hides
// them.
const (
	UnmanagedEnabled   = "ENABLED"
	UnmanagedAdminEdit = "ADMIN_EDIT"
	UnmanagedAdminView = "ADMIN_VIEW"
)

// Profile is a realm's user profile: which attributes users have, who sees and
// changes them, and what they must look like. It is Keycloak's UPConfig.
type Profile struct {
	Attributes []ProfileAttribute `json:"attributes,omitempty"`
	Groups     []ProfileGroup     `json:"groups"`
	// Unmanaged is what becomes of other attributes.
	Unmanaged string `json:"unmanagedAttributePolicy,omitempty"`

	own bool // configured, not the default
}

// ProfileAttribute is one attribute of a Profile.
type ProfileAttribute struct {
	Name         string                    `json:"name"`
	DisplayName  string                    `json:"displayName,omitempty"`
	Validations  map[string]map[string]any `json:"validations,omitempty"` // by validator, its configuration
	Annotations  map[string]any            `json:"annotations,omitempty"`
	Required     *ProfileRoles             `json:"required,omitempty"` // nil: optional
	Permissions  *ProfilePermissions       `json:"permissions,omitempty"`
	Selector     *ProfileScopes            `json:"selector,omitempty"`
	Group        string                    `json:"group,omitempty"`
	Multivalued  bool                      `json:"multivalued"`
	DefaultValue string                    `json:"defaultValue,omitempty"`
}

// ProfileRoles says for whom, or with which client scopes, an attribute is
// required; both empty: for everybody.
type ProfileRoles struct {
	Roles  []string `json:"roles,omitempty"`
	Scopes []string `json:"scopes,omitempty"`
}

// ProfilePermissions says who sees and who changes an attribute.
type ProfilePermissions struct {
	View []string `json:"view"`
	Edit []string `json:"edit"`
}

// ProfileScopes are client scopes an attribute needs to be shown.
type ProfileScopes struct {
	Scopes []string `json:"scopes"`
}

// ProfileGroup is a heading that attributes stand under.
type ProfileGroup struct {
	Name               string         `json:"name"`
	DisplayHeader      string         `json:"displayHeader,omitempty"`
	DisplayDescription string         `json:"displayDescription,omitempty"`
	Annotations        map[string]any `json:"annotations,omitempty"`
}

// profileComponent is where a realm keeps its profile; nil for the default.
func profileComponent(cfg *model.Config) *model.Component {
	for _, c := range cfg.Components {
		if c.ProviderType == profileType && len(c.Config[profileConfig]) > 0 {
			return c
		}
	}
	return nil
}

// ProfileOf is a realm's user profile. One that cannot be read counts as none.
func ProfileOf(cfg *model.Config) *Profile {
	p := defaultProfile()
	if c := profileComponent(cfg); c != nil {
		own := Profile{own: true}
		if json.Unmarshal([]byte(c.Config[profileConfig][0]), &own) == nil {
			p = own
		}
	}
	if p.Groups == nil {
		p.Groups = []ProfileGroup{}
	}
	return &p
}

// Attribute finds an attribute by name; nil for none.
func (p *Profile) Attribute(name string) *ProfileAttribute {
	for i := range p.Attributes {
		if p.Attributes[i].Name == name {
			return &p.Attributes[i]
		}
	}
	return nil
}

// Edits tells whether who may change the attribute.
func (a *ProfileAttribute) Edits(who string) bool {
	return a.Permissions != nil && slices.Contains(a.Permissions.Edit, who)
}

// Views tells whether who may see the attribute; who changes it sees it.
func (a *ProfileAttribute) Views(who string) bool {
	return a.Edits(who) || a.Permissions != nil && slices.Contains(a.Permissions.View, who)
}

// RequiredFor tells whether who must give the attribute. One that only some
// client scopes require is not asked of administrators.
func (a *ProfileAttribute) RequiredFor(who string) bool {
	if a.Name == "username" {
		return true
	}
	if a.Required == nil {
		return false
	}
	return len(a.Required.Roles) == 0 && len(a.Required.Scopes) == 0 || slices.Contains(a.Required.Roles, who)
}

// Metadata is Keycloak's UserProfileMetadata: what a form about a user shows
// to who. With a user, its username is read-only unless the realm lets it
// change.
func (p *Profile) Metadata(r *model.Realm, who string, u *model.User) Object {
	attributes := []Object{}
	for i := range p.Attributes {
		a := &p.Attributes[i]
		if !a.Views(who) {
			continue
		}
		o := Object{{"name", a.Name}}
		o.addText("displayName", a.DisplayName)
		o.add("required", a.RequiredFor(who))
		o.add("readOnly", !a.Edits(who) || a.Name == "username" && u != nil && !r.EditUsernameAllowed)
		if len(a.Annotations) > 0 {
			o.add("annotations", a.Annotations)
		}
		o.add("validators", a.validators())
		o.addText("group", a.Group)
		o.add("multivalued", a.Multivalued)
		o.addText("defaultValue", a.DefaultValue)
		attributes = append(attributes, o)
	}
	return Object{{"attributes", attributes}, {"groups", p.Groups}}
}

// validators are the attribute's, as forms are told: each takes an empty value
// for none, and an attribute of one value says so.
func (a *ProfileAttribute) validators() map[string]map[string]any {
	out := map[string]map[string]any{}
	for name, config := range a.Validations {
		c := maps.Clone(table(config))
		if name != "multivalued" {
			c["ignore.empty.value"] = true
		}
		out[name] = c
	}
	if !a.Multivalued {
		out["multivalued"] = map[string]any{"max": "1"}
	}
	return out
}

// UnmanagedAttributes are the attributes of a user that the profile does not
// name, as far as administrators see them.
func (p *Profile) UnmanagedAttributes(u *model.User) map[string][]string {
	out := map[string][]string{}
	for name, values := range u.Attributes {
		if p.Attribute(name) == nil && p.seesUnmanaged(ProfileAdmin) {
			out[name] = values
		}
	}
	return out
}

func (p *Profile) seesUnmanaged(who string) bool {
	return !p.own && who == ProfileAdmin || p.Unmanaged == UnmanagedEnabled || p.Unmanaged != "" && who == ProfileAdmin
}
