package compat_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A scenario is one recording: steps that run in order in a realm of its own.
type scenario struct {
	Name  string `json:"scenario"`
	Steps []step `json:"steps"`
}

// A step is one thing done and what must come back. At most one of Expect,
// Noted and Trace is set; none of them means the answer is only remembered.
type step struct {
	N    int    `json:"step"`
	Do   string `json:"do"` // http, login, device or sleep
	Name string `json:"name"`
	Skip string `json:"skip"` // why it cannot be replayed; empty = it can

	Admin   bool           `json:"admin"` // send the administrator's bearer token
	Method  string         `json:"method"`
	Path    string         `json:"path"`
	Form    any            `json:"form"` // object, or list of pairs where a name repeats; nil = none
	JSON    any            `json:"json"` // nil = no body
	Headers map[string]any `json:"headers"`
	Basic   []any          `json:"basic"`   // client id and secret
	Browser int            `json:"browser"` // number of the cookie jar; 0 = none

	Client, User, Password, Scope string
	RedirectURI                   string         `json:"redirect_uri"`
	PKCE                          string         `json:"pkce"`
	Accept                        bool           `json:"accept"`
	Params                        map[string]any `json:"params"`
	URL                           string         `json:"url"`
	Trace                         any            `json:"trace"`

	Seconds float64 `json:"seconds"` // of a sleep

	Expect   any            `json:"expect"`
	Keycloak any            `json:"keycloak"` // Keycloak's answer, where it is not Expect on purpose
	Subset   bool           `json:"subset"`
	Noted    map[string]any `json:"noted"`
}

// UnmarshalJSON keeps numbers as parseJSON reads them and refuses members the
// replayer does not know: a member ignored would be a check not made.
func (s *step) UnmarshalJSON(data []byte) error {
	type plain step
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	dec.DisallowUnknownFields()
	var known struct {
		plain
		Differs string `json:"differs"`
	}
	if err := dec.Decode(&known); err != nil {
		return err
	}
	*s = step(known.plain)
	for _, v := range []*any{&s.Form, &s.JSON, &s.Expect, &s.Keycloak, &s.Trace} {
		var err error
		if *v, err = plainNumbers(*v); err != nil {
			return err
		}
	}
	_, err := plainNumbers(s.Noted)
	return err
}

// loadScenario reads testdata/transcripts/NAME.json.
func loadScenario(t testing.TB, name string) *scenario {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "transcripts", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var sc scenario
	if err := json.Unmarshal(data, &sc); err != nil {
		t.Fatalf("scenario %s: %v", name, err)
	}
	if sc.Name != name {
		t.Fatalf("scenario %s calls itself %s", name, sc.Name)
	}
	return &sc
}

// realmDocument returns the realm every recording runs in, called name.
func realmDocument(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "realm.json"))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.ReplaceAll(string(data), "{{realm}}", name))
}
