package keycloak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/internal/model"
)

// maxName is the length limit of names, in characters, as Keycloak's columns.
const maxName = 255

// maxNumber is the largest number Keycloak's documents can hold (32 bits).
const maxNumber = math.MaxInt32

// reader collects the first fault of a document; after one, everything reads
// as absent and the caller checks err once at the end.
type reader struct{ err *DocumentError }

func (r *reader) failf(path, format string, args ...any) {
	if r.err == nil {
		r.err = &DocumentError{Path: path, Problem: fmt.Sprintf(format, args...)}
	}
}

// fault is r.err as an error, nil when there is none.
func (r *reader) fault() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// fields are the members of one JSON object. Each read takes its member out,
// so what is left at the end is what no rule reads.
type fields struct {
	*reader
	path string
	m    map[string]json.RawMessage
}

// item is a value inside an array or a map, with its path.
type item struct {
	key, path string
	raw       json.RawMessage
}

// body starts reading a request body that must be one JSON object.
func body(doc []byte) *fields {
	r := &reader{}
	if err := json.Unmarshal(doc, new(json.RawMessage)); err != nil {
		if !errors.As(syntaxError(err), &r.err) { // always: nothing was read
			r.err = &DocumentError{Problem: "not JSON"}
		}
		return &fields{reader: r}
	}
	if tooDeep(doc, maxDepth) {
		r.failf("", "nested too deep (more than %d levels)", maxDepth)
	}
	return r.object(doc, "")
}

func (r *reader) object(raw json.RawMessage, path string) *fields {
	f := &fields{reader: r, path: path}
	if r.err != nil {
		return f
	}
	if kind(raw) != 'o' || json.Unmarshal(raw, &f.m) != nil {
		r.failf(path, "must be an object")
	}
	return f
}

// kind is the JSON type of a value: o(bject), a(rray), s(tring), n(umber),
// b(oolean) or 0 for null.
func kind(raw json.RawMessage) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 0
	}
	switch raw[0] {
	case '{':
		return 'o'
	case '[':
		return 'a'
	case '"':
		return 's'
	case 't', 'f':
		return 'b'
	case 'n':
		return 0
	}
	return 'n'
}

func (f *fields) at(name string) string { return join(f.path, name) }

func join(path, name string) string {
	if name == "" || strings.ContainsAny(name, ". []\"\\/") {
		return path + "[" + strconv.Quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// take removes a member; a null counts as absent, as in Keycloak.
func (f *fields) take(name string) (json.RawMessage, bool) {
	raw, ok := f.m[name]
	delete(f.m, name)
	if !ok || f.err != nil || kind(raw) == 0 {
		return nil, false
	}
	return raw, true
}

func (f *fields) has(name string) bool { return f.err == nil && kind(f.m[name]) != 0 }

func (f *fields) drop(names ...string) {
	for _, n := range names {
		delete(f.m, n)
	}
}

// rest is what no read took: unknown members, nulls left out; nil for none.
func (f *fields) rest() model.Extra {
	var x model.Extra
	for k, v := range f.m {
		if kind(v) == 0 {
			continue
		}
		if x == nil {
			x = model.Extra{}
		}
		x[k] = compact(v)
	}
	return x
}

// str reads a text; a number or a boolean is one too, as in Keycloak.
func (f *fields) str(name string, to *string) {
	raw, ok := f.take(name)
	if !ok {
		return
	}
	switch kind(raw) {
	case 's':
		*to = unquote(raw)
	case 'n', 'b':
		*to = string(bytes.TrimSpace(raw))
	default:
		f.failf(f.at(name), "must be a string")
	}
}

func unquote(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s) // raw is a valid JSON string by now
	return s
}

func (f *fields) boolean(name string, to *bool) {
	raw, ok := f.take(name)
	if !ok {
		return
	}
	switch strings.Trim(string(bytes.TrimSpace(raw)), `"`) { // Keycloak reads "true" as true
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		f.failf(f.at(name), "must be true or false")
	}
}

// number reads an integer in 0..limit; digits in a string count, as in Keycloak.
func (f *fields) number(name string, limit int64, to *int64) {
	raw, ok := f.take(name)
	if !ok {
		return
	}
	n, problem := integer(raw, 0, limit)
	if problem != "" {
		f.failf(f.at(name), "%s", problem)
		return
	}
	*to = n
}

func integer(raw json.RawMessage, least, most int64) (int64, string) {
	text := string(bytes.TrimSpace(raw))
	switch kind(raw) {
	case 'n':
	case 's':
		text = unquote(raw)
	default:
		return 0, "must be a whole number"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && (strings.ContainsAny(text, ".eE") || kind(raw) == 's'):
		return 0, "must be a whole number"
	case err != nil || n > most:
		return 0, fmt.Sprintf("must not be more than %d", most)
	case n < least:
		if least == 0 {
			return 0, "must not be negative"
		}
		return 0, fmt.Sprintf("must not be less than %d", least)
	}
	return n, ""
}

// items reads an array; ok is false when it is absent.
func (f *fields) items(name string) (out []item, ok bool) {
	raw, ok := f.take(name)
	if !ok {
		return nil, false
	}
	return f.elements(item{path: f.at(name), raw: raw})
}

// members reads an object as a list, sorted by key; nulls stay in it.
func (f *fields) members(name string) (out []item, ok bool) {
	raw, ok := f.take(name)
	if !ok {
		return nil, false
	}
	sub := f.object(raw, f.at(name))
	for _, k := range slices.Sorted(maps.Keys(sub.m)) {
		out = append(out, item{key: k, path: join(f.at(name), k), raw: sub.m[k]})
	}
	return out, f.err == nil
}

// strs reads a list of strings without doubles; nil when empty or absent.
func (f *fields) strs(name string) (out []string, ok bool) {
	list, ok := f.items(name)
	for _, it := range list {
		if s, good := f.scalar(it, false); good && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, ok
}

// scalar reads a string; with coerce also numbers and booleans, by their text,
// as Keycloak does in maps of attributes.
func (f *fields) scalar(it item, coerce bool) (string, bool) {
	switch k := kind(it.raw); {
	case k == 's':
		return unquote(it.raw), true
	case coerce && (k == 'n' || k == 'b'):
		return string(bytes.TrimSpace(it.raw)), true
	}
	f.failf(it.path, "must be a string")
	return "", false
}

// strings reads a map of strings. removed lists the keys whose value is null.
func (f *fields) strings(name string) (set map[string]string, removed []string, ok bool) {
	list, ok := f.members(name)
	for _, it := range list {
		if kind(it.raw) == 0 {
			removed = append(removed, it.key)
			continue
		}
		if s, good := f.scalar(it, true); good {
			if set == nil {
				set = map[string]string{}
			}
			set[it.key] = s
		}
	}
	return set, removed, ok
}

// lists reads a map of string lists; a bare string counts as a list of one.
// Keys without a value (null, [], [""]) go to removed.
func (f *fields) lists(name string) (set map[string][]string, removed []string, ok bool) {
	list, ok := f.members(name)
	for _, it := range list {
		var vals []string
		if kind(it.raw) == 'a' {
			elems, _ := f.elements(it)
			for _, e := range elems {
				if kind(e.raw) == 0 {
					continue
				}
				if s, good := f.scalar(e, true); good && s != "" {
					vals = append(vals, s)
				}
			}
		} else if kind(it.raw) != 0 {
			if s, good := f.scalar(it, true); good && s != "" {
				vals = append(vals, s)
			}
		}
		if vals == nil {
			removed = append(removed, it.key)
			continue
		}
		if set == nil {
			set = map[string][]string{}
		}
		set[it.key] = vals
	}
	return set, removed, ok
}

// checkName refuses what cannot be a name: empty, too long, control characters.
func (r *reader) checkName(path, name string) bool {
	switch {
	case name == "":
		r.failf(path, "must not be empty")
	case utf8.RuneCountInString(name) > maxName:
		r.failf(path, "must not be longer than %d characters", maxName)
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }):
		r.failf(path, "must not contain control characters")
	default:
		return true
	}
	return false
}

// name reads a member that must be a name when it is there.
func (f *fields) name(name string, to *string) {
	if !f.has(name) {
		f.drop(name)
		return
	}
	f.str(name, to)
	f.checkName(f.at(name), *to)
}

// id reads an object's id; a missing one is made.
func (f *fields) id(newID func() string) string {
	id := ""
	f.str("id", &id)
	if id == "" {
		return newID()
	}
	if len(id) > 36 {
		f.failf(f.at("id"), "must not be longer than 36 characters")
	}
	f.checkName(f.at("id"), id)
	return id
}

// elements reads the list an item holds; absent when it is null.
func (r *reader) elements(it item) ([]item, bool) {
	if kind(it.raw) == 0 {
		return nil, false
	}
	var list []json.RawMessage
	if kind(it.raw) != 'a' || json.Unmarshal(it.raw, &list) != nil {
		r.failf(it.path, "must be a list")
		return nil, false
	}
	out := make([]item, len(list))
	for i, v := range list {
		out[i] = item{path: indexed(it.path, i), raw: v}
	}
	return out, true
}
