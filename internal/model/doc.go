// Package model is Latchkey's domain: the types every floor above shares and
// the rules about them. It does no I/O, reads no clock and holds no state:
// a rule is a function of configuration, stored rows and a given now.
//
// It owns what a realm, client, scope, role, group, user and session are, who
// may have offline access, how long sessions live, what rotation permits and
// which redirect URIs match. It leaves JSON of Keycloak's wire to package
// keycloak, SQL to package store and tokens to package token.
//
// Times are whole Unix seconds UTC (int64) unless a name ends in MS.
package model
