package keycloak

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// Version is the Keycloak whose documents these are.
const Version = "26.7.2"

// ExportOptions choose what an export holds beyond settings: what the two
// parameters of POST partial-export choose, and whether secrets and keys are
// in it in plain (a full export) or masked.
type ExportOptions struct {
	Clients        bool
	GroupsAndRoles bool
	Secrets        bool
}

// FullExport holds everything, as kc.sh export does.
var FullExport = ExportOptions{Clients: true, GroupsAndRoles: true, Secrets: true}

// ExportRealm is the export document of a realm, users left out.
func ExportRealm(cfg *model.Config, opts ExportOptions) Object {
	o := realmObject(cfg, !opts.Secrets)
	for _, name := range exportOnly {
		if v, ok := cfg.Realm.Extra[name]; ok {
			o.add(name, v)
		}
	}
	if opts.GroupsAndRoles {
		o.add("roles", exportRoles(cfg))
		o.add("groups", exportGroups(cfg, "", 0))
	}
	if opts.Clients {
		clients := []Object{}
		for _, c := range cfg.Clients {
			clients = append(clients, ClientRepresentation(cfg, c, ClientOptions{MaskSecret: !opts.Secrets}))
		}
		o.add("clients", clients)
	}
	scopes := []Object{}
	for _, s := range cfg.Scopes {
		scopes = append(scopes, ClientScopeRepresentation(s))
	}
	o.add("clientScopes", scopes)
	o.add("defaultDefaultClientScopes", scopeNames(cfg, cfg.Realm.DefaultClientScopes))
	o.add("defaultOptionalClientScopes", scopeNames(cfg, cfg.Realm.OptionalClientScopes))
	addMappings(&o, cfg, opts)
	o.add("components", exportComponents(cfg, opts.Secrets))
	o.add("keycloakVersion", Version)
	return o
}

func exportRoles(cfg *model.Config) Object {
	realm, client := []Object{}, map[string][]Object{}
	for _, c := range cfg.Clients {
		client[c.ClientID] = []Object{}
	}
	for _, r := range cfg.Roles {
		o := RoleRepresentation(cfg, r, RoleOptions{})
		if len(r.Composites) > 0 {
			o.add("composites", composites(cfg, r.Composites))
		}
		if r.ClientID == "" {
			realm = append(realm, o)
		} else if c := cfg.ClientByID(r.ClientID); c != nil {
			client[c.ClientID] = append(client[c.ClientID], o)
		}
	}
	return Object{{"realm", realm}, {"client", client}}
}

func exportGroups(cfg *model.Config, parent string, depth int) []Object {
	out := []Object{}
	for _, g := range cfg.SubGroups(parent) {
		if depth < maxDepth { // a circle of parents cannot come in, but must not hang an export
			out = append(out, GroupRepresentation(cfg, g, GroupOptions{SubGroups: exportGroups(cfg, g.ID, depth+1)}))
		}
	}
	return out
}

// addMappings writes role scope mappings, by owner of the roles and by client
// or client scope.
func addMappings(o *Object, cfg *model.Config, opts ExportOptions) {
	realm, client := []Object{}, map[string][]Object{}
	add := func(kind, name string, ids []string) {
		realmRoles, byClient := roleNames(cfg, ids)
		if realmRoles != nil {
			realm = append(realm, Object{{kind, name}, {"roles", realmRoles}})
		}
		for owner, names := range byClient {
			client[owner] = append(client[owner], Object{{kind, name}, {"roles", names}})
		}
	}
	if opts.Clients {
		for _, c := range cfg.Clients {
			add("client", c.ClientID, c.ScopeMappings)
		}
	}
	for _, s := range cfg.Scopes {
		add("clientScope", s.Name, s.ScopeMappings)
	}
	o.add("scopeMappings", realm)
	o.add("clientScopeMappings", client)
}

func exportComponents(cfg *model.Config, secrets bool) map[string][]Object {
	out := map[string][]Object{}
	var write func(c *model.Component, depth int) Object
	write = func(c *model.Component, depth int) Object {
		o := slices.DeleteFunc(componentObject(c), func(m Member) bool { return m.Name == "providerType" })
		o.addText("subType", c.SubType)
		sub := map[string][]Object{}
		for _, child := range cfg.Components {
			if child.ParentID == c.ID && depth < maxDepth {
				sub[child.ProviderType] = append(sub[child.ProviderType], write(child, depth+1))
			}
		}
		o.add("subComponents", sub)
		if secrets {
			o.add("config", table(c.Config))
		} else {
			o.add("config", shownConfig(c))
		}
		o.addExtra(c.Extra)
		return o
	}
	known := map[string]bool{}
	for _, c := range cfg.Components {
		known[c.ID] = true
	}
	for _, c := range cfg.Components {
		if !known[c.ParentID] {
			out[c.ProviderType] = append(out[c.ProviderType], write(c, 0))
		}
	}
	return out
}

// ExportUser is a user as export files show it: with roles, groups, consents
// and stored credentials (plain values are never written).
func ExportUser(cfg *model.Config, d *UserDocument) Object {
	u := d.User
	o := userObject(u, false)
	if c := cfg.ClientByID(u.ServiceClientID); c != nil {
		o.add("serviceAccountClientId", c.ClientID)
	}
	o.add("credentials", exportCredentials(d.Credentials))
	o.add("disableableCredentialTypes", []string{})
	o.add("requiredActions", list(u.RequiredActions))
	realm, client := roleNames(cfg, u.Grants.Roles)
	if realm != nil {
		o.add("realmRoles", realm)
	}
	if client != nil {
		o.add("clientRoles", client)
	}
	var consents []Object
	for _, c := range d.Consents {
		if client := cfg.ClientByID(c.ClientID); client != nil {
			consents = append(consents, Object{{"clientId", client.ClientID}, {"grantedClientScopes", scopeNames(cfg, c.ScopeIDs)},
				{"createdDate", c.CreatedMS}, {"lastUpdatedDate", c.UpdatedMS}})
		}
	}
	if consents != nil {
		o.add("clientConsents", consents)
	}
	o.add("notBefore", u.NotBefore)
	o.add("groups", groupPaths(cfg, u.Grants.Groups))
	o.addExtra(u.Extra)
	return o
}

func exportCredentials(in []CredentialInput) []Object {
	out := []Object{}
	for _, d := range in {
		c := d.Credential
		if c.SecretData == "" {
			continue
		}
		o := Object{{"id", c.ID}, {"type", c.Type}}
		o.addText("userLabel", c.Label)
		o.add("createdDate", c.CreatedMS)
		if c.Priority != 0 {
			o.add("priority", c.Priority)
		}
		o.add("secretData", c.SecretData)
		o.addText("credentialData", c.CredentialData)
		out = append(out, o)
	}
	return out
}

// WriteExport writes a full export, users last and one at a time, so that
// memory does not grow with their number. It stops at the first error that the
// sequence or w gives.
func WriteExport(w io.Writer, cfg *model.Config, users iter.Seq2[*UserDocument, error]) error {
	head, err := json.Marshal(ExportRealm(cfg, FullExport))
	if err != nil {
		return fmt.Errorf("export realm %q: %w", cfg.Realm.Name, err)
	}
	b := bufio.NewWriter(w)
	_, _ = b.Write(head[:len(head)-1]) // b keeps the first error for Flush
	_, _ = b.WriteString(",\"users\":[")
	first := true
	for u, err := range users {
		if err != nil {
			return fmt.Errorf("export users of realm %q: %w", cfg.Realm.Name, err)
		}
		line, err := json.Marshal(ExportUser(cfg, u))
		if err != nil {
			return fmt.Errorf("export user %q: %w", u.User.Username, err)
		}
		if !first {
			_ = b.WriteByte(',')
		}
		first = false
		_ = b.WriteByte('\n')
		if _, err := b.Write(line); err != nil {
			return fmt.Errorf("write export: %w", err)
		}
	}
	_, _ = b.WriteString("]}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}
