package session

import (
	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/token"
)

// Bearer is who sends an access token that is valid now. The door that checks
// tokens makes it for the doors that take them.
type Bearer struct {
	Claims  *token.AccessClaims
	Client  *model.Client // the token was issued to
	User    *model.User
	Session *model.ClientSession // nil: the token has none
	// Roles are the role ids the token stands for as things are now: the user's
	// deep roles, cut to the client's scope. Nobody may change the set.
	Roles map[string]bool
	// Lightweight tells that the token names neither its roles nor whom it is for.
	Lightweight bool
}

// SessionID is the session the token belongs to, "" for none.
func (b *Bearer) SessionID() string {
	if b.Session == nil {
		return ""
	}
	return b.Session.SessionID
}
