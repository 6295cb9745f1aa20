package admin

import (
	"slices"

	"github.com/latchkey-id/latchkey/internal/web"
)

// prefix is where all routes lie.
const prefix = "/admin/realms"

// route is one method of one path below prefix, with the roles it needs and
// the handler it has.
type route struct {
	method, path string
	need         need
	handle       func(c *call) error
}

// Routes registers the API.
func (a *API) Routes(mux *web.Mux) {
	paths := map[string]bool{}
	for _, rt := range routes {
		mux.Handle(rt.method+" "+prefix+rt.path, a.serve(rt))
		paths[rt.path] = true
	}
	for p := range paths {
		mux.Handle("OPTIONS "+prefix+p, web.PreflightHandler(web.MethodsAdmin))
	}
	mux.Unmatched(prefix, a.check)
}

// routes is every route. Which roles each needs was measured on Keycloak
// 26.7.2, one role at a time.
var routes = slices.Concat(realmRoutes, keyRoutes, eventRoutes, userRoutes, clientRoutes, roleRoutes, scopeRoutes, groupRoutes, attackRoutes, offlineRoutes)
