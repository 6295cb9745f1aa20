package adapter

import (
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// Grant is the tokens of a login: what Login.Finish gives and TokenSource.Keep
// takes.
type Grant struct {
	RefreshToken string    // of type Offline or Refresh; "" if the server gave none
	AccessToken  string    // may be empty
	Expires      time.Time // of the access token
	Scope        []string
}

// Format shows no token: a grant may be logged.
func (g Grant) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "tokens for %v", g.Scope) }

// LogValue shows no token.
func (g Grant) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(g)) }

// AccessToken is what TokenSource hands out: enough to call a service, nothing
// that lives longer.
type AccessToken struct {
	Value   string    // for "Authorization: Bearer VALUE"
	Expires time.Time // UTC
	Scope   []string
}

// Format shows no token: an access token may be logged.
func (t AccessToken) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "access token for %v until %s", t.Scope, t.Expires.Format(time.RFC3339))
}

// LogValue shows no token.
func (t AccessToken) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(t)) }

// Holder says whose token it is: a user of the application and one of his
// devices, or "" where the application keeps one token for all of them. Both are
// the application's own names.
type Holder struct{ User, Device string }

// key is the name under which a store keeps the holder's token.
func (h Holder) key() string { return url.QueryEscape(h.User) + "/" + url.QueryEscape(h.Device) }
