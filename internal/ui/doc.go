// Package ui renders the pages of a browser login: it parses the templates
// once, fills a typed page struct into its template, and sends it with strict
// security headers. It knows no flow, no session and no store: where a form
// posts to, which token protects it and what is offered is the caller's.
//
//	page struct ──► template ──► layout ──► Content-Security-Policy ──► answer
//	                   ▲                        ▲
//	Options: realm, client, language       what this page needs, and no more
//
// Every page works without a script. Two carry one, a static file that presses
// the button that is on the page anyway: FormPost and FrontchannelLogout.
//
// Names of form fields, submits and element ids, and the keys of the texts, are
// Keycloak's, so that scripts that read its pages and a realm's own texts work.
package ui
