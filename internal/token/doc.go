// Package token owns a realm's keys and everything a JWT is made of: it reads
// and generates Keycloak's key components, signs, verifies, publishes keys and
// knows the claims of refresh tokens, access tokens and client assertions.
//
//	model.Component ─► Complete (missing keys are made) ─► stored
//	stored components ─► NewKeyring ─► Sign, Verify, JWKS, Keys
//	stranger's assertion + client's keys ─► VerifyAssertion
//
// Everything is a function of keys, claims and a given now: no clock, no
// network, no storage. Which claims a token gets and what a valid token allows
// is left to the doors and to package model; sealing keys at rest is left to
// package store.
//
// Our own tokens use a small encoder and parser of their own, because they are
// the hot path; what strangers sign with their own keys goes through go-jose.
//
// JWS is RFC 7515, JWA RFC 7518, JWK RFC 7517, JWT RFC 7519, EdDSA RFC 8037,
// client assertions RFC 7523 §3. Member order, key ids and component formats
// are those of Keycloak 26.7.
package token
