package keycloak

import (
	"maps"

	"github.com/latchkey-id/latchkey/internal/model"
)

// NewClient is the client that POST /clients with that body makes: Keycloak's
// defaults, the realm's scopes unless the body names some, scope
// service_account with service accounts. An id in the body is kept; without
// clientId the id is the clientId. Secret and ServiceUserID stay empty where
// the caller has to make them: see NeedsSecret and ServiceAccountUser.
//
// Errors: *DocumentError; Conflict when clientId or id is taken.
func NewClient(cfg *model.Config, doc []byte, newID func() string) (*model.Client, error) {
	f := body(doc)
	c := newClient()
	c.ID = f.id(newID)
	c.ClientID = c.ID
	if f.has("clientId") {
		f.str("clientId", &c.ClientID)
		f.checkClientID(c.ClientID)
	}
	f.drop("clientId", "defaultRoles")
	named := f.has("defaultClientScopes") || f.has("optionalClientScopes")
	def, _ := f.strs("defaultClientScopes")
	opt, _ := f.strs("optionalClientScopes")
	readClient(f, c, newID)
	c.Attributes = maps.Clone(table(c.Attributes))
	c.Attributes[attrRealmClient] = "false"
	if c.PublicClient {
		c.Secret = ""
	}
	if named { // Keycloak passes over names it does not know
		c.DefaultScopes, c.OptionalScopes = knownScopes(cfg, def), knownScopes(cfg, opt)
	} else {
		c.DefaultScopes = sameProtocol(c, scopesByID(cfg, cfg.Realm.DefaultClientScopes))
		c.OptionalScopes = sameProtocol(c, scopesByID(cfg, cfg.Realm.OptionalClientScopes))
	}
	if c.ServiceAccountsEnabled {
		setServiceScope(c, cfg.Scope(serviceAccountScope))
	}
	checkSessionLimits(f, cfg.Realm, c)
	if f.err == nil && cfg.ClientByID(c.ID) != nil && cfg.Client(c.ClientID) == nil {
		return nil, &DocumentError{Path: "id", Problem: "id " + c.ID + " already exists", Conflict: true}
	}
	if f.err == nil && cfg.Client(c.ClientID) != nil {
		return nil, &DocumentError{Path: "clientId", Problem: "client " + c.ClientID + " already exists", Conflict: true}
	}
	return c, f.fault()
}

// UpdateClient is the body of PUT /clients/{id} applied to old: members that
// are present change; attributes merge, where null and "" remove one;
// protocolMappers replace the set; id, scopes and realm_client are ignored, as
// in Keycloak. A client that becomes public loses its secret, one that becomes
// confidential again needs one (NeedsSecret). Scope service_account follows
// serviceAccountsEnabled; the account itself is the caller's.
//
// Errors: *DocumentError; Conflict when the new clientId is taken.
func UpdateClient(cfg *model.Config, old *model.Client, doc []byte, newID func() string) (*model.Client, error) {
	f := body(doc)
	c := *old
	if f.has("clientId") {
		f.str("clientId", &c.ClientID)
		f.checkClientID(c.ClientID)
	}
	f.drop("id", "clientId", "defaultClientScopes", "optionalClientScopes", "defaultRoles")
	if c.WebOrigins == nil && (!f.has("redirectUris") || f.has("webOrigins")) {
		c.WebOrigins = []string{} // else they are taken from the redirect URIs
	}
	readClient(f, &c, newID)
	if len(c.WebOrigins) == 0 {
		c.WebOrigins = nil
	}
	c.Attributes = maps.Clone(table(c.Attributes))
	if v, ok := old.Attributes[attrRealmClient]; ok {
		c.Attributes[attrRealmClient] = v
	}
	if c.PublicClient {
		c.Secret = ""
	}
	if c.ServiceAccountsEnabled != old.ServiceAccountsEnabled {
		setServiceScope(&c, cfg.Scope(serviceAccountScope))
	}
	checkSessionLimits(f, cfg.Realm, &c)
	if other := cfg.Client(c.ClientID); f.err == nil && other != nil && other.ID != old.ID {
		return nil, &DocumentError{Path: "clientId", Problem: "client " + c.ClientID + " already exists", Conflict: true}
	}
	if f.err != nil {
		return nil, f.err
	}
	return &c, nil
}

func (f *fields) checkClientID(id string) {
	if id == "" {
		f.failf(f.at("clientId"), "Client ID cannot be blank")
	}
	f.checkName(f.at("clientId"), id)
}

// checkSessionLimits is Keycloak's check of a client's own online limits
// against the realm's.
func checkSessionLimits(f *fields, r *model.Realm, c *model.Client) {
	if c.Seconds("client.session.idle.timeout") > r.SSOSessionIdleTimeout {
		f.failf(f.at("attributes"), "Client session idle timeout cannot exceed realm SSO session idle timeout.")
	}
	if c.Seconds("client.session.max.lifespan") > r.SSOSessionMaxLifespan {
		f.failf(f.at("attributes"), "Client session max lifespan cannot exceed realm SSO session max lifespan.")
	}
}

func scopesByID(cfg *model.Config, ids []string) []*model.ClientScope {
	var out []*model.ClientScope
	for _, id := range ids {
		if s := cfg.ScopeByID(id); s != nil {
			out = append(out, s)
		}
	}
	return out
}

func knownScopes(cfg *model.Config, names []string) []string {
	var out []string
	for _, n := range names {
		if s := cfg.Scope(n); s != nil {
			out = append(out, s.ID)
		}
	}
	return out
}

// ServiceAccountUser is the user Keycloak makes for a client with service
// accounts: service-account-<clientId>, enabled, with the default role.
// CreatedMS is the caller's.
func ServiceAccountUser(r *model.Realm, c *model.Client, newID func() string) *model.User {
	u := &model.User{
		ID: newID(), RealmNum: r.Num, Username: serviceAccountName(c.ClientID),
		Enabled: true, ServiceClientID: c.ID,
	}
	if r.DefaultRoleID != "" {
		u.Grants.Roles = []string{r.DefaultRoleID}
	}
	return u
}
