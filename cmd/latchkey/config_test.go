package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// testApp is an app with an environment of its own.
func testApp(env map[string]string) (a *app, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{
		in: strings.NewReader(""), out: out, err: errOut, now: time.Now,
		getenv: func(name string) string { return env[name] },
	}, out, errOut
}

// resolved settles the settings of a command line without running it.
func resolved(env map[string]string, args ...string) (settings, error) {
	a, _, _ := testApp(env)
	cmd, rest, err := newRoot(a).Find(args)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = a.resolve(cmd)
	}
	return a.set, err
}

// configFile writes a config file and returns its path.
func configFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig_FlagBeatsEnvironmentBeatsFile(t *testing.T) {
	t.Parallel()
	file := configFile(t, `{"db": "sqlite:/file/l.db", "listen": "127.0.0.1:1", "signer": "go", "demo": false, "import-realm": ["a.json", "b.json"]}`)
	for _, tt := range []struct {
		name string
		env  map[string]string
		args []string
		get  func(settings) any
		want string
	}{
		{"default", nil, nil, func(s settings) any { return s.DB }, "sqlite:./latchkey-data/latchkey.db"},
		{"file beats default", nil, []string{"--config", file}, func(s settings) any { return s.DB }, "sqlite:/file/l.db"},
		{"environment beats file", map[string]string{"LATCHKEY_DB": "sqlite:env.db"}, []string{"--config", file}, func(s settings) any { return s.DB }, "sqlite:env.db"},
		{"flag beats environment", map[string]string{"LATCHKEY_DB": "sqlite:env.db"}, []string{"--config", file, "--db", "sqlite:flag.db"}, func(s settings) any { return s.DB }, "sqlite:flag.db"},
		{"a flag with the default's value still wins", map[string]string{"LATCHKEY_SIGNER": "go"}, []string{"--signer", "auto"}, func(s settings) any { return s.Signer }, "auto"},
		{"an empty variable is none", map[string]string{"LATCHKEY_DB": ""}, nil, func(s settings) any { return s.DB }, "sqlite:./latchkey-data/latchkey.db"},
		{"the file may be named by the environment", map[string]string{"LATCHKEY_CONFIG": file}, nil, func(s settings) any { return s.Signer }, "go"},
		{"dashes become underscores", map[string]string{"LATCHKEY_MANAGEMENT_LISTEN": "[::1]:9"}, nil, func(s settings) any { return s.ManagementListen }, "[::1]:9"},
		{"Keycloak's name", map[string]string{"KC_BOOTSTRAP_ADMIN_USERNAME": "k", "KC_BOOTSTRAP_ADMIN_PASSWORD": "p"}, nil, func(s settings) any { return s.AdminUsername }, "k"},
		{"our name beats Keycloak's", map[string]string{"KC_BOOTSTRAP_ADMIN_USERNAME": "k", "LATCHKEY_BOOTSTRAP_ADMIN_USERNAME": "l", "KC_BOOTSTRAP_ADMIN_PASSWORD": "p"}, nil, func(s settings) any { return s.AdminUsername }, "l"},
		{"a list in the file", nil, []string{"--config", file}, func(s settings) any { return s.ImportRealm }, "[a.json b.json]"},
		{"a repeated flag", nil, []string{"--import-realm", "x,y", "--import-realm", "z"}, func(s settings) any { return s.ImportRealm }, "[x,y z]"},
		{"a flag that is true or false", map[string]string{"LATCHKEY_DEMO": "true"}, nil, func(s settings) any { return s.Demo }, "true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := resolved(tt.env, append([]string{"serve"}, tt.args...)...)
			if got := fmt.Sprint(tt.get(s)); err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestConfig_FileMayHoldSettingsOfOtherCommands: one file serves them all.
func TestConfig_FileMayHoldSettingsOfOtherCommands(t *testing.T) {
	t.Parallel()
	s, err := resolved(nil, "session", "list", "--config", configFile(t, `{"db": "sqlite:x.db", "listen": "nonsense"}`))
	if err != nil || s.DB != "sqlite:x.db" {
		t.Errorf("db = %q, %v, want sqlite:x.db", s.DB, err)
	}
}

func TestConfig_Faults(t *testing.T) {
	t.Parallel()
	file := configFile(t, `{"Public_URL": "x", "colour": 1, "db": 7, "demo": "maybe"}`)
	for _, tt := range []struct {
		name string
		env  map[string]string
		args []string
		want []string // each is a part of a fault of its own
	}{
		{"PostgreSQL", nil, []string{"--db", "postgres://u:p@h/d"}, []string{"PostgreSQL is not supported yet: use sqlite:PATH"}},
		{"no scheme", nil, []string{"--db", "data.db"}, []string{`--db "data.db": want sqlite:PATH`}},
		{"no path", nil, []string{"--db", "sqlite:"}, []string{"the path is missing"}},
		{"address", nil, []string{"--listen", "8080"}, []string{`--listen "8080": want HOST:PORT`}},
		{"port", nil, []string{"--listen", "127.0.0.1:http"}, []string{`port "http": want a number`}},
		{"port too large", nil, []string{"--listen", "127.0.0.1:65536"}, []string{"want a number from 0 to 65535"}},
		{"same address twice", nil, []string{"--management-listen", "127.0.0.1:8080"}, []string{"the same address as --listen"}},
		{"public URL without scheme", nil, []string{"--public-url", "id.example.org"}, []string{"want https://HOST"}},
		{"public URL with a query", nil, []string{"--public-url", "https://id.example.org/?a"}, []string{"no user, query or fragment"}},
		{"relative path", nil, []string{"--relative-path", "auth"}, []string{"must begin with /"}},
		{"relative path that climbs", nil, []string{"--relative-path", "/a/../b"}, []string{"want plain path segments"}},
		{"signer", nil, []string{"--signer", "hsm"}, []string{"want auto, go, libcrypto"}},
		{"log format", nil, []string{"--log-format", "xml"}, []string{"want text, json"}},
		{"the variable is named", map[string]string{"LATCHKEY_SIGNER": "hsm"}, nil, []string{`LATCHKEY_SIGNER "hsm"`}},
		{"name without password", nil, []string{"--bootstrap-admin-username", "x"}, []string{"the password is missing"}},
		{"password without name", map[string]string{"KC_BOOTSTRAP_ADMIN_PASSWORD": "x"}, nil, []string{"the name is missing"}},
		{"demo for everybody", nil, []string{"--demo", "--listen", "0.0.0.0:8080"}, []string{"listens on a loopback address only"}},
		{"demo and an administrator", nil, []string{"--demo", "--bootstrap-admin-username", "x"}, []string{"--demo brings its own administrator"}},
		{"no file", nil, []string{"--config", "/does/not/exist"}, []string{"no such file"}},
		{"file that is no object", nil, []string{"--config", configFile(t, `[]`)}, []string{"want one JSON object"}},
		{"file with two values", nil, []string{"--config", configFile(t, `{} {}`)}, []string{"more than one JSON value"}},
		{"a file with many faults", nil, []string{"--config", file}, []string{
			`unknown key "Public_URL", did you mean "public-url"?`, `unknown key "colour"`, "db: want a string", `demo "maybe": want true or false`,
		}},
		{"all faults at once", map[string]string{"LATCHKEY_SIGNER": "x"}, []string{"--db", "x", "--listen", "x", "--demo"}, []string{"LATCHKEY_SIGNER", "--db", "--listen"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := resolved(tt.env, append([]string{"serve"}, tt.args...)...)
			var faults *configError
			if !errors.As(err, &faults) || exitCode(err) != exitUsage {
				t.Fatalf("resolve = %v, exit code %d, want faults and %d", err, exitCode(err), exitUsage)
			}
			for _, want := range tt.want {
				if !slices.ContainsFunc(faults.list, func(f string) bool { return strings.Contains(f, want) }) {
					t.Errorf("no fault says %q:\n%s", want, strings.Join(faults.list, "\n"))
				}
			}
			if len(faults.list) != len(tt.want) {
				t.Errorf("%d faults, want %d:\n%s", len(faults.list), len(tt.want), strings.Join(faults.list, "\n"))
			}
		})
	}
}

// walk calls f for every command that can be run.
func walk(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			f(sub)
			walk(sub, f)
		}
	}
}

func TestHelp_TeachesAndNamesExitCodes(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp(nil)
	walk(newRoot(a), func(cmd *cobra.Command) {
		if cmd.Long == "" || cmd.Example == "" || cmd.Short == "" {
			t.Errorf("%s: Short, Long or Example is missing", cmd.CommandPath())
		}
		a, out, _ := testApp(nil)
		if code := a.run(t.Context(), append(strings.Fields(cmd.CommandPath())[1:], "--help")); code != exitOK {
			t.Errorf("%s --help = %d", cmd.CommandPath(), code)
		}
		if !strings.Contains(out.String(), exitHelp) || !strings.Contains(out.String(), strings.SplitN(cmd.Long, "\n", 2)[0]) {
			t.Errorf("%s --help lacks its text or the exit codes:\n%s", cmd.CommandPath(), out)
		}
	})
}

// TestExamples_AreValid: every command line of the help texts and of the
// documents for users names commands and flags that exist, with arguments
// they take.
func TestExamples_AreValid(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	a, _, _ := testApp(nil)
	walk(newRoot(a), func(cmd *cobra.Command) { texts[cmd.CommandPath()] = cmd.Example })
	for _, path := range []string{"../../README.md", "../../docs/operations.md"} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(raw)
	}
	for where, text := range texts {
		for _, line := range commandLines(text) {
			a, _, _ := testApp(nil)
			cmd, rest, err := newRoot(a).Find(line)
			if err == nil && !cmd.HasParent() && line[0] != "--help" {
				err = errors.New("no such command")
			}
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err == nil {
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: latchkey %s: %v", where, strings.Join(line, " "), err)
			}
		}
	}
}

// commandLines finds what is run as latchkey, or by go run, in indented or
// fenced text.
func commandLines(text string) (all [][]string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.SplitSeq(text, "\n") {
		for _, start := range []string{"latchkey ", "go run ./cmd/latchkey "} {
			i := strings.Index(line, start)
			if i < 0 || strings.Contains(line[:i], "`") || i > 0 && !strings.ContainsAny(line[i-1:i], " (/") {
				continue
			}
			before := strings.TrimSpace(line[:i])
			if before != "" && !strings.ContainsAny(before, "=|") || strings.HasPrefix(before, "#") {
				continue
			}
			command := line[i+len(start):]
			if cut := strings.IndexAny(command, "|)#<>;&"); cut >= 0 {
				command = command[:cut]
			}
			var words []string
			for _, w := range strings.Fields(command) {
				words = append(words, strings.Trim(w, `"'`))
			}
			all = append(all, words)
			break
		}
	}
	return all
}
