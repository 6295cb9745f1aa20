// Package browser has tests only: Chromium and relying parties nobody here
// wrote (go-oidc, keycloak-js, Keycloak's two consoles) against the whole
// server on loopback.
//
//	Chromium ─► login, consent, actions ─► relying party of the test ─► tokens
//
// A test has a server, a relying party and a browser context (cookies, storage)
// of its own; the browser process is shared. A violation of a page's policy or
// an error in its console fails the test that saw it.
package browser
