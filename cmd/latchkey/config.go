package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settings are what flags, environment and file decide together.
type settings struct {
	DB               string
	InstanceKeyFile  string // "": instance.key beside the database file
	Listen           string
	ManagementListen string
	PublicURL        string
	ProxyHeaders     string
	RelativePath     string
	Signer           string
	LogFormat        string
	ImportRealm      []string
	AdminUsername    string
	AdminPassword    string
	Demo             bool
}

// setting is one entry of the table of settings.
type setting struct {
	name  string
	env   []string // names beside LATCHKEY_…, tried after it
	usage string
	bind  func(fs *pflag.FlagSet, s *settings, name, usage string)
	check func(value string) error // of one value; nil: anything goes
}

func text(at func(*settings) *string, def string) func(*pflag.FlagSet, *settings, string, string) {
	return func(fs *pflag.FlagSet, s *settings, name, usage string) { fs.StringVar(at(s), name, def, usage) }
}

// table lists every setting; a command picks some of them by name.
var table = []setting{
	{name: "db", usage: "database, `sqlite:PATH` or postgres://USER@HOST/DATABASE", check: checkDB,
		bind: text(func(s *settings) *string { return &s.DB }, "sqlite:./latchkey-data/latchkey.db")},
	{name: "instance-key-file", usage: "`FILE` of the key that seals secrets in the database (default instance.key beside the database)",
		bind: text(func(s *settings) *string { return &s.InstanceKeyFile }, "")},
	{name: "listen", usage: "`ADDRESS` to serve the protocol and admin REST on", check: checkAddress,
		bind: text(func(s *settings) *string { return &s.Listen }, "127.0.0.1:8080")},
	{name: "management-listen", usage: "`ADDRESS` to serve health and metrics on", check: checkAddress,
		bind: text(func(s *settings) *string { return &s.ManagementListen }, "127.0.0.1:9000")},
	{name: "public-url", usage: "base `URL` clients use, relative path included, e.g. https://id.example.org/auth; without it only requests to a loopback host are served", check: checkPublicURL,
		bind: text(func(s *settings) *string { return &s.PublicURL }, "")},
	{name: "proxy-headers", usage: "headers of the proxy in front to believe: `none|xforwarded|forwarded`; only where a proxy sets or removes them", check: oneOf("none", "xforwarded", "forwarded"),
		bind: text(func(s *settings) *string { return &s.ProxyHeaders }, "none")},
	{name: "relative-path", usage: "`PATH` in front of everything; /auth for clients of older Keycloaks", check: checkRelativePath,
		bind: text(func(s *settings) *string { return &s.RelativePath }, "/")},
	{name: "signer", usage: "what makes RSA signatures: `auto|go|libcrypto`", check: oneOf("auto", "go", "libcrypto"),
		bind: text(func(s *settings) *string { return &s.Signer }, "auto")},
	{name: "log-format", usage: "log lines as `text|json`", check: oneOf("text", "json"),
		bind: text(func(s *settings) *string { return &s.LogFormat }, "text")},
	{name: "import-realm", usage: "realm document `FILE|DIR` to import at start; realms that exist are skipped (may be repeated)",
		bind: func(fs *pflag.FlagSet, s *settings, name, usage string) {
			fs.StringArrayVar(&s.ImportRealm, name, nil, usage)
		}},
	{name: "bootstrap-admin-username", usage: "`NAME` of an administrator of realm master to create unless it exists", env: []string{"KC_BOOTSTRAP_ADMIN_USERNAME"},
		bind: text(func(s *settings) *string { return &s.AdminUsername }, "")},
	{name: "bootstrap-admin-password", usage: "its `PASSWORD`; the environment is the better place, process lists show flags", env: []string{"KC_BOOTSTRAP_ADMIN_PASSWORD"},
		bind: text(func(s *settings) *string { return &s.AdminPassword }, "")},
	{name: "demo", usage: "import the demo realm and an administrator with well-known passwords, print how to use them",
		bind: func(fs *pflag.FlagSet, s *settings, name, usage string) { fs.BoolVar(&s.Demo, name, false, usage) }},
}

// databaseSettings are what every command that opens the database takes.
var databaseSettings = []string{"db", "instance-key-file"}

func settingNamed(name string) *setting {
	i := slices.IndexFunc(table, func(s setting) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &table[i]
}

func (s *setting) envNames() []string {
	return append([]string{"LATCHKEY_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))}, s.env...)
}

// takes gives cmd the flags of the named settings.
func (a *app) takes(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		s := settingNamed(name)
		s.bind(cmd.Flags(), &a.set, name, s.usage+" (env "+strings.Join(s.envNames(), ", ")+")")
	}
}

// configError are all faults of a configuration.
type configError struct{ list []string }

func (e *configError) Error() string { return strings.Join(e.list, "; ") }

func (e *configError) addf(format string, args ...any) {
	e.list = append(e.list, fmt.Sprintf(format, args...))
}

// resolve settles every setting of cmd from flag, environment and file, and
// reports all faults at once. An empty environment variable counts as unset.
func (a *app) resolve(cmd *cobra.Command) error {
	faults := &configError{}
	file := a.readConfig(cmd, faults)
	for i := range table {
		s := &table[i]
		flag := cmd.Flags().Lookup(s.name)
		if flag == nil {
			continue
		}
		source := "--" + s.name
		if !flag.Changed {
			source = a.fill(flag, s, file, source, faults)
		}
		if s.check != nil {
			if err := s.check(flag.Value.String()); err != nil {
				faults.addf("%s %q: %v", source, flag.Value.String(), err)
			}
		}
	}
	a.checkTogether(cmd, faults)
	if len(faults.list) > 0 {
		return &usageError{faults}
	}
	return nil
}

// fill sets a flag that the command line left alone; the result says where
// the value came from.
func (a *app) fill(flag *pflag.Flag, s *setting, file map[string][]string, source string, faults *configError) string {
	values := file[s.name]
	if values != nil {
		source = "config file: " + s.name
	}
	for _, name := range slices.Backward(s.envNames()) {
		if v := a.getenv(name); v != "" {
			values, source = []string{v}, name
		}
	}
	for _, v := range values {
		if err := flag.Value.Set(v); err != nil {
			faults.addf("%s %q: want true or false", source, v)
		}
	}
	return source
}

// readConfig reads the file named by --config or LATCHKEY_CONFIG: one JSON
// object whose members are named as the flags. A key no command knows is a
// fault, since a mistyped setting would otherwise silently be the default.
func (a *app) readConfig(cmd *cobra.Command, faults *configError) map[string][]string {
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		path = a.getenv("LATCHKEY_CONFIG")
	}
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		faults.addf("--config: %v", err)
		return nil
	}
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err = dec.Decode(&doc); err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		faults.addf("--config %s: want one JSON object: %v", path, err)
		return nil
	}
	out := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		if settingNamed(key) == nil {
			faults.addf("--config %s: unknown key %q%s", path, key, nearSetting(key))
			continue
		}
		values, ok := configValues(key, doc[key])
		if !ok {
			faults.addf("--config %s: %s: want a string%s", path, key, map[bool]string{true: " or true or false", false: ""}[key == "demo"])
			continue
		}
		out[key] = values
	}
	return out
}

// configValues turns a JSON value into flag values; only import-realm may be a
// list.
func configValues(key string, v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case bool:
		return []string{fmt.Sprint(v)}, key == "demo"
	case []any:
		out := []string{}
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, key == "import-realm"
	}
	return nil, false
}

func nearSetting(key string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s))
	}
	for _, s := range table {
		if plain(s.name) == plain(key) {
			return fmt.Sprintf(", did you mean %q?", s.name)
		}
	}
	return ""
}
