package oidc

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// share is what tokens of one client have in common for all users with the
// same roles and groups and the same scopes: most of a token. It depends on
// configuration alone and lives as long as its version.
type share struct {
	static   []byte   // members without braces, roles and origins
	audience []string // sorted
	mappers  []mapper // what differs from user to user
}

// shareOf finds or makes the share for a view and a place. v.roles is filled in
// only when it must be made.
func (q *request) shareOf(v *subjectView, p place, userRoles map[string]bool) *share {
	var key strings.Builder
	key.WriteString(strconv.Itoa(int(p)))
	key.WriteByte(' ')
	key.WriteString(v.client.ID)
	for _, s := range v.scopes.Scopes {
		key.WriteByte(' ')
		key.WriteString(s.Name)
	}
	for _, list := range [][]string{v.user.Grants.Roles, v.user.Grants.Groups} {
		key.WriteByte('/')
		for _, id := range list {
			key.WriteString(id)
			key.WriteByte(' ')
		}
	}
	return q.snap.Derived.Get(key.String(), func() any {
		v.roles = q.snap.EffectiveRoles(v.client, v.scopes, userRoles)
		return newShare(v, p)
	}).(*share)
}

func newShare(v *subjectView, p place) *share {
	sh := &share{}
	var fixed []mapper
	for _, m := range mappersOf(v) {
		switch {
		case m.fixed:
			fixed = append(fixed, m)
		case m.wanted(p, v.lightweight):
			sh.mappers = append(sh.mappers, m)
		}
	}
	static := runMappers(v, p, fixed)
	sh.audience, _ = static["aud"].([]string)
	delete(static, "aud")
	// A claim that fixed and other mappers build together is made each time.
	for _, m := range sh.mappers {
		if name := m.writes(); name == "aud" || static[name] != nil {
			return &share{mappers: mappersOf(v)}
		}
	}
	if static["sub"] != nil { // mint sets it
		return &share{mappers: mappersOf(v)}
	}
	if b, err := json.Marshal(map[string]any(static)); err == nil && len(b) > 2 {
		sh.static = b[1 : len(b)-1]
	}
	return sh
}

// payload are the claims of one token: what users share, and the rest.
type payload struct {
	claims
	static []byte
}

// mappedFast is mapped with the shared part remembered. The audience comes
// apart.
func (q *request) mappedFast(v *subjectView, p place, userRoles map[string]bool) (payload, []string) {
	sh := q.shareOf(v, p, userRoles)
	if v.roles == nil && slices.ContainsFunc(sh.mappers, mapper.byRoles) {
		v.roles = q.snap.EffectiveRoles(v.client, v.scopes, userRoles)
	}
	out := runMappers(v, p, sh.mappers)
	audience := sh.audience
	if own, ok := out["aud"].([]string); ok {
		audience = own
		delete(out, "aud")
	}
	return payload{claims: out, static: sh.static}, audience
}

// mappedFor is mappedFast for tokens that are restricted to an audience: of it,
// and of the client roles, what belongs to others is left out.
func (q *request) mappedFor(v *subjectView, userRoles map[string]bool, only []string) (payload, []string) {
	v.roles = q.snap.EffectiveRoles(v.client, v.scopes, userRoles)
	out := mapped(v, inAccess)
	audience, _ := out["aud"].([]string)
	delete(out, "aud")
	if of, ok := out["resource_access"].(map[string]any); ok {
		maps.DeleteFunc(of, func(id string, _ any) bool { return !slices.Contains(only, id) })
	}
	return payload{claims: out}, slices.DeleteFunc(audience, func(id string) bool { return !slices.Contains(only, id) })
}

// encode writes the payload as JSON. Members stand in no order, which JSON
// does not have either.
func (p payload) encode() ([]byte, error) {
	b := make([]byte, 0, 1024+len(p.static))
	b = append(b, '{')
	b = append(b, p.static...)
	for name, value := range p.claims {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		var err error
		if b, err = appendValue(b, value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return appendText(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']'), nil
	}
	raw, err := json.Marshal(value)
	return append(b, raw...), err
}

// appendText writes a JSON string; text beyond plain ASCII goes the long way.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			raw, err := json.Marshal(s)
			if err != nil { // strings always marshal
				raw = []byte(`""`)
			}
			return append(b, raw...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
