package token

import (
	"io"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
)

// NewJTI makes a token id: 128 random bits written like a UUID, without
// version bits, as Keycloak's. A machine without randomness must not hand out
// ids: NewJTI panics when rand fails, which crypto/rand does not.
func NewJTI(rand io.Reader) string {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		panic("token id: " + err.Error())
	}
	return model.FormatUUID(b)
}

// Pairs of letters in the id of an access token (Keycloak since 26.2).
const (
	SessionOnline           = "on"
	SessionOffline          = "of"
	SessionTransient        = "tr" // no stored session
	SessionOnlineTransient  = "nt" // online user session, no client session
	SessionOfflineTransient = "ft" // offline user session, no client session
	SessionUnknown          = "un"

	KindRegular     = "rt"
	KindLightweight = "lt"

	GrantCode              = "ac"
	GrantRefresh           = "rt"
	GrantPassword          = "ro"
	GrantClientCredentials = "cc"
	GrantNone              = "na"
	GrantExchange          = "te"
	GrantDevice            = "dg"
	GrantCIBA              = "ci"
	GrantPermission        = "pg"
	GrantPreAuthorized     = "pc"
)

const (
	sessionPairs = "on of tr nt ft un"
	kindPairs    = "rt lt"
	grantPairs   = "ac rt ro cc na te dg ci pg pc"
)

// Context is what an access token's id says about how it came to be.
type Context struct {
	Session string // SessionOnline, …
	Kind    string // KindRegular, KindLightweight
	Grant   string // GrantCode, …
}

// UnknownContext is that of an id without a prefix.
var UnknownContext = Context{Session: SessionUnknown, Kind: KindRegular, Grant: GrantNone}

// JTI is the access token id for raw, such as ofrtrt:61fe0f99-….
func (c Context) JTI(raw string) string { return c.Session + c.Kind + c.Grant + ":" + raw }

// WithoutPart tells whether the token belongs to a stored session in which its
// client has no part: one that token exchange handed out.
func (c Context) WithoutPart() bool {
	return c.Session == SessionOnlineTransient || c.Session == SessionOfflineTransient
}

// ParseJTI splits an access token id. One without a colon, as before 26.2, has
// the UnknownContext; a prefix of other letters is refused, as by Keycloak.
//
// Errors: ErrInvalid.
func ParseJTI(jti string) (c Context, raw string, err error) {
	prefix, raw, ok := strings.Cut(jti, ":")
	if !ok {
		return UnknownContext, jti, nil
	}
	if len(prefix) != 6 {
		return Context{}, "", invalid("unknown token id prefix")
	}
	c = Context{Session: prefix[0:2], Kind: prefix[2:4], Grant: prefix[4:6]}
	if !isPair(sessionPairs, c.Session) || !isPair(kindPairs, c.Kind) || !isPair(grantPairs, c.Grant) {
		return Context{}, "", invalid("unknown token id prefix")
	}
	return c, raw, nil
}

func isPair(pairs, p string) bool {
	for known := range strings.SplitSeq(pairs, " ") {
		if known == p {
			return true
		}
	}
	return false
}
