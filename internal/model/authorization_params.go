package model

import (
	"iter"
	"maps"
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
	Pushing  bool              // they are being pushed
	Claimed  *string           // response_type beside the object that holds another, see Within
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

// Within puts the parameters of an object (a request object, a pushed request)
// over those beside it, which only fill in what the object lacks: so does
// Keycloak, where RFC 9101 §6.3 would leave them out. client_id and
// response_type must be the same in both.
func (p AuthorizationParams) Within(object map[string]string) (AuthorizationParams, *AuthorizationError) {
	if _, ok := object["request_uri"]; ok {
		return p, InvalidAuthorization("The request_uri claim should not be set in the request object")
	}
	if id, ok := object["client_id"]; ok && id != p.get("client_id") {
		return p, InvalidAuthorization("The client_id parameter doesn't match the one from OIDC 'request' or 'request_uri'")
	}
	beside, ok := p.Lookup("response_type")
	if _, both := object["response_type"]; both && ok {
		p.Claimed = &beside
	}
	values := maps.Clone(p.Values)
	maps.Copy(values, object)
	delete(values, "request")
	delete(values, "request_uri")
	p.Values = values
	return p, nil
}
