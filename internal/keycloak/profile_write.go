package keycloak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

var attributeName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// maxProfile is how many attributes a profile may have.
const maxProfile = 500

// ReadProfile reads and checks a user profile: the body of PUT users/profile.
// Every fault is told at once, as by Keycloak. Patterns are Go's expressions.
//
// Errors: *DocumentError.
func ReadProfile(cfg *model.Config, doc []byte) (*Profile, error) {
	p := &Profile{own: true}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		if _, unknown, ok := strings.Cut(err.Error(), "unknown field "); ok {
			return nil, &DocumentError{Problem: "Unrecognized field " + unknown}
		}
		return nil, &DocumentError{Problem: notText}
	}
	if !slices.Contains([]string{"", UnmanagedEnabled, UnmanagedAdminEdit, UnmanagedAdminView}, p.Unmanaged) {
		return nil, &DocumentError{Problem: notText}
	}
	if faults := p.faults(cfg); len(faults) > 0 {
		return nil, &DocumentError{Problem: "[" + strings.Join(faults, ", ") + "]"}
	}
	if p.Groups == nil {
		p.Groups = []ProfileGroup{}
	}
	return p, nil
}

// Component is where a realm keeps the profile: its own component, or a new
// one with that id.
//
// Errors: none that a Profile from ReadProfile brings about.
func (p *Profile) Component(cfg *model.Config, newID func() string) (*model.Component, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("user profile: %w", err)
	}
	c := &model.Component{ID: newID(), ProviderID: profileProvider, ProviderType: profileType}
	if old := profileComponent(cfg); old != nil {
		*c = *old
	}
	c.Config = maps.Clone(table(c.Config))
	c.Config[profileConfig] = []string{string(raw)}
	return c, nil
}

func (p *Profile) faults(cfg *model.Config) (out []string) {
	failf := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, name := range []string{"username", "email"} {
		if p.Attribute(name) == nil {
			failf("The attribute '%s' can not be removed", name)
		}
	}
	if len(p.Attributes) > maxProfile {
		failf("A profile can not have more than %d attributes", maxProfile)
	}
	nameless := 0
	for _, g := range p.Groups {
		if g.Name == "" {
			nameless++
		}
	}
	if nameless > 0 {
		failf("Name is mandatory for groups, found %d group(s) without name.", nameless)
	}
	seen := map[string]bool{}
	for i := range p.Attributes {
		a := &p.Attributes[i]
		switch {
		case a.Name == "":
			failf("Attribute configuration without 'name' is not allowed")
		case seen[a.Name]:
			failf("Attribute configuration already exists with 'name':'%s'", a.Name)
		case !attributeName.MatchString(a.Name):
			failf("Invalid attribute name (only letters, numbers and '.' '_' '-' special characters allowed): %s'", a.Name)
		default:
			a.faults(cfg, p, failf)
		}
		seen[a.Name] = true
	}
	return out
}

// faults tells what an attribute refers to that is not there.
func (a *ProfileAttribute) faults(cfg *model.Config, p *Profile, failf func(format string, args ...any)) {
	roles := func(where string, names []string) {
		for _, n := range names {
			if n != ProfileAdmin && n != ProfileUser {
				failf("'%s' configuration for attribute '%s' contains unsupported role '%s'", where, a.Name, n)
			}
		}
	}
	scopes := func(where string, names []string) {
		for _, n := range names {
			if cfg.Scope(n) == nil {
				failf("'%s' configuration for attribute '%s' contains unsupported scope '%s'", where, a.Name, n)
			}
		}
	}
	if a.Required != nil {
		roles("required.roles", a.Required.Roles)
		scopes("required.scopes", a.Required.Scopes)
	}
	if a.Permissions != nil {
		roles("permissions.view", a.Permissions.View)
		roles("permissions.edit", a.Permissions.Edit)
	}
	if a.Selector != nil {
		scopes("selector.scopes", a.Selector.Scopes)
	}
	if a.Group != "" && !slices.ContainsFunc(p.Groups, func(g ProfileGroup) bool { return g.Name == a.Group }) {
		failf("Attribute '%s' references unknown group '%s'", a.Name, a.Group)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Validations)) {
		v, ok := validators[name]
		if !ok {
			failf("Validator '%s' defined for attribute '%s' doesn't exist", name, a.Name)
		} else if problem := v.configFault(a.Validations[name]); problem != "" {
			failf("Validator '%s' defined for attribute '%s' has incorrect configuration: %s", name, a.Name, problem)
		}
	}
}

// configFault says what is wrong with a validator's configuration; "" for
// nothing.
func (v validator) configFault(c map[string]any) string {
	for _, name := range v.numbers {
		if _, given := c[name]; given {
			if _, ok := number(c, name); !ok {
				return name + " must be a number"
			}
		}
	}
	if v.oneOf && c["min"] == nil && c["max"] == nil {
		return "min or max is missing"
	}
	if v.pattern {
		s, _ := c["pattern"].(string)
		if s == "" {
			return "pattern is missing"
		}
		if _, err := regexp.Compile(s); err != nil {
			return "pattern: " + err.Error()
		}
	}
	if list, isList := c["options"].([]any); v.options && (!isList || len(list) == 0) {
		return "options are missing"
	}
	return ""
}

// number reads a number that Keycloak's consoles write as text too.
func number(c map[string]any, name string) (float64, bool) {
	switch v := c[name].(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}
