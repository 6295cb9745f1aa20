package adapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	josejson "github.com/go-jose/go-jose/v4/json"
)

// Token is an access token that was checked.
type Token struct {
	Raw             string    // as it came
	ID              string    // jti
	Subject         string    // sub: the user's id, also of a service account
	Issuer          string    // iss
	Audience        []string  // aud
	AuthorizedParty string    // azp: the client it was issued to
	SessionID       string    // sid, "" for a service account's
	Username        string    // preferred_username
	Email           string    // email
	Name            string    // name
	Scope           []string  // scope
	IssuedAt        time.Time // iat
	Expires         time.Time // exp

	realmRoles  []string
	clientRoles map[string]roleList
	claims      []byte
}

type roleList struct {
	Roles []string `json:"roles"`
}

// Format shows whose token it is, and never the token: it may be logged.
func (t *Token) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "access token of %s for %s", t.Subject, t.AuthorizedParty)
}

// HasRealmRole tells whether realm_access names the role.
func (t *Token) HasRealmRole(role string) bool { return slices.Contains(t.realmRoles, role) }

// HasClientRole tells whether resource_access of the client names the role.
func (t *Token) HasClientRole(client, role string) bool {
	return slices.Contains(t.clientRoles[client].Roles, role)
}

// HasScope tells whether the token has the scope.
func (t *Token) HasScope(scope string) bool { return slices.Contains(t.Scope, scope) }

// Claims reads all claims into a value, as encoding/json does.
func (t *Token) Claims(into any) error { return json.Unmarshal(t.claims, into) }

// payload is what is read of a token's claims. Times are pointers: a missing
// one is not 1970.
type payload struct {
	ID              string              `json:"jti"`
	Subject         string              `json:"sub"`
	Issuer          string              `json:"iss"`
	Audience        stringOrList        `json:"aud"`
	AuthorizedParty string              `json:"azp"`
	SessionID       string              `json:"sid"`
	Type            string              `json:"typ"`
	Username        string              `json:"preferred_username"`
	Email           string              `json:"email"`
	Name            string              `json:"name"`
	Scope           string              `json:"scope"`
	Nonce           string              `json:"nonce"`
	AuthTime        *seconds            `json:"auth_time"`
	IssuedAt        *seconds            `json:"iat"`
	Expires         *seconds            `json:"exp"`
	NotBefore       *seconds            `json:"nbf"`
	RealmAccess     roleList            `json:"realm_access"`
	ResourceAccess  map[string]roleList `json:"resource_access"`
	Events          map[string]any      `json:"events"`
}

// readPayload reads claims strictly: a member that occurs twice is an error
// (RFC 7519 §4), and so are claims of the wrong type.
func readPayload(raw []byte) (*payload, error) {
	p := &payload{}
	return p, josejson.Unmarshal(raw, p)
}

func (p *payload) token(raw string, claims []byte) *Token {
	t := &Token{
		Raw: raw, ID: p.ID, Subject: p.Subject, Issuer: p.Issuer, Audience: p.Audience, AuthorizedParty: p.AuthorizedParty,
		SessionID: p.SessionID, Username: p.Username, Email: p.Email, Name: p.Name, Scope: strings.Fields(p.Scope),
		realmRoles: p.RealmAccess.Roles, clientRoles: p.ResourceAccess, claims: claims,
	}
	if p.IssuedAt != nil {
		t.IssuedAt = p.IssuedAt.time()
	}
	if p.Expires != nil {
		t.Expires = p.Expires.time()
	}
	return t
}

// stringOrList is a claim that may be one string or several (RFC 7519 §4.1.3).
type stringOrList []string

func (l *stringOrList) UnmarshalJSON(raw []byte) error {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '"' {
		*l = []string{""}
		return json.Unmarshal(raw, &(*l)[0])
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// seconds is a NumericDate (RFC 7519 §2), which may have a fraction.
type seconds float64

// The years 1970 to 9999: what lies outside would overflow or is no date.
const lastSecond = 253402300799

func (s seconds) time() time.Time {
	return time.Unix(int64(min(max(s, 0), lastSecond)), 0).UTC()
}
