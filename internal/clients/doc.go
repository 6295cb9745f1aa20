// Package clients has tests only: administrators' clients and client libraries
// nobody here wrote, against the whole server on loopback.
//
//	registry ─► fetch ─► kcadm.sh, Java, Python, Go, JavaScript ─► server of the test
//
// A client is driven by a small program in its own language below testdata,
// which says in the Test Anything Protocol what went well; each of its lines is
// a subtest. With -against the same programs drive a server that runs already,
// such as a real Keycloak.
package clients
