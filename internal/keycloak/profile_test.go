package keycloak

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

// profiled is a realm with one attribute, written as JSON, beside the four
// every profile has, and a policy for others.
func profiled(t *testing.T, attribute, policy string) (*model.Config, error) {
	t.Helper()
	d, err := ParseRealm([]byte(`{"realm":"r"}`), counter())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	p := *ProfileOf(cfg)
	p.Unmanaged = policy
	doc, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	doc = []byte(strings.Replace(string(doc), `"groups":`, `"groups":`, 1))
	if attribute != "" {
		doc = []byte(strings.Replace(string(doc), `],"groups"`, `,`+attribute+`],"groups"`, 1))
	}
	read, err := ReadProfile(cfg, doc)
	if err != nil {
		return nil, err
	}
	c, err := read.Component(cfg, counter())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Components = append(cfg.Components, c)
	return cfg, nil
}

func counter() func() string {
	n := 0
	return func() string {
		n++
		return "00000000-0000-4000-8000-" + strings.Repeat("0", 9) + string(rune('0'+n/100%10)) + string(rune('0'+n/10%10)) + string(rune('0'+n%10))
	}
}

func TestProfile_ValidatorsRefuseWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ validator, config, bad, good, key string }{
		{"length", `{"min":2,"max":5}`, "r", "red", "error-invalid-length"},
		{"length", `{"max":2}`, "red", "r", "error-invalid-length-too-long"},
		{"length", `{"min":"2"}`, "r", "red", "error-invalid-length-too-short"},
		{"options", `{"options":["red","blue"]}`, "green", "red", "error-invalid-value"},
		{"integer", `{}`, "x", "12", "error-invalid-number"},
		{"integer", `{"min":2,"max":3}`, "4", "2", "error-number-out-of-range"},
		{"double", `{"max":"1.5"}`, "2", "1.25", "error-number-out-of-range-too-big"},
		{"email", `{}`, "x", "a@b.c", "error-invalid-email"},
		{"uri", `{}`, "foo", "https://a/b", "error-invalid-uri"},
		{"pattern", `{"pattern":"a+"}`, "ab", "aa", "error-pattern-no-match"},
		{"pattern", `{"pattern":"a+","error-message":"only-a"}`, "b", "a", "only-a"},
		{"iso-date", `{}`, "1/2/2020", "2020-01-31", "error-invalid-date"},
		{"local-date", `{}`, "x", "1/31/20", "error-invalid-date"},
		{"person-name-prohibited-characters", `{}`, "<b>", "Anna", "error-person-name-invalid-character"},
		{"username-prohibited-characters", `{}`, "a b", "ab", "error-username-invalid-character"},
	} {
		cfg, err := profiled(t, `{"name":"x","validations":{"`+tt.validator+`":`+tt.config+`},"permissions":{"view":["admin"],"edit":["admin"]},"multivalued":false}`, "")
		if err != nil {
			t.Errorf("%s %s: %v", tt.validator, tt.config, err)
			continue
		}
		for value, key := range map[string]string{tt.bad: tt.key, tt.good: "", "": ""} {
			_, err := NewUser(cfg, []byte(`{"username":"anna","attributes":{"x":["`+value+`"]}}`), counter())
			var fault *DocumentError
			if errors.As(err, &fault) {
				if fault.Key != key {
					t.Errorf("%s %s of %q: %q, want %q", tt.validator, tt.config, value, fault.Key, key)
				}
			} else if key != "" {
				t.Errorf("%s %s takes %q", tt.validator, tt.config, value)
			}
		}
	}
}

func TestProfile_FaultsAreToldTogether(t *testing.T) {
	t.Parallel()
	cfg, err := profiled(t, `{"name":"team","validations":{"length":{"min":2,"max":5},"options":{"options":["red"]}},"required":{"roles":["admin"]},"permissions":{"view":[],"edit":["admin"]},"multivalued":false}`, "")
	if err != nil {
		t.Fatal(err)
	}
	var fault *DocumentError
	if _, err := NewUser(cfg, []byte(`{"username":"anna","attributes":{"team":["r"]}}`), counter()); !errors.As(err, &fault) || len(fault.Faults) != 2 {
		t.Errorf("two rules broken: %v", err)
	}
	for _, doc := range []string{`{"username":"anna"}`, `{"username":"anna","attributes":{"team":[""]}}`} {
		if _, err := NewUser(cfg, []byte(doc), counter()); !errors.As(err, &fault) || fault.Key != "error-user-attribute-required" {
			t.Errorf("%s: %v", doc, err)
		}
	}
	if _, err := NewUser(cfg, []byte(`{"username":"anna","attributes":{"team":["red","red"]}}`), counter()); !errors.As(err, &fault) || fault.Key != "error-invalid-multivalued-size" {
		t.Errorf("two values: %v", err)
	}
}

// TestProfile_UnmanagedAttributesFollowThePolicy: who may set them, and that
// those who may not leave what is stored.
func TestProfile_UnmanagedAttributesFollowThePolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy, made, shown string
	}{{"", "", ""}, {UnmanagedEnabled, "new", "new"}, {UnmanagedAdminEdit, "new", "new"}, {UnmanagedAdminView, "", "old"}} {
		cfg, err := profiled(t, "", tt.policy)
		if err != nil {
			t.Fatal(err)
		}
		d, err := NewUser(cfg, []byte(`{"username":"anna","attributes":{"x":["new"]}}`), counter())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.User.Attributes["x"], ","); got != tt.made {
			t.Errorf("%q: a new user has %q, want %q", tt.policy, got, tt.made)
		}
		old := &model.User{ID: "1", Username: "anna", Attributes: map[string][]string{"x": {"old"}}}
		u, err := UpdateUser(cfg, old, []byte(`{"username":"anna","attributes":{"x":["new"]}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ProfileOf(cfg).Shown(u, ProfileAdmin).Attributes["x"], ","); got != tt.shown {
			t.Errorf("%q: the user shows %q, want %q", tt.policy, got, tt.shown)
		}
		if len(u.Attributes["x"]) == 0 {
			t.Errorf("%q: what was stored is gone", tt.policy)
		}
	}
}

func TestReadProfile_TellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for attribute, want := range map[string]string{
		`{"name":"x y"}`:                         `Invalid attribute name (only letters, numbers and '.' '_' '-' special characters allowed): x y'`,
		`{}`:                                     `Attribute configuration without 'name' is not allowed`,
		`{"name":"email"}`:                       `Attribute configuration already exists with 'name':'email'`,
		`{"name":"q","validations":{"nope":{}}}`: `Validator 'nope' defined for attribute 'q' doesn't exist`,
		`{"name":"q","validations":{"length":{}}}`:               `has incorrect configuration`,
		`{"name":"q","validations":{"length":{"min":"x"}}}`:      `has incorrect configuration`,
		`{"name":"q","validations":{"pattern":{"pattern":"("}}}`: `has incorrect configuration`,
		`{"name":"q","validations":{"options":{}}}`:              `has incorrect configuration`,
		`{"name":"q","group":"nope"}`:                            `Attribute 'q' references unknown group 'nope'`,
		`{"name":"q","required":{"roles":["king"]}}`:             `'required.roles' configuration for attribute 'q' contains unsupported role 'king'`,
		`{"name":"q","permissions":{"view":["king"],"edit":[]}}`: `'permissions.view' configuration for attribute 'q' contains unsupported role 'king'`,
		`{"name":"q","selector":{"scopes":["nope"]}}`:            `'selector.scopes' configuration for attribute 'q' contains unsupported scope 'nope'`,
		`{"name":"q","junk":1}`:                                  `Unrecognized field "junk"`,
		`5`:                                                      notText,
	} {
		if _, err := profiled(t, attribute, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", attribute, err, want)
		}
	}
	if _, err := profiled(t, "", "X"); err == nil {
		t.Error("a policy that is none is taken")
	}
}
