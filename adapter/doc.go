// Package adapter lets an application log people in at an OpenID Connect
// provider that speaks Keycloak's wire, check the access tokens it gets, and act
// for people later with offline tokens. It knows the server over HTTP only, so
// that it works with Latchkey and with Keycloak 26 alike.
//
//	Provider     discovery document and keys of an issuer, cached
//	Login        authorization code flow with PKCE, logout, back-channel logout
//	Verifier     checks access tokens; Middleware puts it before a handler
//	TokenSource  access tokens for a person who is away, from an offline token
//	TokenStore   where offline tokens are kept: memory, files, database/sql
//	Admin        lists and ends sessions and consents over admin REST
//
// A login that asks for scope "offline_access" gives an offline token. Keep it
// with TokenSource.Keep, one for a person and device; from then on
// TokenSource.Token gives access tokens, refreshing when it must. Of many
// goroutines and many processes one refreshes; the successor of a refresh token
// is stored before its access token is handed out.
//
// Two errors tell an application what to do: *TemporaryError (try again later)
// and *LoginRequiredError (the person must come back).
//
// Times are taken from Config.Clock. A refresh that began goes on when its caller
// gives up; nothing else outlives its call. Nothing is logged: errors carry what
// happened, never a token or secret.
package adapter
