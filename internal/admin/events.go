package admin

import (
	"encoding/json"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/store"
)

// Operations and resource types of admin events (behaviour §8).
const (
	opCreate = "CREATE"
	opUpdate = "UPDATE"
	opDelete = "DELETE"
	opAction = "ACTION"

	onRealm             = "REALM"
	onUser              = "USER"
	onUserSession       = "USER_SESSION"
	onClient            = "CLIENT"
	onClientScope       = "CLIENT_SCOPE"
	onScopeOfClient     = "CLIENT_SCOPE_CLIENT_MAPPING"
	onRealmRole         = "REALM_ROLE"
	onClientRole        = "CLIENT_ROLE"
	onRealmRoleMapping  = "REALM_ROLE_MAPPING"
	onClientRoleMapping = "CLIENT_ROLE_MAPPING"
	onRealmScope        = "REALM_SCOPE_MAPPING"
	onClientScopeRoles  = "CLIENT_SCOPE_MAPPING"
	onMapper            = "PROTOCOL_MAPPER"
	onGroup             = "GROUP"
	onMembership        = "GROUP_MEMBERSHIP"
	onComponent         = "COMPONENT"
	onLoginFailure      = "USER_LOGIN_FAILURE"
	onNode              = "CLUSTER_NODE"
)

// deed is what an admin event tells.
type deed struct {
	op, on, path string
	body         []byte // JSON of the request or of the object; kept without secrets
	details      map[string]string
}

// record is the note of a deed, stored in the transaction of its write; nil
// when the realm keeps no admin events.
func (c *call) record(d deed) realm.Record { return c.recordIn(c.snap.Realm, d) }

// recordIn is the note of a deed in a realm's events.
func (c *call) recordIn(r *model.Realm, d deed) realm.Record {
	if !r.AdminEventsEnabled {
		return nil
	}
	e := &model.AdminEvent{
		ID: newID(), TimeMS: c.now().UnixMilli(), RealmNum: r.Num, RealmID: r.ID,
		AuthRealmID: c.actor.snap.Realm.ID, AuthClientID: c.actor.client.ID, AuthUserID: c.actor.user.ID, IP: c.actor.ip,
		Operation: d.op, ResourceType: d.on, ResourcePath: d.path, Details: d.details,
	}
	if r.AdminEventsDetailsEnabled && d.body != nil {
		e.Representation = withoutSecrets(d.body)
	}
	return func(tx *store.Tx) error { return tx.InsertAdminEvent(e) }
}

// then runs a write of its own before the note of it, in one transaction.
func then(write, rec realm.Record) realm.Record {
	return func(tx *store.Tx) error {
		if err := write(tx); err != nil || rec == nil {
			return err
		}
		return rec(tx)
	}
}

// note stores the admin event of what wrote nothing else.
func (c *call) note(d deed) error {
	rec := c.record(d)
	if rec == nil {
		return nil
	}
	return c.api.Store.Write(c.ctx, func(tx *store.Tx) error { return rec(tx) })
}

// jsonOf is v as JSON for an event; what cannot be written is left out.
func jsonOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

// secretMembers are the members whose values never stand in an event, in lower
// case. Credentials are left out whole.
var secretMembers = map[string]bool{
	"secret": true, "clientsecret": true, "registrationaccesstoken": true, "password": true, "privatekey": true,
	"bindcredential": true, "keypassword": true, "keystorepassword": true, "secretdata": true, "credentialdata": true,
	"hashedsaltedvalue": true, "salt": true, "ecdsaprivatekey": true, "eddsaprivatekey": true, "ecdhprivatekey": true,
	"client.secret.rotated": true, "saml.signing.private.key": true, "saml.encryption.private.key": true, "jwt.credential.private.key": true,
}

// withoutSecrets is a JSON document with every secret masked and every list of
// credentials left out; "" when it is no JSON.
func withoutSecrets(doc []byte) string {
	v, ok := decodeOrdered(doc)
	if !ok {
		return ""
	}
	b, err := json.Marshal(scrub(v))
	if err != nil {
		return ""
	}
	return string(b)
}

func scrub(v any) any {
	switch v := v.(type) {
	case keycloak.Object:
		out := keycloak.Object{}
		for _, m := range v {
			switch name := strings.ToLower(m.Name); {
			case name == "credentials":
			case secretMembers[name] || strings.HasSuffix(name, ".private.key") || strings.HasSuffix(name, ".secret"):
				out = append(out, keycloak.Member{Name: m.Name, Value: keycloak.Masked})
			default:
				out = append(out, keycloak.Member{Name: m.Name, Value: scrub(m.Value)})
			}
		}
		return out
	case []any:
		for i := range v {
			v[i] = scrub(v[i])
		}
	}
	return v
}
