// Package keycloak owns Keycloak's JSON: realm documents (export files, the
// body of POST /admin/realms), the representations that admin REST answers and
// accepts, and the defaults of a fresh realm. It maps them to and from package
// model and does nothing else: no I/O besides the reader it is given, no clock,
// no key or secret generation, no hashing.
//
//	document ──ReadRealm──▶ RealmDocument (model values, ids resolved)
//	                          ▲ what the document leaves out: defaults/realm.json
//	model values ──XRepresentation, ExportRealm──▶ Object (ordered JSON)
//	model value + body ──NewX, UpdateX──▶ new model value
//
// Members that no rule reads are kept in Extra and come back on export. The
// rules are those measured on Keycloak 26.7.2; where it answers 500 or stores
// what cannot work, a *DocumentError names the place instead.
//
// Input model values are shared and immutable: every function returns copies.
package keycloak
