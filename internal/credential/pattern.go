package credential

import (
	"regexp"
	"strings"
)

// pattern is a regexPattern: every part must hold. Go's expressions have no
// lookahead, and password policies begin with many: each becomes a part of its
// own, matched from the start.
type pattern []patternPart

type patternPart struct {
	re  *regexp.Regexp
	not bool // negative lookahead
}

// addPattern compiles a regexPattern. A password must match the whole of it.
func (r *Rules) addPattern(arg string, hasArg bool) error {
	switch {
	case !hasArg:
		return invalidConfig("regexPattern", "Config required")
	case strings.TrimSpace(arg) == "":
		return invalidConfig("regexPattern", "White space not acepted") // Keycloak's spelling
	}
	p, ok := compilePattern(arg)
	if !ok {
		return invalidConfig("regexPattern", "Not a valid regular expression")
	}
	r.rules["regexPattern"] = rule{
		func(password string, _ Subject) bool { return p.matches(password) },
		"invalidPasswordRegexPatternMessage", "Invalid password: fails to match regex pattern(s).",
	}
	return nil
}

// compilePattern takes Go's expressions with lookaheads before anything else
// in them. It refuses the rest of Java's: a policy that cannot be checked must
// not seem to be.
func compilePattern(expr string) (pattern, bool) {
	var p pattern
	rest := strings.TrimPrefix(expr, "^")
	for {
		body, not := strings.CutPrefix(rest, "(?!")
		if !not {
			var ahead bool
			if body, ahead = strings.CutPrefix(rest, "(?="); !ahead {
				break
			}
		}
		end := groupEnd(body)
		if end < 0 || strings.HasPrefix(body[end+1:], "|") || strings.ContainsAny(body[end+1:min(len(body), end+2)], "*+?{") {
			return nil, false
		}
		re, err := regexp.Compile(`\A(?:` + body[:end] + `)`)
		if err != nil {
			return nil, false
		}
		p, rest = append(p, patternPart{re, not}), body[end+1:]
	}
	if len(p) == 0 {
		rest = expr // "^a|b" is not "(^a|b)"
	} else if alternates(rest) {
		return nil, false // the lookaheads belong to its first branch alone
	}
	re, err := regexp.Compile(`\A(?:` + rest + `)\z`)
	if err != nil {
		return nil, false
	}
	return append(p, patternPart{re, false}), true
}

func (p pattern) matches(password string) bool {
	for _, part := range p {
		if part.re.MatchString(password) == part.not {
			return false
		}
	}
	return true
}

// groupEnd is the index of the ")" that closes a group whose inside s begins
// with, -1 if none does.
func groupEnd(s string) int { return scan(s, ')') }

// alternates tells whether an expression has a "|" outside of groups.
func alternates(s string) bool { return scan(s, '|') >= 0 }

// scan finds c outside of groups, character classes and escapes.
func scan(s string, c byte) int {
	depth, class := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case class:
			class = s[i] != ']'
		case s[i] == '[':
			class = true
		case s[i] == c && depth == 0:
			return i
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		}
	}
	return -1
}
