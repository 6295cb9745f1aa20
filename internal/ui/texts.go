package ui

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

//go:embed messages
var messageFiles embed.FS

// English is the language every text has.
const English = "en"

// catalogue is every text by language and key.
var catalogue = mustReadMessages()

// mustReadMessages reads messages/<language>.json. They are part of the binary:
// a fault in them is found by any test.
func mustReadMessages() map[string]map[string]string {
	entries, err := messageFiles.ReadDir("messages")
	if err != nil {
		panic(err)
	}
	out := map[string]map[string]string{}
	for _, e := range entries {
		raw, err := messageFiles.ReadFile("messages/" + e.Name())
		if err != nil {
			panic(err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			panic(fmt.Errorf("ui: messages/%s: %w", e.Name(), err))
		}
		out[strings.TrimSuffix(e.Name(), ".json")] = texts
	}
	return out
}

// Available are the languages that have texts, English first.
func Available() []string {
	out := slices.DeleteFunc(slices.Sorted(maps.Keys(catalogue)), func(l string) bool { return l == English })
	return append([]string{English}, out...)
}

// LanguageName is a language in its own words, as "Deutsch" for "de-AT"; the
// tag itself for one without texts.
func LanguageName(tag string) string {
	if texts, ok := catalogue[base(tag)]; ok {
		return texts[keyLanguageName]
	}
	return tag
}

// texts are the texts of one answer.
type texts struct {
	own       map[string]string
	overrides map[string]string
}

func newTexts(lang string, overrides map[string]string) texts {
	return texts{own: catalogue[base(lang)], overrides: overrides}
}

// find looks a text up: the realm's, the language's, the English one.
func (t texts) find(key string) (string, bool) {
	if s, ok := t.overrides[key]; ok {
		return plain(s), true
	}
	if s, ok := t.own[key]; ok {
		return s, true
	}
	s, ok := catalogue[English][key]
	return s, ok
}

// text is the text of a key with {0}, {1} … replaced; an unknown key is itself.
func (t texts) text(key string, args []any) string {
	s, ok := t.find(key)
	if !ok {
		return key
	}
	return format(s, args)
}

// format fills in {0}, {1} … and reads a doubled apostrophe as one, as the
// format of Keycloak's texts has it; more of that format is not needed.
func format(s string, args []any) string {
	if !strings.ContainsAny(s, "{'") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], "''") {
			b.WriteByte('\'')
			i++
			continue
		}
		if n, width := parameter(s[i:]); width > 0 {
			if n < len(args) {
				fmt.Fprint(&b, args[n])
			}
			i += width - 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parameter reads {n} at the start of s; width 0 = there is none.
func parameter(s string) (n, width int) {
	end := strings.IndexByte(s, '}')
	if s[0] != '{' || end < 2 || end > 3 {
		return 0, 0
	}
	n, err := strconv.Atoi(s[1:end])
	if err != nil || n < 0 {
		return 0, 0
	}
	return n, end + 1
}

// Resolve is a name or consent text of a realm in the language of o: ${key} is
// replaced by the text of that key, an unknown key by itself.
func Resolve(o Options, s string) string { return newTexts(o.Lang, o.Overrides).resolve(s) }

// resolve replaces ${key} in names and consent texts, as realms made by
// Keycloak have them; an unknown key shows as itself.
func (t texts) resolve(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		key, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		b.WriteString(t.text(key, nil))
		s = after
	}
}
