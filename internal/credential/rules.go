package credential

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// TypeHistory is the credential type of passwords a user had before, which
// passwordHistory keeps from being used again.
const TypeHistory = "password-history"

// Rules are what a realm's passwordPolicy demands of a new password. The zero
// value demands nothing.
type Rules struct {
	rules   map[string]rule
	history int // passwords that may not come again, the present one included; 0 = any may
}

// Subject is whose password it is to be.
type Subject struct{ Username, Email string }

// ViolationError is a password the policy refuses, in Keycloak's words.
type ViolationError struct {
	Key  string // "error" on the wire, e.g. invalidPasswordMinLengthMessage
	Args []any  // of the key's text on a page: the number it names
	Text string // for people
}

func (v *ViolationError) Error() string { return v.Text }

// PolicyError is a refused passwordPolicy; Text is for the caller, in
// Keycloak's words, to be sent as errorMessage with status 400.
type PolicyError struct{ Text string }

func (e *PolicyError) Error() string { return e.Text }

// rule is one demand: it tells whether a password meets it.
type rule struct {
	meets func(password string, s Subject) bool
	key   string
	text  string
}

// order is in which demands are checked: that of Keycloak's hash map, so that
// of several faults the same one is told.
var order = []string{
	"notContainsUsername", "specialChars", "upperCase", "lowerCase", "length", "regexPattern",
	"digits", "notUsername", "maxLength", "notEmail",
}

// counted are the demands with a number: its default, Keycloak's message and
// how passwords meet it.
var counted = map[string]struct {
	def       int
	key, text string
	meets     func(password string, n int) bool
}{
	"length":       {8, "invalidPasswordMinLengthMessage", "Invalid password: minimum length %d.", func(p string, n int) bool { return units(p, nil) >= n }},
	"maxLength":    {64, "invalidPasswordMaxLengthMessage", "Invalid password: maximum length %d.", func(p string, n int) bool { return units(p, nil) <= n }},
	"digits":       {1, "invalidPasswordMinDigitsMessage", "Invalid password: must contain at least %d numerical digits.", atLeast(unicode.IsDigit)},
	"upperCase":    {1, "invalidPasswordMinUpperCaseCharsMessage", "Invalid password: must contain at least %d upper case characters.", atLeast(unicode.IsUpper)},
	"lowerCase":    {1, "invalidPasswordMinLowerCaseCharsMessage", "Invalid password: must contain at least %d lower case characters.", atLeast(unicode.IsLower)},
	"specialChars": {1, "invalidPasswordMinSpecialCharsMessage", "Invalid password: must contain at least %d special characters.", atLeast(special)},
}

// plain are the demands without a number; an argument means nothing.
var plain = map[string]rule{
	"notUsername": {
		func(p string, s Subject) bool { return s.Username == "" || !strings.EqualFold(p, s.Username) },
		"invalidPasswordNotUsernameMessage", "Invalid password: must not be equal to the username.",
	},
	"notContainsUsername": {
		func(p string, s Subject) bool {
			return s.Username == "" || !strings.Contains(strings.ToLower(p), strings.ToLower(s.Username))
		},
		"invalidPasswordNotContainsUsernameMessage", "Invalid password: Can not contain the username.",
	},
	"notEmail": {
		func(p string, s Subject) bool { return s.Email == "" || !strings.EqualFold(p, s.Email) },
		"invalidPasswordNotEmailMessage", "Invalid password: must not be equal to the email.",
	},
}

// elsewhere are the parts that demand nothing of a new password here, with
// whether they take a number: those of hashes are ParsePolicy's, the others
// are kept and not enforced.
var elsewhere = map[string]bool{
	"hashIterations": true, "forceExpiredPasswordChange": true, "passwordAge": true, "maxAuthAge": true,
	"recoveryCodesWarningThreshold": true, "hashAlgorithm": false, "passwordBlacklist": false,
}

// defaultHistory is passwordHistory without a number.
const defaultHistory = 3

// ParseRules reads what a realm's passwordPolicy demands of new passwords. Of
// a part that stands twice the last counts.
//
// Errors: *PolicyError for what Keycloak would not store, and for a
// regexPattern that cannot be checked here.
func ParseRules(passwordPolicy string) (Rules, error) {
	r := Rules{rules: map[string]rule{}}
	if strings.TrimSpace(passwordPolicy) == "" {
		return r, nil
	}
	for part := range strings.SplitSeq(passwordPolicy, " and ") {
		name, arg, hasArg := cutPart(part)
		if err := r.add(name, arg, hasArg); err != nil {
			return Rules{}, err
		}
	}
	return r, nil
}

// cutPart splits "length(8)" as Keycloak does: the last character goes,
// whatever it is.
func cutPart(part string) (name, arg string, hasArg bool) {
	name, arg, hasArg = strings.Cut(strings.TrimSpace(part), "(")
	if arg != "" {
		arg = arg[:len(arg)-1]
	}
	return strings.TrimSpace(name), arg, hasArg
}

func (r *Rules) add(name, arg string, hasArg bool) error {
	if c, ok := counted[name]; ok {
		n, err := number(name, arg, hasArg, c.def)
		r.rules[name] = rule{func(p string, _ Subject) bool { return c.meets(p, n) }, c.key, fmt.Sprintf(c.text, n)}
		return err
	}
	if p, ok := plain[name]; ok {
		r.rules[name] = p
		return nil
	}
	takesNumber, known := elsewhere[name]
	switch {
	case name == "regexPattern":
		return r.addPattern(arg, hasArg)
	case name == "passwordHistory":
		n, err := number(name, arg, hasArg, defaultHistory)
		if r.history = n; n == 0 { // Keycloak: the present one all the same
			r.history = 1
		}
		return err
	case name == "hashAlgorithm":
		return checkAlgorithm(arg, hasArg)
	case !known:
		return &PolicyError{Text: "Password policy not found"}
	case takesNumber:
		_, err := number(name, arg, hasArg, 0)
		return err
	}
	return nil
}

func checkAlgorithm(arg string, hasArg bool) error {
	if !hasArg {
		return invalidConfig("hashAlgorithm", "Password hashing provider id must be set")
	}
	if _, ok := defaults[arg]; !ok {
		return invalidConfig("hashAlgorithm", "Password hashing provider not found")
	}
	return nil
}

func number(name, arg string, hasArg bool, def int) (int, error) {
	if !hasArg {
		return def, nil
	}
	n, err := strconv.ParseInt(arg, 10, 32)
	if err != nil {
		return 0, invalidConfig(name, "Not a valid number")
	}
	return int(n), nil
}

func invalidConfig(name, problem string) error {
	return &PolicyError{Text: "Invalid config for " + name + ": " + problem}
}

// Check tells whether the policy takes a password, earlier ones apart: nil or
// a *ViolationError.
func (r Rules) Check(password string, s Subject) error {
	for _, name := range order {
		if rule, ok := r.rules[name]; ok && !rule.meets(password, s) {
			return &ViolationError{Key: rule.key, Text: rule.text, Args: numbersIn(rule.text)}
		}
	}
	return nil
}

// numbersIn are the numbers a text names: {0} of the same text on a page.
func numbersIn(text string) (args []any) {
	for _, digits := range numbers.FindAllString(text, -1) {
		args = append(args, digits)
	}
	return args
}

var numbers = regexp.MustCompile(`[0-9]+`)

// History is how many passwords, the present one included, may not be used
// again; 0 for none.
func (r Rules) History() int { return max(r.history, 0) }

// UsedBefore is the violation of passwordHistory.
func (r Rules) UsedBefore() error {
	return &ViolationError{
		Key: "invalidPasswordHistoryMessage", Args: []any{r.history},
		Text: fmt.Sprintf("Invalid password: must not be equal to any of last %d passwords.", r.history),
	}
}

// units counts UTF-16 units, which is how Keycloak counts characters, for
// which is holds; nil holds for all.
func units(password string, is func(rune) bool) int {
	n := 0
	for _, u := range utf16.Encode([]rune(password)) {
		if is == nil || is(rune(u)) {
			n++
		}
	}
	return n
}

func atLeast(is func(rune) bool) func(string, int) bool {
	return func(password string, n int) bool { return units(password, is) >= n }
}

func special(u rune) bool { return !unicode.IsLetter(u) && !unicode.IsDigit(u) }
