package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// evaluateRoutes show what a scope parameter would bring a client: which
// mappers, which roles, which tokens. They write nothing.
var evaluateRoutes = []route{
	{"GET", evaluatePath + "/protocol-mappers", viewClients, (*call).evaluateMappers},
	{"GET", evaluatePath + "/scope-mappings/{container}/granted", viewClients, (*call).evaluateGranted},
	{"GET", evaluatePath + "/scope-mappings/{container}/not-granted", viewClients, (*call).evaluateNotGranted},
	{"GET", evaluatePath + "/generate-example-access-token", viewClientsAndUsers, (*call).exampleAccessToken},
	{"GET", evaluatePath + "/generate-example-id-token", viewClientsAndUsers, (*call).exampleIDToken},
	{"GET", evaluatePath + "/generate-example-userinfo", viewClientsAndUsers, (*call).exampleUserinfo},
}

const evaluatePath = "/{realm}/clients/{id}/evaluate-scopes"

// evaluated is the client of the path with the scopes in effect for the query;
// words it may not ask for are left out.
func (c *call) evaluated() (*model.Client, model.ScopeSet, error) {
	x, err := c.client()
	if err != nil {
		return nil, model.ScopeSet{}, err
	}
	return x, c.snap.TokenScopes(x, c.query("scope"), "", false), nil
}

// evaluateMappers lists the mappers of the client and of the scopes in effect.
func (c *call) evaluateMappers() error {
	x, set, err := c.evaluated()
	if err != nil {
		return err
	}
	out := []keycloak.Object{}
	add := func(kind, id, name string, ms []model.ProtocolMapper) {
		for _, m := range ms {
			if m.Protocol == "openid-connect" {
				out = append(out, keycloak.Object{
					{Name: "mapperId", Value: m.ID}, {Name: "mapperName", Value: m.Name}, {Name: "containerId", Value: id},
					{Name: "containerName", Value: name}, {Name: "containerType", Value: kind}, {Name: "protocolMapper", Value: m.Type},
				})
			}
		}
	}
	add("client", x.ID, x.Name, x.ProtocolMappers)
	for _, s := range set.Scopes {
		add("client-scope", s.ID, s.Name, s.ProtocolMappers)
	}
	return c.answer(out)
}

func (c *call) evaluateGranted() error    { return c.evaluateRoles(true) }
func (c *call) evaluateNotGranted() error { return c.evaluateRoles(false) }

// evaluateRoles lists the roles of a container, the realm by its name or a
// client by its id, that tokens may carry, or those they may not.
func (c *call) evaluateRoles(granted bool) error {
	x, set, err := c.evaluated()
	if err != nil {
		return err
	}
	container := c.r.PathValue("container")
	if container == c.realmName() {
		container = ""
	} else if c.snap.ClientByID(container) == nil {
		return web.AdminError(http.StatusNotFound, "Role Container not found")
	}
	every := map[string]bool{}
	for _, r := range c.snap.Roles {
		every[r.ID] = true
	}
	in := c.snap.EffectiveRoles(x, set, every)
	return c.answer(c.roleObjects(true, func(r *model.Role) bool { return r.ClientID == container && in[r.ID] == granted }))
}

// example are the claims of what a user would get.
type example struct {
	access, id []byte
	userinfo   map[string]any
}

// example makes the examples for the query's user, scope and audience.
//
// Errors: 404 in Keycloak's words for a user or an audience that is not there.
func (c *call) example(audience []string) (*example, error) {
	x, err := c.client()
	if err != nil {
		return nil, err
	}
	id := c.query("userId")
	if id == "" {
		return nil, web.AdminError(http.StatusNotFound, "No userId provided")
	}
	u, err := c.api.Store.UserByID(c.ctx, c.snap.Realm.Num, id)
	if isNotFound(err) {
		return nil, web.AdminError(http.StatusNotFound, "No user found")
	} else if err != nil {
		return nil, err
	}
	e := &example{}
	e.access, e.id, e.userinfo, err = c.api.Example(c.ctx, c.snap, c.issuer(), x, u, c.query("scope"), audience)
	if err != nil {
		return nil, err
	}
	return e, e.covers(audience)
}

// audience are the clients that the query asks a token for; words that are none
// are left out.
func (c *call) audience() []string {
	var out []string
	for id := range strings.FieldsSeq(c.query("audience")) {
		if c.snap.Client(id) != nil {
			out = append(out, id)
		}
	}
	return out
}

// covers refuses an audience that the access token does not have.
func (e *example) covers(audience []string) error {
	var claims struct {
		Aud any `json:"aud"` // a text or a list
	}
	if err := json.Unmarshal(e.access, &claims); err != nil {
		return err
	}
	has, ok := claims.Aud.([]any)
	if !ok {
		has = []any{claims.Aud}
	}
	missing := slices.DeleteFunc(slices.Clone(audience), func(id string) bool { return slices.Contains(has, any(id)) })
	if len(missing) > 0 {
		return web.AdminError(http.StatusNotFound, "Requested audience not available: "+strings.Join(missing, " "))
	}
	return nil
}

func (c *call) exampleAccessToken() error {
	e, err := c.example(c.audience())
	if err != nil {
		return err
	}
	return c.answer(json.RawMessage(e.access))
}

func (c *call) exampleIDToken() error {
	e, err := c.example(c.audience())
	if err != nil {
		return err
	}
	return c.answer(json.RawMessage(e.id))
}

func (c *call) exampleUserinfo() error {
	e, err := c.example(nil) // whom a token is for says nothing of the user
	if err != nil {
		return err
	}
	return c.answer(e.userinfo)
}
