package oidc

import (
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// roleNames are the roles a token shows: names of realm roles, and of client
// roles by clientId.
type roleNames struct {
	realm  []string
	client map[string][]string
}

func effectiveNames(v *subjectView) *roleNames {
	n := &roleNames{client: map[string][]string{}}
	for id := range v.roles {
		r := v.cfg.RoleByID(id)
		if r == nil {
			continue
		}
		if r.ClientID == "" {
			n.realm = append(n.realm, r.Name)
		} else if c := v.cfg.ClientByID(r.ClientID); c != nil && c.Enabled {
			n.client[c.ClientID] = append(n.client[c.ClientID], r.Name)
		}
	}
	slices.Sort(n.realm)
	for _, l := range n.client {
		slices.Sort(l)
	}
	return n
}

// mapAudienceOfRoles names every other client the token has roles of.
func mapAudienceOfRoles(v *subjectView, _ *model.ProtocolMapper, n *roleNames, out claims) {
	for id := range n.client {
		if id != v.client.ClientID {
			addAudience(out, id)
		}
	}
}

func mapRealmRoles(_ *subjectView, m *model.ProtocolMapper, n *roleNames, out claims) {
	setRoles(m, out, "", n.realm, m.Config["usermodel.realmRoleMapping.rolePrefix"])
}

func mapClientRoles(_ *subjectView, m *model.ProtocolMapper, n *roleNames, out claims) {
	prefix := m.Config["usermodel.clientRoleMapping.rolePrefix"]
	if only := m.Config["usermodel.clientRoleMapping.clientId"]; only != "" {
		setRoles(m, out, only, n.client[only], prefix)
		return
	}
	for id, list := range n.client {
		setRoles(m, out, id, list, prefix)
	}
}

func setRoles(m *model.ProtocolMapper, out claims, clientID string, roles []string, prefix string) {
	if len(roles) == 0 {
		return
	}
	values := make([]any, len(roles))
	for i, r := range roles {
		values[i] = prefix + r
	}
	path := splitClaim(m.Config["claim.name"])
	for i := range path {
		path[i] = strings.ReplaceAll(path[i], "${client_id}", clientID)
	}
	if m.Config["multivalued"] == "true" {
		setPath(out, path, values)
	} else {
		setPath(out, path, joinAny(values))
	}
}

func addHardcodedRole(m *model.ProtocolMapper, n *roleNames) {
	client, role := splitRole(m.Config["role"])
	n.add(client, role)
}

func renameRole(m *model.ProtocolMapper, n *roleNames) {
	client, role := splitRole(m.Config["role"])
	toClient, to := splitRole(m.Config["new.role.name"])
	if n.remove(client, role) {
		n.add(toClient, to)
	}
}

// splitRole reads "clientId.role" or "role".
func splitRole(s string) (client, role string) {
	if i := strings.LastIndexByte(s, '.'); i > 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

func (n *roleNames) add(client, role string) {
	list := n.realm
	if client != "" {
		list = n.client[client]
	}
	if i, found := slices.BinarySearch(list, role); !found && role != "" {
		list = slices.Insert(list, i, role)
	}
	if client == "" {
		n.realm = list
	} else {
		n.client[client] = list
	}
}

func (n *roleNames) remove(client, role string) bool {
	list := n.realm
	if client != "" {
		list = n.client[client]
	}
	i, found := slices.BinarySearch(list, role)
	if !found {
		return false
	}
	list = slices.Delete(list, i, i+1)
	if client == "" {
		n.realm = list
	} else if len(list) == 0 {
		delete(n.client, client)
	} else {
		n.client[client] = list
	}
	return true
}
