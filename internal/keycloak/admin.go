package keycloak

import (
	"encoding/json"
	"slices"

	"github.com/latchkey-id/latchkey/internal/model"
)

// masterName is the realm that administers the others.
const masterName = "master"

// masterSettings is what sets Keycloak's master realm apart; admin's
// composites over master-realm are added by MasterRealm.
const masterSettings = `{
 "realm": "master", "enabled": true, "accessTokenLifespan": 60,
 "displayName": "Keycloak", "displayNameHtml": "<div class=\"kc-logo-text\"><span>Keycloak</span></div>",
 "roles": {"realm": [
  {"name": "admin", "description": "${role_admin}", "composites": {"realm": ["create-realm"]}},
  {"name": "create-realm", "description": "${role_create-realm}"}
 ]}
}`

// MasterRealm is Keycloak's master realm: access tokens of 60 seconds, realm
// roles admin and create-realm, client master-realm with its roles, all in
// admin. It has no users.
func MasterRealm(newID func() string) *RealmDocument {
	d, err := ParseRealm([]byte(masterSettings), newID)
	if err != nil {
		panic(err) // constant
	}
	c, roles := AdminClientFor(d.Realm, newID)
	c.DefaultScopes, c.OptionalScopes = oidcScopes(d, d.Realm.DefaultClientScopes), oidcScopes(d, d.Realm.OptionalClientScopes)
	admin := d.Roles[slices.IndexFunc(d.Roles, func(r *model.Role) bool { return r.Name == "admin" })]
	for _, r := range roles {
		admin.Composites = append(admin.Composites, r.ID)
	}
	slices.Sort(admin.Composites)
	d.Clients = append(d.Clients, c)
	d.Roles = append(d.Roles, roles...)
	d.sort()
	return d
}

func oidcScopes(d *RealmDocument, ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return !slices.ContainsFunc(d.Scopes, func(s *model.ClientScope) bool { return s.ID == id && s.Protocol == protocolOIDC })
	})
}

// AdminClientName is the client of the master realm that carries the roles
// over a realm.
func AdminClientName(realm string) string { return realm + "-realm" }

// AdminClientFor makes the master realm's client for a realm and its roles
// (view-users, manage-users, …), with the composites among them. Master's role
// admin gets all of them as composites: that is the caller's to do, as is
// renaming and deleting the client with the realm.
func AdminClientFor(realm *model.Realm, newID func() string) (client *model.Client, roles []*model.Role) {
	client = &model.Client{
		ID: newID(), ClientID: AdminClientName(realm.Name), Name: realm.Name + " Realm", Enabled: true,
		ClientAuthenticatorType: "client-secret", BearerOnly: true, StandardFlowEnabled: true,
		Attributes: map[string]string{attrRealmClient: "true"},
		Extra:      model.Extra{"nodeReRegistrationTimeout": json.RawMessage("0")},
	}
	ids, composites := map[string]string{}, map[*model.Role]json.RawMessage{}
	for _, r := range freshSource(realm.Name).roles {
		if r.owner == "realm-management" && r.r.Name != "realm-admin" {
			r.r.ID = newID()
			ids[r.r.Name], composites[r.r] = r.r.ID, r.f.m["composites"]
			r.r.ClientID = client.ID
			roles = append(roles, r.r)
		}
	}
	for _, r := range roles {
		r.Composites = compositeIDs(composites[r], ids)
	}
	return client, roles
}

// compositeIDs are the ids of composites of realm-management's roles.
func compositeIDs(raw json.RawMessage, ids map[string]string) (out []string) {
	var c struct {
		Client map[string][]string `json:"client"`
	}
	if raw == nil || json.Unmarshal(raw, &c) != nil {
		return nil
	}
	for _, name := range c.Client["realm-management"] {
		out = append(out, ids[name])
	}
	slices.Sort(out)
	return out
}
