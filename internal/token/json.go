package token

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// appendString appends s as a JSON string, without escaping for HTML.
func appendString(dst []byte, s string) []byte {
	start, plain := len(dst), true
	dst = append(dst, '"')
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return append(append(dst, s...), '"')
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return append(dst[:start], strings.TrimSuffix(b.String(), "\n")...)
}

// appendMember appends ,"name":"value" (without the comma right after a
// brace); name needs no escaping.
func appendMember(dst []byte, name, value string) []byte {
	return appendString(appendName(dst, name), value)
}

func appendNumber(dst []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendName(dst, name), value, 10)
}

func appendName(dst []byte, name string) []byte {
	if n := len(dst); n > 0 && dst[n-1] != '{' {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '"'), name...), `":`...)
}

// appendStrings appends a list the way Keycloak writes audiences: nothing when
// empty, a string when there is one, else an array.
func appendStrings(dst []byte, name string, values []string) []byte {
	switch len(values) {
	case 0:
		return dst
	case 1:
		return appendMember(dst, name, values[0])
	}
	return appendList(appendName(dst, name), values)
}

// appendList appends a JSON array of strings.
func appendList(dst []byte, values []string) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	return append(dst, ']')
}

// eachMember calls fn for every member of a JSON object with the raw text of
// its value. A name that stands twice makes the whole document invalid, since
// two parsers could then read two different tokens.
//
// Errors: ErrInvalid, those of fn.
func eachMember(doc []byte, fn func(name, raw string) error) error {
	if !json.Valid(doc) || !utf8.Valid(doc) {
		return invalid("not JSON")
	}
	s := string(doc)
	i := skipSpace(s, 0)
	if s[i] != '{' {
		return invalid("not a JSON object")
	}
	var names nameSet
	for i = skipSpace(s, i+1); s[i] != '}'; i = skipSpace(s, i) {
		if s[i] == ',' {
			i = skipSpace(s, i+1)
		}
		end := skipValue(s, i)
		name, err := stringValue(s[i:end])
		if err != nil {
			return err
		}
		if !names.add(name) {
			return invalid("a member stands twice")
		}
		i = skipSpace(s, skipSpace(s, end)+1) // over the colon
		end = skipValue(s, i)
		if err := fn(name, s[i:end]); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// nameSet finds duplicates: a short list first, a map once it grows.
type nameSet struct {
	few  [24]string
	n    int
	many map[string]bool
}

func (s *nameSet) add(name string) bool {
	for _, old := range s.few[:s.n] {
		if old == name {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many[name] {
		return false
	}
	if s.many == nil {
		s.many = map[string]bool{}
	}
	s.many[name] = true
	return true
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the end of the value that starts at i in valid JSON.
func skipValue(s string, i int) int {
	depth := 0
	for {
		switch s[i] {
		case '"':
			for i++; s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++ // only inside an object or array
		default: // a number or a word
			for i < len(s) && !strings.ContainsRune(",]} \t\n\r", rune(s[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// stringValue reads a JSON string; null reads as "", as Keycloak's parser does.
func stringValue(raw string) (string, error) {
	switch {
	case raw == "null":
		return "", nil
	case raw[0] != '"':
		return "", invalid("a claim has the wrong type")
	case !strings.Contains(raw, `\`):
		return raw[1 : len(raw)-1], nil
	}
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return "", invalid("not JSON")
	}
	return s, nil
}

// listValue reads a string or an array of strings.
func listValue(raw string) ([]string, error) {
	if raw == "null" {
		return nil, nil
	}
	if raw[0] == '"' {
		s, err := stringValue(raw)
		return []string{s}, err
	}
	if raw[0] != '[' {
		return nil, invalid("a claim has the wrong type")
	}
	var out []string
	for i := skipSpace(raw, 1); raw[i] != ']'; i = skipSpace(raw, i) {
		if raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
		end := skipValue(raw, i)
		if raw[i] != '"' {
			return nil, invalid("a claim has the wrong type")
		}
		s, err := stringValue(raw[i:end])
		if err != nil {
			return nil, err
		}
		out, i = append(out, s), end
	}
	return out, nil
}

// numberValue reads a NumericDate in whole seconds: RFC 7519 §2 allows a
// fraction, which is cut off. null reads as 0.
func numberValue(raw string) (int64, error) {
	if raw == "null" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.Abs(f) >= 1<<53 {
		return 0, invalid("a claim has the wrong type")
	}
	return int64(math.Floor(f)), nil
}
