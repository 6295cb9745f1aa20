package oidc

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// place is where a claim may go; each protocol mapper has a switch for each.
type place int

const (
	inAccess place = iota
	inID
	inUserinfo
	inIntrospection
)

// subjectView is everything a mapper may read about the person and session a
// token is for.
type subjectView struct {
	cfg         *model.Config
	client      *model.Client
	user        *model.User
	scopes      model.ScopeSet
	roles       map[string]bool   // effective role ids for this client
	notes       map[string]string // session notes: AUTH_TIME, acr, clientHost, …
	lightweight bool
}

// claims is one token's payload under construction, nested where a claim name
// has dots.
type claims map[string]any

func mapAttribute(v *subjectView, m *model.ProtocolMapper, out claims) {
	values := attribute(v, m.Config["user.attribute"], m.Config["aggregate.attrs"] == "true")
	if len(values) > 0 {
		setClaim(m, out, values)
	}
}

// attribute reads a user attribute or property by Keycloak's name.
func attribute(v *subjectView, name string, aggregate bool) []string {
	u := v.user
	one := func(s string) []string {
		if s == "" {
			return nil
		}
		return []string{s}
	}
	switch name {
	case "username":
		return one(u.Username)
	case "email":
		return one(u.Email)
	case "firstName":
		return one(u.FirstName)
	case "lastName":
		return one(u.LastName)
	case "emailVerified":
		return []string{strconv.FormatBool(u.EmailVerified)}
	case "enabled":
		return []string{strconv.FormatBool(u.Enabled)}
	case "id":
		return []string{u.ID}
	case "createdTimestamp":
		return []string{strconv.FormatInt(u.CreatedMS, 10)}
	}
	values := u.Attributes[name]
	if len(values) > 0 && !aggregate {
		return values
	}
	for _, id := range u.Grants.Groups {
		g := v.cfg.GroupByID(id)
		for depth := 0; g != nil && depth < 64; depth++ {
			if len(g.Attributes[name]) > 0 {
				values = append(slices.Clone(values), g.Attributes[name]...)
				if !aggregate {
					return values
				}
			}
			g = v.cfg.GroupByID(g.ParentID)
		}
	}
	return values
}

func mapFullName(v *subjectView, _ *model.ProtocolMapper, out claims) {
	if name := strings.TrimSpace(v.user.FirstName + " " + v.user.LastName); name != "" {
		out["name"] = name
	}
}

func mapAudience(v *subjectView, m *model.ProtocolMapper, out claims) {
	if id := m.Config["included.client.audience"]; id != "" {
		if c := v.cfg.Client(id); c != nil && c.Enabled {
			addAudience(out, id)
		}
	} else if custom := m.Config["included.custom.audience"]; custom != "" {
		addAudience(out, custom)
	}
}

func addAudience(out claims, id string) {
	list, _ := out["aud"].([]string)
	if i, found := slices.BinarySearch(list, id); !found {
		out["aud"] = slices.Insert(list, i, id)
	}
}

// addressParts are the members of the address claim (OpenID Connect Core
// §5.1.1) and the user attribute each comes from unless the mapper names one.
var addressParts = []struct{ member, key, attribute string }{
	{"street_address", "user.attribute.street", "street"},
	{"locality", "user.attribute.locality", "locality"},
	{"region", "user.attribute.region", "region"},
	{"postal_code", "user.attribute.postal_code", "postal_code"},
	{"country", "user.attribute.country", "country"},
	{"formatted", "user.attribute.formatted", "formatted"},
}

func mapAddress(v *subjectView, m *model.ProtocolMapper, out claims) {
	address := map[string]any{}
	for _, p := range addressParts {
		name := p.attribute
		if own := m.Config[p.key]; own != "" {
			name = own
		}
		if values := attribute(v, name, false); len(values) > 0 {
			address[p.member] = values[0]
		}
	}
	if len(address) > 0 {
		out["address"] = address
	}
}

func mapACR(v *subjectView, _ *model.ProtocolMapper, out claims) {
	acr := v.notes["acr"]
	if acr == "" {
		acr = model.ACR(v.cfg.Realm, v.client, model.ACRRequest{}, model.LevelPassword)
	}
	out["acr"] = acr
}

func mapAllowedOrigins(v *subjectView, _ *model.ProtocolMapper, out claims) {
	if origins := v.client.Origins(); len(origins) > 0 {
		out["allowed-origins"] = origins
	}
}

func mapSubject(v *subjectView, _ *model.ProtocolMapper, out claims) { out["sub"] = v.user.ID }

func mapSessionNote(v *subjectView, m *model.ProtocolMapper, out claims) {
	if note := v.notes[m.Config["user.session.note"]]; note != "" {
		setClaim(m, out, []string{note})
	}
}

func mapHardcodedClaim(_ *subjectView, m *model.ProtocolMapper, out claims) {
	setClaim(m, out, []string{m.Config["claim.value"]})
}

func mapGroups(v *subjectView, m *model.ProtocolMapper, out claims) {
	values := make([]any, 0, len(v.user.Grants.Groups))
	for _, id := range v.user.Grants.Groups {
		g := v.cfg.GroupByID(id)
		switch {
		case g == nil:
		case m.Config["full.path"] == "false":
			values = append(values, g.Name)
		default:
			values = append(values, v.cfg.GroupPath(g))
		}
	}
	if len(values) > 0 {
		setPath(out, splitClaim(m.Config["claim.name"]), values)
	}
}

// setClaim converts values by jsonType.label and multivalued and puts them at
// claim.name. A value that does not fit its type is left out.
func setClaim(m *model.ProtocolMapper, out claims, values []string) {
	typed := make([]any, 0, len(values))
	for _, s := range values {
		if t, ok := convert(m.Config["jsonType.label"], s); ok {
			typed = append(typed, t)
		}
	}
	if len(typed) == 0 {
		return
	}
	path := splitClaim(m.Config["claim.name"])
	if m.Config["multivalued"] == "true" {
		setPath(out, path, typed)
	} else {
		setPath(out, path, typed[0])
	}
}

func convert(label, s string) (any, bool) {
	switch label {
	case "boolean":
		return s == "true", true
	case "int", "long":
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	case "JSON":
		var raw json.RawMessage
		err := json.Unmarshal([]byte(s), &raw)
		return raw, err == nil
	default:
		return s, true
	}
}

// splitClaim splits a claim name at dots; \. is a dot in a name.
func splitClaim(name string) []string {
	if !strings.Contains(name, ".") {
		return []string{name}
	}
	var parts []string
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch {
		case name[i] == '\\' && i+1 < len(name) && name[i+1] == '.':
			b.WriteByte('.')
			i++
		case name[i] == '.':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(name[i])
		}
	}
	return append(parts, b.String())
}

// protected are claims no mapper may set by name: they are the server's own.
var protected = map[string]bool{
	"exp": true, "iat": true, "jti": true, "iss": true, "typ": true, "azp": true, "sid": true,
	"scope": true, "nbf": true, "at_hash": true, "nonce": true, "session_state": true,
}

func setPath(out claims, path []string, value any) {
	if len(path) == 0 || path[0] == "" || protected[path[0]] {
		return
	}
	if path[0] == "aud" {
		for _, s := range strings.Fields(joinAny([]any{value})) {
			addAudience(out, s)
		}
		return
	}
	m := map[string]any(out)
	for _, p := range path[:len(path)-1] {
		sub, ok := m[p].(map[string]any)
		if !ok {
			sub = map[string]any{}
			m[p] = sub
		}
		m = sub
	}
	last := path[len(path)-1]
	if list, ok := value.([]any); ok {
		if old, ok := m[last].([]any); ok {
			value = union(old, list)
		}
	}
	m[last] = value
}

func union(a, b []any) []any {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func joinAny(values []any) string {
	parts := make([]string, 0, len(values))
	for _, v := range values {
		switch v := v.(type) {
		case string:
			parts = append(parts, v)
		case []any:
			parts = append(parts, joinAny(v))
		}
	}
	return strings.Join(parts, " ")
}
