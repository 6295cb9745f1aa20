package keycloak

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

const (
	protocolOIDC = "openid-connect"
	protocolSAML = "saml"
	// serviceAccountScope is given to clients with service accounts (Keycloak 26.1).
	serviceAccountScope = "service_account"
	attrRealmClient     = "realm_client"
	attrPostLogout      = "post.logout.redirect.uris"
)

// clientMembers are the plain members of a client.
var clientMembers = []member[model.Client]{
	text("name", func(c *model.Client) *string { return &c.Name }),
	text("rootUrl", func(c *model.Client) *string { return &c.RootURL }),
	text("baseUrl", func(c *model.Client) *string { return &c.BaseURL }),
	toggle("enabled", func(c *model.Client) *bool { return &c.Enabled }),
	text("clientAuthenticatorType", func(c *model.Client) *string { return &c.ClientAuthenticatorType }),
	text("secret", func(c *model.Client) *string { return &c.Secret }),
	{"redirectUris", func(f *fields, name string, c *model.Client) { f.uris(name, &c.RedirectURIs) },
		func(c *model.Client) any { return list(c.RedirectURIs) }},
	{"webOrigins", func(f *fields, name string, c *model.Client) { f.uris(name, &c.WebOrigins) },
		func(c *model.Client) any { return list(c.WebOrigins) }},
	count("notBefore", func(c *model.Client) *int64 { return &c.NotBefore }),
	toggle("bearerOnly", func(c *model.Client) *bool { return &c.BearerOnly }),
	toggle("consentRequired", func(c *model.Client) *bool { return &c.ConsentRequired }),
	toggle("standardFlowEnabled", func(c *model.Client) *bool { return &c.StandardFlowEnabled }),
	toggle("implicitFlowEnabled", func(c *model.Client) *bool { return &c.ImplicitFlowEnabled }),
	toggle("directAccessGrantsEnabled", func(c *model.Client) *bool { return &c.DirectAccessGrantsEnabled }),
	toggle("serviceAccountsEnabled", func(c *model.Client) *bool { return &c.ServiceAccountsEnabled }),
	toggle("publicClient", func(c *model.Client) *bool { return &c.PublicClient }),
	toggle("fullScopeAllowed", func(c *model.Client) *bool { return &c.FullScopeAllowed }),
}

// clientDefaults are members without a rule, as Keycloak shows them when
// nobody set them; they are kept in Extra only when they differ.
var clientDefaults = map[string]json.RawMessage{
	"surrogateAuthRequired":              json.RawMessage(`false`),
	"alwaysDisplayInConsole":             json.RawMessage(`false`),
	"frontchannelLogout":                 json.RawMessage(`false`),
	"authenticationFlowBindingOverrides": json.RawMessage(`{}`),
	"nodeReRegistrationTimeout":          json.RawMessage(`-1`),
}

// clientOrder is Keycloak's order of members in a client.
var clientOrder = []string{
	"name", "description", "type", "rootUrl", "adminUrl", "baseUrl", "surrogateAuthRequired", "enabled", "alwaysDisplayInConsole",
	"clientAuthenticatorType", "secret", "registrationAccessToken", "redirectUris", "webOrigins", "notBefore", "bearerOnly",
	"consentRequired", "standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled",
	"authorizationServicesEnabled", "publicClient", "frontchannelLogout", "protocol", "attributes",
	"authenticationFlowBindingOverrides", "fullScopeAllowed", "nodeReRegistrationTimeout", "registeredNodes",
	"protocolMappers", "defaultClientScopes", "optionalClientScopes", "authorizationSettings",
}

// ClientOptions say how a client is shown. Access is member access, nil for
// none (see ClientAccess); MaskSecret shows the secret as stars.
type ClientOptions struct {
	Access     map[string]bool
	MaskSecret bool
}

// ClientAccess is what an administrator with all rights may do with a client:
// Keycloak lets nobody change the clients that carry admin roles.
func ClientAccess(c *model.Client) map[string]bool {
	open := c.Attributes[attrRealmClient] != "true" || c.ClientID == "broker"
	return map[string]bool{"view": true, "configure": open, "manage": open}
}

// ClientRepresentation is a client as admin REST shows it. A public client and
// one without secret have no member secret.
func ClientRepresentation(cfg *model.Config, c *model.Client, opts ClientOptions) Object {
	typed := map[string]member[model.Client]{}
	for _, m := range clientMembers {
		typed[m.name] = m
	}
	o := Object{{"id", c.ID}, {"clientId", c.ClientID}}
	for _, name := range clientOrder {
		switch m, ok := typed[name]; {
		case name == "secret":
			if c.Secret != "" && !c.PublicClient {
				o.add(name, masked(c.Secret, opts.MaskSecret))
			}
		case ok:
			if v := m.get(c); v != nil {
				o.add(name, v)
			}
		case name == "protocol":
			o.addText(name, c.Protocol)
		case name == "attributes":
			o.add(name, table(c.Attributes))
		case name == "protocolMappers":
			if len(c.ProtocolMappers) > 0 {
				o.add(name, mapperObjects(c.ProtocolMappers))
			}
		case name == "defaultClientScopes":
			o.add(name, scopeNames(cfg, c.DefaultScopes))
		case name == "optionalClientScopes":
			o.add(name, scopeNames(cfg, c.OptionalScopes))
		case c.Extra[name] != nil:
			o.add(name, c.Extra[name])
		case clientDefaults[name] != nil:
			o.add(name, clientDefaults[name])
		}
	}
	o.addExtra(c.Extra)
	if opts.Access != nil {
		o.add("access", opts.Access)
	}
	return o
}

func masked(secret string, mask bool) string {
	if mask {
		return Masked
	}
	return secret
}

// scopeNames are the names of scope ids in the order of OptionalScopeOrder.
func scopeNames(cfg *model.Config, ids []string) []string {
	var scopes []*model.ClientScope
	for _, id := range ids {
		if s := cfg.ScopeByID(id); s != nil {
			scopes = append(scopes, s)
		}
	}
	out := []string{}
	for _, s := range OptionalScopeOrder(scopes) {
		out = append(out, s.Name)
	}
	return out
}

// NeedsSecret tells whether Keycloak generates a secret for a new or changed
// client: any that is neither public nor one of those that only carry roles.
// Whoever generates it sets attribute client.secret.creation.time (seconds).
func NeedsSecret(c *model.Client) bool {
	return c.Secret == "" && !c.PublicClient && c.Attributes[attrRealmClient] != "true"
}

// newClient is a client as Keycloak makes it of {"clientId": …}.
func newClient() *model.Client {
	return &model.Client{
		Enabled: true, Protocol: protocolOIDC, ClientAuthenticatorType: "client-secret",
		StandardFlowEnabled: true, FullScopeAllowed: true,
	}
}

// readClient reads the members that a new client, a change and a document
// share; scopes, roles and the service account are resolved by the caller.
func readClient(f *fields, c *model.Client, newID func() string) {
	hadOrigins := f.has("webOrigins")
	if raw := f.m["secret"]; kind(raw) == 's' && unquote(raw) == Masked {
		f.drop("secret") // Keycloak would store the stars, a secret everybody knows
	}
	// As Keycloak, a new client whose users are asked has no roles of its own
	// accord.
	fresh := !f.has("fullScopeAllowed") && c.Num == 0
	apply(f, clientMembers, c)
	if fresh && c.ConsentRequired {
		c.FullScopeAllowed = false
	}
	f.str("protocol", &c.Protocol)
	if c.Protocol != protocolOIDC && c.Protocol != protocolSAML && c.Protocol != "docker-v2" && c.Protocol != "oid4vc" && c.Protocol != "" {
		f.failf(f.at("protocol"), "Invalid protocol: %s", c.Protocol)
	}
	if set, removed, ok := f.strings("attributes"); ok {
		c.Attributes = maps.Clone(table(c.Attributes))
		for _, k := range removed {
			delete(c.Attributes, k)
		}
		for k, v := range set {
			if c.Attributes[k] = v; v == "" {
				delete(c.Attributes, k)
			}
		}
	}
	if f.has("protocolMappers") {
		c.ProtocolMappers = readMappers(f, c.ProtocolMappers, newID)
	}
	if !hadOrigins && c.WebOrigins == nil {
		c.WebOrigins = origins(c.RedirectURIs)
	}
	f.drop("access", "origin", "clientTemplate", "useTemplateConfig", "useTemplateScope", "useTemplateMappers")
	x := f.rest()
	c.Extra = maps.Clone(c.Extra)
	for k, v := range x {
		if c.Extra == nil {
			c.Extra = model.Extra{}
		}
		if c.Extra[k] = v; string(clientDefaults[k]) == string(v) {
			delete(c.Extra, k)
		}
	}
	if len(c.Extra) == 0 {
		c.Extra = nil
	}
	checkClientURLs(f, c)
}

// sameProtocol keeps the scopes that suit a client; role_list and its like are
// given to SAML clients alone.
func sameProtocol(c *model.Client, scopes []*model.ClientScope) []string {
	var out []string
	for _, s := range scopes {
		if s.Protocol == c.Protocol {
			out = append(out, s.ID)
		}
	}
	return out
}

// setServiceScope attaches scope service_account to a client with service
// accounts and detaches it from one without.
func setServiceScope(c *model.Client, scope *model.ClientScope) {
	if scope == nil {
		return
	}
	without := func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == scope.ID })
	}
	c.OptionalScopes = without(c.OptionalScopes)
	if c.DefaultScopes = without(c.DefaultScopes); c.ServiceAccountsEnabled {
		c.DefaultScopes = append(c.DefaultScopes, scope.ID)
	}
}
