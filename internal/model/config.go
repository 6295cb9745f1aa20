package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Extra keeps the members of a Keycloak document that no rule reads, by their
// wire name, so that what was imported is exported again.
type Extra map[string]json.RawMessage

// Realm is a realm's settings. Durations are seconds; 0 means "not set" where
// the comment names a fallback. Member names in JSON are the stored form.
type Realm struct {
	ID          string `json:"id"`
	Num         int64  `json:"num"` // short number used in session rows, never reused
	Name        string `json:"realm"`
	DisplayName string `json:"displayName,omitempty"`
	Enabled     bool   `json:"enabled"`
	SSLRequired string `json:"sslRequired"` // none, external, all
	NotBefore   int64  `json:"notBefore,omitempty"`

	DefaultSignatureAlgorithm string `json:"defaultSignatureAlgorithm"`

	RevokeRefreshToken   bool `json:"revokeRefreshToken,omitempty"`
	RefreshTokenMaxReuse int  `json:"refreshTokenMaxReuse,omitempty"`

	AccessTokenLifespan                int64 `json:"accessTokenLifespan"`
	AccessTokenLifespanForImplicitFlow int64 `json:"accessTokenLifespanForImplicitFlow"`
	SSOSessionIdleTimeout              int64 `json:"ssoSessionIdleTimeout"`
	SSOSessionMaxLifespan              int64 `json:"ssoSessionMaxLifespan"`
	SSOSessionIdleTimeoutRememberMe    int64 `json:"ssoSessionIdleTimeoutRememberMe,omitempty"` // 0: the normal value
	SSOSessionMaxLifespanRememberMe    int64 `json:"ssoSessionMaxLifespanRememberMe,omitempty"` // 0: the normal value
	OfflineSessionIdleTimeout          int64 `json:"offlineSessionIdleTimeout"`
	OfflineSessionMaxLifespanEnabled   bool  `json:"offlineSessionMaxLifespanEnabled,omitempty"`
	OfflineSessionMaxLifespan          int64 `json:"offlineSessionMaxLifespan"`
	ClientSessionIdleTimeout           int64 `json:"clientSessionIdleTimeout,omitempty"`        // 0: SSOSessionIdleTimeout
	ClientSessionMaxLifespan           int64 `json:"clientSessionMaxLifespan,omitempty"`        // 0: SSOSessionMaxLifespan
	ClientOfflineSessionIdleTimeout    int64 `json:"clientOfflineSessionIdleTimeout,omitempty"` // 0: OfflineSessionIdleTimeout
	ClientOfflineSessionMaxLifespan    int64 `json:"clientOfflineSessionMaxLifespan,omitempty"` // 0: OfflineSessionMaxLifespan

	RememberMe             bool `json:"rememberMe,omitempty"`
	LoginWithEmailAllowed  bool `json:"loginWithEmailAllowed,omitempty"`
	DuplicateEmailsAllowed bool `json:"duplicateEmailsAllowed,omitempty"`
	EditUsernameAllowed    bool `json:"editUsernameAllowed,omitempty"`

	PasswordPolicy string `json:"passwordPolicy,omitempty"`

	EventsEnabled             bool     `json:"eventsEnabled,omitempty"`
	EventsExpiration          int64    `json:"eventsExpiration,omitempty"` // 0: kept
	EnabledEventTypes         []string `json:"enabledEventTypes,omitempty"`
	AdminEventsEnabled        bool     `json:"adminEventsEnabled,omitempty"`
	AdminEventsDetailsEnabled bool     `json:"adminEventsDetailsEnabled,omitempty"`

	Attributes map[string]string `json:"attributes,omitempty"`

	DefaultRoleID        string   `json:"defaultRole"`
	DefaultGroups        []string `json:"defaultGroups,omitempty"`        // group ids
	DefaultClientScopes  []string `json:"defaultClientScopes,omitempty"`  // scope ids given to new clients as default
	OptionalClientScopes []string `json:"optionalClientScopes,omitempty"` // scope ids given to new clients as optional
	Extra                Extra    `json:"extra,omitempty"`
}

// Client is a relying party. Durations come as client attributes.
type Client struct {
	ID       string `json:"id"`
	Num      int64  `json:"num"` // short number used in session rows, never reused
	ClientID string `json:"clientId"`
	Name     string `json:"name,omitempty"`
	Enabled  bool   `json:"enabled"`
	Protocol string `json:"protocol"`

	// Secret is kept sealed beside the stored document, never inside it.
	Secret                  string `json:"-"`
	ClientAuthenticatorType string `json:"clientAuthenticatorType"` // client-secret, client-jwt, client-secret-jwt, client-x509

	RootURL      string   `json:"rootUrl,omitempty"`
	BaseURL      string   `json:"baseUrl,omitempty"`
	RedirectURIs []string `json:"redirectUris,omitempty"`
	WebOrigins   []string `json:"webOrigins,omitempty"`

	NotBefore                 int64 `json:"notBefore,omitempty"`
	BearerOnly                bool  `json:"bearerOnly,omitempty"`
	ConsentRequired           bool  `json:"consentRequired,omitempty"`
	StandardFlowEnabled       bool  `json:"standardFlowEnabled,omitempty"`
	ImplicitFlowEnabled       bool  `json:"implicitFlowEnabled,omitempty"`
	DirectAccessGrantsEnabled bool  `json:"directAccessGrantsEnabled,omitempty"`
	ServiceAccountsEnabled    bool  `json:"serviceAccountsEnabled,omitempty"`
	PublicClient              bool  `json:"publicClient,omitempty"`
	FullScopeAllowed          bool  `json:"fullScopeAllowed,omitempty"`

	Attributes      map[string]string `json:"attributes,omitempty"`
	ProtocolMappers []ProtocolMapper  `json:"protocolMappers,omitempty"`
	DefaultScopes   []string          `json:"defaultScopes,omitempty"`  // client scope ids
	OptionalScopes  []string          `json:"optionalScopes,omitempty"` // client scope ids
	ScopeMappings   []string          `json:"scopeMappings,omitempty"`  // role ids
	ServiceUserID   string            `json:"serviceUser,omitempty"`    // user id of the service account
	Extra           Extra             `json:"extra,omitempty"`
}

// ClientScope is a named bundle of protocol mappers and role scope mappings.
type ClientScope struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Description     string            `json:"description,omitempty"`
	Protocol        string            `json:"protocol"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	ProtocolMappers []ProtocolMapper  `json:"protocolMappers,omitempty"`
	ScopeMappings   []string          `json:"scopeMappings,omitempty"` // role ids
	Extra           Extra             `json:"extra,omitempty"`
}

// InTokenScope tells whether the scope's name shows in "scope" of access
// tokens and answers; a refresh token lists it either way.
func (s *ClientScope) InTokenScope() bool { return s.Attributes["include.in.token.scope"] != "false" }

// ProtocolMapper puts one thing into tokens. Type is Keycloak's provider id,
// e.g. oidc-usermodel-attribute-mapper.
type ProtocolMapper struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Protocol        string            `json:"protocol"`
	Type            string            `json:"protocolMapper"`
	ConsentRequired bool              `json:"consentRequired,omitempty"`
	Config          map[string]string `json:"config,omitempty"`
}

// Role is a realm role (ClientID empty) or a client role (ClientID is the
// owning client's ID, not its clientId).
type Role struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Description string              `json:"description,omitempty"`
	ClientID    string              `json:"client,omitempty"`
	Composites  []string            `json:"composites,omitempty"` // role ids
	Attributes  map[string][]string `json:"attributes,omitempty"`
	Extra       Extra               `json:"extra,omitempty"`
}

// Group is a group; ParentID is empty for a top-level group.
type Group struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	ParentID    string              `json:"parent,omitempty"`
	Description string              `json:"description,omitempty"`
	Attributes  map[string][]string `json:"attributes,omitempty"`
	Roles       []string            `json:"roles,omitempty"` // role ids
	Extra       Extra               `json:"extra,omitempty"`
}

// KeyProviderType is the ProviderType of components that hold keys.
const KeyProviderType = "org.keycloak.keys.KeyProvider"

// Component is a Keycloak component. Those of KeyProviderType hold keys in
// Config (see behaviour of Keycloak, COMPONENT_CONFIG); they are sealed at rest.
type Component struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	ProviderID   string              `json:"providerId"`
	ProviderType string              `json:"providerType"`
	ParentID     string              `json:"parentId,omitempty"`
	SubType      string              `json:"subType,omitempty"`
	Config       map[string][]string `json:"config,omitempty"`
	Extra        Extra               `json:"extra,omitempty"`
}

// Config is the whole configuration of one realm, indexed and immutable: many
// goroutines read it, nobody changes it after NewConfig. It never holds users
// or sessions.
type Config struct {
	Realm      *Realm
	Version    int64 // of the realm row this was read at
	Clients    []*Client
	Scopes     []*ClientScope
	Roles      []*Role
	Groups     []*Group
	Components []*Component

	clientsByID       map[string]*Client
	clientsByNum      map[int64]*Client
	clientsByClientID map[string]*Client
	scopesByID        map[string]*ClientScope
	scopesByName      map[string]*ClientScope
	rolesByID         map[string]*Role
	rolesByName       map[roleKey]*Role
	groupsByID        map[string]*Group
	expanded          map[string][]string // role id -> itself and all composites, role ids

	// sets remembers deep role sets by the grants they come from: few users
	// have grants of their own. It is a cache of configuration alone.
	sets     sync.Map // string -> map[string]bool
	setCount atomic.Int64
}

// maxRoleSets bounds what a Config remembers.
const maxRoleSets = 10_000

type roleKey struct{ clientID, name string }

// NewConfig sorts and indexes a realm's configuration. It fails when an id or
// a name stands twice; references to missing things are tolerated and ignored,
// as a running realm may have lost them.
func NewConfig(r *Realm, version int64, clients []*Client, scopes []*ClientScope, roles []*Role, groups []*Group, components []*Component) (*Config, error) {
	c := &Config{
		Realm: r, Version: version, Clients: clients, Scopes: scopes, Roles: roles, Groups: groups, Components: components,
		clientsByID: map[string]*Client{}, clientsByNum: map[int64]*Client{}, clientsByClientID: map[string]*Client{},
		scopesByID: map[string]*ClientScope{}, scopesByName: map[string]*ClientScope{},
		rolesByID: map[string]*Role{}, rolesByName: map[roleKey]*Role{}, groupsByID: map[string]*Group{},
		expanded: map[string][]string{},
	}
	slices.SortFunc(c.Clients, func(a, b *Client) int { return strings.Compare(a.ClientID, b.ClientID) })
	slices.SortFunc(c.Scopes, func(a, b *ClientScope) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Roles, func(a, b *Role) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Groups, func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range clients {
		if c.clientsByID[x.ID] != nil || c.clientsByClientID[x.ClientID] != nil {
			return nil, fmt.Errorf("client %q stands twice", x.ClientID)
		}
		c.clientsByID[x.ID], c.clientsByClientID[x.ClientID], c.clientsByNum[x.Num] = x, x, x
	}
	for _, x := range scopes {
		if c.scopesByID[x.ID] != nil || c.scopesByName[x.Name] != nil {
			return nil, fmt.Errorf("client scope %q stands twice", x.Name)
		}
		c.scopesByID[x.ID], c.scopesByName[x.Name] = x, x
	}
	for _, x := range roles {
		k := roleKey{x.ClientID, x.Name}
		if c.rolesByID[x.ID] != nil || c.rolesByName[k] != nil {
			return nil, fmt.Errorf("role %q stands twice", x.Name)
		}
		c.rolesByID[x.ID], c.rolesByName[k] = x, x
	}
	for _, x := range groups {
		if c.groupsByID[x.ID] != nil {
			return nil, fmt.Errorf("group id %q stands twice", x.ID)
		}
		c.groupsByID[x.ID] = x
	}
	for _, x := range roles {
		seen := map[string]bool{}
		c.expandInto(seen, x.ID)
		c.expanded[x.ID] = slices.Sorted(maps.Keys(seen))
	}
	return c, nil
}

func (c *Config) expandInto(seen map[string]bool, id string) {
	r := c.rolesByID[id]
	if r == nil || seen[id] {
		return
	}
	seen[id] = true
	for _, sub := range r.Composites {
		c.expandInto(seen, sub)
	}
}

// Client finds a client by its clientId, ClientByID by its id, ClientByNum by
// its number; nil when there is none.
func (c *Config) Client(clientID string) *Client { return c.clientsByClientID[clientID] }

// ClientByID finds a client by its id.
func (c *Config) ClientByID(id string) *Client { return c.clientsByID[id] }

// ClientByNum finds a client by its session-row number.
func (c *Config) ClientByNum(n int64) *Client { return c.clientsByNum[n] }

// Scope finds a client scope by name.
func (c *Config) Scope(name string) *ClientScope { return c.scopesByName[name] }

// ScopeByID finds a client scope by id.
func (c *Config) ScopeByID(id string) *ClientScope { return c.scopesByID[id] }

// RoleByID finds a role by id.
func (c *Config) RoleByID(id string) *Role { return c.rolesByID[id] }

// Role finds a role by owner (a client's ID, or "" for realm roles) and name.
func (c *Config) Role(clientID, name string) *Role { return c.rolesByName[roleKey{clientID, name}] }

// GroupByID finds a group by id.
func (c *Config) GroupByID(id string) *Group { return c.groupsByID[id] }

// ClientRoles lists the roles of a client (its ID), or the realm roles for "".
func (c *Config) ClientRoles(clientID string) []*Role {
	var out []*Role
	for _, r := range c.Roles {
		if r.ClientID == clientID {
			out = append(out, r)
		}
	}
	return out
}

// SubGroups lists the direct children of a group, or the top level for "".
func (c *Config) SubGroups(parentID string) []*Group {
	var out []*Group
	for _, g := range c.Groups {
		if g.ParentID == parentID {
			out = append(out, g)
		}
	}
	return out
}

// GroupPath is the slash path of a group, "/a/b".
func (c *Config) GroupPath(g *Group) string {
	path := ""
	for depth := 0; g != nil && depth < 64; depth++ {
		path = "/" + strings.ReplaceAll(g.Name, "/", "~/") + path
		g = c.groupsByID[g.ParentID]
	}
	return path
}

// GroupByPath finds a group by its slash path; nil when there is none.
func (c *Config) GroupByPath(path string) *Group {
	for _, g := range c.Groups {
		if c.GroupPath(g) == "/"+strings.Trim(path, "/") {
			return g
		}
	}
	return nil
}

// Expand is the deep closure of role ids: each role, its composites, theirs.
// Unknown ids fall out. The result is a fresh set.
func (c *Config) Expand(roleIDs ...string) map[string]bool {
	set := make(map[string]bool, 2*len(roleIDs))
	for _, id := range roleIDs {
		for _, e := range c.expanded[id] {
			set[e] = true
		}
	}
	return set
}

// UserRoles is the deep set of role ids a user has, by itself and by its
// groups and their parents. The set is shared: nobody may change it.
func (c *Config) UserRoles(g Grants) map[string]bool {
	key := strings.Join(g.Roles, " ") + "/" + strings.Join(g.Groups, " ")
	if set, ok := c.sets.Load(key); ok {
		return set.(map[string]bool)
	}
	ids := slices.Clone(g.Roles)
	for _, gid := range g.Groups {
		grp := c.groupsByID[gid]
		for depth := 0; grp != nil && depth < 64; depth++ {
			ids = append(ids, grp.Roles...)
			grp = c.groupsByID[grp.ParentID]
		}
	}
	set := c.Expand(ids...)
	if c.setCount.Add(1) <= maxRoleSets {
		c.sets.Store(key, set)
	}
	return set
}
