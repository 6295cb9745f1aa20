package compat_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

var (
	reference = regexp.MustCompile(`\{\{([^}]+)\}\}`)
	nowOnly   = regexp.MustCompile(`^\{\{now([+-]\d+)?\}\}$`)
)

// resolve returns v with references replaced by values, in keys too. A string
// that is only {{now±n}} becomes a number.
func (r *replay) resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			key, err := r.resolve(k)
			if err != nil {
				return nil, err
			}
			if out[fmt.Sprint(key)], err = r.resolve(x); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			var err error
			if out[i], err = r.resolve(x); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		if m := nowOnly.FindStringSubmatch(v); m != nil {
			offset := int64(0)
			if m[1] != "" {
				var err error
				if offset, err = strconv.ParseInt(m[1], 10, 64); err != nil {
					return nil, err
				}
			}
			return r.wire.now().Unix() + offset, nil
		}
		return r.resolveText(v)
	}
	return v, nil
}

func (r *replay) resolveText(v string) (string, error) {
	var failed error
	out := reference.ReplaceAllStringFunc(v, func(m string) string {
		s, err := r.lookup(m[2 : len(m)-2])
		if err != nil && failed == nil {
			failed = fmt.Errorf("reference %s: %w", m, err)
		}
		return s
	})
	return out, failed
}

// lookup finds base, realm, 3.refresh_token, 6.0.id or 2.access_token#sub.
func (r *replay) lookup(ref string) (string, error) {
	switch ref {
	case "base":
		return r.wire.base, nil
	case "realm":
		return r.realm, nil
	}
	ref, claim, _ := strings.Cut(ref, "#")
	path := strings.Split(ref, ".")
	n, err := strconv.Atoi(path[0])
	if err != nil {
		return "", err
	}
	v, ok := r.got[n]
	if !ok {
		return "", errNoResult
	}
	for _, k := range path[1:] {
		if v, err = member(v, k); err != nil {
			return "", err
		}
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%T is not text", v)
	}
	if claim == "" {
		return s, nil
	}
	_, claims, err := decodeJWT(s)
	if err != nil {
		return "", err
	}
	if s, ok = claims[claim].(string); !ok {
		return "", fmt.Errorf("claim %s: %w", claim, errNoResult)
	}
	return s, nil
}

// member is item k of a list or member k of an object.
func member(v any, k string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if x, ok := v[k]; ok {
			return x, nil
		}
	case []any:
		if i, err := strconv.Atoi(k); err == nil && i >= 0 && i < len(v) {
			return v[i], nil
		}
	}
	return nil, fmt.Errorf("%q in %s: %w", k, compact(v), errNoResult)
}

// named writes the realm's name as {{realm}}, in keys too.
func (r *replay) named(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[strings.ReplaceAll(k, r.realm, "{{realm}}")] = r.named(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = r.named(x)
		}
		return out
	case string:
		return strings.ReplaceAll(v, r.realm, "{{realm}}")
	}
	return v
}

// noted takes from an answer what was noted of it in the recording. Members in
// lower case are headers, but for those named here. A CORS header that is
// there and was not noted is listed too: its absence is part of the answer.
func (r *replay) noted(a *answer, want map[string]any) map[string]any {
	have := map[string]any{}
	object, _ := a.json.(map[string]any)
	for k := range want {
		switch k {
		case "status":
			have[k] = int64(a.status)
		case "body":
			have[k] = a.json
		case "location":
			have[k] = r.norm.norm(a.location(), k, false, nil)
		case "keys":
			keys := []any{}
			for _, m := range sortedKeys(object) {
				keys = append(keys, m)
			}
			have[k] = keys
		case "length":
			value, _ := object["value"].(string)
			have[k] = int64(len(value))
		case "expires_in":
			have[k] = object[k]
		case "urn":
			uri, _ := object["request_uri"].(string)
			have[k] = uri[:max(0, strings.LastIndex(uri, ":"))]
		default:
			if v := a.header.Values(k); len(v) > 0 {
				have[k] = strings.Join(v, ", ")
			}
		}
	}
	for k := range a.header {
		if strings.HasPrefix(k, http.CanonicalHeaderKey("Access-Control-")) {
			have[strings.ToLower(k)] = strings.Join(a.header.Values(k), ", ")
		}
	}
	return have
}
