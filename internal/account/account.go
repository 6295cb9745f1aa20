// Package account is the door for Keycloak's account REST API,
// /realms/{realm}/account: what people see and end of their own.
//
// Every route stands once in a table (routes.go) with the roles of client
// account it needs. A request goes
//
//	route ─► realm, access token (Bearer) ─► for account? ─► roles ─► handler
//
// and a handler never takes a user from anywhere but the token: there is no
// path or parameter that names one. Handlers are methods of call, a file per
// resource; they write through realm and session, with the event of the act in
// the same transaction, and return inner errors, which one table (errors.go)
// turns into Keycloak's answers.
//
// Keycloak serves its account console at the same addresses to whoever does not
// ask for JSON. There is no console here: browsers get a page that says so.
package account

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// API serves the account REST API of all realms. All fields are required.
type API struct {
	Realms   *realm.Service
	Sessions *session.Service
	Store    *store.Store
	Rand     io.Reader
	Now      func() time.Time
	Base     *web.BaseURL
	// Bearer finds the realm of a request's path and who sends it: nil for
	// nobody, with a token or without.
	Bearer func(r *http.Request) (*realm.Snapshot, *session.Bearer, error)
	// Ended tells clients that their sessions have ended; issuer is the realm's,
	// as of this request.
	Ended func(ctx context.Context, snap *realm.Snapshot, issuer string, parts []session.Ended)
}

// clientID is the client whose roles open the API and whom tokens must be for.
const clientID = "account"

// call is one authorized request of a person.
type call struct {
	api    *API
	ctx    context.Context
	w      http.ResponseWriter
	r      *http.Request
	base   string // of the server, no trailing slash
	snap   *realm.Snapshot
	bearer *session.Bearer
	user   *model.User
	roles  []string // of client account that the token stands for
}

// open authenticates a request.
//
// Errors: errNoAccount, errUnauthorized, those of the realm and the store.
func (a *API) open(w http.ResponseWriter, r *http.Request) (*call, error) {
	base, err := a.Base.Of(r)
	if err != nil {
		return nil, err
	}
	snap, bearer, err := a.Bearer(r)
	if err != nil {
		return nil, err
	}
	own := snap.Client(clientID)
	switch {
	case own == nil || !own.Enabled:
		return nil, errNoAccount
	case bearer == nil || bearer.User.ServiceClientID != "":
		return nil, errUnauthorized
	}
	c := &call{api: a, ctx: r.Context(), w: w, r: r, base: base, snap: snap, bearer: bearer, user: bearer.User}
	if c.roles = rolesOf(snap.Config, own, bearer); !forAccount(bearer, c.roles) {
		return nil, errUnauthorized
	}
	if err := web.CheckOrigin(w, r, base, bearer.Client.AllowsOrigin); err != nil {
		return nil, err
	}
	return c, nil
}

// rolesOf are the roles of client account that count: those the token's holder
// has now, and a token that names its roles can do no more than it says.
func rolesOf(cfg *model.Config, own *model.Client, b *session.Bearer) []string {
	named := func(string) bool { return true }
	if !b.Lightweight {
		var access map[string]struct{ Roles []string }
		if raw, ok := b.Claims.All["resource_access"]; !ok || json.Unmarshal(raw, &access) != nil {
			return nil
		}
		named = func(role string) bool { return slices.Contains(access[clientID].Roles, role) }
	}
	var out []string
	for _, r := range cfg.ClientRoles(own.ID) {
		if b.Roles[r.ID] && named(r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

// forAccount tells whether a token is for this API. A lightweight one does not
// say: it is when it stands for any role of client account.
func forAccount(b *session.Bearer, roles []string) bool {
	if b.Lightweight {
		return len(roles) > 0
	}
	return slices.Contains(b.Claims.Aud, clientID)
}

// serve makes the handler of a route.
func (a *API) serve(rt route) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if forBrowser(r) {
			return web.HTTPStatus(http.StatusNotFound)
		}
		c, err := a.open(w, r)
		if err != nil {
			return wire(err)
		}
		if rt.need != nil && !slices.ContainsFunc(rt.need, func(role string) bool { return slices.Contains(c.roles, role) }) {
			return wire(errForbidden)
		}
		w.Header().Set("Cache-Control", web.CacheNoCache)
		return wire(rt.handle(c))
	}
}

// options are those of pages, for texts in the language of the person.
func (c *call) options() ui.Options {
	locale := ""
	if own := c.user.Attributes["locale"]; len(own) > 0 {
		locale = own[0]
	}
	return ui.OptionsOf(c.r, c.snap.Realm, nil, "", locale)
}

// tellEnded tells clients that their sessions have ended.
func (c *call) tellEnded(parts []session.Ended) {
	c.api.Ended(c.ctx, c.snap, c.base+"/realms/"+c.snap.Realm.Name, parts)
}
