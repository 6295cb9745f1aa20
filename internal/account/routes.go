package account

import (
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/web"
)

// prefix is where all routes lie.
const prefix = "/realms/{realm}/account"

// Roles of client account.
const (
	manageAccount    = "manage-account"
	viewProfile      = "view-profile"
	viewApplications = "view-applications"
	viewConsent      = "view-consent"
	manageConsent    = "manage-consent"
	viewGroups       = "view-groups"
)

// route is one method of one path below prefix, with the roles of which it
// needs one (nil: none, a token for account is enough).
type route struct {
	method, path string
	need         []string
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
		mux.Handle("OPTIONS "+prefix+p, web.PreflightHandler(web.MethodsAccount))
	}
}

// forBrowser tells whether a request asks for Keycloak's console: its Accept
// names HTML and not JSON. Keycloak sends the console to all GETs that do not
// name JSON; without a console, the JSON is the better answer to them.
func forBrowser(r *http.Request) bool {
	return r.Method == http.MethodGet && web.WantsHTML(r) && !strings.Contains(strings.Join(r.Header["Accept"], ","), web.TypeJSON)
}

// routes is every route. Which roles each needs was measured on Keycloak
// 26.7.2, one role at a time.
var routes = []route{
	{"GET", "", []string{manageAccount, viewProfile}, (*call).profile},
	{"POST", "", []string{manageAccount}, (*call).updateProfile},

	{"GET", "/sessions", []string{manageAccount, viewProfile}, (*call).sessions},
	{"DELETE", "/sessions", []string{manageAccount}, (*call).endSessions},
	{"GET", "/sessions/devices", []string{manageAccount, viewProfile}, (*call).devices},
	{"DELETE", "/sessions/{id}", []string{manageAccount}, (*call).endSession},

	{"GET", "/applications", []string{manageAccount, viewApplications}, (*call).applications},
	{"DELETE", "/applications/{client}/offline-sessions", []string{manageAccount}, (*call).endOffline},
	{"GET", "/applications/{client}/consent", []string{manageAccount, viewConsent, manageConsent}, (*call).consent},
	{"POST", "/applications/{client}/consent", []string{manageAccount, manageConsent}, (*call).giveConsent},
	{"PUT", "/applications/{client}/consent", []string{manageAccount, manageConsent}, (*call).giveConsent},
	{"DELETE", "/applications/{client}/consent", []string{manageAccount, manageConsent}, (*call).revokeConsent},

	{"GET", "/credentials", []string{manageAccount, viewProfile}, (*call).credentials},
	{"PUT", "/credentials/{id}/label", []string{manageAccount}, (*call).labelCredential},
	{"DELETE", "/credentials/{id}", []string{manageAccount}, (*call).deleteCredential},

	{"GET", "/groups", []string{manageAccount, viewGroups}, (*call).groups},
	{"GET", "/linked-accounts", []string{manageAccount, viewProfile}, (*call).linkedAccounts},
	{"GET", "/linked-accounts/{alias}", []string{manageAccount}, (*call).linkAccount},
	{"DELETE", "/linked-accounts/{alias}", []string{manageAccount}, (*call).unlinkAccount},
	{"GET", "/resources", nil, (*call).resources},
	{"GET", "/resources/{id}", nil, (*call).resources},
	{"GET", "/supportedLocales", nil, (*call).supportedLocales},
}
