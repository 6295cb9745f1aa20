package admin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/admin"
)

// schema is the part of JSON Schema that the document uses.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       string             `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Additional *bool              `json:"additionalProperties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	Enum       []string           `json:"enum"`
	OneOf      []*schema          `json:"oneOf"`
}

type content struct {
	Content map[string]struct {
		Schema *schema `json:"schema"`
	} `json:"content"`
}

type parameter struct{ Name, In string }

type operation struct {
	Parameters  []parameter        `json:"parameters"`
	RequestBody *content           `json:"requestBody"`
	Responses   map[string]content `json:"responses"`
}

// openAPI is the document of the API of offline sessions, with the members of
// answers that were seen.
type openAPI struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]struct {
		Parameters []parameter `json:"parameters"`
		Get, Post  *operation
	} `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
	seen map[string]bool
}

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	raw, err := os.ReadFile("../../docs/openapi/offline-sessions.json")
	if err != nil {
		t.Fatal(err)
	}
	d := &openAPI{seen: map[string]bool{}}
	if err := json.Unmarshal(raw, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// faults are what is wrong with a value by a schema; name is the schema's.
func (d *openAPI) faults(name string, s *schema, v any) (all []string) {
	if ref, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.faults(ref, d.Components.Schemas[ref], v)
	}
	bad := func(what string) []string { return append(all, fmt.Sprintf("%s: %v is no %s", name, v, what)) }
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, fmt.Sprint(v)) {
		return bad(fmt.Sprint(s.Enum))
	}
	switch s.Type {
	case "string":
		if _, ok := v.(string); !ok {
			return bad(s.Type)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return bad(s.Type)
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			return bad(s.Type)
		}
	case "array":
		list, ok := v.([]any)
		if !ok {
			return bad(s.Type)
		}
		for _, x := range list {
			all = append(all, d.faults(name, s.Items, x)...)
		}
	case "object":
		o, ok := v.(map[string]any)
		if !ok {
			return bad(s.Type)
		}
		all = d.objectFaults(name, s, o)
	}
	return all
}

func (d *openAPI) objectFaults(name string, s *schema, o map[string]any) (all []string) {
	for _, member := range s.Required {
		if _, ok := o[member]; !ok {
			all = append(all, name+" lacks "+member)
		}
	}
	for member, v := range o {
		p := s.Properties[member]
		switch {
		case p != nil:
			d.seen[name+"."+member] = true
			all = append(all, d.faults(name+"."+member, p, v)...)
		case s.Additional != nil && !*s.Additional:
			all = append(all, name+" has "+member)
		}
	}
	return all
}

// members are all members a schema can have, as seen names them.
func (d *openAPI) members(name string, s *schema) (all []string) {
	if s.Ref != "" {
		return nil
	}
	for member, p := range s.Properties {
		all = append(all, name+"."+member)
		all = append(all, d.members(name+"."+member, p)...)
	}
	if s.Items != nil {
		all = append(all, d.members(name, s.Items)...)
	}
	return all
}

// ask sends a request and holds its answer against the document.
func (d *openAPI) ask(a *api, method, path, template string, body any) map[string]any {
	a.t.Helper()
	op := d.Paths["/admin/realms/{realm}"+template].Get
	if method == "POST" {
		op = d.Paths["/admin/realms/{realm}"+template].Post
	}
	r := a.do(method, path, body)
	answer, ok := op.Responses[fmt.Sprint(r.Status)]
	if !ok {
		a.t.Fatalf("%s: status %d is not documented: %s", r.what, r.Status, r.Body)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		a.t.Fatalf("%s: %v", r.what, err)
	}
	for _, f := range d.faults("answer", answer.Content["application/json"].Schema, v) {
		a.t.Errorf("%s: %s", r.what, f)
	}
	return v
}

func TestOpenAPI_PathsAreTheRoutes(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi %s", d.OpenAPI)
	}
	var documented, served []string
	for path, item := range d.Paths {
		if item.Get != nil {
			documented = append(documented, "GET "+path)
		}
		if item.Post != nil {
			documented = append(documented, "POST "+path)
		}
	}
	for _, rt := range admin.RouteTable() {
		if strings.HasPrefix(rt.Path, "/{realm}/offline-sessions") {
			served = append(served, rt.Method+" /admin/realms"+rt.Path)
		}
	}
	if got, want := sorted(documented...), sorted(served...); !slices.Equal(got, want) {
		t.Errorf("documented %v, served %v", got, want)
	}
}

// A query parameter the document does not know is refused, and the answer names
// those it knows.
func TestOpenAPI_ParametersAreThoseTheServerTakes(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	a := newAPI(t)
	id := sid(a.offline("app", "anna"))
	for path, item := range d.Paths {
		if item.Get == nil {
			continue
		}
		target := strings.ReplaceAll(strings.TrimPrefix(path, "/admin/realms/{realm}"), "{id}", id)
		message, _ := d.ask(a, "GET", target+"?zzz=1", strings.TrimPrefix(path, "/admin/realms/{realm}"), nil)["error"].(string)
		_, known, _ := strings.Cut(message, "known are ")
		var names []string
		for _, p := range item.Get.Parameters {
			names = append(names, p.Name)
		}
		if got, want := sorted(strings.Split(known, ", ")...), sorted(names...); !slices.Equal(got, want) {
			t.Errorf("%s: the server takes %v, documented %v", path, got, want)
		}
	}
}

// Every answer is as documented, and every documented member is in one.
func TestOpenAPI_AnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	d := readOpenAPI(t)
	a := newAPI(t)
	const list, count, revoke, one, explain = "/offline-sessions", "/offline-sessions/count", "/offline-sessions/revoke", "/offline-sessions/{id}", "/offline-sessions/{id}/explain"
	tokens := a.offlineBy("app", "anna", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	a.prepared("app", "bob", "portal")
	bobs := a.offline("other", "bob")
	cut := a.srv.Clock.Now().Add(time.Second).Unix()

	first := d.ask(a, "GET", list+"?max=1", list, nil)
	for member, v := range map[string]any{"user": "anna", "client": "app", "scope": "email", "lastUsedBefore": cut, "createdBefore": cut, "max": 3, "after": first["after"]} {
		d.ask(a, "GET", fmt.Sprintf("%s?%s=%v", list, member, v), list, nil)
		if member != "max" {
			d.ask(a, "GET", fmt.Sprintf("%s?%s=%v", count, member, v), count, nil)
		}
	}
	d.ask(a, "GET", list, list, nil)
	d.ask(a, "GET", list+"?max=x", list, nil)
	d.ask(a, "GET", list+"/"+unknown, one, nil)
	d.ask(a, "GET", list+"/"+sid(tokens), one, nil)
	a.put("/users/"+a.userID("bob"), map[string]any{"enabled": false}).want(204)
	d.ask(a, "GET", list+"/"+sid(bobs)+"/explain", explain, nil)
	properties := d.Paths["/admin/realms/{realm}"+revoke].Post.RequestBody.Content["application/json"].Schema
	for member := range d.Components.Schemas[strings.TrimPrefix(properties.Ref, "#/components/schemas/")].Properties {
		value := map[string]any{"lastUsedBefore": cut, "createdBefore": cut, "user": "anna", "client": "app", "dryRun": true, "scope": "email", "after": first["after"]}[member]
		body := map[string]any{"user": "anna", "dryRun": true}
		body[member] = value
		if got := d.ask(a, "POST", revoke, revoke, body); got["error"] != nil {
			t.Errorf("documented member %s: %v", member, got)
		}
	}
	d.ask(a, "POST", revoke, revoke, map[string]any{})
	d.ask(a, "POST", revoke, revoke, map[string]any{"client": "app"})
	d.ask(a, "GET", list+"/"+sid(tokens)+"/explain", explain, nil)

	// What needs more sessions than a test makes: the cursors of counts and revocations.
	d.seen["Count.after"], d.seen["Revoked.after"] = true, true
	for name, s := range d.Components.Schemas {
		if name == "Revocation" {
			continue
		}
		for _, member := range d.members(name, s) {
			if !d.seen[member] && !strings.HasPrefix(member, "Error.error_") {
				t.Errorf("%s is documented and in no answer; seen %v", member, sorted(slices.Collect(maps.Keys(d.seen))...))
			}
		}
	}
}
