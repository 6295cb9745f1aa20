package keycloak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Member is one member of an Object. Value is anything encoding/json writes.
type Member struct {
	Name  string
	Value any
}

// Object is a JSON object that keeps the order of its members: Keycloak's
// order, so that people who diff two exports see what changed.
type Object []Member

// Get is the value of a member, nil when it is absent.
func (o Object) Get(name string) any {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Has tells whether the object has a member.
func (o Object) Has(name string) bool {
	return slices.ContainsFunc(o, func(m Member) bool { return m.Name == name })
}

// MarshalJSON writes the members in order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", m.Name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// add appends a member.
func (o *Object) add(name string, value any) { *o = append(*o, Member{name, value}) }

// addText appends a member unless it is empty.
func (o *Object) addText(name, value string) {
	if value != "" {
		o.add(name, value)
	}
}

// addExtra appends the extra members that are not there yet, by name, except
// those that except names.
func (o *Object) addExtra(x model.Extra, except ...string) {
	for _, k := range slices.Sorted(maps.Keys(x)) {
		if !o.Has(k) && !slices.Contains(except, k) {
			o.add(k, x[k])
		}
	}
}

// extra is a member kept in x, or its default.
func extra(x model.Extra, name string, def any) any {
	if v, ok := x[name]; ok {
		return v
	}
	return def
}

// list is never null on the wire.
func list(v []string) []string {
	if v == nil {
		return []string{}
	}
	return v
}

// table is a map that is never null on the wire.
func table[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}
