package keycloak

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/model"
)

var update = flag.Bool("update", false, "rewrite golden files")

// ids makes ids of one shape, counted: id-001, id-002, …
func ids() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("id-%03d", n) }
}

func mustParse(t *testing.T, doc string) *RealmDocument {
	t.Helper()
	d, err := ParseRealm([]byte(doc), ids())
	if err != nil {
		t.Fatalf("ParseRealm: %v", err)
	}
	return d
}

func mustConfig(t *testing.T, d *RealmDocument) *model.Config {
	t.Helper()
	cfg, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func config(t *testing.T, doc string) *model.Config {
	t.Helper()
	return mustConfig(t, mustParse(t, doc))
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plain is v as decoded JSON, without ids, lists of strings and objects
// sorted: what must be equal between two realms.
func plain(t *testing.T, v any) any {
	t.Helper()
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return withoutIDs(out)
}

func withoutIDs(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = withoutIDs(x)
		}
		for _, k := range []string{"id", "containerId", "parentId"} {
			delete(v, k)
		}
		return v
	case []any:
		for i := range v {
			v[i] = withoutIDs(v[i])
		}
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(asText(a), asText(b)) })
		return v
	}
	return v
}

func asText(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(plain(t, want), plain(t, got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(testdata(t, name)), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func indent(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}
