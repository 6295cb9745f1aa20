// Package latchkey_test keeps the house in order: it fails when a package
// imports what its floor may not use, or reads the clock where time is an
// argument. The tables are the architecture (docs/architecture.md).
package latchkey_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	module   = "github.com/latchkey-id/latchkey"
	internal = module + "/internal/"
)

// floors lists, lowest first, the rooms of each floor: a room is a folder
// directly under internal/, with all below it. A room may import only rooms of
// lower floors, never a neighbour on its own floor.
var floors = [][]string{
	{"model"},
	{"token", "credential", "keycloak", "web"},
	{"store", "ui"},
	{"realm", "session"},
	{"oidc", "login", "admin", "account", "console", "importer"},
	{"server"},
	{"bench"}, // a program, see make bench
}

// testSide lists the packages that only tests may import.
var testSide = []string{"internal/browser", "internal/clients", "internal/clients/fetch", "internal/compat", "internal/crash", "internal/store/storetest", "internal/store/pgtest", "internal/server/servertest", "internal/ui/gallery", "internal/ui/gallery/serve"}

// doors are the rooms that answer requests.
var doors = []string{"oidc", "login", "admin", "account", "console"}

// only lists, for an import and everything below it, the rooms that may use
// it; adapter and cmd count as rooms.
var only = map[string][]string{
	"database/sql":            {"store"},
	"zombiezen.com/go/sqlite": {"store"},
	"modernc.org/sqlite":      {"store"},
	"github.com/jackc/pgx":    {"store"},
	"net/http":                append([]string{"web", "ui", "server", "adapter", "cmd", "bench"}, doors...),
	"html/template":           {"ui", "login", "console"},
	"math/rand":               {}, // crypto/rand: what is random here is secret or an id
}

// clock lists the rooms that may ask what time it is; all others take now.
var clock = []string{"server", "cmd", "bench"}

// readsClock lists the functions of package time that ask.
var readsClock = []string{"Now", "Since", "Until"}

func TestLayers(t *testing.T) {
	t.Parallel()
	faults, seen, err := check(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
	if !slices.Contains(seen, "internal/model") {
		t.Errorf("internal/model was not looked at, only %v", seen)
	}
}

// check reads every Go file under fsys, for any system it may be built on, and
// returns what breaks a rule, and the packages it looked at.
func check(fsys fs.FS) (faults, packages []string, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "vendor") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		found, err := checkFile(name, src)
		if err != nil {
			return err
		}
		faults = append(faults, found...)
		packages = append(packages, path.Dir(name))
		return nil
	})
	slices.Sort(packages)
	return faults, slices.Compact(packages), err
}

// checkFile returns the rules that file name with source src breaks.
func checkFile(name string, src []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	pkg, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	var faults []string
	add := func(pos token.Pos, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: %s", fset.Position(pos), fmt.Sprintf(format, args...)))
	}
	if in, ok := strings.CutPrefix(pkg, "internal/"); ok && !known(in) {
		add(file.Package, "package %s has no floor: give it one", pkg)
	}
	for _, spec := range file.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if why := importFault(pkg, imp, test); why != "" {
			add(spec.Pos(), "%s", why)
		}
		if imp == "time" && !test && ruled(pkg) && !slices.Contains(clock, room(pkg)) {
			for _, sel := range clockReads(file, spec) {
				add(sel.Pos(), "%s reads the clock with %s: take now as an argument", pkg, sel.Sel.Name)
			}
		}
	}
	return faults, nil
}

// importFault says why pkg may not import imp; empty = it may. Tests may reach
// any package of the house.
func importFault(pkg, imp string, test bool) string {
	for root, rooms := range only {
		if !below(imp, root) || slices.Contains(rooms, room(pkg)) {
			continue
		}
		if len(rooms) == 0 {
			return fmt.Sprintf("%s imports %s, which is used nowhere", pkg, imp)
		}
		if ruled(pkg) && !test && !slices.Contains(testSide, pkg) {
			return fmt.Sprintf("%s imports %s, which is for %s", pkg, imp, strings.Join(rooms, ", "))
		}
	}
	if test {
		return ""
	}
	short, ours := strings.CutPrefix(imp, module+"/")
	switch {
	case !ours:
		return ""
	case pkg == "internal/bench" && short == "internal/store/pgtest": // it measures PostgreSQL, started as the tests do
		return ""
	case slices.Contains(testSide, short) && !slices.Contains(testSide, pkg):
		return fmt.Sprintf("%s imports %s, which is for tests", pkg, short)
	case room(pkg) == "adapter" && strings.HasPrefix(imp, internal):
		return fmt.Sprintf("%s imports %s: it must know the server only over the wire", pkg, short)
	}
	from, to := floor(pkg), floor(short)
	if from >= 0 && to >= from && room(pkg) != room(short) {
		return fmt.Sprintf("%s (floor %d) imports %s (floor %d)", pkg, from, short, to)
	}
	return ""
}

// clockReads finds the calls and uses of time.Now and its like, under
// whatever name the file imports time.
func clockReads(file *ast.File, spec *ast.ImportSpec) []*ast.SelectorExpr {
	name := "time"
	if spec.Name != nil {
		name = spec.Name.Name
	}
	var out []*ast.SelectorExpr
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(readsClock, sel.Sel.Name) {
				out = append(out, sel)
			}
		}
		return true
	})
	return out
}

// room is the folder under internal/, or the first folder of the path.
func room(pkg string) string {
	r, _, _ := strings.Cut(strings.TrimPrefix(pkg, "internal/"), "/")
	return r
}

// floor is -1 for what is outside the house; cmd stands on the roof.
func floor(pkg string) int {
	if room(pkg) == "cmd" {
		return len(floors)
	}
	if !strings.HasPrefix(pkg, "internal/") {
		return -1
	}
	return slices.IndexFunc(floors, func(rooms []string) bool { return slices.Contains(rooms, room(pkg)) })
}

// known reports whether a path under internal/ has its place in the tables.
func known(in string) bool {
	return floor("internal/"+in) >= 0 || slices.Contains(testSide, "internal/"+in)
}

// ruled reports whether the rules on restricted imports and the clock hold for
// pkg: for all that is ours but the examples, which are other people's programs.
func ruled(pkg string) bool {
	return strings.HasPrefix(pkg, "internal/") || slices.Contains([]string{"cmd", "adapter"}, room(pkg))
}

func below(imp, root string) bool { return imp == root || strings.HasPrefix(imp, root+"/") }

// TestCheck_TellsBrokenRules: each rule, broken once and kept once.
func TestCheck_TellsBrokenRules(t *testing.T) {
	t.Parallel()
	imports := func(imp string) string { return "package p\nimport _ \"" + imp + "\"\n" }
	for _, tt := range []struct {
		name, file, src, fault string // no fault = allowed
	}{
		{"lower floor", "internal/oidc/a.go", imports(internal + "session"), ""},
		{"own floor", "internal/oidc/a.go", imports(internal + "admin"), "internal/oidc (floor 4) imports internal/admin (floor 4)"},
		{"services on one floor", "internal/session/a.go", imports(internal + "realm"), "imports internal/realm (floor 3)"},
		{"higher floor", "internal/model/a.go", imports(internal + "token"), "imports internal/token (floor 1)"},
		{"below in the own room", "internal/store/a.go", imports(internal + "store/migrations"), ""},
		{"folder of a neighbour's room", "internal/ui/a.go", imports(internal + "store/migrations"), "imports internal/store/migrations (floor 2)"},
		{"test of a higher floor", "internal/store/a_test.go", imports(internal + "server/servertest"), ""},
		{"command", "cmd/latchkey/a.go", imports(internal + "server"), ""},
		{"package without a floor", "internal/util/a.go", "package util\n", "package internal/util has no floor"},
		{"adapter and the inside", "adapter/a.go", imports(internal + "model"), "only over the wire"},
		{"test-side package in a program", "cmd/latchkey/a.go", imports(internal + "server/servertest"), "for tests"},
		{"recordings in a package", "internal/server/a.go", imports(internal + "compat"), "for tests"},
		{"test-side package and its room", "internal/server/servertest/a.go", imports(internal + "server"), ""},
		{"SQL in the store", "internal/store/a.go", imports("zombiezen.com/go/sqlite/sqlitex"), ""},
		{"SQL elsewhere", "internal/session/a.go", imports("database/sql"), "which is for store"},
		{"SQLite elsewhere", "internal/server/a.go", imports("zombiezen.com/go/sqlite"), "which is for store"},
		{"PostgreSQL elsewhere", "internal/admin/a.go", imports("github.com/jackc/pgx/v5/pgconn"), "which is for store"},
		{"a like name", "internal/admin/a.go", imports("github.com/jackc/pgxother"), ""},
		{"HTTP in a door", "internal/oidc/a.go", imports("net/http"), ""},
		{"HTTP in a service", "internal/session/a.go", imports("net/http/httptrace"), "which is for web"},
		{"HTTP in a service's test", "internal/session/a_test.go", imports("net/http"), ""},
		{"HTTP in an example", "examples/portal/a.go", imports("net/http"), ""},
		{"templates in a page's room", "internal/login/a.go", imports("html/template"), ""},
		{"templates elsewhere", "internal/admin/a.go", imports("html/template"), "which is for ui"},
		{"math/rand", "cmd/latchkey/a.go", imports("math/rand"), "used nowhere"},
		{"math/rand/v2 in a test", "internal/model/a_test.go", imports("math/rand/v2"), "used nowhere"},
		{"clock in the server", "internal/server/a.go", "package p\nimport \"time\"\nvar t = time.Now()\n", ""},
		{"clock in a service", "internal/session/a.go", "package p\nimport \"time\"\nvar t = time.Now()\n", "a.go:3:9: internal/session reads the clock with Now"},
		{"clock as a value", "internal/web/a.go", "package p\nimport \"time\"\nvar f = time.Now\n", "reads the clock"},
		{"clock by another name", "internal/web/a.go", "package p\nimport clk \"time\"\nvar f = clk.Now\n", "reads the clock"},
		{"clock by way of Since", "adapter/a.go", "package p\nimport \"time\"\nvar f = time.Since\n", "reads the clock"},
		{"clock in a test", "internal/web/a_test.go", "package p\nimport \"time\"\nvar f = time.Now\n", ""},
		{"another Now", "internal/web/a.go", "package p\nimport \"time\"\ntype c struct{}\nfunc (c) Now() time.Time { return time.Time{} }\nvar t = c{}.Now()\n", ""},
		{"a file outside the build", "internal/session/testdata/a.go", imports("net/http"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			faults, _, err := check(fstest.MapFS{tt.file: {Data: []byte(tt.src)}})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tt.fault == "" && len(faults) > 0:
				t.Errorf("check = %q, want nothing", faults)
			case tt.fault != "" && (len(faults) != 1 || !strings.Contains(faults[0], tt.fault)):
				t.Errorf("check = %q, want one fault with %q", faults, tt.fault)
			}
		})
	}
}

// TestCheck_RefusesWhatIsNotGo: a file that cannot be read is not a file in order.
func TestCheck_RefusesWhatIsNotGo(t *testing.T) {
	t.Parallel()
	if _, _, err := check(fstest.MapFS{"internal/model/a.go": {Data: []byte("packag")}}); err == nil {
		t.Error("check of a file that is not Go = nil, want an error")
	}
}

// TestFloors_NameARoomOnce: a room on two floors would be ruled by neither.
func TestFloors_NameARoomOnce(t *testing.T) {
	t.Parallel()
	rooms := slices.Concat(floors...)
	slices.Sort(rooms)
	if n := len(slices.Compact(slices.Clone(rooms))); n != len(rooms) {
		t.Errorf("%d rooms, %d names: %v", len(rooms), n, rooms)
	}
}
