package compat_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

var (
	uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	jwtPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*$`)
	queryValue  = regexp.MustCompile(`(code|session_state|execution|tab_id|client_data|session_code|auth_session_id|state|nonce)=[^&]+`)
)

// Members whose values vary, by what they are.
var (
	timeMembers = members("exp iat nbf auth_time started start lastAccess expires createdTimestamp createdDate lastUpdatedDate time updated_at validTo")
	zeroMembers = members("not-before-policy notBefore tokens-not-before")
	nearMembers = members("expires_in refresh_expires_in")
	idMembers   = members("sid session_state sub id userId reuse_id sessionId refresh_token_id token_id updated_refresh_token_id code_id jti nonce_id")
	dataMembers = members("at_hash c_hash s_hash x5c x5t x5t#S256 n x y kid public_key publicKey certificate device_code user_code verification_uri_complete RS256 RSA-OAEP")
)

func members(names string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(names) {
		m[n] = true
	}
	return m
}

// normaliser writes what must vary in an answer as placeholders. It lives for
// one scenario: ids are numbered in order of first appearance, so that two
// runs agree only where the same ids recur in the same places.
type normaliser struct {
	base string // the server's base URL, written <base>; empty leaves it alone
	seen map[string]string
}

func newNormaliser(base string) *normaliser {
	return &normaliser{base: base, seen: map[string]string{}}
}

// value returns v with placeholders. v is as parseJSON gives it.
func (n *normaliser) value(v any) any { return n.norm(v, "", true, nil) }

// norm writes the value of member key. fresh says whether an id not seen
// before gets a number: inside lists it does not, because their order is free.
// The members in keep have been written already.
func (n *normaliser) norm(v any, key string, fresh bool, keep map[string]bool) any {
	switch v := v.(type) {
	case map[string]any:
		return n.object(v, fresh, keep)
	case []any:
		return n.list(v, key)
	case int64, float64:
		return scalar(v, key)
	case string:
		if zeroMembers[key] {
			return "<sec>"
		}
		return n.text(v, key, fresh)
	}
	return v
}

// object writes keys as well as values. Several keys that are ids become one,
// with their values in a list.
func (n *normaliser) object(v map[string]any, fresh bool, keep map[string]bool) any {
	out, several := map[string]any{}, map[string][]any{}
	for _, k := range sortedKeys(v) {
		name, x := n.text(k, "", false), v[k]
		if !keep[k] {
			x = n.norm(x, k, fresh, nil)
		}
		if s, ok := name.(string); ok && s == k {
			out[k] = x
			continue
		}
		s, ok := name.(string)
		if !ok {
			s = sortKey(name)
		}
		several[s] = append(several[s], x)
	}
	for k, xs := range several {
		if len(xs) == 1 {
			out[k] = xs[0]
			continue
		}
		sortValues(xs)
		out[k] = xs
	}
	return out
}

func (n *normaliser) list(v []any, key string) any {
	if dataMembers[key] {
		return "<data>"
	}
	out, sortable := make([]any, len(v)), key != "value"
	for i, x := range v {
		out[i] = n.norm(x, key, false, nil)
		switch out[i].(type) {
		case string, map[string]any:
		default:
			sortable = false
		}
	}
	if sortable {
		sortValues(out)
	}
	return out
}

func sortValues(vs []any) {
	slices.SortStableFunc(vs, func(a, b any) int { return strings.Compare(sortKey(a), sortKey(b)) })
}

// scalar writes a number by the name of its member.
func scalar(v any, key string) any {
	f, _ := number(v)
	switch {
	case timeMembers[key] && f == 0, zeroMembers[key] && f == 0:
		return "<zero>"
	case timeMembers[key] && f > 1e11:
		return "<ms>"
	case timeMembers[key], zeroMembers[key]:
		return "<sec>"
	case nearMembers[key]:
		return near(f)
	}
	return v
}

// near rounds to a multiple of 3, so that a second more or less is no difference.
func near(f float64) int64 { return int64(math.RoundToEven(f/3)) * 3 }

func (n *normaliser) text(v, key string, fresh bool) any {
	switch {
	case dataMembers[key]:
		return "<data>"
	case jwtPattern.MatchString(v):
		header, claims, err := decodeJWT(v)
		if err != nil {
			return "<token>"
		}
		if _, ok := header["kid"]; ok {
			header["kid"] = "<kid>"
		}
		return map[string]any{"<jwt>": map[string]any{"header": header, "claims": n.claims(claims, fresh)}}
	case idMembers[key]:
		return n.id(v, fresh)
	case key == "scope":
		words := strings.Fields(v)
		slices.Sort(words)
		return strings.Join(words, " ")
	}
	if n.base != "" {
		v = strings.ReplaceAll(v, n.base, "<base>")
	}
	v = uuidPattern.ReplaceAllStringFunc(v, func(id string) string { return n.id(id, false) })
	return queryValue.ReplaceAllString(v, "$1=<x>")
}

func (n *normaliser) id(v string, fresh bool) string {
	if name, ok := n.seen[v]; ok {
		return name
	}
	if !fresh {
		return "<id>"
	}
	n.seen[v] = fmt.Sprintf("<id%d>", len(n.seen)+1)
	return n.seen[v]
}

// claims writes times relative to iat, which is what a lifespan is, and token
// ids by their prefix.
func (n *normaliser) claims(c map[string]any, fresh bool) any {
	if iat, ok := number(c["iat"]); ok {
		for _, k := range []string{"exp", "nbf"} {
			if t, ok := number(c[k]); ok {
				c[k] = fmt.Sprintf("<iat+%d>", near(t-iat))
			}
		}
		if _, ok := number(c["auth_time"]); ok {
			c["auth_time"] = "<sec>"
		}
	}
	if jti, ok := c["jti"].(string); ok {
		c["jti"] = "<jti>"
		if prefix, _, ok := strings.Cut(jti, ":"); ok {
			c["jti"] = prefix + ":<jti>"
		}
	}
	return n.norm(c, "", fresh, members("exp nbf auth_time jti"))
}

// decodeJWT returns the header and claims of a compact JWT without verifying it.
func decodeJWT(jwt string) (header, claims map[string]any, err error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil, nil, errors.New("a JWT has three parts")
	}
	var out [2]map[string]any
	for i := range out {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, fmt.Errorf("JWT part %d: %w", i, err)
		}
		v, err := parseJSON(data)
		if err != nil {
			return nil, nil, fmt.Errorf("JWT part %d: %w", i, err)
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("JWT part %d is not an object", i)
		}
		out[i] = m
	}
	return out[0], out[1], nil
}

// within reports whether have holds nothing that want lacks: fewer members,
// shorter lists, equal values.
func within(have, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for k, x := range h {
			if y, ok := w[k]; !ok || !within(x, y) {
				return false
			}
		}
		return true
	case []any:
		h, ok := have.([]any)
		if !ok {
			return false
		}
		for _, x := range h {
			if !slices.ContainsFunc(w, func(y any) bool { return within(x, y) }) {
				return false
			}
		}
		return true
	}
	return have == want
}
