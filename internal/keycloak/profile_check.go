package keycloak

import (
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/model"
)

// flaw is a message about an attribute: Keycloak's key and what it is about.
type flaw struct {
	key    string
	params []any
}

// validator checks one value of an attribute; nil says that it is well-formed.
type validator struct {
	check   func(value string, c map[string]any) *flaw
	numbers []string // members of its configuration that are numbers
	oneOf   bool     // needs min or max
	pattern bool
	options bool
}

// validators are those a user profile may name. The three that names and
// addresses have by themselves are checked with them (checkProfile).
var validators = map[string]validator{
	"length":   {check: validLength, numbers: []string{"min", "max"}, oneOf: true},
	"integer":  {check: validInteger, numbers: []string{"min", "max"}},
	"double":   {check: validDouble, numbers: []string{"min", "max"}},
	"email":    {check: validEmail, numbers: []string{"max-local-length"}},
	"uri":      {check: validURI},
	"pattern":  {check: validPattern, pattern: true},
	"options":  {check: validOption, options: true},
	"iso-date": {check: validDate("2006-01-02")},
	// Keycloak reads the date as the user's language writes it, and knows none of
	// that language here: day, month and year in the orders people use.
	"local-date":                        {check: validDate("1/2/06", "1/2/2006", "2.1.06", "2.1.2006", "2/1/2006", "2006-01-02")},
	"multivalued":                       {numbers: []string{"min", "max"}},
	"person-name-prohibited-characters": {check: validPersonName},
	"username-prohibited-characters":    {check: validUsername},
	"up-username-not-idn-homograph":     {check: validLetters},
}

func validLength(s string, c map[string]any) *flaw {
	if trim, _ := c["trim-disabled"].(bool); !trim && c["trim-disabled"] != "true" {
		s = strings.TrimSpace(s)
	}
	n := float64(utf8.RuneCountInString(s))
	low, hasLow := number(c, "min")
	high, hasHigh := number(c, "max")
	switch {
	case hasLow && n < low && hasHigh, hasHigh && n > high && hasLow:
		return &flaw{"error-invalid-length", []any{int64(low), int64(high)}}
	case hasLow && n < low:
		return &flaw{"error-invalid-length-too-short", []any{int64(low), nil}}
	case hasHigh && n > high:
		return &flaw{"error-invalid-length-too-long", []any{nil, int64(high)}}
	}
	return nil
}

func validInteger(s string, c map[string]any) *flaw {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return &flaw{key: "error-invalid-number"}
	}
	return inRange(float64(n), c)
}

func validDouble(s string, c map[string]any) *flaw {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return &flaw{key: "error-invalid-number"}
	}
	return inRange(n, c)
}

func inRange(n float64, c map[string]any) *flaw {
	low, hasLow := number(c, "min")
	high, hasHigh := number(c, "max")
	switch {
	case hasLow && hasHigh && (n < low || n > high):
		return &flaw{"error-number-out-of-range", []any{low, high}}
	case hasLow && n < low:
		return &flaw{"error-number-out-of-range-too-small", []any{low, nil}}
	case hasHigh && n > high:
		return &flaw{"error-number-out-of-range-too-big", []any{nil, high}}
	}
	return nil
}

func validEmail(s string, _ map[string]any) *flaw {
	if !plausibleEmail(s) {
		return &flaw{"error-invalid-email", []any{s}}
	}
	return nil
}

func validURI(s string, _ map[string]any) *flaw {
	u, err := url.Parse(s)
	if err != nil || !u.IsAbs() || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &flaw{"error-invalid-uri", []any{s}}
	}
	return nil
}

func validPattern(s string, c map[string]any) *flaw {
	pattern, _ := c["pattern"].(string)
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err == nil && re.MatchString(s) {
		return nil
	}
	key, _ := c["error-message"].(string)
	if key == "" {
		key = "error-pattern-no-match"
	}
	return &flaw{key, []any{pattern}}
}

func validOption(s string, c map[string]any) *flaw {
	list, _ := c["options"].([]any)
	if slices.Contains(list, any(s)) {
		return nil
	}
	return &flaw{key: "error-invalid-value"}
}

func validDate(layouts ...string) func(string, map[string]any) *flaw {
	return func(s string, _ map[string]any) *flaw {
		for _, l := range layouts {
			if _, err := time.Parse(l, s); err == nil {
				return nil
			}
		}
		return &flaw{"error-invalid-date", []any{s}}
	}
}

func validPersonName(s string, _ map[string]any) *flaw {
	if strings.ContainsAny(s, notInPersonName) {
		return &flaw{key: "error-person-name-invalid-character"}
	}
	return nil
}

func validUsername(s string, _ map[string]any) *flaw {
	if strings.ContainsFunc(s, notInUsername) {
		return &flaw{key: "error-username-invalid-character"}
	}
	return nil
}

func validLetters(string, map[string]any) *flaw { return nil }

// check tells what is wrong with an attribute's values when who gives them.
func (a *ProfileAttribute) check(values []string, who string) (out []flaw) {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	if len(values) == 0 && a.RequiredFor(who) {
		return []flaw{{key: "error-user-attribute-required"}}
	}
	least, most := 0.0, math.Inf(1)
	if c, ok := a.Validations["multivalued"]; ok {
		least, _ = number(c, "min")
		if n, given := number(c, "max"); given {
			most = n
		}
	} else if !a.Multivalued {
		most = 1
	}
	if n := float64(len(values)); n < least || n > most {
		out = append(out, flaw{"error-invalid-multivalued-size", []any{max(least, 1), most}})
		if most > 1e15 {
			out[0].params[1] = nil
		}
		return out
	}
	for _, name := range slices.Sorted(maps.Keys(a.Validations)) {
		v := validators[name]
		if v.check == nil {
			continue
		}
		for _, value := range values {
			if f := v.check(value, a.Validations[name]); f != nil {
				out = append(out, *f)
				break
			}
		}
	}
	return out
}

// apply puts what who asked for into a user, as the profile allows: u holds the
// request, old what is stored. Attributes that who may not change, and those
// the profile does not name and who may not set, stay as they are.
func (p *Profile) apply(old, u *model.User, who string) {
	set := map[string][]string{}
	for name, values := range u.Attributes {
		if a := p.Attribute(name); a != nil && a.Edits(who) || a == nil && p.setsUnmanaged(who) {
			set[name] = values
		}
	}
	for name, values := range old.Attributes {
		if a := p.Attribute(name); a != nil && !a.Edits(who) || a == nil && !p.setsUnmanaged(who) {
			set[name] = values
		}
	}
	if u.Attributes = set; len(set) == 0 {
		u.Attributes = nil
	}
}

func (p *Profile) setsUnmanaged(who string) bool {
	return !p.own || p.Unmanaged == UnmanagedEnabled || p.Unmanaged == UnmanagedAdminEdit && who == ProfileAdmin
}

// Shown is a copy of a user with the attributes that who may see.
func (p *Profile) Shown(u *model.User, who string) *model.User {
	c := *u
	c.Attributes = map[string][]string{}
	for name, values := range u.Attributes {
		if a := p.Attribute(name); a != nil && a.Views(who) || a == nil && p.seesUnmanaged(who) {
			c.Attributes[name] = values
		}
	}
	return &c
}

// faultsOf lists what a configured profile finds wrong with a user, in its
// order; the default one is checked by checkProfile.
func (p *Profile) faultsOf(old, u *model.User, who string) (out []FieldFault) {
	for i := range p.Attributes {
		a := &p.Attributes[i]
		values, was := valuesOf(u, a.Name), valuesOf(old, a.Name)
		if isRoot(a.Name) && slices.Equal(values, was) && !(a.RequiredFor(who) && len(values) == 0) {
			continue
		}
		for _, f := range a.check(values, who) {
			out = append(out, FieldFault{a.Name, f.key, append([]any{a.Name}, f.params...)})
		}
	}
	return out
}

// isRoot tells whether an attribute is a member of its own.
func isRoot(name string) bool {
	return name == "username" || name == "email" || name == "firstName" || name == "lastName"
}

func valuesOf(u *model.User, name string) []string {
	root := map[string]string{"username": u.Username, "email": u.Email, "firstName": u.FirstName, "lastName": u.LastName}
	if v, ok := root[name]; ok {
		if v == "" {
			return nil
		}
		return []string{v}
	}
	return u.Attributes[name]
}
