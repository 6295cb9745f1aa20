package admin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/admin"
)

func TestAttributeQuery(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]map[string]string{
		"":                    nil,
		"junk":                nil,
		"a:b":                 {"a": "b"},
		"a:b c:d":             {"a": "b", "c": "d"},
		`a:"b c" "d e":f`:     {"a": "b c", "d e": "f"},
		"a:b:c":               {"a": "b:c"},
		"  a:b  junk   c:d  ": {"a": "b", "c": "d"},
		":x a:":               {"a": ""},
		`a:"unclosed`:         {"a": `"unclosed`},
	} {
		if diff := cmp.Diff(want, admin.AttributeQuery(q)); diff != "" {
			t.Errorf("attributes of %q (-want +got):\n%s", q, diff)
		}
	}
}

func FuzzAttributeQuery(f *testing.F) {
	f.Add(`a:b "c d":e`)
	f.Add(`":::"" `)
	f.Fuzz(func(t *testing.T, q string) {
		for k, v := range admin.AttributeQuery(q) {
			if k == "" || len(k)+len(v) > len(q) {
				t.Errorf("attributes of %q: %q = %q", q, k, v)
			}
		}
	})
}

func TestWithoutSecrets(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"b":1,"a":[true,null,"x"]}`:                         `{"b":1,"a":[true,null,"x"]}`,
		`{"secret":"s","clientId":"c"}`:                       `{"secret":"**********","clientId":"c"}`,
		`{"credentials":[{"value":"p"}],"username":"u"}`:      `{"username":"u"}`,
		`{"users":[{"Credentials":[{"value":"p"}]}]}`:         `{"users":[{}]}`,
		`{"config":{"privateKey":["k"],"priority":["1"]}}`:    `{"config":{"privateKey":"**********","priority":["1"]}}`,
		`{"smtpServer":{"password":"p","host":"h"}}`:          `{"smtpServer":{"password":"**********","host":"h"}}`,
		`{"attributes":{"x.private.key":"k","y.secret":"s"}}`: `{"attributes":{"x.private.key":"**********","y.secret":"**********"}}`,
		`not json`:    "",
		`{"a":1} {}`:  "",
		`{"a":1e400}`: `{"a":1e400}`,
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "",
	} {
		if got := admin.WithoutSecrets([]byte(doc)); got != want {
			t.Errorf("%s becomes %s, want %s", doc, got, want)
		}
	}
}

func FuzzWithoutSecrets(f *testing.F) {
	f.Add(`{"secret":"hunter2","a":[{"password":"hunter2"}]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		if got := admin.WithoutSecrets([]byte(doc)); got != "" && !json.Valid([]byte(got)) {
			t.Errorf("%q becomes %q, which is no JSON", doc, got)
		}
	})
}
