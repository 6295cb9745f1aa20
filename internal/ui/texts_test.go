package ui

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMessages_CompleteInEveryLanguage: the same keys, the same parameters,
// nothing empty, no key twice.
func TestMessages_CompleteInEveryLanguage(t *testing.T) {
	t.Parallel()
	parameters := regexp.MustCompile(`\{\d\}`)
	for lang, texts := range catalogue {
		for key, english := range catalogue[English] {
			own, ok := texts[key]
			if !ok || strings.TrimSpace(own) == "" {
				t.Errorf("%s: no text for %q", lang, key)
				continue
			}
			if got, want := set(parameters.FindAllString(own, -1)), set(parameters.FindAllString(english, -1)); !slices.Equal(got, want) {
				t.Errorf("%s: %q has the parameters %v, in English %v", lang, key, got, want)
			}
			if strings.Contains(strings.ReplaceAll(own, "''", ""), "'") {
				t.Errorf("%s: %q has a single apostrophe, which Keycloak's format would drop", lang, key)
			}
		}
		for key := range texts {
			if _, ok := catalogue[English][key]; !ok {
				t.Errorf("%s: %q is not a text of the catalogue", lang, key)
			}
		}
		if n := keysWritten(t, lang); n != len(texts) {
			t.Errorf("%s: %d keys written, %d different ones", lang, n, len(texts))
		}
	}
	if len(catalogue) < 2 {
		t.Errorf("languages %v, want at least two", Available())
	}
}

func set(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// keysWritten counts the members of a file, those that are overwritten too.
func keysWritten(t *testing.T, lang string) (n int) {
	t.Helper()
	raw, err := os.ReadFile("messages/" + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	for tokens := 0; ; tokens++ {
		if _, err := dec.Token(); err != nil {
			return (tokens - 2) / 2 // but for the braces, two a member
		}
	}
}

// TestMessages_UsedAndThere: every text has a user, and every use a text.
func TestMessages_UsedAndThere(t *testing.T) {
	t.Parallel()
	used := slices.Concat(inTemplates(t), inKeys(t), placeholders)
	for _, key := range used {
		if _, ok := catalogue[English][key]; !ok {
			t.Errorf("no text for %q", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(catalogue[English])) {
		if !slices.Contains(used, key) {
			t.Errorf("nobody shows %q", key)
		}
	}
}

// inTemplates are the keys templates name: of .T, and the labels of .Field.
func inTemplates(t *testing.T) []string {
	t.Helper()
	uses := regexp.MustCompile(`\.T "([^"]+)"|\.Field "[^"]+" "([^"]+)"`)
	var out []string
	err := fs.WalkDir(templateFiles, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := templateFiles.ReadFile(name)
		for _, m := range uses.FindAllStringSubmatch(string(raw), -1) {
			out = append(out, m[1]+m[2])
		}
		return err
	})
	if err != nil || len(out) < 40 {
		t.Fatalf("%d uses in templates, error %v", len(out), err)
	}
	return out
}

// inKeys are the constants of keys.go.
func inKeys(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			for _, v := range spec.(*ast.ValueSpec).Values {
				if lit, ok := v.(*ast.BasicLit); ok {
					s, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// TestPlaceholders_OfEveryRealm: what a new realm names as ${key} in its scopes
// and clients has a text.
func TestPlaceholders_OfEveryRealm(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../keycloak/defaults/realm.json")
	if err != nil {
		t.Fatal(err)
	}
	var realm struct {
		ClientScopes []struct{ Attributes map[string]string }
		Clients      []struct{ Name string }
	}
	if err := json.Unmarshal(raw, &realm); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, s := range realm.ClientScopes {
		named = append(named, s.Attributes["consent.screen.text"])
	}
	for _, c := range realm.Clients {
		named = append(named, c.Name)
	}
	found := 0
	for _, s := range named {
		if s == "" {
			continue
		}
		found++
		for _, lang := range Available() {
			if got := newTexts(lang, nil).resolve(s); got == strings.Trim(s, "${}") || strings.Contains(got, "$") {
				t.Errorf("%s in %s = %q", s, lang, got)
			}
		}
	}
	if found < len(placeholders) {
		t.Errorf("%d placeholders in the defaults, want at least the %d of the list", found, len(placeholders))
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	texts := newTexts("de", map[string]string{"mine": "<b>Mein</b> Hafen", "password": "Kennwort"})
	for in, want := range map[string]string{
		"":                            "",
		"plain":                       "plain",
		"${password}":                 "Kennwort",
		"${mine}":                     "Mein Hafen",
		"${email} & ${client_broker}": "E-Mail & Vermittlung",
		"${unknown}":                  "unknown",
		"${open":                      "${open",
		"$5 {x}":                      "$5 {x}",
	} {
		if got := texts.resolve(in); got != want {
			t.Errorf("resolve(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		args []any
		want string
	}{
		{"{0} and {1}", []any{"a", 2}, "a and 2"},
		{"{1}{0}{1}", []any{"a", "b"}, "bab"},
		{"{0}", nil, ""},
		{"{0}", []any{"{1}", "never"}, "{1}"},
		{"don''t", nil, "don't"},
		{"don't", nil, "don't"},
		{"''{0}''", []any{"x"}, "'x'"},
		{"{a} {} { {12345}", []any{"x"}, "{a} {} { {12345}"},
		{"{-1}", []any{"x"}, "{-1}"},
		{"end {", []any{"x"}, "end {"},
	} {
		if got := format(tt.text, tt.args); got != tt.want {
			t.Errorf("format(%q, %v) = %q, want %q", tt.text, tt.args, got, tt.want)
		}
	}
}

// TestTexts_FallBackToEnglish: a language without texts is answered in English.
func TestTexts_FallBackToEnglish(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{"de": "Anmelden", "de-AT": "Anmelden", "de_CH": "Anmelden", "xx": "Sign in", "": "Sign in"} {
		if got := newTexts(lang, nil).text("doLogIn", nil); got != want {
			t.Errorf("text in %q = %q, want %q", lang, got, want)
		}
	}
	if got := newTexts("en", nil).text("no.such.key", nil); got != "no.such.key" {
		t.Errorf("text of an unknown key = %q, want the key", got)
	}
	if got := LanguageName("de-AT") + LanguageName("xx"); got != "Deutschxx" {
		t.Errorf("names of languages = %q", got)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":            "",
		" name ":      "name",
		"<b>A</b>cme": "A cme",
		`<div class="kc-logo-text"><span>Keycloak</span></div>`: "Keycloak",
		"A &amp; B &lt;i&gt;":      "A & B <i>",
		"1 < 2 <3":                 "1 < 2 <3",
		"x<script>a<b>c</script>y": "x y",
		"x<SCRIPT src=a>":          "x",
		"x<style>p{}</style >y":    "x y",
		"a<!-- <b> -->c":           "a c",
		"a<!-- c":                  "a",
		"a<b":                      "a",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"<b>x</b>", "<script>", "<!--", "a<", "</", "&lt;b&gt;"} {
		f.Add(s)
	}
	tag := regexp.MustCompile(`<[a-zA-Z/!?]`)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "&") {
			s = strings.ReplaceAll(s, "&", "+") // what is written as text may look like a tag
		}
		if got := plain(s); tag.MatchString(got) && strings.Contains(s, "<") {
			t.Errorf("plain(%q) = %q, which has a tag", s, got)
		}
	})
}
