package model

import (
	"iter"
	"unicode/utf8"
)

// Limits of authorization request parameters, in characters. What is longer
// counts as not sent.
const (
	maxAuthorizationParam = 4000
	maxLoginHint          = 255
)

// AuthorizationParams are the parameters of an authorization request, however
// they came: query, form, pushed, request object.
type AuthorizationParams struct {
	Values   map[string]string // the first value of each
	Repeated []string          // names that stood there more than once
	Pushed   bool              // they came by a pushed authorization request
}

// NewAuthorizationParams collects parameters, repeated ones in their order.
func NewAuthorizationParams(all iter.Seq2[string, string]) AuthorizationParams {
	p := AuthorizationParams{Values: map[string]string{}}
	for name, value := range all {
		if _, ok := p.Values[name]; ok {
			p.Repeated = append(p.Repeated, name)
			continue
		}
		p.Values[name] = value
	}
	return p
}

// Lookup is the value of a parameter, and whether it was sent. One that is
// longer than it may be was not.
func (p AuthorizationParams) Lookup(name string) (string, bool) {
	v, ok := p.Values[name]
	if !ok || tooLong(name, v) {
		return "", false
	}
	return v, true
}

func tooLong(name, value string) bool {
	limit := maxAuthorizationParam
	switch name {
	case "request", "request_uri":
		return false
	case "login_hint":
		limit = maxLoginHint
	}
	return len(value) > limit && utf8.RuneCountInString(value) > limit
}

func (p AuthorizationParams) get(name string) string {
	v, _ := p.Lookup(name)
	return v
}
