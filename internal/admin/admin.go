// Package admin is the door for Keycloak's admin REST API, /admin/realms/….
//
// Every route stands once in a table (routes.go) with the administration roles
// it needs, so that what may be done by whom can be read and tested in one
// place. A request goes
//
//	route ─► authenticate (token of the realm or of master) ─► realm ─► roles ─► handler
//
// Handlers are methods of call, a file per resource. They read through
// packages realm, session and store, write through realm and session, and
// return inner errors, which one table (errors.go) turns into Keycloak's
// answers. A write leaves an admin event in the transaction it belongs to.
//
// Answers, statuses and texts are those of Keycloak 26.7 (behaviour §1.5). It
// leaves representations to package keycloak and HTTP plumbing to package web.
package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/latchkey-id/latchkey/internal/keycloak"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/web"
)

// API serves the admin REST API of all realms. All fields are required.
type API struct {
	Realms   *realm.Service
	Sessions *session.Service
	Store    *store.Store
	Now      func() time.Time
	Base     *web.BaseURL
	Log      *slog.Logger
	// Ended tells clients that their sessions have ended; issuer is the realm's,
	// as of this request.
	Ended func(ctx context.Context, snap *realm.Snapshot, issuer string, parts []session.Ended)
	// Example shows what a login of u by way of client would give: the claims of
	// its tokens as JSON, and of userinfo. It writes nothing.
	Example func(ctx context.Context, snap *realm.Snapshot, issuer string, client *model.Client, u *model.User, scope string, audience []string) (access, id []byte, userinfo map[string]any, err error)

	started time.Time // when Routes was called
}

// call is one authorized request.
type call struct {
	api   *API
	ctx   context.Context
	w     http.ResponseWriter
	r     *http.Request
	base  string // of the server, no trailing slash
	actor *actor
	snap  *realm.Snapshot // the realm of the path; nil for /admin/realms itself

	profile *keycloak.Profile // of snap, once it was asked for
}

// open authenticates a request and finds its realm. Without a valid token the
// answer is the same whether the realm exists or not.
//
// Errors: errUnauthorized, realm.ErrUnknownRealm.
func (a *API) open(w http.ResponseWriter, r *http.Request) (*call, error) {
	base, err := a.Base.Of(r)
	if err != nil {
		return nil, err
	}
	c := &call{api: a, ctx: r.Context(), w: w, r: r, base: base}
	if c.actor, err = a.authenticate(r, base); err != nil {
		return nil, err
	}
	if err := web.CheckOrigin(w, r, base, c.actor.client.AllowsOrigin); err != nil {
		return nil, err
	}
	name := r.PathValue("realm")
	if name == "" {
		return c, nil
	}
	if c.snap, err = a.Realms.Snapshot(c.ctx, name); err != nil {
		return nil, err
	}
	return c, nil
}

// serve makes the handler of a route.
func (a *API) serve(rt route) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, err := a.open(w, r)
		if err != nil {
			return wire(err)
		}
		if err := c.require(rt.need); err != nil {
			return wire(err)
		}
		return wire(rt.handle(c))
	}
}

// check guards what is no route: only who has a valid token learns that.
func (a *API) check(r *http.Request) error {
	base, err := a.Base.Of(r)
	if err != nil {
		return err
	}
	_, err = a.authenticate(r, base)
	return wire(err)
}

func (c *call) now() time.Time { return c.api.Now() }

// tellEnded tells clients that their sessions have ended.
func (c *call) tellEnded(parts []session.Ended) {
	c.api.Ended(c.ctx, c.snap, c.issuer(), parts)
}

// issuer is the realm's, as of this request.
func (c *call) issuer() string { return c.base + "/realms/" + c.realmName() }

// realmName is the name of the realm of the path.
func (c *call) realmName() string { return c.snap.Realm.Name }

// id is the path's {id}.
func (c *call) id() string { return c.r.PathValue("id") }

// newID makes the id of a new object; crypto/rand does not fail.
func newID() string {
	id, err := model.NewUUID(rand.Reader)
	if err != nil {
		panic(err) // a machine without randomness must not hand out ids
	}
	return id
}

// change writes a change to the realm's configuration with its admin event.
func (c *call) change(rec realm.Record, fn func(cfg *model.Config) (*store.ConfigChange, error)) error {
	return c.api.Realms.Change(c.ctx, c.realmName(), rec, fn)
}

// errUnchanged stops a change that would change nothing.
var errUnchanged = errors.New("nothing to change")
