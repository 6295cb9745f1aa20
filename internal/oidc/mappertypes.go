package oidc

import "github.com/latchkey-id/latchkey/internal/model"

// mapperType is what one type of protocol mapper does. One of add, show and
// change is set.
type mapperType struct {
	// add contributes a claim about the user or the session.
	add func(v *subjectView, m *model.ProtocolMapper, out claims)
	// show contributes the roles, as change left them.
	show func(v *subjectView, m *model.ProtocolMapper, names *roleNames, out claims)
	// change changes the roles a token is made from, before all others and
	// whatever its switches say.
	change func(m *model.ProtocolMapper, names *roleNames)

	fixed     bool   // says the same for all users with the same roles
	tokenOnly bool   // never shows in userinfo, whatever its switches say
	claim     string // the top-level claim of mappers that do not let it be named
}

// byRoles tells whether a mapper depends on the user's roles.
func (t *mapperType) byRoles() bool { return t.show != nil || t.change != nil }

// mapperTypes are the protocol mappers in effect, by Keycloak's provider id.
// Others are kept in the configuration and contribute nothing.
var mapperTypes = map[string]*mapperType{
	"oidc-usermodel-attribute-mapper":   {add: mapAttribute},
	"oidc-usermodel-property-mapper":    {add: mapAttribute},
	"oidc-full-name-mapper":             {add: mapFullName, claim: "name"},
	"oidc-address-mapper":               {add: mapAddress, claim: "address"},
	"oidc-group-membership-mapper":      {add: mapGroups},
	"oidc-usersessionmodel-note-mapper": {add: mapSessionNote, tokenOnly: true},
	"oidc-hardcoded-claim-mapper":       {add: mapHardcodedClaim},
	"oidc-acr-mapper":                   {add: mapACR, claim: "acr", tokenOnly: true},
	"oidc-sub-mapper":                   {add: mapSubject, claim: "sub", tokenOnly: true},
	"oidc-allowed-origins-mapper":       {add: mapAllowedOrigins, claim: "allowed-origins", tokenOnly: true, fixed: true},
	"oidc-audience-mapper":              {add: mapAudience, claim: "aud", tokenOnly: true, fixed: true},

	"oidc-audience-resolve-mapper":      {show: mapAudienceOfRoles, claim: "aud", tokenOnly: true, fixed: true},
	"oidc-usermodel-realm-role-mapper":  {show: mapRealmRoles, fixed: true},
	"oidc-usermodel-client-role-mapper": {show: mapClientRoles, fixed: true},

	"oidc-hardcoded-role-mapper": {change: addHardcodedRole, fixed: true},
	"oidc-role-name-mapper":      {change: renameRole, fixed: true},
}

// mapper is a configured protocol mapper with what its type does.
type mapper struct {
	*model.ProtocolMapper
	*mapperType
}

// mappersOf lists the client's own mappers and those of the scopes in effect.
func mappersOf(v *subjectView) []mapper {
	n := len(v.client.ProtocolMappers)
	for _, s := range v.scopes.Scopes {
		n += len(s.ProtocolMappers)
	}
	out := make([]mapper, 0, n)
	add := func(list []model.ProtocolMapper) {
		for i := range list {
			if t := mapperTypes[list[i].Type]; t != nil {
				out = append(out, mapper{&list[i], t})
			}
		}
	}
	add(v.client.ProtocolMappers)
	for _, s := range v.scopes.Scopes {
		add(s.ProtocolMappers)
	}
	return out
}

// writes is the top-level claim a mapper contributes to.
func (m mapper) writes() string {
	if m.claim != "" {
		return m.claim
	}
	return splitClaim(m.Config["claim.name"])[0]
}

// wanted tells whether a mapper contributes to a place.
func (m mapper) wanted(p place, lightweight bool) bool {
	on := func(key string, def bool) bool {
		if s, ok := m.Config[key]; ok {
			return s == "true"
		}
		return def
	}
	switch p {
	case inAccess:
		if lightweight {
			return on("lightweight.claim", false)
		}
		return on("access.token.claim", false)
	case inID:
		return on("id.token.claim", false)
	case inUserinfo:
		return !m.tokenOnly && on("userinfo.token.claim", on("id.token.claim", false))
	default:
		return on("introspection.token.claim", on("access.token.claim", false))
	}
}

// mapped runs every mapper that wants the place. Roles go through role mappers
// first. The audience claim "aud" comes back as a sorted list of strings.
func mapped(v *subjectView, p place) claims { return runMappers(v, p, mappersOf(v)) }

func runMappers(v *subjectView, p place, all []mapper) claims {
	out := make(claims, 16)
	names := changedRoles(v, all)
	for _, m := range all {
		switch {
		case !m.wanted(p, v.lightweight):
		case m.add != nil:
			m.add(v, m.ProtocolMapper, out)
		case m.show != nil:
			m.show(v, m.ProtocolMapper, names, out)
		}
	}
	return out
}

// changedRoles are the user's roles after the mappers that change them; nil
// when no mapper asks for roles.
func changedRoles(v *subjectView, all []mapper) *roleNames {
	var names *roleNames
	for _, m := range all {
		if m.byRoles() {
			names = effectiveNames(v)
			break
		}
	}
	for _, m := range all {
		if m.change != nil {
			m.change(m.ProtocolMapper, names)
		}
	}
	return names
}
