package compat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNormalise holds the normaliser to testdata/normaliser.json: what the
// recordings' own normaliser made of the same answers.
func TestNormalise(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "normaliser.json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := parseJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range v.([]any) {
		rule := c.(map[string]any)
		t.Run(rule["rule"].(string), func(t *testing.T) {
			t.Parallel()
			got := newNormaliser("http://localhost:8080").value(rule["in"])
			if diff := cmp.Diff(rule["out"], got); diff != "" {
				t.Errorf("in %s\n(-want +got):\n%s", compact(rule["in"]), diff)
			}
		})
	}
}

func TestNormalise_KeepsIdsApartAcrossAnswers(t *testing.T) {
	t.Parallel()
	n := newNormaliser("")
	first := n.value(map[string]any{"sid": "a", "sub": "b"})
	second := n.value(map[string]any{"sid": "c", "sub": "b"})
	want := []any{map[string]any{"sid": "<id1>", "sub": "<id2>"}, map[string]any{"sid": "<id3>", "sub": "<id2>"}}
	if diff := cmp.Diff(want, []any{first, second}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, have, want string
		ok               bool
	}{
		{"equal", `1`, `1`, true},
		{"fewer members", `{}`, `{"a":1}`, true},
		{"one member of two", `{"a":1}`, `{"a":1,"b":2}`, true},
		{"another value", `{"a":2}`, `{"a":1}`, false},
		{"another member", `{"c":1}`, `{"a":1}`, false},
		{"shorter list", `[1]`, `[1,2]`, true},
		{"another item", `[3]`, `[1,2]`, false},
		{"empty list", `[]`, `[1]`, true},
		{"item with fewer members", `[{"a":1}]`, `[{"a":1,"b":2}]`, true},
		{"list for a number", `{"a":[1]}`, `{"a":1}`, false},
		{"text for a list", `"x"`, `["x"]`, false},
		{"the same item twice", `[1,1]`, `[1]`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			have, err := parseJSON([]byte(tt.have))
			if err != nil {
				t.Fatal(err)
			}
			want, err := parseJSON([]byte(tt.want))
			if err != nil {
				t.Fatal(err)
			}
			if got := within(have, want); got != tt.ok {
				t.Errorf("within(%s, %s) = %v, want %v", tt.have, tt.want, got, tt.ok)
			}
		})
	}
}

func TestParseJSON_TakesOneValueOnly(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "{", "{} {}", "1 2", "nope"} {
		if v, err := parseJSON([]byte(bad)); err == nil {
			t.Errorf("parseJSON(%q) = %v, want an error", bad, v)
		}
	}
	v, err := parseJSON([]byte(" [1.0, 1, 2.5, 1e3] "))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{int64(1), int64(1), 2.5, int64(1000)}, v); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
