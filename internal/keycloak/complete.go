package keycloak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	offlineAccess    = "offline_access"
	umaAuthorization = "uma_authorization"
	policyType       = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"
)

// complete adds what Keycloak adds to a realm document that leaves it out:
//
//   - no clientScopes: all of its own, with its own default lists (lists in the
//     document are then ignored); with clientScopes: only offline_access, where
//     it is missing, and clients that name no scopes get none but that;
//   - the built-in clients that are missing, with their roles; account-console
//     only together with account; realm-management's roles in any case;
//   - roles offline_access and uma_authorization, in the default role, unless
//     the document has them (offline_access: and the scope of that name);
//   - keys (without key material) and client registration policies.
func (s *source) complete(newID func() string) {
	d := freshSource(s.realm.Name)
	master := s.realm.Name == masterName
	offlineScope := s.addScopes(d, newID)
	var inDefault []roleKey
	if s.addRole(d, "", offlineAccess, newID) || offlineScope {
		inDefault = append(inDefault, roleKey{"", offlineAccess})
	}
	if s.addRole(d, "", umaAuthorization, newID) {
		inDefault = append(inDefault, roleKey{"", umaAuthorization})
	}
	inDefault = append(inDefault, s.addClients(d, master, newID)...)
	s.fixClients(master)
	s.addDefaultRole(inDefault, newID)
	for _, t := range []string{model.KeyProviderType, policyType} {
		if !slices.ContainsFunc(s.components, func(c *componentSource) bool { return c.c.ProviderType == t }) {
			for _, c := range d.components {
				if c.c.ProviderType == t {
					c.c.ID = newID()
					s.components = append(s.components, c)
				}
			}
		}
	}
}

// roleKey names a role by its owner's clientId ("" for realm roles).
type roleKey struct{ owner, name string }

func (s *source) role(owner, name string) *roleSource {
	for _, r := range s.roles {
		if r.owner == owner && r.r.Name == name {
			return r
		}
	}
	return nil
}

func (s *source) client(clientID string) *clientSource {
	for _, c := range s.clients {
		if c.c.ClientID == clientID {
			return c
		}
	}
	return nil
}

// addRole adds a default role that is missing.
func (s *source) addRole(d *source, owner, name string, newID func() string) bool {
	if s.role(owner, name) != nil {
		return false
	}
	r := d.role(owner, name)
	r.r.ID = newID()
	s.roles = append(s.roles, r)
	return true
}

// addScopes tells whether scope offline_access was added.
func (s *source) addScopes(d *source, newID func() string) bool {
	if !s.scopesGiven {
		s.scopes, s.defaultScopes, s.optionalScopes = d.scopes, d.defaultScopes, d.optionalScopes
		for _, x := range s.scopes {
			identify(&x.s.ID, x.s.ProtocolMappers, newID)
		}
		s.scopeMappings = append(s.scopeMappings, mappingsTo(d, "clientScope", offlineAccess)...)
		s.assignScopes(d.client("account").def, d.client("account").opt)
		return true
	}
	isOffline := func(x *scopeSource) bool { return x.s.Name == offlineAccess }
	if slices.ContainsFunc(s.scopes, isOffline) {
		s.assignScopes(nil, nil)
		return false
	}
	added := d.scopes[slices.IndexFunc(d.scopes, isOffline)]
	identify(&added.s.ID, added.s.ProtocolMappers, newID)
	s.scopes = append(s.scopes, added)
	offline := []item{{path: "defaultOptionalClientScopes", raw: json.RawMessage(`"` + offlineAccess + `"`)}}
	s.optionalScopes = append(s.optionalScopes, offline...)
	s.scopeMappings = append(s.scopeMappings, mappingsTo(d, "clientScope", offlineAccess)...)
	s.assignScopes(nil, offline)
	return true
}

// assignScopes gives scopes to the document's clients that name none.
func (s *source) assignScopes(def, opt []item) {
	for _, c := range s.clients {
		if !c.named && c.c.Protocol == protocolOIDC {
			c.def, c.opt = def, opt
		}
		if !c.named && c.c.Protocol == protocolSAML && !s.scopesGiven {
			c.def = s.defaultScopes // those of the other protocol fall out on resolving
		}
	}
}

func mappingsTo(d *source, member, name string) (out []mappingSource) {
	for _, m := range d.scopeMappings {
		if raw := m.f.m[member]; kind(raw) == 's' && unquote(raw) == name {
			out = append(out, m)
		}
	}
	return out
}

// addClients adds the built-in clients that are missing and returns the roles
// of theirs that belong in the default role.
func (s *source) addClients(d *source, master bool, newID func() string) (inDefault []roleKey) {
	given := map[string]bool{}
	for _, c := range s.clients {
		given[c.c.ClientID] = true
	}
	add := func(id string) {
		if given[id] {
			return
		}
		c := d.client(id)
		identify(&c.c.ID, c.c.ProtocolMappers, newID)
		if s.scopesGiven {
			c.def, c.opt = nil, nil
		}
		s.clients = append(s.clients, c)
		s.scopeMappings = append(s.scopeMappings, mappingsTo(d, "client", id)...)
	}
	rolesOf := func(owner string) {
		for _, r := range d.roles {
			if r.owner == owner {
				s.addRole(d, owner, r.r.Name, newID)
			}
		}
	}
	if given["account"] {
		s.addRole(d, "account", "delete-account", newID)
	} else {
		add("account")
		add("account-console")
		rolesOf("account")
		inDefault = append(inDefault, roleKey{"account", "view-profile"}, roleKey{"account", "manage-account"})
	}
	add("admin-cli")
	if !given["broker"] {
		add("broker")
		rolesOf("broker")
	}
	if !master { // there, client master-realm does its work
		add("realm-management")
		rolesOf("realm-management")
	}
	add("security-admin-console")
	return inDefault
}

// fixClients sets what Keycloak sets on the clients of a document itself.
func (s *source) fixClients(master bool) {
	for _, src := range s.clients {
		c := src.c
		attrs := table(c.Attributes)
		switch {
		case c.ClientID == "broker" || c.ClientID == "realm-management":
			attrs[attrRealmClient] = "true"
		case !master || attrs[attrRealmClient] == "":
			attrs[attrRealmClient] = "false"
		}
		if attrs[attrPostLogout] == "" && !isBuiltIn(c.ClientID) && !(master && strings.HasSuffix(c.ClientID, "-realm")) {
			attrs[attrPostLogout] = "+" // as the redirect URIs
		}
		c.Attributes = attrs
		if c.PublicClient {
			c.Secret = ""
		}
	}
}

// addDefaultRole finds or makes the default role and puts roles into it.
func (s *source) addDefaultRole(with []roleKey, newID func() string) {
	def := &model.Role{Description: "${role_default-roles}"}
	if f := s.defaultRole; f != nil {
		def = &model.Role{}
		f.str("id", &def.ID)
		f.str("name", &def.Name)
		f.checkName(f.at("name"), def.Name)
		f.str("description", &def.Description)
	} else {
		base := "default-roles-" + strings.ToLower(s.realm.Name)
		def.Name = base
		for n := 1; s.role("", def.Name) != nil; n++ { // as Keycloak: the name is taken by a plain role
			def.Name = fmt.Sprintf("%s-%d", base, n)
		}
	}
	found := s.role("", def.Name)
	if found == nil {
		if def.ID == "" {
			def.ID = newID()
		}
		found = &roleSource{f: &fields{reader: s.reader, path: "defaultRole", m: map[string]json.RawMessage{}}, r: def}
		s.roles = append(s.roles, found)
	}
	s.realm.DefaultRoleID = found.r.ID
	for _, k := range with {
		found.r.Composites = append(found.r.Composites, s.role(k.owner, k.name).r.ID)
	}
	old, _ := s.defaultRoles.items("defaultRoles")
	s.addDefaultRoles(found.r, "", old, newID)
	for _, c := range s.clients {
		s.addDefaultRoles(found.r, c.c.ClientID, c.defaultRoles, newID)
	}
}

// addDefaultRoles reads the lists of Keycloak ≤ 12. A client's default roles
// need not be declared elsewhere.
func (s *source) addDefaultRoles(def *model.Role, owner string, names []item, newID func() string) {
	for _, it := range names {
		name, ok := (&fields{reader: s.reader}).scalar(it, false)
		if !ok {
			continue
		}
		r := s.role(owner, name)
		switch {
		case r == nil && owner == "":
			s.failf(it.path, "unknown role %q", name)
			continue
		case r == nil:
			r = &roleSource{f: &fields{reader: s.reader, path: it.path}, owner: owner, r: &model.Role{ID: newID(), Name: name}}
			s.roles = append(s.roles, r)
		}
		def.Composites = append(def.Composites, r.r.ID)
	}
}
