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
	for _, rt := range serverRoutes {
		mux.Handle(rt.method+" "+rt.path, a.serve(rt))
		mux.Handle("OPTIONS "+rt.path, web.PreflightHandler(web.MethodsAdmin))
	}
	mux.Unmatched(prefix, a.check)
	a.started = a.Now()
}

// serverRoutes are what lies beside the realms; their paths are whole.
var serverRoutes = []route{
	{"GET", "/admin/serverinfo", anyToken, (*call).serverInfo},
	{"GET", "/admin/{realm}/console/whoami", anyToken, (*call).whoAmI},
}

// routes is every route. Which roles each needs was measured on Keycloak
// 26.7.2, one role at a time.
var routes = slices.Concat(realmRoutes, keyRoutes, eventRoutes, userRoutes, clientRoutes, roleRoutes, scopeRoutes, groupRoutes, attackRoutes, offlineRoutes,
	authenticationRoutes, requiredActionRoutes, localizationRoutes, profileRoutes, uiRoutes, absentRoutes, partialRoutes)
