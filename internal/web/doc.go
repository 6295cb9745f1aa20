// Package web is the HTTP plumbing every door shares: routes and handlers that
// return errors, Keycloak's error bodies, limits, deadlines, the request log,
// CORS, forms, JSON, paging and credentials in headers. It knows no realm, no
// user and no token.
//
//	StripRelativePath ─► Chain ─► Mux ─► Handler ─► error
//	                     │        │                 └► one place writes it
//	                     │        └ path check, body limit, 404 and 405
//	                     └ request id, deadline, security headers, recover,
//	                       one log line
//
// The wire is what Keycloak 26.7.2 answers, measured; where this package
// differs on purpose the comment says so. Nothing a stranger sends makes it
// answer 500: that status means a fault of the server.
package web
