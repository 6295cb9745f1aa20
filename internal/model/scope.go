package model

import (
	"slices"
	"strings"
)

// OfflineAccess is both the scope that asks for an offline token and the realm
// role that allows one.
const OfflineAccess = "offline_access"

// ScopeSet is the client scopes in effect for one request or token, by name.
type ScopeSet struct {
	OpenID bool // the word openid, which is no client scope
	Scopes []*ClientScope
}

// RequestScopes resolves a scope parameter for a client: its default scopes
// and the optional ones that were named. ok is false when a word is neither
// (Keycloak: invalid_scope). An empty parameter asks for the defaults.
func (c *Config) RequestScopes(cl *Client, requested string) (set ScopeSet, ok bool) {
	for _, id := range cl.DefaultScopes {
		if s := c.scopesByID[id]; s != nil && s.Protocol == "openid-connect" {
			set.add(s)
		}
	}
	for word := range strings.FieldsSeq(requested) {
		if word == "openid" {
			set.OpenID = true
			continue
		}
		name, parameter, dynamic := strings.Cut(word, ":")
		if dynamic && name == "organization" && parameter != "" && c.hasScope(cl, name) {
			continue // asks for one organization; nobody is a member of any here
		}
		s := c.scopesByName[word]
		switch {
		case s == nil || s.Protocol != "openid-connect":
			return ScopeSet{}, false
		case slices.Contains(cl.OptionalScopes, s.ID):
			set.add(s)
		case !slices.Contains(cl.DefaultScopes, s.ID):
			return ScopeSet{}, false
		}
	}
	set.sort()
	return set, true
}

func (c *Config) hasScope(cl *Client, name string) bool {
	s := c.scopesByName[name]
	return s != nil && (slices.Contains(cl.DefaultScopes, s.ID) || slices.Contains(cl.OptionalScopes, s.ID))
}

// TokenScopes resolves the scope claim of a refresh token at its refresh: the
// client's default scopes of today, and of the optional ones those the token
// names and the client still has. With narrow set (a scope parameter was sent)
// optional scopes and openid stay only if named there; what the token never
// held is left out, what does not exist was refused before (behaviour §0a,
// recording password-offline steps 14 to 16).
func (c *Config) TokenScopes(cl *Client, tokenScope, requested string, narrow bool) ScopeSet {
	set, _ := c.RequestScopes(cl, "")
	for word := range strings.FieldsSeq(tokenScope) {
		if narrow && !containsWord(requested, word) {
			continue
		}
		if word == "openid" {
			set.OpenID = true
		} else if s := c.scopesByName[word]; s != nil && slices.Contains(cl.OptionalScopes, s.ID) {
			set.add(s)
		}
	}
	set.sort()
	return set
}

func (s *ScopeSet) add(cs *ClientScope) {
	if !slices.Contains(s.Scopes, cs) {
		s.Scopes = append(s.Scopes, cs)
	}
}

func (s *ScopeSet) sort() {
	slices.SortFunc(s.Scopes, func(a, b *ClientScope) int { return strings.Compare(a.Name, b.Name) })
}

// Has tells whether a client scope of that name is in the set.
func (s ScopeSet) Has(name string) bool {
	return slices.ContainsFunc(s.Scopes, func(cs *ClientScope) bool { return cs.Name == name })
}

// Granted leaves out scopes whose role mappings the user (a deep set of role
// ids) has none of (behaviour §2.5).
func (s ScopeSet) Granted(c *Config, roles map[string]bool) ScopeSet {
	out := ScopeSet{OpenID: s.OpenID, Scopes: make([]*ClientScope, 0, len(s.Scopes))}
	for _, cs := range s.Scopes {
		if len(cs.ScopeMappings) == 0 || anyRole(c.Expand(cs.ScopeMappings...), roles) {
			out.Scopes = append(out.Scopes, cs)
		}
	}
	return out
}

func anyRole(a, b map[string]bool) bool {
	for id := range a {
		if b[id] {
			return true
		}
	}
	return false
}

// TokenScope is the scope claim of an access token and the answer.
func (s ScopeSet) TokenScope() string { return s.join((*ClientScope).InTokenScope) }

// FullScope is the scope claim of a refresh token: every scope in effect.
func (s ScopeSet) FullScope() string { return s.join(func(*ClientScope) bool { return true }) }

func (s ScopeSet) join(keep func(*ClientScope) bool) string {
	var b strings.Builder
	if s.OpenID {
		b.WriteString("openid")
	}
	for _, cs := range s.Scopes {
		if !keep(cs) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(cs.Name)
	}
	return b.String()
}

// EffectiveRoles are the role ids a token for the client may carry: the user's
// deep roles, cut to the client's scope unless it has full scope (behaviour
// §5). The set may be userRoles itself: nobody may change it.
func (c *Config) EffectiveRoles(cl *Client, set ScopeSet, userRoles map[string]bool) map[string]bool {
	if cl.FullScopeAllowed {
		return userRoles
	}
	ids := slices.Clone(cl.ScopeMappings)
	for _, cs := range set.Scopes {
		ids = append(ids, cs.ScopeMappings...)
	}
	for _, r := range c.Roles {
		if r.ClientID == cl.ID {
			ids = append(ids, r.ID)
		}
	}
	allowed := c.Expand(ids...)
	for id := range allowed {
		if !userRoles[id] {
			delete(allowed, id)
		}
	}
	return allowed
}

// OfflineAllowed tells whether a first offline token may be issued: the realm
// role offline_access is among the effective roles (behaviour §3.8).
func (c *Config) OfflineAllowed(effective map[string]bool) bool {
	r := c.Role("", OfflineAccess)
	return r != nil && effective[r.ID]
}

// OfflineStillGranted tells whether an offline token may go on: the client
// still has the scope and the user still has a role it maps (behaviour §5,
// GHSA-895x-rfqp-jh5c).
func (c *Config) OfflineStillGranted(cl *Client, userRoles map[string]bool) bool {
	if !c.hasScope(cl, OfflineAccess) {
		return false
	}
	s := c.scopesByName[OfflineAccess]
	return len(s.ScopeMappings) == 0 || anyRole(c.Expand(s.ScopeMappings...), userRoles)
}

func containsWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// HasWord tells whether a space-separated list such as scope holds a word.
func HasWord(list, word string) bool { return containsWord(list, word) }
