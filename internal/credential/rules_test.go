package credential_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-id/latchkey/internal/credential"
)

// The answers were measured at a Keycloak 26.7.2.
func TestRules(t *testing.T) {
	t.Parallel()
	who := credential.Subject{Username: "user1", Email: "user1@x.org"}
	for _, tt := range []struct {
		policy, takes, refuses string // words apart; the empty word cannot be tried
		key, text              string
	}{
		{"", "a", "", "", ""},
		{"length(8)", "longenough éééééééé 😀😀😀😀", "short éééé", "invalidPasswordMinLengthMessage", "Invalid password: minimum length 8."},
		{"length", "12345678", "1234567", "invalidPasswordMinLengthMessage", "Invalid password: minimum length 8."},
		{"length(0)", "a", "", "", ""},
		{"length(-1)", "a", "", "", ""},
		{"length(+8)", "12345678", "1234567", "invalidPasswordMinLengthMessage", "Invalid password: minimum length 8."},
		{"length(8) and length(10)", "1234567890", "123456789", "invalidPasswordMinLengthMessage", "Invalid password: minimum length 10."},
		{"maxLength(5)", "12345", "123456", "invalidPasswordMaxLengthMessage", "Invalid password: maximum length 5."},
		{"maxLength", strings.Repeat("a", 64), strings.Repeat("a", 65), "invalidPasswordMaxLengthMessage", "Invalid password: maximum length 64."},
		{"digits(2)", "a12 a\u0661\u0662", "a1", "invalidPasswordMinDigitsMessage", "Invalid password: must contain at least 2 numerical digits."},
		{"digits", "a1", "a", "invalidPasswordMinDigitsMessage", "Invalid password: must contain at least 1 numerical digits."},
		{"upperCase(2)", "aBC aÉÉ", "aB", "invalidPasswordMinUpperCaseCharsMessage", "Invalid password: must contain at least 2 upper case characters."},
		{"lowerCase(2)", "Bab", "Ba", "invalidPasswordMinLowerCaseCharsMessage", "Invalid password: must contain at least 2 lower case characters."},
		{"specialChars(2)", "a!! a_- a😀", "a! aéé", "invalidPasswordMinSpecialCharsMessage", "Invalid password: must contain at least 2 special characters."},
		{"notUsername", "xuser1", "user1 USER1", "invalidPasswordNotUsernameMessage", "Invalid password: must not be equal to the username."},
		{"notUsername(undefined)", "xuser1", "user1", "invalidPasswordNotUsernameMessage", "Invalid password: must not be equal to the username."},
		{"notEmail", "user1", "user1@x.org USER1@X.ORG", "invalidPasswordNotEmailMessage", "Invalid password: must not be equal to the email."},
		{"notContainsUsername", "user2", "xxuser1yy xxUSER1yy", "invalidPasswordNotContainsUsernameMessage", "Invalid password: Can not contain the username."},
		{"regexPattern(^[a-z]+$)", "abc", "abc1", "invalidPasswordRegexPatternMessage", "Invalid password: fails to match regex pattern(s)."},
		{"regexPattern([a-z]+)", "abc", "abc1", "invalidPasswordRegexPatternMessage", "Invalid password: fails to match regex pattern(s)."},
		{"regexPattern(^ab|cd$)", "ab cd", "abd", "invalidPasswordRegexPatternMessage", "Invalid password: fails to match regex pattern(s)."},
		{"regexPattern(^(?=.*[A-Z])(?=.*[)\\d])(?!.*foo).+$)", "Ab1 A)", "ab1 Ab A1foo", "invalidPasswordRegexPatternMessage", "Invalid password: fails to match regex pattern(s)."},
		{"digits(1) and length(8)", "longenough1", "short", "invalidPasswordMinLengthMessage", "Invalid password: minimum length 8."},
		{"length(8)  and  digits(1)", "longenough1", "longenough", "invalidPasswordMinDigitsMessage", "Invalid password: must contain at least 1 numerical digits."},
		{"forceExpiredPasswordChange(1) and maxAuthAge(5) and hashIterations(9)", "a", "", "", ""},
	} {
		t.Run(tt.policy, func(t *testing.T) {
			t.Parallel()
			rules, err := credential.ParseRules(tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range strings.Fields(tt.takes) {
				if err := rules.Check(p, who); err != nil {
					t.Errorf("Check(%q) = %v, want it taken", p, err)
				}
			}
			for _, p := range strings.Fields(tt.refuses) {
				var v *credential.ViolationError
				if err := rules.Check(p, who); !errors.As(err, &v) || v.Key != tt.key || v.Text != tt.text {
					t.Errorf("Check(%q) = %v, want %s %q", p, err, tt.key, tt.text)
				}
			}
		})
	}
}

// A user without e-mail may have any password as far as notEmail goes.
func TestRules_NothingToCompareWith(t *testing.T) {
	t.Parallel()
	rules, err := credential.ParseRules("notUsername and notEmail and notContainsUsername")
	if err == nil {
		err = rules.Check("", credential.Subject{})
	}
	if err != nil {
		t.Error(err)
	}
}

func TestParseRules_Refuses(t *testing.T) {
	t.Parallel()
	const number, pattern = "Not a valid number", "Not a valid regular expression"
	for policy, want := range map[string]string{
		"length()": "Invalid config for length: " + number, "length(x)": "Invalid config for length: " + number,
		"length( 8 )": "Invalid config for length: " + number, "length(8": "Invalid config for length: " + number,
		"length(8)x": "Invalid config for length: " + number, "length(8)and digits(1)": "Invalid config for length: " + number,
		"digits(99999999999)": "Invalid config for digits: " + number, "passwordHistory(x)": "Invalid config for passwordHistory: " + number,
		"nosuch(1)": "Password policy not found", "LENGTH(8)": "Password policy not found", "and": "Password policy not found", "()": "Password policy not found",
		"regexPattern": "Invalid config for regexPattern: Config required", "regexPattern()": "Invalid config for regexPattern: White space not acepted",
		"regexPattern(()": "Invalid config for regexPattern: " + pattern, "regexPattern(*)": "Invalid config for regexPattern: " + pattern,
		// Keycloak takes these; here they could not be checked.
		`regexPattern((a)\1)`: "Invalid config for regexPattern: " + pattern, "regexPattern(a(?=b)b)": "Invalid config for regexPattern: " + pattern,
		"regexPattern((?=a)a|b)": "Invalid config for regexPattern: " + pattern, "regexPattern((?=a)*b)": "Invalid config for regexPattern: " + pattern,
		"regexPattern((?=a": "Invalid config for regexPattern: " + pattern,
	} {
		_, err := credential.ParseRules(policy)
		var refused *credential.PolicyError
		if !errors.As(err, &refused) || refused.Text != want {
			t.Errorf("ParseRules(%q) = %v, want %q", policy, err, want)
		}
	}
}

func TestRules_History(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]int{"": 0, "passwordHistory": 3, "passwordHistory(5)": 5, "passwordHistory(0)": 1, "passwordHistory(-1)": 0} {
		rules, err := credential.ParseRules(policy)
		if err != nil || rules.History() != want {
			t.Errorf("%q: history = %d, %v; want %d", policy, rules.History(), err, want)
		}
	}
}

func FuzzParseRules(f *testing.F) {
	for _, s := range []string{"length(8) and digits", "regexPattern(^(?=.*[a-z])(?!x).+$)", "regexPattern((?=[])", "x(", "(", ""} {
		f.Add(s, "password")
	}
	f.Fuzz(func(t *testing.T, policy, password string) {
		rules, err := credential.ParseRules(policy)
		var refused *credential.PolicyError
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("ParseRules = %v", err)
		}
		_ = rules.Check(password, credential.Subject{Username: "u", Email: "e"})
	})
}
