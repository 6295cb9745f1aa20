// Package oidc is the door for OpenID Connect and OAuth 2.0: the protocol
// endpoints below /realms/{realm}, a file per endpoint and per grant.
//
// The token endpoint's phases are shared: form, client, grant, scopes. A grant
// is a small function in a map; a refresh is four calls deep:
//
//	token ─► grantRefresh ─► session.Refresh ─► store (1 SELECT, ≤ 1 UPDATE)
//	                     └─► mint (sign twice with openid, else once)
//
// Inner errors become Keycloak's error, status and text in one table
// (errors.go). It leaves sessions to package session and configuration to
// package realm.
package oidc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/latchkey-id/latchkey/internal/credential"
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/realm"
	"github.com/latchkey-id/latchkey/internal/session"
	"github.com/latchkey-id/latchkey/internal/store"
	"github.com/latchkey-id/latchkey/internal/ui"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Endpoints serves the protocol endpoints of all realms. All fields but
// OnRefresh are required.
type Endpoints struct {
	Realms   *realm.Service
	Sessions *session.Service
	Store    *store.Store
	Hasher   *credential.Hasher
	Rand     io.Reader
	Now      func() time.Time
	Base     *web.BaseURL
	UI       *ui.UI
	Pages    Pages
	// Callbacks posts logout tokens to clients; Log is told which could not be
	// posted.
	Callbacks *web.Callbacks
	Log       *slog.Logger
	// OnRefresh is told the result of every refresh of a realm: "ok" or a class
	// of refusal, of which there are few (errors.go). nil: nobody is.
	OnRefresh func(realm, result string)
}

// Routes registers the endpoints.
func (e *Endpoints) Routes(mux *web.Mux) {
	const protocol = "/realms/{realm}/protocol/openid-connect"
	handle := func(pattern string, h web.Handler) {
		mux.Handle(pattern, func(w http.ResponseWriter, r *http.Request) error { return unavailable(h(w, r)) })
	}
	handle("GET /realms/{realm}", e.realmDocument)
	handle("GET /realms/{realm}/.well-known/openid-configuration", e.discovery)
	handle("GET "+protocol+"/certs", e.certs)
	handle("GET "+protocol+"/auth", e.authorize)
	handle("POST "+protocol+"/auth", e.authorize)
	handle("POST "+protocol+"/auth/device", e.deviceAuthorization)
	handle("POST "+protocol+"/token", e.token)
	handle("POST "+protocol+"/token/introspect", e.introspect)
	handle("GET "+protocol+"/userinfo", e.userinfo)
	handle("POST "+protocol+"/userinfo", e.userinfo)
	handle("POST "+protocol+"/revoke", e.revoke)
	handle("POST "+protocol+"/ext/par/request", e.pushRequest)
	handle("GET "+protocol+"/logout", e.logout)
	handle("POST "+protocol+"/logout", e.logout)
	handle("GET "+confirmPathPattern, e.confirmLogout)
	handle("POST "+confirmPathPattern, e.confirmLogout)
	handle("GET "+protocol+"/login-status-iframe.html", e.embedded(ui.SessionIframe))
	handle("GET "+protocol+"/login-status-iframe.html/init", e.sessionIframeInit)
	handle("GET "+protocol+"/3p-cookies/step1.html", e.embedded(ui.CookieProbeSet))
	handle("GET "+protocol+"/3p-cookies/step2.html", e.embedded(ui.CookieProbeCheck))
	for path, methods := range preflights {
		mux.Handle("OPTIONS /realms/{realm}"+path, web.PreflightHandler(methods))
	}
}

// preflights are the endpoints a browser page may call, with the methods
// Keycloak names.
var preflights = map[string]string{
	"":                                  web.MethodsUserinfo,
	"/.well-known/openid-configuration": web.MethodsDocuments,
	"/protocol/openid-connect/certs":    web.MethodsDocuments,
	"/protocol/openid-connect/token":    web.MethodsToken,
	"/protocol/openid-connect/revoke":   web.MethodsToken,
	"/protocol/openid-connect/userinfo": web.MethodsUserinfo,
	"/protocol/openid-connect/logout":   web.MethodsUserinfo,

	"/protocol/openid-connect/auth/device": web.MethodsToken,
}

// request is one request at an endpoint of a realm, filled in phase by phase.
type request struct {
	e      *Endpoints
	ctx    context.Context
	r      *http.Request
	w      http.ResponseWriter // of pages
	snap   *realm.Snapshot
	base   string // of the server, no trailing slash
	issuer string
	ip     string
	now    int64

	form     web.Form
	repeated bool // of a page's request: a parameter stands twice
	client   *model.Client
	pushed   string // handle of the pushed authorization request, "" for none
	event    *eventDraft

	unsigned bool // tokens are shown, not given: their claims alone

	refusal string // class of what wire told, for OnRefresh
}

// open finds the realm; an unknown one is Keycloak's 404.
func (e *Endpoints) open(r *http.Request) (*request, error) {
	base, err := e.Base.Of(r)
	if err != nil {
		return nil, err
	}
	snap, err := e.Realms.Find(r.Context(), r.PathValue("realm"))
	if errors.Is(err, realm.ErrUnknownRealm) {
		return nil, web.AdminError(http.StatusNotFound, "Realm does not exist")
	} else if err != nil {
		return nil, err
	}
	return &request{
		e: e, ctx: r.Context(), r: r, snap: snap, base: base, issuer: base + "/realms/" + snap.Realm.Name,
		ip: web.ClientIP(r), now: e.Now().Unix(), event: &eventDraft{},
	}, nil
}
