package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/web"
)

var clientRoutes = slices.Concat([]route{
	{"GET", "/{realm}/clients", queryClients, (*call).listClients},
	{"POST", "/{realm}/clients", manageClients, (*call).postClient},
	{"GET", "/{realm}/clients/{id}", viewClients, (*call).getClient},
	{"PUT", "/{realm}/clients/{id}", manageClients, (*call).putClient},
	{"DELETE", "/{realm}/clients/{id}", manageClients, (*call).deleteClient},
	{"GET", "/{realm}/clients/{id}/client-secret", viewClients, (*call).getSecret},
	{"POST", "/{realm}/clients/{id}/client-secret", manageClients, (*call).postSecret},
	{"GET", "/{realm}/clients/{id}/client-secret/rotated", viewClients, (*call).getRotatedSecret},
	{"DELETE", "/{realm}/clients/{id}/client-secret/rotated", manageClients, (*call).deleteRotatedSecret},
	{"POST", "/{realm}/clients/{id}/registration-access-token", manageClients, (*call).postRegistrationToken},
	{"GET", "/{realm}/clients/{id}/installation/providers/{provider}", viewClients, (*call).installation},
	{"POST", "/{realm}/clients/{id}/nodes", manageClients, (*call).postNode},
	{"DELETE", "/{realm}/clients/{id}/nodes/{node}", manageClients, (*call).deleteNode},
	{"GET", "/{realm}/clients/{id}/test-nodes-available", manageClients, (*call).testNodes},
	{"GET", "/{realm}/clients/{id}/service-account-user", viewClients, (*call).serviceAccountUser},

	{"GET", "/{realm}/clients/{id}/default-client-scopes", viewClients, (*call).clientDefaultScopes},
	{"PUT", "/{realm}/clients/{id}/default-client-scopes/{scope}", manageClients, (*call).addClientDefaultScope},
	{"DELETE", "/{realm}/clients/{id}/default-client-scopes/{scope}", manageClients, (*call).removeClientDefaultScope},
	{"GET", "/{realm}/clients/{id}/optional-client-scopes", viewClients, (*call).clientOptionalScopes},
	{"PUT", "/{realm}/clients/{id}/optional-client-scopes/{scope}", manageClients, (*call).addClientOptionalScope},
	{"DELETE", "/{realm}/clients/{id}/optional-client-scopes/{scope}", manageClients, (*call).removeClientOptionalScope},

	{"GET", "/{realm}/clients/{id}/session-count", viewClients, (*call).countSessions},
	{"GET", "/{realm}/clients/{id}/offline-session-count", viewClients, (*call).countOfflineSessions},
	{"GET", "/{realm}/clients/{id}/user-sessions", viewClients, (*call).clientSessions},
	{"GET", "/{realm}/clients/{id}/offline-sessions", viewClients, (*call).clientOfflineSessions},
	{"POST", "/{realm}/clients/{id}/push-revocation", manageClients, (*call).pushClientRevocation},
}, scopeMappingRoutes("/{realm}/clients/{id}", ofClientScopeRoles), mapperRoutes("/{realm}/clients/{id}", ofClientMappers), evaluateRoutes,
	permissionRoutes("/{realm}/clients/{id}/management/permissions", viewClients, manageClients, func(c *call) error {
		_, err := c.client()
		return err
	}))

// client finds the client of the path.
//
// Errors: errNoClient.
func (c *call) client() (*model.Client, error) {
	x := c.snap.ClientByID(c.id())
	if x == nil {
		return nil, errNoClient
	}
	return x, nil
}

// ownClient is client for writes: not for clients that carry administration
// roles.
func (c *call) ownClient() (*model.Client, error) {
	x, err := c.client()
	if err != nil {
		return nil, err
	}
	return x, c.guard(x)
}

// clientObject shows a client. Its secret is for who may change it, as in
// Keycloak since 26.8.
func (c *call) clientObject(x *model.Client) keycloak.Object {
	access := keycloak.ClientAccess(x)
	manage := c.may(manageClients)
	if !manage {
		access = map[string]bool{"view": true, "configure": false, "manage": false}
	}
	return keycloak.ClientRepresentation(c.snap.Config, x, keycloak.ClientOptions{Access: access, MaskSecret: !manage})
}

// listClients filters by clientId (exact, or part of it with search=true) and
// by attributes (q). Who may only ask for names sees none.
func (c *call) listClients() error {
	p, err := c.page(noLimit)
	if err != nil {
		return err
	}
	var found []*model.Client
	if c.may(viewClients) {
		found = c.findClients()
	}
	if c.query("clientId") != "" && !c.isSet("search", false) {
		p.first = 0 // one client is no list to page through
	}
	return c.answer(each(cut(found, p), c.clientObject))
}

func (c *call) findClients() (found []*model.Client) {
	id, part, attrs := c.query("clientId"), c.isSet("search", false), attributeQuery(c.query("q"))
	for _, x := range c.snap.Clients {
		match := id == "" || x.ClientID == id || part && strings.Contains(strings.ToLower(x.ClientID), strings.ToLower(id))
		for k, v := range attrs {
			match = match && x.Attributes[k] == v
		}
		if match {
			found = append(found, x)
		}
	}
	return found
}

func (c *call) getClient() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	return c.answer(c.clientObject(x))
}

// postClient makes a client. An id is chosen here when the body names none, so
// that the event can tell it.
func (c *call) postClient() error {
	doc, err := c.body()
	if err != nil {
		return err
	}
	doc, id, err := withID(doc)
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opCreate, on: onClient, path: "clients/" + id, body: doc})
	x, err := c.api.Realms.CreateClient(c.ctx, c.realmName(), doc, rec)
	if err != nil {
		return clientFault(err, func(d *keycloak.DocumentError) error {
			if d.Path == "id" {
				return errDuplicate
			}
			return web.ErrorMessage(http.StatusConflict, "C"+strings.TrimPrefix(d.Problem, "c"))
		})
	}
	return c.created("clients", x.ID)
}

// withID puts an id into a document that has none.
func withID(doc []byte) (with []byte, id string, err error) {
	var m map[string]json.RawMessage
	if err := unmarshal(doc, &m); err != nil {
		return nil, "", err
	}
	if json.Unmarshal(m["id"], &id) == nil && id != "" {
		return doc, id, nil
	}
	id = newID()
	m["id"] = jsonOf(id)
	return jsonOf(m), id, nil
}

// clientFault gives what is wrong with a client in Keycloak's words.
func clientFault(err error, conflict func(*keycloak.DocumentError) error) error {
	var d *keycloak.DocumentError
	switch {
	case !errors.As(err, &d):
		return err
	case d.Conflict:
		return conflict(d)
	case startsUpper(d.Problem):
		return web.OAuthError(http.StatusBadRequest, "invalid_input", d.Problem)
	}
	return err
}

func (c *call) putClient() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opUpdate, on: onClient, path: "clients/" + x.ID, body: doc})
	_, err = c.api.Realms.UpdateClient(c.ctx, c.realmName(), x.ID, doc, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoClient
	}
	if err != nil {
		return clientFault(err, func(*keycloak.DocumentError) error { return errDuplicate })
	}
	return c.noContent()
}

// builtInClients cannot be deleted; those with administration roles are
// guarded beside them.
var builtInClients = []string{"account", "account-console", "admin-cli", "broker", "security-admin-console"}

func (c *call) deleteClient() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	if slices.Contains(builtInClients, x.ClientID) {
		return errBuiltInClient
	}
	rec := c.record(deed{op: opDelete, on: onClient, path: "clients/" + x.ID, body: jsonOf(keycloak.Object{
		{Name: "id", Value: x.ID}, {Name: "clientId", Value: x.ClientID},
	})})
	err = c.api.Realms.DeleteClient(c.ctx, c.realmName(), x.ID, c.actor.user.ID, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoClient
	}
	if err != nil {
		return err
	}
	return c.noContent()
}

// getSecret shows the secret, to who may not change the client as stars.
func (c *call) getSecret() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	secret := x.Secret
	if secret != "" && !c.may(manageClients) {
		secret = keycloak.Masked
	}
	return c.answer(secretObject(secret))
}

// secretObject is a client secret as Keycloak's CredentialRepresentation.
func secretObject(secret string) keycloak.Object {
	o := keycloak.Object{{Name: "type", Value: "secret"}}
	if secret != "" {
		o = append(o, keycloak.Member{Name: "value", Value: secret})
	}
	return o
}

func (c *call) postSecret() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	rec := c.record(deed{op: opAction, on: onClient, path: "clients/" + x.ID + "/client-secret", body: jsonOf(secretObject(keycloak.Masked))})
	secret, err := c.api.Realms.RegenerateSecret(c.ctx, c.realmName(), x.ID, rec)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoClient
	}
	if err != nil {
		return err
	}
	return c.answer(secretObject(secret))
}

// getRotatedSecret would show the secret before this one while it is still
// taken: secrets are not rotated here, a new one counts at once.
func (c *call) getRotatedSecret() error {
	if _, err := c.client(); err != nil {
		return err
	}
	return errNoRotated
}

// deleteRotatedSecret has nothing to do, and says so as Keycloak does.
func (c *call) deleteRotatedSecret() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	err = c.note(deed{op: opDelete, on: onClient, path: "clients/" + x.ID + "/client-secret/rotated", body: jsonOf(secretObject(keycloak.Masked))})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) serviceAccountUser() error {
	x, err := c.client()
	if err != nil {
		return err
	}
	if !x.ServiceAccountsEnabled || x.ServiceUserID == "" {
		return web.AdminError(http.StatusBadRequest, "Service account not enabled for the client '"+x.ClientID+"'")
	}
	u, err := c.api.Realms.User(c.ctx, c.snap, x.ServiceUserID)
	if errors.Is(err, realm.ErrUnknown) {
		return errNoUser
	}
	if err != nil {
		return err
	}
	return c.answer(keycloak.UserRepresentation(c.shown(u), keycloak.UserOptions{}))
}
